//! Sharing: resources with history, merge, publications, and what runs where.

pub mod carried;
pub mod distance;
pub mod fork;
pub mod history;
pub mod keyed_list;
pub mod merge;
pub mod offer;
mod order;
pub mod path;
pub mod places;
pub mod revision;
pub mod standing;
pub mod take_back;
pub mod text;
pub mod three_way;
pub mod touched;
