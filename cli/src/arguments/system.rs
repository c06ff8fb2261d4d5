//! Tokens, the web UI and its sessions, audit and merge.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::ListArguments;

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
    Revoke {
        token: String,
        /// Leave alone what was made with it: for replacing a token by one that it made itself.
        #[arg(long)]
        keep_made: bool,
    },
}

#[derive(Debug, Subcommand)]
pub enum UiCommand {
    /// Make a link that signs a browser in once, and open it.
    Open {
        /// Only print the link.
        #[arg(long)]
        print: bool,
        /// For how long the link may be used, such as 5m; an hour at most.
        #[arg(long, default_value = "5m")]
        expires: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum SessionCommand {
    /// List browsers that are signed in, newest first.
    List(ListArguments),
    /// Sign a browser out at once.
    Revoke { id: String },
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
