//! The values and rules of Atoll, pure: no async, no I/O, no clock, no transport, no storage.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod canonical;
pub mod document;
pub mod fleet;
pub mod id;
pub mod kind;
pub mod link;
pub mod secret;
pub mod sharing;
pub mod terminal;
pub mod time;
