//! What a running node shares between its tasks: the replica, the store behind it, and how the link stands.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use atoll_domain::document::Lane;
use atoll_domain::fleet::name::GroupPath;
use atoll_domain::fleet::selector::Labels;
use atoll_domain::id::{Digest, NodeId, ResourceId, RevisionId};
use atoll_domain::link::replica::{Replica, Write};
use atoll_domain::secret::SealingKey;
use atoll_proto::v1::NodeState;
use ed25519_dalek::{SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, watch};
use uuid::Uuid;

use crate::identity::Identity;
use crate::status::{ConnectionState, ConnectionStatus, RefusedDocument};
use crate::store::Store;
use crate::{NodeError, clock, file, random};

/// How many refused documents the status remembers.
const REFUSED_LIMIT: usize = 20;

/// Where the fleet says the node stands. Kept, because the node needs it while the manager is out of reach.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodePlace {
    pub name: String,
    pub group: GroupPath,
    pub labels: Labels,
}

/// What an adapter has found to stand where the server reads it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AdapterState {
    /// The revisions whose content was found in place. A resource that is not named could not be verified.
    pub verified: BTreeMap<ResourceId, RevisionId>,
    /// The revisions that the files name as what they were written from: an editor may have them open at any time.
    pub standing: BTreeMap<ResourceId, RevisionId>,
    /// Nothing waits to be written, read or handed to the server.
    pub is_settled: bool,
    /// The number of [`crate::Node::watch`] whose state this is about. While the node runs something newer, it says nothing
    /// about that.
    pub as_of: u64,
}

/// How the link stands.
#[derive(Debug, Clone)]
pub(crate) struct LinkState {
    pub connection: ConnectionStatus,
    pub clock_difference_ms: Option<i64>,
    pub refused: VecDeque<RefusedDocument>,
    /// Reports that the manager cannot take, with the reason.
    pub blocked: BTreeMap<u64, String>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub directory: PathBuf,
    pub program: String,
    pub node_id: NodeId,
    pub fingerprint: Digest,
    pub signing_key: SigningKey,
    pub sealing_key: SealingKey,
    pub document_key: VerifyingKey,
    /// The life of this process.
    pub boot: Uuid,
    identity: RwLock<Arc<Identity>>,
    /// Held from planning to applying, so that plans follow one another. Never held while waiting for anything but the disk.
    store: Mutex<Store>,
    replica: RwLock<Replica>,
    place: RwLock<NodePlace>,
    link: Mutex<LinkState>,
    /// Absent while no adapter writes what the node runs.
    adapter: Mutex<Option<AdapterState>>,
    /// Counts applied changes.
    pub changed: watch::Sender<u64>,
    /// Counts everything that a status shows.
    pub status_changed: watch::Sender<u64>,
    /// There is something to deliver.
    pub outbox_wake: Notify,
}

impl Inner {
    pub fn open(directory: &Path, program: String) -> Result<Self, NodeError> {
        let not_joined = || NodeError::NotJoined(directory.to_owned());
        if directory.is_dir() {
            let secrets = [Identity::FILE, Store::FILE];
            file::close_to_others(directory, &secrets).map_err(|error| NodeError::file(directory, &error))?;
        }
        let identity = Identity::load(directory)?.ok_or_else(not_joined)?;
        let membership = identity.membership.as_ref().ok_or_else(not_joined)?;
        let store = Store::open(directory)?;
        let loaded = store.load()?;
        let first = NodePlace { name: membership.name.clone(), group: membership.group.clone(), labels: Labels::new() };
        Ok(Self {
            directory: directory.to_owned(),
            program,
            node_id: membership.node_id,
            fingerprint: identity.fingerprint()?,
            signing_key: identity.signing_key()?,
            sealing_key: identity.sealing_key()?,
            document_key: membership.document_key()?,
            boot: random::uuid(),
            place: RwLock::new(loaded.place.unwrap_or(first)),
            identity: RwLock::new(Arc::new(identity)),
            store: Mutex::new(store),
            replica: RwLock::new(loaded.replica),
            link: Mutex::new(LinkState::stopped()),
            adapter: Mutex::new(None),
            changed: watch::Sender::new(0),
            status_changed: watch::Sender::new(0),
            outbox_wake: Notify::new(),
        })
    }

    /// Plans a change, stores it, and only then makes it visible. If storing fails, nothing has happened.
    ///
    /// Blocks for as long as the disk takes.
    pub fn change<R>(
        &self,
        plan: impl FnOnce(&mut Replica) -> Result<(Vec<Write>, R), NodeError>,
    ) -> Result<R, NodeError> {
        let store = lock(&self.store);
        let (writes, result) = plan(&mut self.replica.write().unwrap_or_else(PoisonError::into_inner))?;
        if writes.is_empty() {
            return Ok(result);
        }
        store.commit(&writes)?;
        let visible = writes.iter().any(is_visible);
        let reports = writes.iter().any(|write| matches!(write, Write::PutReport(..)));
        {
            // Counted while nobody can read: what is read and its number belong together.
            let mut replica = self.replica.write().unwrap_or_else(PoisonError::into_inner);
            replica.apply(writes);
            if visible {
                self.changed.send_modify(|count| *count += 1);
            }
        }
        drop(store);
        if reports {
            self.outbox_wake.notify_one();
        }
        self.status_changed.send_modify(|count| *count += 1);
        Ok(result)
    }

