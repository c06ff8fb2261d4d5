//! Nodes, groups and joining.

pub mod act;
pub mod certificate;
pub mod credential;
pub mod detail;
pub mod event;
pub mod group;
pub mod join;
pub mod join_token;
pub mod node;
pub mod selection;
