//! Why the agent cannot do something, in sentences that say what to do.

use atoll_node::NodeError;

/// Everything that the agent's commands refuse.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AgentError {
    /// A setting is missing, unknown or wrong. The text names it.
    #[error("configuration: {0}")]
    Config(String),
    /// A file could not be read or written.
    #[error("{path}: {reason}")]
    File { path: String, reason: String },
    /// The node said no.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// A part of the agent stopped that should not.
    #[error("{0} stopped unexpectedly; the log above says more")]
    Stopped(&'static str),
}

impl AgentError {
    pub(crate) fn file(path: &std::path::Path, error: &std::io::Error) -> Self {
        Self::File { path: path.display().to_string(), reason: error.to_string() }
    }
}
