//! Nodes, groups and joining.

use clap::Subcommand;

use super::ListArguments;

#[derive(Debug, Subcommand)]
pub enum NodeCommand {
    /// List nodes.
    List(ListArguments),
    /// Show a node and anything unusual about it.
    #[command(alias = "describe")]
    Get { node: String },
    /// Events of a node, newest first.
    Events {
        node: String,
        #[command(flatten)]
        list: ListArguments,
    },
    /// Set labels with key=value, remove them with key-.
    Label {
        node: String,
        #[arg(required = true)]
        labels: Vec<String>,
        /// Allow more nodes to read sensitive values.
        #[arg(long)]
        widen: bool,
        /// Only show which publications and values the node would gain and lose.
        #[arg(long)]
        dry_run: bool,
    },
    /// Move a node to another home group.
    Move {
        node: String,
        group: String,
        /// Allow more nodes to read sensitive values.
        #[arg(long)]
        widen: bool,
        /// Only show which publications and values the node would gain and lose.
        #[arg(long)]
        dry_run: bool,
    },
    /// Rename a node.
    Rename {
        node: String,
        name: String,
        /// Allow more nodes to read sensitive values.
        #[arg(long)]
        widen: bool,
        /// Show what would change without changing anything.
        #[arg(long)]
        dry_run: bool,
    },
    /// Confirm that a node is the server of its name: sensitive values scoped to that name then apply to it.
    Confirm {
        node: String,
        /// Show what would change without changing anything.
        #[arg(long)]
        dry_run: bool,
    },
    /// Stop delivering new content to a node.
    Cordon {
        node: String,
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Resume delivering new content to a node.
    Uncordon { node: String },
    /// Remove a node from the fleet permanently.
    Remove { node: String },
    /// Wait until a node is in a state. Also waits for a node that has not joined yet.
    Wait {
        node: String,
        #[arg(long = "for", value_parser = ["online", "offline", "cordoned", "in-sync"], default_value = "online")]
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
    /// Create a join token and print it; it is shown only once.
    Create {
        #[arg(long, default_value = "/")]
        group: String,
        /// Labels for nodes that join with it, key=value.
        #[arg(long = "label")]
        labels: Vec<String>,
        /// Maximum number of nodes.
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
        uses: u32,
        /// Lifetime of the token, such as 30m or 24h.
        #[arg(long, default_value = "1h")]
        expires: String,
        /// Only this node may join with it; it then counts as confirmed.
        #[arg(long, default_value = "")]
        node: String,
        #[arg(long, default_value = "")]
        description: String,
        /// Show what a node that joins would get without creating a token.
        #[arg(long)]
        dry_run: bool,
    },
    /// List join tokens.
    List(ListArguments),
    /// Latest join attempts, including refused ones, newest first.
    Attempts(ListArguments),
    /// Revoke a join token.
    Revoke { id: String },
}

#[derive(Debug, Subcommand)]
pub enum GroupCommand {
    /// List groups.
    List(ListArguments),
    /// Create a group and any missing parent groups.
    Create {
        path: String,
        #[arg(long, default_value = "")]
        description: String,
    },
    /// Delete an empty group.
    Delete { path: String },
}
