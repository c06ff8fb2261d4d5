//! The command tree.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

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
    /// Create or change a context, and use it if it is the first.
    Set {
        name: String,
        #[arg(long = "address")]
        address: String,
        #[arg(long = "token-path")]
        token_path: Option<PathBuf>,
        #[arg(long = "ca-path")]
        ca_path: Option<PathBuf>,
    },
    /// Show the context in use.
    Show,
    /// Delete a context.
    Delete { name: String },
}

#[derive(Debug, Subcommand)]
pub enum NodeCommand {
    /// List nodes.
    List(ListArguments),
    /// One node and what is not as usual about it.
    #[command(alias = "describe")]
    Get { node: String },
    /// Set labels with key=value, remove them with key-.
    Label {
        node: String,
        #[arg(required = true)]
        labels: Vec<String>,
    },
    /// Give a node another home group.
    Move { node: String, group: String },
    /// Give a node another name.
    Rename { node: String, name: String },
    /// Hold a node back from new content.
    Cordon {
        node: String,
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Let a node follow again.
    Uncordon { node: String },
    /// End a node's membership for good.
    Remove { node: String },
    /// Wait until a node is in a state (online, offline, in-sync).
    Wait {
        node: String,
        #[arg(long = "for", default_value = "online")]
        state: String,
        #[arg(long, default_value = "60s")]
        timeout: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum EnrollCommand {
    /// Join tokens.
    #[command(subcommand)]
    Token(EnrollTokenCommand),
}

#[derive(Debug, Subcommand)]
pub enum EnrollTokenCommand {
    /// Create a join token and print its text, once.
    Create {
        #[arg(long, default_value = "/")]
        group: String,
        /// Labels for the nodes that join, key=value.
        #[arg(long = "label")]
        labels: Vec<String>,
        /// How many nodes may join with it.
        #[arg(long, default_value_t = 1)]
        uses: u32,
        /// For how long, such as 30m or 24h.
        #[arg(long, default_value = "1h")]
        expires: String,
        #[arg(long, default_value = "")]
        description: String,
    },
    /// List join tokens.
    List(ListArguments),
    /// Make a join token useless.
    Revoke { id: String },
}

#[derive(Debug, Subcommand)]
pub enum GroupCommand {
    /// List groups.
    List(ListArguments),
    /// Create a group and those above it.
    Create {
        path: String,
        #[arg(long, default_value = "")]
        description: String,
    },
    /// Delete an empty group.
    Delete { path: String },
}

/// What can be done with a resource of any kind.
#[derive(Debug, Subcommand)]
pub enum ResourceCommand {
    /// List.
    List(ListArguments),
    /// One resource, its content and its releases.
    Get {
        name: String,
        /// A revision or version instead of the newest.
        #[arg(long, default_value = "")]
        revision: String,
    },
    /// Create from files, or write the next revision of one that exists.
    Import {
        /// JSON or YAML files; - for standard input.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// The revision that the files were edited from; `head` for the newest, knowingly.
        #[arg(long, default_value = "")]
        base: String,
        #[arg(short, long, default_value = "")]
        message: String,
        /// Release at once.
        #[arg(long)]
        publish: bool,
        /// Add to this publication.
        #[arg(long, default_value = "")]
        to: String,
    },
    /// Write the content to a file, or to standard output.
    Export {
        /// One name, or none with --all.
        name: Option<String>,
        #[arg(long, default_value = "")]
        revision: String,
        /// Every resource of the kind into this directory, one file each.
        #[arg(long)]
        all: Option<PathBuf>,
        /// Add the revision as $revision, so that an edited file knows its base.
        #[arg(long)]
        with_revision: bool,
    },
    /// Edit in $EDITOR, or take the content of a file.
    Edit {
        name: String,
        #[arg(long)]
        file: Option<PathBuf>,
        #[arg(short, long, default_value = "")]
        message: String,
    },
    /// Check a file against the rules of its kind, without a manager.
    Validate { file: PathBuf },
    /// Release the newest revision: nodes that follow get it.
    Publish {
        name: String,
        /// major.minor.patch; counts up the last number unless given.
        #[arg(long, default_value = "")]
        version: String,
        #[arg(long, default_value = "")]
        revision: String,
        /// Add it to this publication too.
        #[arg(long, default_value = "")]
        to: String,
        /// Wait until every node that is online has it.
        #[arg(long)]
        wait: bool,
    },
    /// The history, newest first.
    Versions {
        name: String,
        #[command(flatten)]
        list: ListArguments,
    },
    /// Two revisions or versions place by place. Exit 1 when they differ.
    Diff {
        name: String,
        from: String,
        #[arg(default_value = "")]
        to: String,
    },
    /// Write a new revision with the content of an old one.
    #[command(alias = "restore")]
    Rollback {
        name: String,
        to: String,
        #[arg(short, long, default_value = "")]
        message: String,
    },
    /// Say how texts merge: off, review or auto.
    TextMode { name: String, mode: String },
    /// Delete everywhere it is published. The history stays.
    Delete {
        name: String,
        #[arg(short, long, default_value = "")]
        message: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum VarsCommand {
    #[command(flatten)]
    Resource(ResourceCommand),
    /// Write a value. A sensitive one comes from standard input or a file, never from an argument.
    Set {
        set: String,
        name: String,
        /// The value; leave it out with --sensitive, --null or --file.
        value: Option<String>,
        #[command(flatten)]
        scope: ScopeArguments,
        /// Seal the value: only nodes in its scope can read it.
        #[arg(long)]
        sensitive: bool,
        /// An explicit null.
        #[arg(long)]
        null: bool,
        /// Read the value from a file; - for standard input.
        #[arg(long)]
        file: Option<PathBuf>,
        #[arg(short, long, default_value = "")]
        message: String,
        /// Release at once.
        #[arg(long)]
        publish: bool,
    },
    /// Remove the value with exactly this scope.
    Unset {
        set: String,
        name: String,
        #[command(flatten)]
        scope: ScopeArguments,
        #[arg(short, long, default_value = "")]
        message: String,
    },
    /// What a node or a place gets for each name, and why.
    Effective {
        /// A set; every set of the node unless given.
        set: Option<String>,
        #[arg(long, default_value = "")]
        node: String,
        #[arg(long, default_value = "")]
        environment: String,
        #[arg(long, default_value = "")]
        role: String,
        #[arg(long, default_value = "")]
        target: String,
        #[arg(long, default_value = "")]
        group: String,
        /// Show every value that was considered.
        #[arg(long)]
        explain: bool,
    },
}

/// Where a value applies.
#[derive(Debug, Clone, Args)]
pub struct ScopeArguments {
    #[arg(long = "environment")]
    pub environments: Vec<String>,
    #[arg(long = "role")]
    pub roles: Vec<String>,
    #[arg(long = "target")]
    pub targets: Vec<String>,
    #[arg(long = "group")]
    pub groups: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub enum PublicationCommand {
    /// List publications, the highest priority first.
    List(ListArguments),
    /// One publication and its resources.
    Get { name: String },
    /// Create or replace a publication.
    Set {
        name: String,
        /// A group, with everything below.
        #[arg(long, default_value = "/")]
        group: String,
        /// Labels that nodes must have, key=value.
        #[arg(long = "label")]
        labels: Vec<String>,
        /// Where two bring the same resource, the higher number wins.
        #[arg(long, default_value_t = 0, allow_hyphen_values = true)]
        priority: i32,
        /// propose, fork, locked or write-through.
        #[arg(long, default_value = "propose")]
        mode: String,
        /// Step templates, as NAME or NAME@VERSION to pin.
        #[arg(long = "template")]
        templates: Vec<String>,
        /// Variable sets, as NAME or NAME@VERSION to pin.
        #[arg(long = "vars")]
        sets: Vec<String>,
        /// Every step template and variable set there is.
        #[arg(long)]
        all: bool,
    },
    /// Add resources to a publication.
    Add {
        name: String,
        #[arg(long = "template")]
        templates: Vec<String>,
        #[arg(long = "vars")]
        sets: Vec<String>,
    },
    /// Delete a publication: what only it brought goes from its nodes.
    Delete { name: String },
}

#[derive(Debug, Subcommand)]
pub enum ProposalCommand {
    /// List proposals, newest first.
    List(ListArguments),
    /// One proposal, place by place.
    Show { id: String },
    /// Take a proposal.
    Accept {
        id: String,
        #[arg(short, long, default_value = "")]
        message: String,
        /// Release the result at once.
        #[arg(long)]
        publish: bool,
    },
    /// Decline a proposal: the node goes back to what is released.
    Decline {
        id: String,
        #[arg(short, long, default_value = "")]
        message: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum ConflictCommand {
    /// List open questions.
    List(ListArguments),
    /// One question, place by place.
    Show { id: String },
    /// Answer a question.
    Resolve {
        id: String,
        /// For every place without an answer of its own: ours, theirs, base, proposal, or a node's or the manager's side
        /// as `node` and `manager`.
        #[arg(long, default_value = "")]
        take: String,
        /// For one place: PATH=ours|theirs|base|proposal|node|manager, or PATH=value:JSON.
        #[arg(long = "choose")]
        choices: Vec<String>,
        /// The whole content instead, from a file.
        #[arg(long)]
        file: Option<PathBuf>,
        #[arg(short, long, default_value = "")]
        message: String,
        /// Release the result at once.
        #[arg(long)]
        publish: bool,
    },
}

#[derive(Debug, Subcommand)]
pub enum SyncCommand {
    /// Who durably has what they should have.
    Status {
        /// One step template.
        #[arg(long, default_value = "")]
        template: String,
        /// One variable set.
        #[arg(long, default_value = "")]
        vars: String,
        /// One node.
        #[arg(long, default_value = "")]
        node: String,
        /// Wait until every node that is online has it.
        #[arg(long)]
        wait: bool,
        #[arg(long, default_value = "60s")]
        timeout: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Create a token and print its text, once.
    Create {
        /// The name under which its acts are recorded.
        name: String,
        /// For how long, such as 12h; for ever unless given.
        #[arg(long)]
        expires: Option<String>,
    },
    /// List tokens.
    List(ListArguments),
    /// Make a token useless at once.
    Revoke { token: String },
}

#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// List events, newest first.
    List(ListArguments),
}

#[derive(Debug, Args)]
pub struct MergeArguments {
    pub base: PathBuf,
    pub ours: PathBuf,
    pub theirs: PathBuf,
    /// step_template or variable_set.
    #[arg(long, default_value = "step_template")]
    pub kind: String,
    /// How texts that both changed merge: off, review or auto.
    #[arg(long)]
    pub text: Option<String>,
}
