//! The conversation between a node and its manager, both halves, without I/O.
//!
//! The halves are fed messages and answer with what to store and what to send. Thin async shells drive them over
//! gRPC; tests drive whole fleets of them through partitions, crashes, repetitions and reorderings.

pub mod delivery;
pub mod digest;
pub mod feed;
pub mod manager;
pub mod node;
pub mod replica;
