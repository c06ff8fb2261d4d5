//! What the adapter needs of a node.

use atoll_node::domain::id::{RevisionId, SecretId};
use atoll_node::domain::kind::variable_set::effective::Effective;
use atoll_node::domain::secret::Plaintext;
use atoll_node::{NewEdit, Node, NodeError, Rejected, Running};
use serde_json::Value;
use tokio::runtime::Handle;

/// A node, as the adapter sees it. Its calls may wait for the disk.
pub trait Host: Send + 'static {
    /// What the node runs.
    fn running(&self) -> Vec<Running>;

    /// Edits of the node that the manager rejected.
    fn rejected(&self) -> Vec<Rejected>;

    /// A rejected edit is kept beside its file now.
    ///
    /// # Errors
    /// Says why that cannot be noted.
    fn put_elsewhere(&self, revision: RevisionId) -> Result<(), NodeError>;

    /// Counts up with every change of what the node runs.
    fn version(&self) -> u64;

    /// Takes an edit.
    ///
    /// # Errors
    /// Says why not.
    fn edit(&self, edit: NewEdit) -> Result<Option<RevisionId>, NodeError>;

    /// Resolves a variable set at the node's place.
    fn resolve(&self, body: &Value) -> Vec<Effective>;

    /// A sensitive value in the clear.
    fn reveal(&self, version: SecretId) -> Option<Plaintext>;
}

/// A node with the runtime that it lives in.
#[derive(Debug, Clone)]
pub struct NodeHost {
    pub node: Node,
    pub runtime: Handle,
}

impl Host for NodeHost {
    fn running(&self) -> Vec<Running> {
        self.node.running()
    }

    fn rejected(&self) -> Vec<Rejected> {
        self.node.rejected()
    }

    fn put_elsewhere(&self, revision: RevisionId) -> Result<(), NodeError> {
        self.runtime.block_on(self.node.put_elsewhere(revision))
    }

    fn version(&self) -> u64 {
        *self.node.watch().borrow()
    }

    fn edit(&self, edit: NewEdit) -> Result<Option<RevisionId>, NodeError> {
        self.runtime.block_on(self.node.edit(edit))
    }

    fn resolve(&self, body: &Value) -> Vec<Effective> {
        self.node.resolve(body)
    }

    fn reveal(&self, version: SecretId) -> Option<Plaintext> {
        self.node.reveal(version)
    }
}
