//! Nodes, groups, join tokens and selections as rows.

mod event;
mod group;
mod join_token;
mod node;
mod selection;

pub use event::*;
pub use group::*;
pub use join_token::*;
pub use node::*;
pub use selection::*;
