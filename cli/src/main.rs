//! `atoll`: every administrative act of the fleet, scriptable.
//!
//! Standard output carries data, standard error carries messages. Exit codes: 0 done, 1 a negative answer, 2 wrong use or
//! another error, 3 not found, 4 sign-in needed, 5 denied, 6 conflict, 7 the manager is out of reach, 8 time ran out.

mod arguments;
mod client;
mod command;
mod context;
mod failure;
mod output;
mod seen;

use std::process::ExitCode;

use clap::Parser;

use arguments::Atoll;

fn main() -> ExitCode {
    let arguments = Atoll::parse();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output::say(&format!("atoll: cannot start: {error}"));
            return ExitCode::from(2);
        }
    };
    match runtime.block_on(command::run(arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !failure.text.is_empty() {
                output::say(&format!("atoll: {}", failure.text));
            }
            ExitCode::from(failure.code)
        }
    }
}
