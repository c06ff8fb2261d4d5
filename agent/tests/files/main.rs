//! The files adapter over a real directory and a replica in memory: what a person with an editor sees.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod aside;
mod edits;
mod farm;
mod handover;
mod neighbours;
mod secrets;
