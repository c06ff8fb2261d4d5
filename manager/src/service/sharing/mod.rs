//! Resources with history, publications, forks and conflicts.

pub mod conflict;
pub mod fork;
pub mod gets;
pub mod history;
pub mod membership;
mod offer;
pub mod preview;
pub mod proof;
pub mod publication;
pub mod reach;
pub mod read;
pub mod receive;
pub mod release;
pub mod required;
pub mod save;
mod secret;
mod settle;
pub mod status;
#[cfg(test)]
mod tests;
pub mod usage;
pub mod variable;

/// Names the queued work of putting nodes' own edits together with what was released.
pub const JOB_FORKS: &str = "forks";
