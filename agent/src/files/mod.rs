//! The files adapter: writes what the node runs to files, and takes edits of those files as edits of the node.
//!
//! A tick looks, decides with the pure rules of [`plan`], takes edits first and writes afterwards. What was written is
//! remembered by hash, so a file that somebody changed is always told from one that is only old.

pub mod adapter;
pub mod anchor;
pub mod content;
pub mod disk;
pub mod environment;
pub mod handover;
pub mod host;
pub mod memory;
pub mod naming;
pub mod plan;
pub mod reload;
mod run;

pub use adapter::Adapter;
pub use handover::{Handed, Handover};
pub use host::Host;
pub use run::run;
