//! The agent's program.

use std::process::ExitCode;

use atoll_agent::command::{Arguments, execute};
use clap::Parser as _;

#[tokio::main]
async fn main() -> ExitCode {
    match execute(Arguments::parse()).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("atoll-agent: {error}");
            ExitCode::FAILURE
        }
    }
}
