//! How the manager is, and what changes.

pub mod sample;
pub mod status;
pub mod watch;

pub use status::{Counters, Status, status};
