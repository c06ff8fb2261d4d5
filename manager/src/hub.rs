//! What the connected nodes are told from: the feed's index, its documents encoded once, and whom to wake.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use atoll_domain::document::Lane;
use atoll_domain::id::{ManagerEpoch, NodeId};
use atoll_domain::link::feed::{Feed, RowKey};
use atoll_domain::link::manager::{Batch, ManagerLink};
use atoll_domain::time::Timestamp;
use bytes::Bytes;
use dashmap::DashMap;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::error::Result;
use crate::store::feed::{
    FeedDocument, document_get, feed_sequence_get, marks_between, memberships_between, rows_between,
};
use crate::store::{Store, put_back};
use crate::tls::Heard;

/// Encoded documents kept in memory; older ones are read again when a node needs them.
const CACHE_LIMIT_BYTES: usize = 64 * 1024 * 1024;

/// How a document becomes the bytes that are sent. Given by the side that knows the wire.
pub type Encode = fn(&FeedDocument) -> Bytes;

/// Shared by every stream of this process.
pub struct Hub {
    feed: RwLock<Feed>,
    documents: Mutex<Cache>,
    streams: DashMap<NodeId, Stream>,
    encode: Encode,
    next_stream: AtomicU64,
    loading: tokio::sync::Mutex<u64>,
}

impl std::fmt::Debug for Hub {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Hub").field("streams", &self.streams.len()).finish_non_exhaustive()
    }
}

#[derive(Debug, Clone)]
struct Stream {
    number: u64,
    wake: Arc<Notify>,
    cancel: CancellationToken,
    heard: Heard,
}

/// A stream's place in the hub; leaving is dropping it.
#[derive(Debug)]
pub struct Registration {
    hub: Arc<Hub>,
    node: NodeId,
    number: u64,
    pub wake: Arc<Notify>,
    /// Cancelled when the stream must end: a newer one of the same node, the node was removed, or the manager stops.
    pub cancel: CancellationToken,
    pub heard: Heard,
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.hub.streams.remove_if(&self.node, |_, stream| stream.number == self.number);
    }
}

#[derive(Debug, Default)]
struct Cache {
    bytes: HashMap<RowKey, (u64, Bytes)>,
    order: VecDeque<RowKey>,
    size_bytes: usize,
}

impl Cache {
    /// A reader that was slow must not put an older state over a newer one.
    fn put(&mut self, key: RowKey, sequence: u64, document: Bytes) {
        if self.bytes.get(&key).is_some_and(|(held, _)| *held > sequence) {
            return;
        }
        self.size_bytes += document.len();
        if let Some((_, before)) = self.bytes.insert(key.clone(), (sequence, document)) {
            self.size_bytes -= before.len();
        } else {
            self.order.push_back(key);
        }
        while self.size_bytes > CACHE_LIMIT_BYTES
            && let Some(oldest) = self.order.pop_front()
        {
            if let Some((_, gone)) = self.bytes.remove(&oldest) {
                self.size_bytes -= gone.len();
            }
        }
    }
}

/// What a node says of itself when it connects.
#[derive(Debug, Clone, Default)]
pub struct Known {
    pub epoch: Option<ManagerEpoch>,
    /// Where it stands in each lane: the number and its mark.
    pub cursors: BTreeMap<Lane, (u64, u64)>,
    /// The newest number that it was told.
    pub heard: (u64, u64),
}

