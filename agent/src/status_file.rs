//! What the running agent writes down, so that its state can be read while nothing else works.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use atoll_node::domain::time::Timestamp;
use atoll_node::{NodeStatus, clock, file};
use serde::{Deserialize, Serialize};

use crate::AgentError;

/// Written at least this often.
pub const WRITE_INTERVAL_MS: u64 = 10_000;

/// Older than this, whoever wrote it is gone.
pub const STALE_AFTER_MS: i64 = 30_000;

/// The agent at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentStatus {
    pub pid: u32,
    pub written_at: Timestamp,
    pub agent_version: String,
    pub node: NodeStatus,
    /// Files that a person should look at.
    pub file_problems: BTreeMap<String, String>,
}

/// Where the status of the agent in a data directory lies.
#[must_use]
pub fn path(data_directory: &Path) -> PathBuf {
    data_directory.join("status.json")
}

impl AgentStatus {
    /// The status of this process.
    #[must_use]
    pub fn of(node: NodeStatus, file_problems: BTreeMap<String, String>) -> Self {
        Self {
            pid: std::process::id(),
            written_at: clock::now(),
            agent_version: env!("CARGO_PKG_VERSION").to_owned(),
            node,
            file_problems,
        }
    }

    /// Writes the file for whoever asks.
    ///
    /// # Errors
    /// As the file system says.
    pub fn write(&self, data_directory: &Path) -> io::Result<()> {
        let bytes = serde_json::to_vec_pretty(self).map_err(io::Error::other)?;
        file::write_atomically(&path(data_directory), &bytes, 0o600)
    }

    /// Reads the file; `None` where no agent has ever run.
    ///
    /// # Errors
    /// The file is there and cannot be read.
    pub fn read(data_directory: &Path) -> Result<Option<Self>, AgentError> {
        let path = path(data_directory);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(AgentError::file(&path, &error)),
        };
        serde_json::from_slice(&bytes).map(Some).map_err(|error| AgentError::file(&path, &io::Error::other(error)))
    }

    /// Whether the agent that wrote this still runs.
    #[must_use]
    pub fn is_alive(&self, now: Timestamp) -> bool {
        now.ms_since(self.written_at).abs() < STALE_AFTER_MS && process_exists(self.pid)
    }
}

#[cfg(target_os = "linux")]
fn process_exists(pid: u32) -> bool {
    Path::new("/proc").join(pid.to_string()).exists()
}

#[cfg(not(target_os = "linux"))]
fn process_exists(_pid: u32) -> bool {
    true
}
