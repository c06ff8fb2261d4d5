//! What a server embeds to become a node of an Atoll fleet.
//!
//! A node keeps everything it needs in one directory and works from it while the manager is out of reach: it runs
//! what it holds, takes edits into its outbox, and catches up when the manager is back.
//!
//! ```no_run
//! # async fn demo() -> Result<(), atoll_node::NodeError> {
//! use atoll_node::{CancellationToken, JoinOptions, Node, join};
//!
//! let token = "atoll1....".parse().map_err(|error| atoll_node::NodeError::BadAnswer(format!("{error}")))?;
//! join(JoinOptions::new("/var/lib/my-server/atoll", token, "server-1")).await?;
//! let node = Node::open("/var/lib/my-server/atoll")?;
//! let mut changes = node.watch();
//! tokio::spawn({ let node = node.clone(); async move { node.run(CancellationToken::new()).await } });
//! while changes.changed().await.is_ok() {
//!     println!("running {} resources", node.running().len());
//! }
//! # Ok(()) }
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod channel;
pub mod clock;
mod error;
pub mod file;
mod identity;
mod join;
mod link;
mod node;
mod random;
mod state;
mod status;
mod store;
mod tls;

pub use error::NodeError;
pub use join::{JoinOptions, Joined, join};
pub use node::{NewEdit, Node};
pub use state::{AdapterState, NodePlace};
pub use status::{
    BlockedReport, ConnectionState, ConnectionStatus, ForkStatus, NodeStatus, RefusedDocument, joined_as,
};

pub use atoll_domain as domain;
pub use atoll_domain::document::{AppliedReport, ApplyOutcome};
pub use atoll_domain::fleet::enrolment::JoinToken;
pub use atoll_domain::link::replica::{EditBase, EditError, Rejected, Running};
pub use tokio_util::sync::CancellationToken;
