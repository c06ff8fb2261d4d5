//! So many of a thing at once for each key, each for as long as it is held.

use std::hash::Hash;
use std::sync::Arc;

use dashmap::DashMap;

/// How many are held for each key; nothing is kept of a key for which none is.
#[derive(Debug)]
pub struct Counts<K: Eq + Hash>(DashMap<K, usize>);

/// One that is held.
#[derive(Debug)]
pub struct Held<K: Eq + Hash> {
    counts: Arc<Counts<K>>,
    key: K,
}

impl<K: Eq + Hash> Default for Counts<K> {
    fn default() -> Self {
        Self(DashMap::new())
    }
}

impl<K: Eq + Hash + Copy> Counts<K> {
    /// One more for a key. `None` where so many are held already.
    pub fn take(self: &Arc<Self>, key: K, limit: usize) -> Option<Held<K>> {
        let mut count = self.0.entry(key).or_insert(0);
        if *count >= limit {
            return None;
        }
        *count += 1;
        drop(count);
        Some(Held { counts: Arc::clone(self), key })
    }

    /// For how many keys one is held.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl<K: Eq + Hash> Drop for Held<K> {
    fn drop(&mut self) {
        if let Some(mut count) = self.counts.0.get_mut(&self.key) {
            *count = count.saturating_sub(1);
        }
        self.counts.0.remove_if(&self.key, |_, count| *count == 0);
    }
}
