//! `atoll-bench`: measures the real manager against a floor that does the same work and nothing else.
//!
//! Servers and simulated nodes are processes of their own; this one only drives them and reads what they used.

mod clock;
mod content;
mod error;
mod fleet;
mod floor;
mod floor_process;
mod load;
mod machine;
mod manager;
mod measure;
mod process;
mod protocol;
mod report;
mod statistics;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use measure::{Measure, Plan};

use crate::error::Result;

/// Measures the manager against a floor. Exits with 0 whatever the figures are: the table says what was missed.
#[derive(Debug, Parser)]
#[command(name = "atoll-bench", version)]
struct Command {
    #[command(subcommand)]
    role: Option<Role>,
    /// Simulated nodes.
    #[arg(long, default_value_t = 5_000)]
    nodes: usize,
    /// Changes that are published to all of them.
    #[arg(long, default_value_t = 20)]
    changes: usize,
    /// Only these measures.
    #[arg(long, value_delimiter = ',')]
    only: Vec<Measure>,
    /// Where the raw figures go.
    #[arg(long, default_value = "bench-results")]
    results: PathBuf,
    /// Directory with `merge-cases/replayed.jsonl`; the default is right when started in the workspace.
    #[arg(long, env = "ATOLL_DATA", default_value = "../shared/data")]
    data: PathBuf,
}

/// What this program is when the bench starts it once more.
#[derive(Debug, Subcommand)]
enum Role {
    /// The floor server.
    #[command(hide = true)]
    Floor {
        #[arg(long)]
        data: PathBuf,
        #[arg(long)]
        client_root: Option<PathBuf>,
    },
    /// A part of the simulated nodes.
    #[command(hide = true)]
    Load,
}

fn main() -> ExitCode {
    match run(Command::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("atoll-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    match command.role {
        // The manager's runtime: one worker for each core.
        Some(Role::Floor { data, client_root }) => tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?
            .block_on(floor::run(&data, client_root.as_deref())),
        Some(Role::Load) => single_threaded()?.block_on(load::run()),
        None => {
            process::raise_file_limit()?;
            let plan = Plan { nodes: command.nodes, changes: command.changes, only: command.only, data: command.data };
            let report = single_threaded()?.block_on(measure::all(&plan))?;
            print!("{}", report.table());
            println!("raw figures: {}", report.write(&command.results)?.display());
            Ok(())
        }
    }
}

fn single_threaded() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}
