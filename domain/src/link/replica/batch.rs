//! What arrives from the manager.

use std::collections::BTreeSet;

use super::own::{decide, give_back};
use super::{Content, DocumentKey, Replica, Stored, Write, read};
use crate::document::{Audience, Document, Lane};
use crate::id::{ManagerEpoch, ResourceId};
use crate::sharing::fork::ForkDecision;
use crate::time::Timestamp;

/// A verified document that arrived.
#[derive(Debug)]
pub struct Arrived {
    pub stored: Stored,
    pub document: Document,
}

/// One batch that arrived.
#[derive(Debug, Default)]
pub struct Incoming {
    pub lane: Option<Lane>,
    pub up_to: u64,
    /// The mark of that number.
    pub mark: u64,
    pub last_part: bool,
    pub complete: bool,
    pub documents: Vec<Arrived>,
    pub left: Vec<Audience>,
    /// When it arrived.
    pub at: Timestamp,
}

/// Why a document was not taken; the others were.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    pub key: String,
    pub text: String,
}

impl Replica {
    /// The connection is new: parts that were not completed are offered again.
    pub fn connected(&mut self, epoch: ManagerEpoch, start_over: bool) -> Vec<Write> {
        self.staged.clear();
        self.reached.clear();
        self.offered_again = start_over.then(BTreeSet::new);
        // Also in the same life: cursors beyond the manager's end would be refused for ever.
        if self.epoch == Some(epoch) && !start_over {
            return Vec::new();
        }
        let reset = Lane::ALL.into_iter().map(|lane| Write::SetCursor(lane, 0));
        [Write::SetEpoch(epoch), Write::SetHeard(0, 0)].into_iter().chain(reset).collect()
    }

    /// Plans what a batch changes. Good documents are taken even if others are not; an older state than the one held
    /// is passed over.
    pub fn plan_batch(&mut self, mut incoming: Incoming) -> (Vec<Write>, Vec<Refused>) {
        self.staged.entry(incoming.lane).or_default().append(&mut incoming.documents);
        if !incoming.last_part {
            return (Vec::new(), Vec::new());
        }
        // What came before the node left an audience, and waits for its last part, never becomes visible.
        for staged in self.staged.values_mut() {
            staged.retain(|arrived| !incoming.left.contains(&arrived.document.audience));
        }
        let (mut writes, mut refused) = (Vec::new(), Vec::new());
        let mut going: Vec<DocumentKey> = Vec::new();
        let is_starting_over = self.offered_again.is_some();
        let mut decisions: Vec<ForkDecision> = Vec::new();
        let mut changing: BTreeSet<ResourceId> = BTreeSet::new();
        let mut taken: BTreeSet<DocumentKey> = BTreeSet::new();
        let mut forks = self.forks.clone();
        for arrived in self.staged.remove(&incoming.lane).unwrap_or_default() {
            let key = (arrived.document.audience.clone(), arrived.document.key.clone());
            if let Some(seen) = &mut self.offered_again {
                seen.insert(key.clone());
            }
            // A manager of another life counts its generations anew: while starting over its word is the newer one.
            let is_older = self.documents.get(&key).is_some_and(|held| held.generation > arrived.document.generation);
            if is_older && self.offered_again.is_none() {
                continue;
            }
            taken.insert(key.clone());
            if arrived.document.deleted {
                going.push(key.clone());
                writes.push(Write::RemoveDocument(key));
                continue;
            }
            match read(&arrived.document) {
                Ok(content) => {
                    if self.documents.get(&key).is_some_and(|held| held.content != content) {
                        going.push(key.clone());
                    }
                    if let Content::Fork(decision) = &content {
                        writes.extend(decide(&mut forks, decision));
                        decisions.push((**decision).clone());
                    }
                    changing.extend(content.resource());
                    writes.push(Write::PutDocument(key, Box::new(arrived.stored)));
                }
                Err(text) => refused.push(Refused { key: arrived.document.key, text }),
            }
        }
        for audience in &incoming.left {
            let gone = self.documents.keys().filter(|(held, _)| held == audience).cloned();
            writes.extend(gone.map(Write::RemoveDocument));
        }
        if incoming.complete
            && let Some(offered) = self.offered_again.take()
        {
            let stale: Vec<DocumentKey> =
                self.documents.keys().filter(|key| !offered.contains(*key)).cloned().collect();
            going.extend(stale.iter().cloned());
            // What came just now takes the place of what is held of it, which may be a word of another life of the manager.
            let is_kept = |key: &DocumentKey| !stale.contains(key) && !taken.contains(key);
            let kept = self.documents.iter().filter(|(key, _)| is_kept(key)).filter_map(|(_, held)| held.decision());
            decisions.extend(kept.cloned());
            writes.extend(give_back(&forks, &decisions));
            writes.extend(stale.into_iter().map(Write::RemoveDocument));
        }
        // What is deleted, left or not offered again changes what runs, too.
        let gone = writes.iter().filter_map(|write| match write {
            Write::RemoveDocument(key) => self.documents.get(key)?.content.resource(),
            _ => None,
        });
        changing.extend(gone);
        writes.extend(self.remember(&changing, incoming.at));
        if is_starting_over {
            // What goes now may be what a restored manager has lost: it is kept before it is replaced.
            writes.extend(self.return_documents(&going, incoming.complete));
        }
        if let Some(lane) = incoming.lane {
            let reached = self.reached.entry(lane).or_default();
            *reached = (incoming.up_to, incoming.mark).max(*reached);
        }
        // While starting over the cursors only count once the replica is complete: a crash before starts anew.
        if self.offered_again.is_none() {
            let reached = std::mem::take(&mut self.reached).into_iter();
            let ahead = reached.filter(|(lane, (up_to, _))| *up_to > self.cursors.get(lane).copied().unwrap_or(0));
            writes.extend(
                ahead.flat_map(|(lane, (up_to, mark))| [Write::SetCursor(lane, up_to), Write::SetMark(lane, mark)]),
            );
        }
        (writes, refused)
    }
}
