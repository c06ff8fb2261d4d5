//! `atoll-agent run`.

use std::path::PathBuf;
use std::process::ExitCode;

use atoll_node::{Node, joined_as};
use clap::Args;

use super::join::join_with;
use super::{Common, TokenArguments};
use crate::{AgentError, service};

/// How the manager's people see this program.
pub(super) const PROGRAM: &str = concat!("atoll-agent/", env!("CARGO_PKG_VERSION"));

#[derive(Debug, Args)]
pub(super) struct RunArguments {
    #[command(flatten)]
    common: Common,
    /// With a token, a directory that is not a node yet joins first.
    #[command(flatten)]
    token: TokenArguments,
    /// Write what the node runs to files below this directory.
    #[arg(long, value_name = "DIR")]
    files_dir: Option<PathBuf>,
    /// How the files are written: json, yaml or env.
    #[arg(long, value_name = "FORMAT")]
    files_format: Option<String>,
}

pub(super) async fn execute(arguments: RunArguments) -> Result<ExitCode, AgentError> {
    let config = arguments.common.start((arguments.files_dir.as_ref(), arguments.files_format.as_ref()))?;
    let directory = arguments.common.data_dir.as_path();
    let with_token = arguments.token.token.is_some() || arguments.token.token_file.is_some();
    if with_token && joined_as(directory)?.is_none() {
        let joined = join_with(&arguments.token, directory).await?;
        tracing::info!(node = %joined.node_id, group = joined.group, "joined the fleet");
    }
    let node = Node::open_as(directory, PROGRAM)?;
    service::run(node, config, directory).await?;
    Ok(ExitCode::SUCCESS)
}
