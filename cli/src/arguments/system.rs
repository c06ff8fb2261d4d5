//! Tokens, the web UI and its sessions, audit and merge.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::ListArguments;

#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Create a token and print it; it is shown only once.
    Create {
        /// The name recorded for everything done with it.
        name: String,
        /// Lifetime, such as 12h. Never expires if omitted.
        #[arg(long)]
        expires: Option<String>,
    },
    /// List tokens.
    List(ListArguments),
    /// Revoke a token immediately.
    Revoke {
        token: String,
        /// Keep the tokens and join tokens created with it, to replace a token with one that it created.
        #[arg(long)]
        keep_made: bool,
    },
}

#[derive(Debug, Subcommand)]
pub enum UiCommand {
    /// Create a one-time sign-in link and open it in a browser.
    Open {
        /// Only print the link.
        #[arg(long)]
        print: bool,
        /// How long the link is valid, such as 5m; at most 1h.
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
    /// How to merge texts changed on both sides: off, review or auto.
    #[arg(long)]
    pub text: Option<String>,
}
