//! Sharing: resources with history, merge, publications, and what runs where.

pub mod history;
pub mod keyed_list;
pub mod merge;
mod order;
pub mod path;
pub mod revision;
pub mod text;
pub mod three_way;
pub mod touched;
