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

/// Manage a fleet of servers with Atoll.
#[derive(Debug, Parser)]
#[command(name = "atoll", version, about)]
pub struct Atoll {
    #[command(flatten)]
    pub connection: Connection,
    /// Output format.
    #[arg(short, long, global = true, value_enum, default_value = "table")]
    pub output: Format,
    /// Answer yes to every confirmation.
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
    /// Terms that must all match: key=value, key!=value, or a word in the name.
    #[arg(short, long, default_value = "")]
    pub filter: String,
    /// Field to sort by; append " desc" for descending order.
    #[arg(long, default_value = "")]
    pub order_by: String,
    /// Maximum number of rows to show.
    #[arg(long, default_value_t = 1000)]
    pub limit: usize,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show the status of the manager and its fleet.
    Status,
    /// Show whose token is in use.
    Whoami,
    /// Manage contexts: saved managers and tokens.
    #[command(subcommand)]
    Context(ContextCommand),
    /// Nodes of the fleet.
    #[command(subcommand)]
    Node(NodeCommand),
    /// Let nodes join the fleet.
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
    /// Edits proposed by nodes.
    #[command(subcommand)]
    Proposal(ProposalCommand),
    /// Conflicts that need a decision.
    #[command(subcommand)]
    Conflict(ConflictCommand),
    /// Which nodes are in sync.
    #[command(subcommand)]
    Sync(SyncCommand),
    /// Administrator tokens.
    #[command(subcommand)]
    Token(TokenCommand),
    /// The web UI.
    #[command(subcommand)]
    Ui(UiCommand),
    /// Signed-in browsers.
    #[command(subcommand)]
    Session(SessionCommand),
    /// The audit log.
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Merge two edits of one document, without a manager. Exits 0 if merged, 1 on conflicts, 2 on error.
    Merge(MergeArguments),
    /// Generate shell completion.
    Completion { shell: clap_complete::Shell },
}

#[derive(Debug, Subcommand)]
pub enum ContextCommand {
    /// List contexts.
    List,
    /// Switch to a context.
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
