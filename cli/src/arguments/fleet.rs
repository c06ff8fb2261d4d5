//! Nodes, groups and joining.

use clap::Subcommand;

use super::ListArguments;

#[derive(Debug, Subcommand)]
pub enum NodeCommand {
    /// List nodes.
    List(ListArguments),
    /// One node and what is not as usual about it.
    #[command(alias = "describe")]
    Get { node: String },
    /// What happened to and on a node, newest first.
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
        /// Only say which publications and values the node would get and lose.
        #[arg(long)]
        dry_run: bool,
    },
    /// Give a node another home group.
    Move {
        node: String,
        group: String,
        /// Allow more nodes to read sensitive values.
        #[arg(long)]
        widen: bool,
        /// Only say which publications and values the node would get and lose.
        #[arg(long)]
        dry_run: bool,
    },
    /// Give a node another name.
    Rename {
        node: String,
        name: String,
        /// Allow more nodes to read sensitive values.
        #[arg(long)]
        widen: bool,
        /// Say what would change, and do nothing.
        #[arg(long)]
        dry_run: bool,
    },
    /// Say that a node is the server of its name: values for that very name are for it from then on.
    Confirm {
        node: String,
        /// Say what would change, and do nothing.
        #[arg(long)]
        dry_run: bool,
    },
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
    /// Wait until a node is in a state. One that has not joined yet is waited for.
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
    /// Create a join token and print its text, once.
    Create {
        #[arg(long, default_value = "/")]
        group: String,
        /// Labels for the nodes that join, key=value.
        #[arg(long = "label")]
        labels: Vec<String>,
        /// How many nodes may join with it.
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
        uses: u32,
        /// For how long, such as 30m or 24h.
        #[arg(long, default_value = "1h")]
        expires: String,
        /// The one node that may join with it; such a node counts as confirmed.
        #[arg(long, default_value = "")]
        node: String,
        #[arg(long, default_value = "")]
        description: String,
        /// Say what a node that joins would get, and make no token.
        #[arg(long)]
        dry_run: bool,
    },
    /// List join tokens.
    List(ListArguments),
    /// The latest calls to join, also those that were refused, newest first.
    Attempts(ListArguments),
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
