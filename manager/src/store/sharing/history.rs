//! Histories that were read once. A history only grows, so what was read stays true, and only what came since is read.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use atoll_domain::id::{ResourceId, RevisionId};
use atoll_domain::sharing::history::History;

use super::RevisionRecord;

/// What is remembered of all resources together; of the resource that was used last always everything is.
const REMEMBERED_BYTES: usize = 64 * 1024 * 1024;

/// What is known of the histories of some resources, the one that was used last at the end.
#[derive(Debug, Default)]
pub struct Histories {
    known: Mutex<Vec<(ResourceId, Arc<KnownHistory>)>>,
}

/// The history of one resource, up to a position.
#[derive(Debug, Clone, Default)]
pub struct KnownHistory {
    pub history: History,
    pub records: BTreeMap<RevisionId, Arc<RevisionRecord>>,
    pub position: i64,
    /// The revision at that position, and when it was stored, in milliseconds since 1970.
    pub newest: Option<(RevisionId, i64)>,
    /// About what it takes in memory.
    pub size_bytes: usize,
}

impl Histories {
    /// What is known of a resource's history; nothing of one that was not read yet.
    #[must_use]
    pub fn get(&self, resource: ResourceId) -> Arc<KnownHistory> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(at) = known.iter().position(|(id, _)| *id == resource) else { return Arc::default() };
        let entry = known.remove(at);
        let found = Arc::clone(&entry.1);
        known.push(entry);
        found
    }

    /// Forgets a history that is no longer what is stored.
    pub fn forget(&self, resource: ResourceId) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).retain(|(id, _)| *id != resource);
    }

    /// Remembers what was read outside of a transaction: what a transaction reads may be undone with it.
    pub fn put(&self, resource: ResourceId, read: Arc<KnownHistory>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let newest = known.iter().find(|(id, _)| *id == resource).map_or(0, |(_, known)| known.position);
        if newest >= read.position {
            return;
        }
        known.retain(|(id, _)| *id != resource);
        known.push((resource, read));
        let size = |known: &[(ResourceId, Arc<KnownHistory>)]| -> usize {
            known.iter().map(|(_, history)| history.size_bytes).sum()
        };
        while known.len() > 1 && size(&known) > REMEMBERED_BYTES {
            known.remove(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(position: i64) -> Arc<KnownHistory> {
        Arc::new(KnownHistory { position, ..KnownHistory::default() })
    }

    #[test]
    fn what_somebody_read_earlier_never_replaces_what_was_read_later() {
        let (histories, resource) = (Histories::default(), ResourceId(uuid::Uuid::from_u128(1)));
        histories.put(resource, read(5));
        histories.put(resource, read(3));
        assert_eq!(histories.get(resource).position, 5);
        assert_eq!(histories.get(ResourceId(uuid::Uuid::from_u128(2))).position, 0);
    }

    #[test]
    fn what_was_not_used_for_longest_is_forgotten_first() {
        let histories = Histories::default();
        let resource = |number: u128| ResourceId(uuid::Uuid::from_u128(number));
        let large = |size_bytes| Arc::new(KnownHistory { position: 1, size_bytes, ..KnownHistory::default() });
        histories.put(resource(1), large(REMEMBERED_BYTES / 2));
        histories.put(resource(2), large(REMEMBERED_BYTES / 2));
        assert_eq!(histories.get(resource(1)).position, 1);
        histories.put(resource(3), large(1));
        let known = |number| histories.get(resource(number)).position == 1;
        assert!(known(1) && !known(2) && known(3));
        // One that is too large for all of it stays for as long as nothing else is used.
        histories.put(resource(4), large(REMEMBERED_BYTES * 2));
        assert!(known(4) && !known(1) && !known(3));
        histories.put(resource(5), large(1));
        assert!(!known(4) && known(5));
    }
}
