//! `atoll-agent join`.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use atoll_node::domain::fleet::name::NodeName;
use atoll_node::{JoinOptions, JoinToken, Joined, join};
use clap::Args;
use tokio::time::{Instant, sleep};

use super::{Common, TokenArguments};
use crate::AgentError;

/// A manager that is just starting is waited for this long.
const PATIENCE: Duration = Duration::from_secs(60);
const RETRY: Duration = Duration::from_secs(1);

#[derive(Debug, Args)]
pub(super) struct JoinArguments {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    token: TokenArguments,
}

pub(super) async fn execute(arguments: JoinArguments) -> Result<ExitCode, AgentError> {
    arguments.common.start((None, None))?;
    let joined = join_with(&arguments.token, &arguments.common.data_dir).await?;
    let already = if joined.already { "is already" } else { "is now" };
    println!("This server {already} the node {} in {}.", joined.node_id, joined.group);
    Ok(ExitCode::SUCCESS)
}

/// Joins, and waits a while for a manager that cannot be reached.
pub(super) async fn join_with(arguments: &TokenArguments, data_directory: &Path) -> Result<Joined, AgentError> {
    let name = arguments.name.clone().unwrap_or_else(host_name);
    let mut options = JoinOptions::new(data_directory, read_token(arguments)?, name);
    options.program = super::run::PROGRAM.to_owned();
    let give_up = Instant::now() + PATIENCE;
    let mut told = false;
    loop {
        match join(options.clone()).await {
            Err(error) if error.is_temporary() && Instant::now() + RETRY < give_up => {
                if !told {
                    tracing::warn!(%error, "cannot join yet; retrying for up to a minute");
                    told = true;
                }
                sleep(RETRY).await;
            }
            result => return Ok(result?),
        }
    }
}

fn read_token(arguments: &TokenArguments) -> Result<JoinToken, AgentError> {
    let text = match (&arguments.token, &arguments.token_file) {
        (Some(text), _) => text.clone(),
        (None, Some(path)) => std::fs::read_to_string(path).map_err(|error| AgentError::file(path, &error))?,
        (None, None) => {
            return Err(AgentError::Config("a join token is missing; give --token-file or --token".to_owned()));
        }
    };
    text.trim().parse().map_err(|error| AgentError::Config(format!("{error}")))
}

/// The host's name, as far as it can be a node's.
fn host_name() -> String {
    let read = |path: &str| std::fs::read_to_string(path).ok();
    let found = read("/proc/sys/kernel/hostname").or_else(|| read("/etc/hostname"));
    let found = found.or_else(|| std::env::var("HOSTNAME").ok()).unwrap_or_default();
    node_name(found.trim())
}

fn node_name(text: &str) -> String {
    let allowed = |c: char| if c.is_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' };
    let name: String = text.chars().map(allowed).collect();
    let name = name.trim_start_matches(['-', '_', '.']);
    if name.parse::<NodeName>().is_ok() { name.to_owned() } else { "node".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_host_is_called_it_can_be_a_node() {
        for (host, expected) in
            [("web-1.example.org", "web-1.example.org"), ("my host", "my-host"), ("", "node"), ("-x", "x")]
        {
            assert_eq!(node_name(host), expected);
        }
        host_name().parse::<NodeName>().unwrap();
    }
}
