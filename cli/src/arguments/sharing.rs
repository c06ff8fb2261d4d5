//! Publications, proposals, conflicts and sync.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::ListArguments;

#[derive(Debug, Subcommand)]
pub enum PublicationCommand {
    /// List publications, the highest priority first.
    List(ListArguments),
    /// One publication and its resources.
    Get { name: String },
    /// Create or replace a publication.
    Set(PublicationArguments),
    /// What setting a publication so would change, without doing it. Exit 1 when it could not be set.
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
        /// Say what would change, and do nothing.
        #[arg(long)]
        dry_run: bool,
    },
    /// Delete a publication: what only it brought goes from its nodes.
    Delete {
        name: String,
        /// Say what would change, and do nothing.
        #[arg(long)]
        dry_run: bool,
    },
}

/// What a publication is to be.
#[derive(Debug, Args)]
pub struct PublicationArguments {
    pub name: String,
    /// A group, with everything below.
    #[arg(long, default_value = "/")]
    pub group: String,
    /// Labels that nodes must have, key=value.
    #[arg(long = "label")]
    pub labels: Vec<String>,
    /// Where two bring the same resource, the higher number wins.
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
    /// Every step template and variable set there is.
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
        /// Also release what others have drafted.
        #[arg(long)]
        with_drafts: bool,
        /// The revision that was looked at, or * for any; the one that `show` has shown unless given.
        #[arg(long, value_name = "REVISION")]
        expect: Option<String>,
    },
    /// Decline a proposal: the node goes back to what is released.
    Decline {
        id: String,
        #[arg(short, long, default_value = "")]
        message: String,
        /// The revision that was looked at, or * for any; the one that `show` has shown unless given.
        #[arg(long, value_name = "REVISION")]
        expect: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
pub enum ConflictCommand {
    /// List open conflicts.
    List(ListArguments),
    /// One conflict, field by field.
    Show { id: String },
    /// Resolve a conflict.
    Resolve {
        id: String,
        /// For every field without a choice of its own: ours, theirs, base, proposal, or a node's or the manager's side
        /// as `node` and `manager`.
        #[arg(long, default_value = "")]
        take: String,
        /// For one field: PATH=ours|theirs|base|proposal|node|manager, PATH=value:JSON, or PATH=nothing to take it out.
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
        /// Allow more nodes to read sensitive values.
        #[arg(long)]
        widen: bool,
        /// Also release what others have drafted.
        #[arg(long)]
        with_drafts: bool,
        /// The etag of what was looked at, or * for any; that of what `show` has shown unless given.
        #[arg(long, value_name = "ETAG")]
        expect: Option<String>,
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
        /// Wait until it is on its way to no connected node. Nobody waits for nodes that are offline, cordoned or pinned, or run
        /// an edit of their own.
        #[arg(long)]
        wait: bool,
        #[arg(long, default_value = "60s")]
        timeout: String,
    },
}
