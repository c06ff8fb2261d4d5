//! Publications, proposals, conflicts and sync.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::ListArguments;

#[derive(Debug, Subcommand)]
pub enum PublicationCommand {
    /// List publications, the highest priority first.
    List(ListArguments),
    /// Show a publication and its resources.
    Get { name: String },
    /// Create or replace a publication.
    Set(PublicationArguments),
    /// Show what setting a publication would change, without setting it. Exits 1 if it would be refused.
    Preview(PublicationArguments),
    /// Add resources to a publication.
    Add {
        name: String,
        #[arg(long = "template")]
        templates: Vec<String>,
        #[arg(long = "vars")]
        sets: Vec<String>,
        /// Allow more nodes to read sensitive values.
        #[arg(long)]
        widen: bool,
        /// Show what would change without changing anything.
        #[arg(long)]
        dry_run: bool,
    },
    /// Delete a publication; its nodes lose what only it provides.
    Delete {
        name: String,
        /// Show what would change without changing anything.
        #[arg(long)]
        dry_run: bool,
    },
}

/// What a publication is to be.
#[derive(Debug, Args)]
pub struct PublicationArguments {
    pub name: String,
    /// A group, including its subgroups.
    #[arg(long, default_value = "/")]
    pub group: String,
    /// Labels that nodes must have, key=value.
    #[arg(long = "label")]
    pub labels: Vec<String>,
    /// If two publications include the same resource, the higher number wins.
    #[arg(long, default_value_t = 0, allow_hyphen_values = true)]
    pub priority: i32,
    /// propose, fork, locked or write-through.
    #[arg(long, default_value = "propose")]
    pub mode: String,
    /// Step templates, as NAME or NAME@VERSION to pin.
    #[arg(long = "template")]
    pub templates: Vec<String>,
    /// Variable sets, as NAME or NAME@VERSION to pin.
    #[arg(long = "vars")]
    pub sets: Vec<String>,
    /// All existing step templates and variable sets.
    #[arg(long)]
    pub all: bool,
    /// Allow more nodes to read sensitive values.
    #[arg(long)]
    pub widen: bool,
}

#[derive(Debug, Subcommand)]
pub enum ProposalCommand {
    /// List proposals, newest first.
    List(ListArguments),
    /// Show a proposal and its changes.
    Show { id: String },
    /// Accept a proposal.
    Accept {
        id: String,
        #[arg(short, long, default_value = "")]
        message: String,
        /// Release the result at once.
        #[arg(long)]
        publish: bool,
        /// Also release other people's drafts.
        #[arg(long)]
        with_drafts: bool,
        /// Allow more nodes to read sensitive values.
        #[arg(long)]
        widen: bool,
        /// The revision you reviewed, or * for any. Default: the one last shown by `show`.
        #[arg(long, value_name = "REVISION")]
        expect: Option<String>,
    },
    /// Decline a proposal; the node goes back to the release.
    Decline {
        id: String,
        #[arg(short, long, default_value = "")]
        message: String,
        /// The revision you reviewed, or * for any. Default: the one last shown by `show`.
        #[arg(long, value_name = "REVISION")]
        expect: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
pub enum ConflictCommand {
    /// List open conflicts.
    List(ListArguments),
    /// Show a conflict, field by field.
    Show { id: String },
    /// Resolve a conflict.
    Resolve {
        id: String,
        /// For every field without its own --choose: ours, theirs, base, proposal, or `node` or `manager` for the
        /// node's or the manager's side.
        #[arg(long, default_value = "")]
        take: String,
        /// For one field: PATH=ours|theirs|base|proposal|node|manager, PATH=value:JSON, or PATH=nothing to remove it.
        #[arg(long = "choose")]
        choices: Vec<String>,
        /// Replace the whole content with a file.
        #[arg(long)]
        file: Option<PathBuf>,
        #[arg(short, long, default_value = "")]
        message: String,
        /// Release the result at once.
        #[arg(long)]
        publish: bool,
        /// Allow more nodes to read sensitive values.
        #[arg(long)]
        widen: bool,
        /// Also release other people's drafts.
        #[arg(long)]
        with_drafts: bool,
        /// The etag you reviewed, or * for any. Default: the one last shown by `show`.
        #[arg(long, value_name = "ETAG")]
        expect: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
pub enum SyncCommand {
    /// Show which nodes have what they should run.
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
        /// Wait until it is no longer on its way to any connected node. Does not wait for nodes that are offline,
        /// cordoned or pinned, or that run a local edit.
        #[arg(long)]
        wait: bool,
        #[arg(long, default_value = "60s")]
        timeout: String,
    },
}
