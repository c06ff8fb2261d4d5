//! What is seen of nodes: connected or not, how far their replicas reach. Kept in memory, written in batches.
//!
//! Losing the last second of it is harmless: a node's Hello says again what it holds.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use atoll_domain::id::NodeId;
use atoll_domain::time::Timestamp;
use dashmap::DashMap;

use crate::clock;
use crate::error::Result;
use crate::notices::Notices;
use crate::pulse::Pulse;
use crate::replicas::Replicas;
use crate::store::fleet::{NodeEventRecord, Reached, SeenRecord, node_events_put, seen_list, seen_put, seen_reached};
use crate::store::{Store, Tx};
use crate::twins::{self, Twins};

/// What is seen of every node, by any replica of the manager.
#[derive(Debug)]
pub struct Presence {
    seen: DashMap<NodeId, SeenRecord>,
    pulse: Arc<Pulse>,
    unwritten: Mutex<Unwritten>,
    /// What is not as usual on nodes.
    pub notices: Notices,
    twins: Twins,
    /// The other replicas of the manager, which are connected to other nodes.
    replicas: Replicas,
    /// What happened to nodes, waiting to be written.
    events: Mutex<Vec<NodeEventRecord>>,
}

/// Nodes of which something was seen that is not written yet.
#[derive(Debug, Default)]
struct Unwritten {
    /// Everything is to be written.
    whole: HashSet<NodeId>,
    /// Only how far they are.
    reached: HashSet<NodeId>,
    /// Their connection ended, with when it began: whoever they have called since knows better.
    ended: HashMap<NodeId, i64>,
}

impl Unwritten {
    fn contains(&self, node: NodeId) -> bool {
        self.whole.contains(&node) || self.reached.contains(&node) || self.ended.contains_key(&node)
    }

    fn is_empty(&self) -> bool {
        self.whole.is_empty() && self.reached.is_empty() && self.ended.is_empty()
    }
}

/// How far a node is.
#[derive(Debug, Clone, Copy)]
pub struct Reach {
    pub online: bool,
    pub proven: Option<u64>,
}

/// Most events that wait to be written; of a fleet that comes and goes faster than the database takes it, the rest is
/// not recorded.
const EVENTS_LIMIT: usize = 50_000;

