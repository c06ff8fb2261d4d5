//! The Atoll manager: one logical service over one database.
//!
//! `rpc/`, `http/` and `task/` call `service/`, which calls `store/`. Only `rpc/` knows tonic, only `http/` knows axum,
//! only `store/` knows sea-orm; `app.rs` wires them. What a call decides is decided by the domain crate.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod app;
mod authority;
mod clock;
pub mod config;
mod counts;
mod directory;
pub mod error;
mod http;
mod hub;
mod keys;
mod notices;
mod presence;
mod private;
mod pulse;
mod replicas;
mod rpc;
mod service;
#[cfg(test)]
mod simulation;
mod store;
mod task;
#[cfg(test)]
mod testing;
mod tls;
mod twins;
