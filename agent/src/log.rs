//! Logs go to standard error, as text or JSON lines.

use std::io;

use tracing_subscriber::EnvFilter;

use crate::AgentError;
use crate::config::{LogConfig, LogFormat};

pub(crate) fn start(config: &LogConfig) -> Result<(), AgentError> {
    let wrong = |error: &dyn std::fmt::Display| {
        AgentError::Config(format!("log.level \"{}\": {error}; use error, warn, info, debug or trace", config.level))
    };
    let filter = EnvFilter::try_new(&config.level).map_err(|error| wrong(&error))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let started = match config.format {
        LogFormat::Text => builder.with_ansi(false).try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
    // Somebody who embeds the agent has a subscriber already; theirs stays.
    if let Err(error) = started {
        tracing::debug!(%error, "logging was set up before");
    }
    Ok(())
}