impl Hub {
    /// Begins what a node is sent over one connection. A repair offers it everything once more.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn begin(
        &self,
        store: &Store,
        node: NodeId,
        (epoch, known): (ManagerEpoch, &Known),
        is_repair: bool,
    ) -> Result<ManagerLink> {
        let told = || known.cursors.values().chain([&known.heard]).copied();
        // Another replica of the manager may have told the node of what this one has not read yet.
        if is_repair || told().any(|(sequence, _)| sequence > self.read(Feed::sequence)) {
            self.refresh(store).await?;
        }
        let end = self.read(Feed::sequence);
        // A number that was never given here, or was given to something else, is of a life of the database that is over.
        let is_known = self.read(|feed| told().all(|(sequence, mark)| feed.knows(sequence, mark)));
        let theirs = known.epoch.filter(|_| is_known && !is_repair);
        let cursors = known.cursors.iter().map(|(lane, (sequence, _))| (*lane, *sequence)).collect();
        Ok(ManagerLink::begin(node, epoch, theirs, &cursors, end))
    }

    #[must_use]
    pub fn new(encode: Encode) -> Self {
        Self {
            feed: RwLock::new(Feed::default()),
            documents: Mutex::new(Cache::default()),
            streams: DashMap::new(),
            encode,
            next_stream: AtomicU64::new(1),
            loading: tokio::sync::Mutex::new(0),
        }
    }

    /// Takes up what was committed since the last call, by this process or another, and wakes whom it concerns.
    ///
    /// # Errors
    /// The database does not answer; the next call goes on where this one stopped.
    pub async fn refresh(&self, store: &Store) -> Result<()> {
        let mut loaded = self.loading.lock().await;
        let end = feed_sequence_get(store).await?;
        if end < *loaded {
            return Err(put_back());
        }
        if end == *loaded {
            return Ok(());
        }
        let rows = rows_between(store, *loaded, end).await?;
        let memberships = memberships_between(store, *loaded, end).await?;
        // That of the last number too: if another was given since, all that is known here is of a life that is over.
        let marks = marks_between(store, loaded.saturating_sub(1), end).await?;
        let known = self.read(|feed| feed.mark(*loaded));
        if known != 0 && marks.iter().any(|(sequence, mark)| sequence == &*loaded && *mark != known) {
            return Err(put_back());
        }
        let mut concerned: HashSet<NodeId> = memberships.iter().map(|membership| membership.node).collect();
        let mut encoded = Vec::with_capacity(rows.len());
        for (row, document) in &rows {
            encoded.push((row.key.clone(), row.sequence, self.encode(document)));
        }
        {
            let mut cache = self.documents.lock().unwrap_or_else(PoisonError::into_inner);
            encoded.into_iter().for_each(|(key, sequence, bytes)| cache.put(key, sequence, bytes));
        }
        {
            let mut feed = self.feed.write().unwrap_or_else(PoisonError::into_inner);
            memberships.into_iter().for_each(|membership| feed.put_membership(membership));
            for (row, _) in rows {
                concerned.extend(feed.members(&row.key.audience));
                feed.put_row(row);
            }
            marks.into_iter().for_each(|(sequence, mark)| feed.put_mark(sequence, mark));
            feed.advance(end);
        }
        *loaded = end;
        store.met(end);
        for node in concerned {
            if let Some(stream) = self.streams.get(&node) {
                stream.wake.notify_one();
            }
        }
        Ok(())
    }

    fn encode(&self, document: &FeedDocument) -> Bytes {
        metrics::counter!("atoll_document_encodes_total").increment(1);
        (self.encode)(document)
    }

    /// Reads the index.
    pub fn read<T>(&self, look: impl FnOnce(&Feed) -> T) -> T {
        look(&self.feed.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The link's next batch with its documents, if the node is owed one and the window has room.
    ///
    /// # Errors
    /// The database does not answer for a document that is no longer in memory.
    pub async fn next_batch(&self, store: &Store, link: &mut ManagerLink) -> Result<Option<(Batch, Vec<Bytes>)>> {
        let Some(batch) = self.read(|feed| link.next_batch(feed)) else { return Ok(None) };
        let mut documents = Vec::with_capacity(batch.owed.rows.len());
        for key in &batch.owed.rows {
            if let Some(document) = self.document(store, key).await? {
                documents.push(document);
            }
        }
        Ok(Some((batch, documents)))
    }

    async fn document(&self, store: &Store, key: &RowKey) -> Result<Option<Bytes>> {
        let cached = {
            let cache = self.documents.lock().unwrap_or_else(PoisonError::into_inner);
            cache.bytes.get(key).map(|(_, bytes)| bytes.clone())
        };
        if cached.is_some() {
            return Ok(cached);
        }
        // Rare, and large: set aside, or every open stream would keep the room for it.
        let Some(document) = Box::pin(document_get(store, key)).await? else { return Ok(None) };
        let bytes = self.encode(&document);
        let mut cache = self.documents.lock().unwrap_or_else(PoisonError::into_inner);
        cache.put(key.clone(), document.sequence, bytes.clone());
        Ok(Some(cache.bytes.get(key).map_or(bytes, |(_, newest)| newest.clone())))
    }

    /// Takes a stream's place, until the manager stops. An older stream of the same node ends: one node has one
    /// conversation.
    pub fn register(self: &Arc<Self>, node: NodeId, heard: Heard, shutdown: &CancellationToken) -> Registration {
        let number = self.next_stream.fetch_add(1, Ordering::Relaxed);
        let stream = Stream { number, wake: Arc::new(Notify::new()), cancel: shutdown.child_token(), heard };
        if let Some(older) = self.streams.insert(node, stream.clone()) {
            older.cancel.cancel();
        }
        Registration {
            hub: Arc::clone(self),
            node,
            number,
            wake: stream.wake,
            cancel: stream.cancel,
            heard: stream.heard,
        }
    }

    /// Ends a node's stream, if it has one here.
    pub fn disconnect(&self, node: NodeId) {
        if let Some((_, stream)) = self.streams.remove(&node) {
            stream.cancel.cancel();
        }
    }

    /// Makes a node's stream look again, for a reason that is not in the feed.
    pub fn wake(&self, node: NodeId) {
        if let Some(stream) = self.streams.get(&node) {
            stream.wake.notify_one();
        }
    }

    /// When something came from a node last that is connected here.
    #[must_use]
    pub fn heard(&self, node: NodeId) -> Option<Timestamp> {
        self.streams.get(&node).map(|stream| stream.heard.last())
    }

    #[must_use]
    pub fn is_connected(&self, node: NodeId) -> bool {
        self.streams.contains_key(&node)
    }
}
