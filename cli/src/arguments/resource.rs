//! Step templates and variable sets.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::ListArguments;

/// What can be done with a resource of any kind.
#[derive(Debug, Subcommand)]
pub enum ResourceCommand {
    /// List.
    List(ListArguments),
    /// Show a resource, its content and its releases.
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
        /// The revision the files were edited from; `head` to knowingly use the newest.
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
        /// Allow more nodes to read sensitive values.
        #[arg(long)]
        widen: bool,
        /// Also release other people's drafts.
        #[arg(long)]
        with_drafts: bool,
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
        /// Leave out $revision, by which it is known what an edited file was made from.
        #[arg(long)]
        without_revision: bool,
    },
    /// Edit in $EDITOR, or replace the content with --file.
    Edit {
        name: String,
        #[arg(long)]
        file: Option<PathBuf>,
        /// The revision the file was edited from; `head` to knowingly use the newest. Default: its $revision.
        #[arg(long, default_value = "", requires = "file")]
        base: String,
        #[arg(short, long, default_value = "")]
        message: String,
        /// Allow more nodes to read sensitive values.
        #[arg(long)]
        widen: bool,
    },
    /// Check a file against the rules of its kind, without a manager.
    Validate { file: PathBuf },
    /// Release the newest revision; nodes that follow get it.
    Publish {
        name: String,
        /// major.minor.patch; increments the patch number if omitted.
        #[arg(long, default_value = "")]
        version: String,
        #[arg(long, default_value = "")]
        revision: String,
        /// Add it to this publication too.
        #[arg(long, default_value = "")]
        to: String,
        /// Wait until it is no longer on its way to any connected node. Does not wait for nodes that are offline,
        /// cordoned or pinned, or that run a local edit.
        #[arg(long)]
        wait: bool,
        /// Allow more nodes to read sensitive values.
        #[arg(long)]
        widen: bool,
        /// Only if its newest revision is still this one.
        #[arg(long, default_value = "*", value_name = "REVISION")]
        expect: String,
        /// Show what would change without changing anything.
        #[arg(long, conflicts_with_all = ["to", "wait", "expect"])]
        dry_run: bool,
    },
    /// The history, newest first.
    Versions {
        name: String,
        #[command(flatten)]
        list: ListArguments,
    },
    /// The nodes it is published to, the version each is offered, and whether it has it.
    Usages {
        name: String,
        #[command(flatten)]
        list: ListArguments,
    },
    /// Compare two revisions or versions. Exits 1 if they differ.
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
        /// Allow more nodes to read sensitive values.
        #[arg(long)]
        widen: bool,
        /// Only if its newest revision is still this one.
        #[arg(long, default_value = "*", value_name = "REVISION")]
        expect: String,
    },
    /// Set how texts merge: off, review or auto.
    TextMode { name: String, mode: String },
    /// Delete the resource from all nodes. Its history is kept.
    Delete {
        name: String,
        #[arg(short, long, default_value = "")]
        message: String,
        /// Only if its newest revision is still this one.
        #[arg(long, default_value = "*", value_name = "REVISION")]
        expect: String,
        /// Show what would change without changing anything.
        #[arg(long, conflicts_with = "expect")]
        dry_run: bool,
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
        /// Set the value to null.
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
        /// Also release other people's drafts.
        #[arg(long)]
        with_drafts: bool,
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
    /// Show the effective values for a node or scope, and why.
    Effective {
        /// A variable set; all sets of the node if omitted.
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
