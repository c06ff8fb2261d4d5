//! The command tree.

mod fleet;
mod resource;
mod sharing;
mod system;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use fleet::{EnrollCommand, EnrollTokenCommand, GroupCommand, NodeCommand};
pub use resource::{ResourceCommand, ScopeArguments, VarsCommand};
pub use sharing::{ConflictCommand, ProposalCommand, PublicationArguments, PublicationCommand, SyncCommand};
pub use system::{AuditCommand, MergeArguments, SessionCommand, TokenCommand, UiCommand};

/// Every administrative act of an Atoll fleet.
#[derive(Debug, Parser)]
#[command(name = "atoll", version, about)]
pub struct Atoll {
    #[command(flatten)]
    pub connection: Connection,
    /// How to show the answer.
    #[arg(short, long, global = true, value_enum, default_value = "table")]
    pub output: Format,
    /// Answer every question with yes.
    #[arg(long, global = true)]
    pub yes: bool,
    #[command(subcommand)]
    pub command: Command,
}

/// Which manager, and with which token.
#[derive(Debug, Clone, Args)]
pub struct Connection {
    /// The manager's admin port, such as http://127.0.0.1:7400.
    #[arg(long, global = true, env = "ATOLL_SERVER")]
    pub server: Option<String>,
    /// File with the token.
    #[arg(long, global = true, env = "ATOLL_TOKEN_FILE")]
    pub token_file: Option<PathBuf>,
    /// The token itself; by environment only, since arguments are seen by everybody on the machine.
    #[arg(skip = std::env::var("ATOLL_TOKEN").ok())]
    pub token: Option<String>,
    /// Certificate to trust for https, as PEM.
    #[arg(long, global = true, env = "ATOLL_CA_FILE")]
    pub ca_file: Option<PathBuf>,
    /// A context of `atoll context list`.
    #[arg(long, global = true, env = "ATOLL_CONTEXT")]
    pub context: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Table,
    Wide,
    Json,
    Yaml,
    Jsonl,
    Name,
    Csv,
}

/// How a list is narrowed.
#[derive(Debug, Clone, Args)]
pub struct ListArguments {
    /// Terms that must all hold: key=value, key!=value, or a word that the name contains.
    #[arg(short, long, default_value = "")]
    pub filter: String,
    /// A field to sort by, with " desc" after it to turn it round.
    #[arg(long, default_value = "")]
    pub order_by: String,
    /// Most rows to show.
    #[arg(long, default_value_t = 1000)]
    pub limit: usize,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// How the manager and its fleet are.
    Status,
    /// Whose token this is.
    Whoami,
    /// Which managers this command knows.
    #[command(subcommand)]
    Context(ContextCommand),
    /// Nodes of the fleet.
    #[command(subcommand)]
    Node(NodeCommand),
    /// Letting nodes join.
    #[command(subcommand)]
    Enroll(EnrollCommand),
    /// Groups of nodes.
    #[command(subcommand)]
    Group(GroupCommand),
    /// Step templates.
    #[command(subcommand)]
    Template(ResourceCommand),
    /// Variable sets.
    #[command(subcommand)]
    Vars(VarsCommand),
    /// Which resources go to which nodes.
    #[command(subcommand)]
    Publication(PublicationCommand),
    /// What nodes propose.
    #[command(subcommand)]
    Proposal(ProposalCommand),
    /// Questions that need a person.
    #[command(subcommand)]
    Conflict(ConflictCommand),
    /// Who has what they should have.
    #[command(subcommand)]
    Sync(SyncCommand),
    /// Administrator tokens.
    #[command(subcommand)]
    Token(TokenCommand),
    /// The web UI.
    #[command(subcommand)]
    Ui(UiCommand),
    /// Browsers that are signed in.
    #[command(subcommand)]
    Session(SessionCommand),
    /// Who did what.
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Merge two edits of one document, without a manager. Exit 0 settled, 1 not settled, 2 error.
    Merge(MergeArguments),
    /// Completion for a shell.
    Completion { shell: clap_complete::Shell },
}

#[derive(Debug, Subcommand)]
pub enum ContextCommand {
    /// All contexts.
    List,
    /// Use a context from now on.
    Use { name: String },
    /// Create or change a context from --server, --token-file and --ca-file, and use it if it is the first.
    Set {
        name: String,
        /// The same as --server.
        #[arg(long = "address", hide = true)]
        address: Option<String>,
        /// The same as --token-file.
        #[arg(long = "token-path", hide = true)]
        token_path: Option<PathBuf>,
        /// The same as --ca-file.
        #[arg(long = "ca-path", hide = true)]
        ca_path: Option<PathBuf>,
    },
    /// Show the context in use.
    Show,
    /// Delete a context.
    Delete { name: String },
}
