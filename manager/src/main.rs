//! `atoll-manager`: parses and runs, nothing else.

use std::path::PathBuf;
use std::process::ExitCode;

use atoll_manager::app;
use atoll_manager::config::{self, Given, Settings};
use atoll_manager::error::Error;
use clap::{Parser, Subcommand};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

/// The Atoll manager.
#[derive(Debug, Parser)]
#[command(name = "atoll-manager", version, about)]
struct Command {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Run the manager.
    Serve(Options),
    /// Check the settings and print the effective configuration.
    CheckConfig(Options),
}

#[derive(Debug, clap::Args)]
struct Options {
    /// Settings as TOML; environment variables and flags take precedence.
    #[arg(long, env = "ATOLL_CONFIG")]
    config: Option<PathBuf>,
    #[command(flatten)]
    given: Given,
}

impl Options {
    fn settings(self) -> Result<Settings, Error> {
        match &self.config {
            Some(path) => self.given.over_file(path)?.check(),
            None => self.given.check(),
        }
    }
}

fn main() -> ExitCode {
    let command = Command::parse();
    let arguments = std::env::args_os().map(|argument| argument.to_string_lossy().into_owned());
    match config::check_arguments(arguments).and_then(|()| start(command)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("atoll-manager: {error}");
            if let Some(context) = error.context() {
                eprintln!("  ({context})");
            }
            ExitCode::from(2)
        }
    }
}

fn start(command: Command) -> Result<(), Error> {
    match command.action {
        Action::CheckConfig(options) => {
            let settings = options.settings()?;
            app::check(&settings)?;
            print!("{settings}");
            Ok(())
        }
        Action::Serve(options) => {
            let settings = options.settings()?;
            log(&settings)?;
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Error::internal)?;
            runtime.block_on(async {
                let cancel = CancellationToken::new();
                tokio::spawn(stop_on_signal(cancel.clone()));
                app::run(settings, cancel).await
            })
        }
    }
}

fn log(settings: &Settings) -> Result<(), Error> {
    let filter = EnvFilter::try_new(&settings.log)
        .map_err(|error| Error::invalid("BAD_SETTING", format!("the setting log is wrong: {error}")))?;
    let is_terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(is_terminal);
    if settings.log_json {
        lines.json().init()
    } else {
        lines.init()
    }
    Ok(())
}

async fn stop_on_signal(cancel: CancellationToken) {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    cancel.cancel();
}
