//! The ready-made node program, for servers that do not embed the node SDK: it keeps the node linked and writes what
//! the node runs to files, from which it takes edits.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod command;
pub mod config;
mod error;
pub mod files;
mod log;
mod service;
pub mod status_file;

pub use error::AgentError;
