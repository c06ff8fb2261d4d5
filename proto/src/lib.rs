//! The Atoll contract, generated from `proto/atoll/v1`.

/// Version 1 of the contract.
pub mod v1 {
    #![allow(
        clippy::all,
        clippy::pedantic,
        missing_debug_implementations,
        unused_qualifications,
        reason = "generated code"
    )]
    tonic::include_proto!("atoll.v1");
    include!(concat!(env!("OUT_DIR"), "/atoll.v1.serde.rs"));
}

/// The contract's descriptors: for reflection, and for the tests that walk every RPC.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// Version of the node protocol. A manager speaks this one and the one before it.
pub const PROTOCOL_VERSION: u32 = 1;
