//! What the bench says to its load processes and to the floor: one JSON object a line on standard input, one on
//! standard output for each.

use serde::{Deserialize, Serialize};

/// Which server a simulated node talks to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    Manager,
    Floor,
}

impl Side {
    pub const BOTH: [Self; 2] = [Self::Manager, Self::Floor];
}

/// To a load process. Nodes are named by number; each load process has its own.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoadCommand {
    /// Where a server is. `root_pin` is the SHA-256 of its root's subject public key info, in hexadecimal digits.
    Target { side: Side, address: String, root_pin: String },
    /// Makes keys and requests for nodes, without calling anybody.
    Prepare { names: Vec<String>, token_id: String, token_secret: String },
    /// Joins every node that was prepared, each over a connection of its own.
    Join { side: Side, concurrency: usize },
    /// Connects every node that joined, each over a connection of its own.
    Connect { side: Side, concurrency: usize },
    /// Cuts every node's connection.
    Disconnect { side: Side },
    /// Forgets what was received, before a change is published.
    Expect { side: Side },
    /// Waits until each node has received a change.
    Collect { side: Side, timeout_ms: u64 },
}

/// From a load process.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct LoadReply {
    /// Why the command failed; nothing else counts then.
    pub error: Option<String>,
    /// Nodes that joined, connected, or received.
    pub nodes: usize,
    /// For `Collect`: when each node had the change, in nanoseconds of the machine's clock.
    pub received_ns: Vec<u64>,
    /// For `Collect`: bytes of documents in one delivery.
    pub payload_bytes: usize,
}

/// To the floor.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FloorCommand {
    /// Broadcasts this many bytes.
    Publish { payload_bytes: usize },
    /// Asks how many acknowledgements have come in.
    Acknowledgements,
}

/// From the floor: once at the start, then for each command.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct FloorReply {
    pub address: String,
    pub root_pin: String,
    pub acknowledgements: u64,
}
