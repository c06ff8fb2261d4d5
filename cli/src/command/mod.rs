//! What each command does.

mod conflict;
mod context;
mod fleet;
mod merge;
mod preview;
mod proposal;
mod publication;
mod resource;
mod sync;
mod system;
mod ui;
mod vars;

use atoll_proto::v1;
use clap::CommandFactory as _;

use crate::arguments::{Atoll, Command, ListArguments};
use crate::client::Client;
use crate::context::target;
use crate::failure::{Failure, Result};
use crate::output::Output;

/// What every command that calls a manager has.
pub struct Session {
    pub client: Client,
    pub output: Output,
    pub yes: bool,
    /// The command said that more nodes may read a sealed value.
    pub widen: bool,
    /// The revision that the command is meant for, or `*`.
    pub expect: String,
    /// Where the manager is, for what people open beside this command.
    pub server: String,
}

pub async fn run(arguments: Atoll) -> Result<()> {
    let output = Output { format: arguments.output };
    match arguments.command {
        Command::Merge(merge) => return merge::run(&merge, output),
        Command::Completion { shell } => {
            clap_complete::generate(shell, &mut Atoll::command(), "atoll", &mut std::io::stdout());
            return Ok(());
        }
        Command::Context(command) => return context::run(command, &arguments.connection, output),
        Command::Template(crate::arguments::ResourceCommand::Validate { file }) => {
            return resource::validate(atoll_domain::kind::Kind::StepTemplate, &file);
        }
        Command::Vars(crate::arguments::VarsCommand::Resource(crate::arguments::ResourceCommand::Validate {
            file,
        })) => {
            return resource::validate(atoll_domain::kind::Kind::VariableSet, &file);
        }
        _ => {}
    }
    let target = target(&arguments.connection)?;
    let client = Client::connect(&target).await?;
    let mut session =
        Session { client, output, yes: arguments.yes, widen: false, expect: "*".to_owned(), server: target.server };
    match arguments.command {
        Command::Status => system::status(&mut session).await,
        Command::Whoami => system::whoami(&mut session).await,
        Command::Node(command) => fleet::node(&mut session, command).await,
        Command::Enroll(command) => fleet::enroll(&mut session, command).await,
        Command::Group(command) => fleet::group(&mut session, command).await,
        Command::Template(command) => {
            resource::run(&mut session, atoll_domain::kind::Kind::StepTemplate, command).await
        }
        Command::Vars(command) => vars::run(&mut session, command).await,
        Command::Publication(command) => publication::run(&mut session, command).await,
        Command::Proposal(command) => proposal::run(&mut session, command).await,
        Command::Conflict(command) => conflict::run(&mut session, command).await,
        Command::Sync(command) => sync::run(&mut session, command).await,
        Command::Token(command) => system::token(&mut session, command).await,
        Command::Ui(command) => ui::ui(&mut session, command).await,
        Command::Session(command) => ui::session(&mut session, command).await,
        Command::Audit(command) => system::audit(&mut session, command).await,
        Command::Merge(_) | Command::Completion { .. } | Command::Context(_) => Ok(()),
    }
}

/// Collects the pages of a list up to the limit that was asked for.
pub async fn pages<T, F>(list: &ListArguments, mut fetch: F) -> Result<Vec<T>>
where
    F: AsyncFnMut(v1::ListOptions) -> Result<(Vec<T>, Option<v1::ListSummary>)>,
{
    let mut rows = Vec::new();
    let mut page_token = String::new();
    loop {
        let page_size = u32::try_from((list.limit - rows.len()).min(1_000)).unwrap_or(1_000);
        let options =
            v1::ListOptions { page_size, page_token, filter: list.filter.clone(), order_by: list.order_by.clone() };
        let (page, summary) = fetch(options).await?;
        rows.extend(page);
        let summary = summary.unwrap_or_default();
        page_token = summary.next_page_token;
        if page_token.is_empty() || rows.len() >= list.limit {
            if !page_token.is_empty() {
                crate::output::say(&format!(
                    "showing {} of {}; narrow with --filter or raise --limit",
                    rows.len(),
                    summary.total
                ));
            }
            return Ok(rows);
        }
    }
}

/// Reads `key=value` pairs.
pub fn pairs(words: &[String]) -> Result<std::collections::HashMap<String, String>> {
    words
        .iter()
        .map(|word| {
            let (key, value) =
                word.split_once('=').ok_or_else(|| Failure::usage(format!("\"{word}\" is not key=value")))?;
            Ok((key.to_owned(), value.to_owned()))
        })
        .collect()
}

/// A length of time such as 30m, in milliseconds.
pub fn duration_ms(text: &str) -> Result<i64> {
    atoll_domain::time::parse_duration_ms(text).map_err(Failure::usage)
}

pub fn request_id() -> String {
    uuid::Uuid::now_v7().to_string()
}

/// Asks before something that cannot be undone.
pub fn confirm(session: &Session, question: &str) -> Result<()> {
    if session.yes {
        return Ok(());
    }
    if !crate::output::is_interactive() {
        return Err(Failure::usage(format!("this needs confirmation; pass --yes ({question})")));
    }
    eprint!("{question} [y/N] ");
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    if matches!(answer.trim(), "y" | "Y" | "yes") { Ok(()) } else { Err(Failure::usage("nothing was changed")) }
}

/// Reads a file, or standard input for `-`.
pub fn read_input(path: &std::path::Path) -> Result<Vec<u8>> {
    use std::io::Read as _;
    if path.as_os_str() == "-" {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes)?;
        return Ok(bytes);
    }
    std::fs::read(path).map_err(|error| Failure::usage(format!("{}: {error}", path.display())))
}
