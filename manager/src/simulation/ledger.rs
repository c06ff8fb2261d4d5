//! What people did, written down beside the fleet: what must be found again is decided from this and never by asking the
//! code that is tested.

use std::collections::{BTreeMap, BTreeSet};

use atoll_domain::id::{NodeId, RevisionId};
use serde_json::Value;

use super::content::words;

/// One edit.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The resource, by its place in [`super::content::RESOURCES`].
    pub resource: usize,
    /// Absent for one that was made at the manager.
    pub node: Option<NodeId>,
    pub revision: RevisionId,
    /// When it was made, in steps.
    pub step: usize,
    /// When the manager said that it has it.
    pub acknowledged: Option<usize>,
    /// The manager was restored to before it: its content comes back with what was built on it, and not as its own revision.
    pub forgotten: bool,
    /// A person who saw it put something else in its place, decided against it, or it was lost as backups lose things.
    pub excused: Option<&'static str>,
    /// An administrator made it everybody's, by a release or with an acceptance.
    pub is_agreed: bool,
    /// Somebody declined it, and nobody has agreed to it since.
    pub is_declined: bool,
}

/// All edits, by their words.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    pub entries: BTreeMap<String, Entry>,
}

impl Ledger {
    /// Somebody who saw `before` saved `after`: what stood there and does not any more is their decision.
    pub fn replaced(&mut self, before: &Value, after: &Value) {
        let after = words(after);
        self.excuse(words(before).difference(&after), "replaced by somebody who saw it");
    }

    pub fn excuse<'a>(&mut self, words: impl Iterator<Item = &'a String>, why: &'static str) {
        for word in words {
            if let Some(entry) = self.entries.get_mut(word) {
                entry.excused.get_or_insert(why);
            }
        }
    }

    /// An administrator agreed to a content.
    pub fn agree(&mut self, content: &BTreeSet<String>) {
        for (word, entry) in &mut self.entries {
            if content.contains(word) {
                (entry.is_agreed, entry.is_declined) = (true, false);
            }
        }
    }

    /// An administrator took a content, which is not everybody's yet.
    pub fn want(&mut self, content: &BTreeSet<String>) {
        let wanted = self.entries.iter_mut().filter(|(word, _)| content.contains(*word));
        wanted.for_each(|(_, entry)| entry.is_declined = false);
    }

    /// An administrator declined what a node made, but for what everybody had already.
    pub fn decline(&mut self, node: NodeId, content: &BTreeSet<String>, known: &BTreeSet<String>) {
        for word in content.difference(known) {
            if let Some(entry) = self.entries.get_mut(word).filter(|entry| entry.node == Some(node)) {
                entry.is_declined = true;
            }
        }
    }

    pub fn acknowledge(&mut self, revision: RevisionId, step: usize) {
        for entry in self.entries.values_mut().filter(|entry| entry.revision == revision) {
            entry.acknowledged.get_or_insert(step);
        }
    }

    pub fn reject(&mut self, revision: RevisionId) {
        for entry in self.entries.values_mut().filter(|entry| entry.revision == revision) {
            entry.excused.get_or_insert("rejected, which the node says");
        }
    }

    /// The words that have to be somewhere.
    pub fn owed(&self, resource: usize) -> BTreeSet<&String> {
        let owed = self.entries.iter().filter(|(_, entry)| entry.resource == resource && entry.excused.is_none());
        owed.map(|(word, _)| word).collect()
    }
}