    /// Takes up where the fleet says the node stands.
    pub fn set_place(&self, place: NodePlace) -> Result<(), NodeError> {
        if self.place() == place {
            return Ok(());
        }
        lock(&self.store).put_place(&place)?;
        *self.place.write().unwrap_or_else(PoisonError::into_inner) = place;
        // Values of variables depend on the place.
        self.changed.send_modify(|count| *count += 1);
        self.status_changed.send_modify(|count| *count += 1);
        Ok(())
    }

    /// Stores and takes up another identity file: the same node with a fresh certificate.
    pub fn set_identity(&self, identity: Identity) -> Result<(), NodeError> {
        identity.save(&self.directory)?;
        *self.identity.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(identity);
        self.status_changed.send_modify(|count| *count += 1);
        Ok(())
    }

    /// Takes up what an adapter found.
    pub fn set_adapter(&self, state: AdapterState) {
        {
            let mut adapter = lock(&self.adapter);
            if adapter.as_ref() == Some(&state) {
                return;
            }
            let mut replica = self.replica.write().unwrap_or_else(PoisonError::into_inner);
            replica.set_standing(state.standing.clone());
            *adapter = Some(state);
        }
        self.status_changed.send_modify(|count| *count += 1);
    }

    /// What the node runs, as it is told to the manager.
    pub fn node_state(&self) -> NodeState {
        let adapter = lock(&self.adapter).clone();
        let replica = self.replica();
        let changes = *self.changed.borrow();
        NodeState {
            digest: replica.state_digest(adapter.as_ref().map(|adapter| &adapter.verified)).to_bytes().to_vec(),
            content_sequence: replica.cursors().get(&Lane::Content).copied().unwrap_or(0),
            settled: adapter.is_none_or(|adapter| adapter.is_settled && adapter.as_of == changes),
            outbox_length: replica.outbox().len() as u64,
            deferred: 0,
        }
    }

    pub fn identity(&self) -> Arc<Identity> {
        Arc::clone(&self.identity.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn place(&self) -> NodePlace {
        self.place.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn replica(&self) -> RwLockReadGuard<'_, Replica> {
        self.replica.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn link(&self) -> MutexGuard<'_, LinkState> {
        lock(&self.link)
    }

    /// Changes how the link stands.
    pub fn update_link(&self, update: impl FnOnce(&mut LinkState)) {
        update(&mut self.link());
        self.status_changed.send_modify(|count| *count += 1);
    }
}

impl LinkState {
    fn stopped() -> Self {
        Self {
            connection: ConnectionStatus {
                state: ConnectionState::Stopped,
                since: clock::now(),
                last_failure: None,
                last_failure_at: None,
                last_heard_at: None,
                delivery_failure: None,
            },
            clock_difference_ms: None,
            refused: VecDeque::new(),
            blocked: BTreeMap::new(),
        }
    }

    pub fn set_state(&mut self, state: ConnectionState) {
        if self.connection.state != state {
            self.connection.state = state;
            self.connection.since = clock::now();
        }
    }

    pub fn failed(&mut self, state: ConnectionState, reason: String) {
        self.set_state(state);
        self.connection.last_failure = Some(reason);
        self.connection.last_failure_at = Some(clock::now());
    }

    pub fn refuse(&mut self, key: String, text: String) {
        self.refused.retain(|refused| refused.key != key);
        if self.refused.len() >= REFUSED_LIMIT {
            self.refused.pop_front();
        }
        self.refused.push_back(RefusedDocument { key, text, at: clock::now() });
    }
}

/// Whether somebody who watches what the node runs wants to know.
fn is_visible(write: &Write) -> bool {
    match write {
        Write::PutDocument(..)
        | Write::RemoveDocument(_)
        | Write::PutFork(_)
        | Write::RemoveFork(_)
        | Write::PutRejected(..) => true,
        Write::SetCursor(..)
        | Write::SetHeard(..)
        | Write::SetEpoch(_)
        | Write::PutReport(..)
        | Write::RemoveReport(_)
        | Write::RemoveRejected(_)
        | Write::SetMark(..)
        | Write::PutContent(..)
        | Write::RemoveContent(..) => false,
    }
}

/// A panic elsewhere must not stop the node: everything behind these locks is whole between two statements.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
pub(crate) mod tests {
    use atoll_domain::id::ManagerEpoch;

    use crate::identity::{Hex, Membership};

    /// A membership that was never admitted by anybody; the document key is the public key of the seed `[7; 32]`.
    pub(crate) fn membership() -> Membership {
        let manager = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
        Membership {
            node_id: atoll_domain::id::NodeId(uuid::Uuid::from_u128(1)),
            name: "web-1".to_owned(),
            group: "/eu".parse().unwrap(),
            certificate_chain: Vec::new(),
            root_certificate: Hex(Vec::new()),
            document_key: Hex(manager.verifying_key().to_bytes().to_vec()),
            manager_sealing_key: Hex(vec![0; 32]),
            manager_epoch: ManagerEpoch(uuid::Uuid::from_u128(2)),
        }
    }
}
