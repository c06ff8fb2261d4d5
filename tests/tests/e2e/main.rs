//! End-to-end tests: real processes, real sockets, and what a user sees.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod access;
mod architecture;
mod audit;
mod bad_input;
mod browser;
mod bulk;
mod contract;
mod fleet;
mod merge;
mod real_templates;
mod restore;
mod samples;
mod secrets;
mod sharing;
mod story;
mod watch;
mod web;
mod words;
