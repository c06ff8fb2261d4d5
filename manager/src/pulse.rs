//! Which nodes changed lately, for those who watch. It costs nothing while nobody does.

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use atoll_domain::id::NodeId;
use tokio::sync::watch;

use crate::error::{Error, ErrorKind, Result};

/// Changes that are kept for watchers; who has not looked for longer is told that it missed some.
const KEPT_LIMIT: usize = 1_024;
/// Watchers at once.
const WATCHER_LIMIT: usize = 1_000;

/// Changes of nodes, the newest ones only.
#[derive(Debug)]
pub struct Pulse {
    watchers: AtomicUsize,
    kept: Mutex<Kept>,
    /// Counts the changes.
    end: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Kept {
    end: u64,
    nodes: VecDeque<NodeId>,
}

impl Default for Pulse {
    fn default() -> Self {
        Self { watchers: AtomicUsize::new(0), kept: Mutex::default(), end: watch::Sender::new(0) }
    }
}

impl Pulse {
    /// Says that something about a node changed. Acknowledgements come this way too: with nobody watching it is one load.
    pub fn changed(&self, node: NodeId) {
        if self.watchers.load(Ordering::Relaxed) > 0 {
            self.keep(node);
        }
    }

    fn keep(&self, node: NodeId) {
        let end = {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            if kept.nodes.len() >= KEPT_LIMIT {
                kept.nodes.pop_front();
            }
            kept.nodes.push_back(node);
            kept.end += 1;
            kept.end
        };
        self.end.send_replace(end);
    }

    /// Watches from now on, until it is dropped.
    ///
    /// # Errors
    /// Too many watch already.
    pub fn watch(self: &Arc<Self>) -> Result<Watching> {
        if self.watchers.fetch_add(1, Ordering::Relaxed) >= WATCHER_LIMIT {
            self.watchers.fetch_sub(1, Ordering::Relaxed);
            let text = "too many windows watch this manager already; close some of them";
            return Err(Error::new(ErrorKind::Exhausted, "TOO_MANY_WATCHERS", text));
        }
        let seen = self.kept.lock().unwrap_or_else(PoisonError::into_inner).end;
        Ok(Watching { pulse: Arc::clone(self), seen, end: self.end.subscribe() })
    }
}

/// Somebody who watches.
#[derive(Debug)]
pub struct Watching {
    pulse: Arc<Pulse>,
    seen: u64,
    end: watch::Receiver<u64>,
}

impl Watching {
    /// Waits for the next change.
    pub async fn wait(&mut self) {
        // The sender lives as long as the pulse, which this holds.
        let _ = self.end.changed().await;
    }

    /// The nodes that changed since the last look; `None` when more changed than was kept.
    pub fn take(&mut self) -> Option<BTreeSet<NodeId>> {
        self.end.mark_unchanged();
        let kept = self.pulse.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let missed = usize::try_from(kept.end - self.seen).unwrap_or(usize::MAX);
        self.seen = kept.end;
        let from = kept.nodes.len().checked_sub(missed)?;
        Some(kept.nodes.range(from..).copied().collect())
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        if self.pulse.watchers.fetch_sub(1, Ordering::Relaxed) == 1 {
            // The count goes on: somebody may have begun to watch just now.
            self.pulse.kept.lock().unwrap_or_else(PoisonError::into_inner).nodes = VecDeque::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn node(number: u128) -> NodeId {
        NodeId(Uuid::from_u128(number))
    }

    #[test]
    fn a_watcher_is_told_each_node_once_and_that_it_missed_some() {
        let pulse = Arc::new(Pulse::default());
        pulse.changed(node(1));
        let mut watching = pulse.watch().unwrap();
        assert_eq!(watching.take(), Some(BTreeSet::new()), "what was before it watched is none of its business");
        for changed in [2, 3, 2] {
            pulse.changed(node(changed));
        }
        assert_eq!(watching.take(), Some(BTreeSet::from([node(2), node(3)])));
        assert_eq!(watching.take(), Some(BTreeSet::new()));
        (0..=KEPT_LIMIT as u128).for_each(|number| pulse.changed(node(number)));
        assert_eq!(watching.take(), None);
        assert_eq!(watching.take(), Some(BTreeSet::new()));
    }

    #[test]
    fn nothing_is_kept_for_nobody() {
        let pulse = Arc::new(Pulse::default());
        let watching = pulse.watch().unwrap();
        pulse.changed(node(1));
        drop(watching);
        pulse.changed(node(2));
        assert!(pulse.kept.lock().unwrap().nodes.is_empty());
    }
}
