//! Nodes, groups and joining.

pub mod certificate;
pub mod credential;
pub mod detail;
pub mod group;
pub mod join;
pub mod join_token;
pub mod node;