impl Presence {
    /// Reads what was seen before this process started. Nobody is connected to it yet.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn load(store: &Store, pulse: Arc<Pulse>, now: Timestamp) -> Result<Self> {
        let presence = Self {
            seen: DashMap::new(),
            pulse,
            unwritten: Mutex::default(),
            notices: Notices::default(),
            twins: Twins::default(),
            replicas: Replicas::new(clock::new_id()),
            events: Mutex::default(),
        };
        for (node, mut seen) in seen_list(store).await? {
            if seen.online {
                seen.online = false;
                seen.since_ms = now.0;
            }
            presence.seen.insert(node, seen);
        }
        Ok(presence)
    }

    /// What is seen of a node; the default for one that never called.
    #[must_use]
    pub fn get(&self, node: NodeId) -> SeenRecord {
        self.seen.get(&node).map(|seen| seen.clone()).unwrap_or_default()
    }

    /// How far a node is, without all that is seen of it; `None` for one that never called.
    #[must_use]
    pub fn reach(&self, node: NodeId) -> Option<Reach> {
        let seen = self.seen.get(&node).filter(|seen| seen.last_seen_ms > 0)?;
        Some(Reach { online: seen.online, proven: seen.proven })
    }

    /// The nodes of which something was seen since a moment.
    #[must_use]
    pub fn seen_since(&self, since_ms: i64) -> Vec<NodeId> {
        let is_newer = |seen: &SeenRecord| seen.last_seen_ms.max(seen.since_ms) >= since_ms;
        self.seen.iter().filter(|entry| is_newer(entry.value())).map(|entry| *entry.key()).collect()
    }

    pub fn connected(&self, node: NodeId, mut hello: SeenRecord) {
        let (at_ms, version) = (hello.since_ms, hello.agent_version.clone());
        // The newest connection counts, whichever replica it is to, and clocks of replicas differ.
        let other_ms = self.seen.get(&node).map_or(0, |seen| seen.since_ms);
        hello.since_ms = at_ms.max(other_ms.saturating_add(1));
        hello.replica = Some(self.replicas.own());
        let before = self.seen.insert(node, hello);
        self.lock().ended.remove(&node);
        self.mark(node);
        self.happened(node, at_ms, "connected", "connected".to_owned());
        match before {
            Some(before) if before.agent_version != version && !before.agent_version.is_empty() => {
                let text = format!("it runs version {version} now; it ran {} before", before.agent_version);
                self.happened(node, at_ms, "version", text);
            }
            _ => {}
        }
    }

    /// Takes up which process of a node calls. Where two of them do, that stands with the node until it is over.
    pub fn called(&self, node: NodeId, boot: &str, now: Timestamp) {
        if self.twins.called(node, boot, now) {
            tracing::warn!(%node, "two processes call in turn with the identity of one node: its data directory was copied");
            self.notices.found(node, twins::SUBJECT, twins::CODE, twins::TEXT, now);
        }
    }

    /// Takes up what a node has proved to run.
    pub fn proved(&self, node: NodeId, proven: Option<u64>, drifts: bool) {
        let Some(mut seen) = self.seen.get_mut(&node) else { return };
        let is_further_only = seen.proves && seen.drifts == drifts;
        let is_known = is_further_only && seen.proven == proven;
        (seen.proven, seen.drifts, seen.proves) = (proven, drifts, true);
        drop(seen);
        match (is_known, is_further_only) {
            (true, _) => {}
            (false, true) => self.reached(node),
            (false, false) => self.mark(node),
        }
    }

    /// Whether a node is known to go on running something else than it should.
    #[must_use]
    pub fn drifts(&self, node: NodeId) -> bool {
        self.seen.get(&node).is_some_and(|seen| seen.drifts)
    }

    /// Takes up how many reports a node has yet to deliver.
    pub fn reports_waiting(&self, node: NodeId, count: u64) {
        let Some(mut seen) = self.seen.get_mut(&node).filter(|seen| seen.outbox_length != count) else { return };
        seen.outbox_length = count;
        drop(seen);
        self.mark(node);
    }

    /// Its connection ended, over which something came last at `heard`: it is offline since then, which may be a minute ago.
    pub fn disconnected(&self, node: NodeId, now: Timestamp, heard: Timestamp) {
        if let Some(mut seen) = self.seen.get_mut(&node) {
            let begun_ms = seen.since_ms;
            let last_seen_ms = heard.0.max(seen.last_seen_ms);
            (seen.online, seen.since_ms, seen.last_seen_ms) = (false, last_seen_ms, last_seen_ms);
            drop(seen);
            self.lock().ended.insert(node, begun_ms);
            self.pulse.changed(node);
        }
        self.happened(node, now.0, "disconnected", "its connection ended; it keeps running what it has".to_owned());
    }

    pub fn acknowledged(&self, node: NodeId, sequence: u64, now: Timestamp) {
        if let Some(mut seen) = self.seen.get_mut(&node) {
            seen.acknowledged = seen.acknowledged.max(sequence);
            seen.last_seen_ms = now.0;
        }
        self.reached(node);
    }

    fn reached(&self, node: NodeId) {
        self.lock().reached.insert(node);
        self.pulse.changed(node);
    }

    fn happened(&self, node: NodeId, at_ms: i64, action: &'static str, text: String) {
        let mut waiting = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < EVENTS_LIMIT {
            waiting.push(NodeEventRecord { id: clock::new_id(), node, at_ms, action: action.to_owned(), text });
        }
    }

    /// Takes up what other replicas of the manager wrote about nodes that are not connected here, and says that this one is
    /// there.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn take_up(&self, store: &Store, now: Timestamp, connected_here: impl Fn(NodeId) -> bool) -> Result<()> {
        self.replicas.beat(store, now).await?;
        for (node, mut seen) in seen_list(store).await? {
            if !connected_here(node) && !self.lock().contains(node) {
                if seen.online && !self.is_connected_elsewhere(&seen) {
                    let last_sign = seen.replica.and_then(|replica| self.replicas.last_sign(replica));
                    seen.last_seen_ms = last_sign.map_or(0, |at| at.0).max(seen.last_seen_ms);
                    (seen.online, seen.since_ms) = (false, seen.since_ms.max(seen.last_seen_ms));
                }
                let before = self.seen.insert(node, seen.clone());
                if before.as_ref() != Some(&seen) {
                    self.pulse.changed(node);
                }
            }
        }
        Ok(())
    }

    /// When a node was there last that is connected to another replica: as long as that one is there, it knows.
    #[must_use]
    pub fn seen_elsewhere(&self, seen: &SeenRecord) -> Option<Timestamp> {
        let replica = seen.replica.filter(|_| seen.online && self.is_connected_elsewhere(seen))?;
        self.replicas.last_sign(replica)
    }

    /// Whether the replica is there that a node was connected to. One that died could not write that its connections ended.
    fn is_connected_elsewhere(&self, seen: &SeenRecord) -> bool {
        seen.replica.is_some_and(|replica| replica != self.replicas.own() && self.replicas.is_alive(replica))
    }

    /// Writes what changed since the last time, in one transaction.
    ///
    /// # Errors
    /// The database does not answer; the changes stay marked.
    pub async fn flush(&self, store: &Store) -> Result<usize> {
        let unwritten = std::mem::take(&mut *self.lock());
        let notices = (!self.notices.is_empty()).then(|| self.notices.take());
        let events = std::mem::take(&mut *self.events.lock().unwrap_or_else(PoisonError::into_inner));
        if unwritten.is_empty() && notices.is_none() && events.is_empty() {
            return Ok(0);
        }
        let row = |node: &NodeId| {
            let seen = self.seen.get(node)?.clone();
            let since_ms = unwritten.ended.get(node).copied().unwrap_or(seen.since_ms);
            Some((*node, SeenRecord { since_ms, ..seen }))
        };
        let opened = unwritten.whole.iter().filter(|node| !unwritten.ended.contains_key(node));
        let rows: Vec<(NodeId, SeenRecord)> = opened.chain(unwritten.ended.keys()).filter_map(row).collect();
        let written = async {
            let tx = store.begin().await?;
            seen_put(&tx, &rows).await?;
            self.write_reached(&tx, &unwritten).await?;
            if let Some(notices) = &notices {
                notices.write(&tx).await?;
            }
            node_events_put(&tx, &events).await?;
            tx.commit().await
        };
        match written.await {
            Ok(_) => Ok(rows.len()),
            Err(error) => {
                let mut waiting = self.lock();
                waiting.whole.extend(unwritten.whole);
                waiting.reached.extend(unwritten.reached);
                for (node, ended) in unwritten.ended {
                    waiting.ended.entry(node).or_insert(ended);
                }
                drop(waiting);
                notices.into_iter().for_each(|notices| self.notices.put_back(notices));
                let mut waiting = self.events.lock().unwrap_or_else(PoisonError::into_inner);
                waiting.splice(0..0, events);
                waiting.truncate(EVENTS_LIMIT);
                Err(error)
            }
        }
    }

    /// Nodes that are equally far are written together, as seen when the last of them was.
    async fn write_reached(&self, tx: &Tx, unwritten: &Unwritten) -> Result<()> {
        let mut reached: HashMap<Reached, (i64, Vec<NodeId>)> = HashMap::new();
        let only = |node: &&NodeId| !unwritten.whole.contains(node) && !unwritten.ended.contains_key(node);
        for node in unwritten.reached.iter().filter(only) {
            let Some(seen) = self.seen.get(node) else { continue };
            let far = Reached { acknowledged: seen.acknowledged, proven: seen.proven };
            let (last_seen_ms, nodes) = reached.entry(far).or_default();
            *last_seen_ms = seen.last_seen_ms.max(*last_seen_ms);
            nodes.push(*node);
        }
        for (far, (last_seen_ms, nodes)) in reached {
            seen_reached(tx, &nodes, far, last_seen_ms, self.replicas.own()).await?;
        }
        Ok(())
    }

    fn mark(&self, node: NodeId) {
        self.lock().whole.insert(node);
        self.pulse.changed(node);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Unwritten> {
        self.unwritten.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
