//! The fleet: names, groups, labels, selectors, and how nodes join.

pub mod enrolment;
pub mod name;
pub mod node;
pub mod selector;
