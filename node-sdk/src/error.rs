//! Why something could not be done, in sentences that say what to do.

use std::error::Error;
use std::path::{Path, PathBuf};

use atoll_domain::fleet::name::NameError;
use atoll_domain::link::replica::EditError;

/// Everything that this crate refuses.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NodeError {
    /// The file system said no.
    #[error("{path}: {reason}; check that the directory exists, is writable and has room")]
    File { path: PathBuf, reason: String },
    /// There is no node in the directory.
    #[error("{0} holds no node; join it to a fleet first")]
    NotJoined(PathBuf),
    /// Another process has the directory open.
    #[error("{0} is in use by another process; a data directory belongs to one node at a time, so stop that one first")]
    InUse(PathBuf),
    /// The directory belongs to a node of another manager.
    #[error(
        "{0} holds a node of another fleet; give an empty data directory, or move this one away if the node is to leave its fleet"
    )]
    OtherFleet(PathBuf),
    /// What is in the directory cannot be read.
    #[error("{path} is damaged ({reason}); restore it from a backup, or move the directory away and join again")]
    Damaged { path: PathBuf, reason: String },
    /// The store could not take a change. Nothing of it was done.
    #[error("the node's store could not be written ({0}); make room on the disk, it is tried again")]
    Storage(String),
    /// Nobody answers, or not as the manager should.
    #[error("the manager at {address} cannot be reached: {reason}")]
    Unreachable { address: String, reason: String },
    /// The manager said no.
    #[error("the manager refused: {reason}")]
    Refused { code: String, reason: String },
    /// The manager said something that does not fit.
    #[error("the manager's answer does not fit: {0}")]
    BadAnswer(String),
    /// The wished name is not one.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The edit cannot be taken.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// A key could not be made or read.
    #[error("a key could not be made: {0}")]
    Keys(String),
}

impl NodeError {
    pub(crate) fn file(path: &Path, error: &std::io::Error) -> Self {
        Self::File { path: path.to_owned(), reason: error.to_string() }
    }

    #[allow(clippy::needless_pass_by_value, reason = "reads better at map_err")]
    pub(crate) fn damaged(path: &Path, reason: impl ToString) -> Self {
        Self::Damaged { path: path.to_owned(), reason: reason.to_string() }
    }

    /// Whether trying again later can help without anybody doing anything.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Storage(_) => true,
            Self::Refused { code, .. } => {
                matches!(code.as_str(), "UNAVAILABLE" | "RESOURCE_EXHAUSTED" | "DEADLINE_EXCEEDED" | "ABORTED")
            }
            Self::Edit(error) => matches!(error, EditError::OutboxFull(_)),
            _ => false,
        }
    }
}

/// An error with everything that caused it: transport errors say nothing by themselves.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let more = inner.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = inner.source();
    }
    text
}
