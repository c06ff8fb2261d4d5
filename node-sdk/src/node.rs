//! A node, as the server that embeds it sees it.

use std::path::Path;
use std::sync::Arc;

use atoll_domain::document::{AppliedReport, Report};
use atoll_domain::fleet::selector::place_of;
use atoll_domain::id::{ResourceId, RevisionId, SecretId};
use atoll_domain::kind::Kind;
use atoll_domain::kind::variable_set::effective::{Effective, effective};
use atoll_domain::link::replica::{Edit, EditBase, OUTBOX_LIMIT, Rejected, Running};
use atoll_domain::secret::Plaintext;
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use crate::state::{AdapterState, Inner, NodePlace};
use crate::status::NodeStatus;
use crate::{NodeError, clock, link, status};

/// How a program is called that does not say who it is.
pub(crate) const PROGRAM: &str = concat!("atoll-node/", env!("CARGO_PKG_VERSION"));

/// A node. Cloning gives another handle on the same one.
#[derive(Debug, Clone)]
pub struct Node {
    inner: Arc<Inner>,
}

/// An edit of a resource on this node.
#[derive(Debug, Clone)]
pub struct NewEdit {
    /// Which resource, where its name alone does not say so.
    pub resource: Option<ResourceId>,
    pub kind: Kind,
    pub name: String,
    /// What the editor started from.
    pub base: EditBase,
    /// The whole new content in the outside form.
    pub content: Value,
    /// Who made it: a person or a program.
    pub author: String,
    /// What the author says about it.
    pub message: String,
}

impl Node {
    /// Opens the node in a data directory that was joined. Everything it held is there at once, connected or not.
    ///
    /// # Errors
    /// The directory holds no node, is damaged, or is in use by another process.
    pub fn open(data_directory: impl AsRef<Path>) -> Result<Self, NodeError> {
        Self::open_as(data_directory, PROGRAM)
    }

    /// Opens the node and says which program it is, for people who look at the fleet.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_as(data_directory: impl AsRef<Path>, program: impl Into<String>) -> Result<Self, NodeError> {
        Inner::open(data_directory.as_ref(), program.into()).map(|inner| Self { inner: Arc::new(inner) })
    }

    /// Keeps the node linked to its manager until it is told to stop. Failures are tried again and shown in the status.
    ///
    /// Only one of these may run at a time.
    pub async fn run(&self, shutdown: CancellationToken) {
        link::run(&self.inner, &shutdown).await;
    }

    /// Everything this node runs, by kind and name.
    #[must_use]
    pub fn running(&self) -> Vec<Running> {
        self.inner.replica().running()
    }

    /// Edits of this node that the manager rejected and that were not put elsewhere yet: nobody else may have them. The newest
    /// of each resource stays among them until another edit takes its place.
    #[must_use]
    pub fn rejected(&self) -> Vec<Rejected> {
        self.inner.replica().rejected()
    }

    /// A number that counts up with every change of what the node holds.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.inner.changed.subscribe()
    }

    /// A number that counts up with every change of what [`Self::status`] shows.
    #[must_use]
    pub fn watch_status(&self) -> watch::Receiver<u64> {
        self.inner.status_changed.subscribe()
    }

    /// How the node stands.
    #[must_use]
    pub fn status(&self) -> NodeStatus {
        status::status(&self.inner)
    }

    /// Where the fleet says the node stands: name, group and labels.
    #[must_use]
    pub fn place(&self) -> NodePlace {
        self.inner.place()
    }

    /// Takes an edit: it is durably in the outbox when this returns, and runs here as its edit mode allows. `None` when
    /// it changes nothing.
    ///
    /// # Errors
    /// Says why the edit cannot be taken; nothing has changed then.
    pub async fn edit(&self, edit: NewEdit) -> Result<Option<RevisionId>, NodeError> {
        self.blocking(move |inner| {
            inner.change(|replica| {
                let planned = replica.plan_edit(
                    inner.node_id,
                    &Edit {
                        resource: edit.resource,
                        kind: edit.kind,
                        name: &edit.name,
                        base: edit.base,
                        content: &edit.content,
                        author: &edit.author,
                        message: &edit.message,
                        now: clock::now(),
                    },
                )?;
                Ok(planned.map_or((Vec::new(), None), |(revision, writes)| (writes, Some(revision))))
            })
        })
        .await
    }

    /// Says that a rejected edit is kept elsewhere now, where its author finds it.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn put_elsewhere(&self, revision: RevisionId) -> Result<(), NodeError> {
        self.blocking(move |inner| inner.change(|replica| Ok((replica.plan_put_elsewhere(revision), ())))).await
    }

    /// Reports what became of a resource on this server. It is durably in the outbox when this returns.
    ///
    /// # Errors
    /// The store cannot be written, or the outbox is full.
    pub async fn report_applied(&self, report: AppliedReport) -> Result<(), NodeError> {
        self.blocking(move |inner| {
            inner.change(|replica| {
                // Half of the outbox is kept free for edits: those cannot be made again, this can.
                if replica.outbox().len() >= OUTBOX_LIMIT / 2 {
                    return Err(atoll_domain::link::replica::EditError::OutboxFull(replica.outbox().len()).into());
                }
                Ok((replica.plan_report(Report::Applied(report)), ()))
            })
        })
        .await
    }

    /// Says what an adapter has found to stand where the server reads it. From the first call on, the manager is told what
    /// was verified and no longer what should run; so an adapter calls it once before it begins, with nothing verified.
    pub fn report_adapter(&self, state: AdapterState) {
        self.inner.set_adapter(state);
    }

    /// A sensitive value in the clear, if this node may see it.
    #[must_use]
    pub fn reveal(&self, version: SecretId) -> Option<Plaintext> {
        let replica = self.inner.replica();
        replica.secrets().filter(|sealed| sealed.version == version).find_map(|sealed| {
            replica
                .key_wraps()
                .filter(|wrapped| wrapped.key == sealed.key)
                .filter_map(|wrapped| wrapped.unwrap_with(&self.inner.sealing_key).ok())
                .find_map(|key| sealed.open(&key).ok())
        })
    }

    /// The variables of a set as they apply to this node, each with the reason. `None` if the node does not run the set.
    #[must_use]
    pub fn variables(&self, set: &str) -> Option<Vec<Effective>> {
        let running = self.running();
        let found = running.iter().find(|running| running.kind == Kind::VariableSet && running.name == set)?;
        Some(self.resolve(found.body.as_ref()?))
    }

    /// Resolves the body of a variable set at this node's place.
    #[must_use]
    pub fn resolve(&self, body: &Value) -> Vec<Effective> {
        let place = self.inner.place();
        effective(body, &place_of(&place.name, &place.group, &place.labels))
    }

    async fn blocking<R: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<R, NodeError> + Send + 'static,
    ) -> Result<R, NodeError> {
        blocking(&self.inner, work).await
    }
}

/// Runs work that waits for the disk where it holds nobody up.
pub(crate) async fn blocking<R: Send + 'static>(
    inner: &Arc<Inner>,
    work: impl FnOnce(&Inner) -> Result<R, NodeError> + Send + 'static,
) -> Result<R, NodeError> {
    let inner = Arc::clone(inner);
    spawn_blocking(move || work(&inner)).await.map_err(|error| NodeError::Storage(error.to_string()))?
}
