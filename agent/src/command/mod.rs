//! What the program can be told to do.

mod join;
mod run;
mod status;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::config::{Config, Overrides};
use crate::{AgentError, log};

/// The Atoll node agent.
#[derive(Debug, Parser)]
#[command(name = "atoll-agent", version, about, max_term_width = 100)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Join this server to a fleet as a node. Safe to repeat.
    Join(join::JoinArguments),
    /// Keep the node connected and its files up to date until stopped.
    Run(run::RunArguments),
    /// Show the status of the node. Works while the manager is unreachable.
    Status(status::StatusArguments),
}

/// What every command that starts something takes.
#[derive(Debug, Args)]
struct Common {
    /// Data directory of the node.
    #[arg(long, env = "ATOLL_AGENT_DATA_DIR", value_name = "DIR")]
    data_dir: PathBuf,
    /// Settings file.
    #[arg(long, env = "ATOLL_AGENT_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Log level: error, warn, info, debug or trace.
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<String>,
    /// Log format: text or json.
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,
}

/// Where the join token comes from.
#[derive(Debug, Args)]
struct TokenArguments {
    /// The join token. Others on this server can read it in the process list; prefer --token-file.
    #[arg(long, env = "ATOLL_AGENT_TOKEN", hide_env_values = true, conflicts_with = "token_file")]
    token: Option<String>,
    /// File that holds the join token.
    #[arg(long, env = "ATOLL_AGENT_TOKEN_FILE", value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// The node name to request. Default: the host name.
    #[arg(long, env = "ATOLL_AGENT_NAME")]
    name: Option<String>,
}

/// How a result is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    Table,
    Json,
}

impl Common {
    fn start(&self, files: (Option<&PathBuf>, Option<&String>)) -> Result<Config, AgentError> {
        let overrides = Overrides {
            log_level: self.log_level.clone(),
            log_format: self.log_format.clone(),
            files_directory: files.0.cloned(),
            files_format: files.1.cloned(),
        };
        let config = Config::read(self.config.as_deref(), &overrides)?;
        log::start(&config.log)?;
        Ok(config)
    }
}

/// Does what the command line says.
///
/// # Errors
/// Says what is wrong and what to do.
pub async fn execute(arguments: Arguments) -> Result<ExitCode, AgentError> {
    match arguments.command {
        Command::Join(arguments) => join::execute(arguments).await,
        Command::Run(arguments) => run::execute(arguments).await,
        Command::Status(arguments) => status::execute(&arguments),
    }
}
