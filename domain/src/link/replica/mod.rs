//! What a node holds: documents, forks, outbox and cursors; and how it changes.
//!
//! Every change is planned as a list of [`Write`]s first. The shell stores the list in one transaction and only then
//! applies it here, so memory is never ahead of the disk and a crash at any point loses nothing that was acknowledged.

mod batch;
mod edit;
mod own;
mod returning;
mod running;
pub mod trail;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::document::{Audience, Document, DocumentKind, Lane, Report};
use crate::id::{ManagerEpoch, ResourceId, RevisionId};
use crate::secret::{SealedValue, WrappedKey};
use crate::sharing::fork::{Fork, ForkDecision};
use crate::sharing::offer::{EditMode, Offer, winning};
use crate::sharing::revision::Revision;
use crate::time::Timestamp;

pub use batch::{Arrived, Incoming, Refused};
pub use edit::{Edit, EditBase, EditError, OUTBOX_LIMIT};
pub use running::{Rejected, Running};

/// A document as the node keeps it: what was signed, and its number in the feed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    #[serde(with = "hex")]
    pub document: Vec<u8>,
    #[serde(with = "hex")]
    pub signature: Vec<u8>,
    pub sequence: u64,
}

/// Names a document in the replica.
pub type DocumentKey = (Audience, String);

/// One step of a change of the replica. A list of them is one transaction.
#[derive(Debug, Clone, PartialEq)]
pub enum Write {
    PutDocument(DocumentKey, Box<Stored>),
    RemoveDocument(DocumentKey),
    SetCursor(Lane, u64),
    /// The mark of the cursor's number, by which the manager knows whether it gave it.
    SetMark(Lane, u64),
    /// How far the feed had come when the manager last took a report, and the mark of that number.
    SetHeard(u64, u64),
    SetEpoch(ManagerEpoch),
    PutFork(Box<Fork>),
    RemoveFork(ResourceId),
    PutReport(u64, Box<Report>),
    RemoveReport(u64),
    /// An edit that the manager rejected, by the number of its report: nobody else may have it.
    PutRejected(u64, Box<Rejected>),
    RemoveRejected(u64),
    /// A content that somebody may have in an editor, by its number in the resource's trail.
    PutContent(ResourceId, u64, Box<trail::Content>),
    RemoveContent(ResourceId, u64),
}

/// A document's content, read once.
#[derive(Debug, Clone, PartialEq)]
enum Content {
    Offer(Box<Offer>),
    Fork(Box<ForkDecision>),
    Secret(SealedValue),
    KeyWrap(WrappedKey),
}

impl Content {
    /// The resource of which something else runs because of it.
    fn resource(&self) -> Option<ResourceId> {
        match self {
            Self::Offer(offer) => Some(offer.resource),
            Self::Fork(decision) => Some(decision.resource),
            Self::Secret(_) | Self::KeyWrap(_) => None,
        }
    }
}

/// A document that the node holds, with what is needed to hold it against another.
#[derive(Debug)]
struct Held {
    generation: u64,
    content: Content,
    /// As the manager signed it, where a manager that lost it can use it.
    signed: Option<Stored>,
}

/// The replica of one node.
#[derive(Debug, Default)]
pub struct Replica {
    documents: BTreeMap<DocumentKey, Held>,
    cursors: BTreeMap<Lane, u64>,
    marks: BTreeMap<Lane, u64>,
    heard: (u64, u64),
    epoch: Option<ManagerEpoch>,
    forks: BTreeMap<ResourceId, Fork>,
    trails: BTreeMap<ResourceId, trail::Trail>,
    /// The revisions that stand in the adapter's files, as it said.
    standing: BTreeMap<ResourceId, RevisionId>,
    outbox: BTreeMap<u64, Report>,
    next_report: u64,
    rejected: BTreeMap<u64, Rejected>,
    /// Parts of what is not complete yet. Lanes overtake each other, so each has its own.
    staged: BTreeMap<Option<Lane>, Vec<Arrived>>,
    /// While starting over: what has been offered again. The rest goes when the replica is complete.
    offered_again: Option<BTreeSet<DocumentKey>>,
    /// Stored on this connection up to here, where the cursor does not say so yet.
    reached: BTreeMap<Lane, (u64, u64)>,
}

impl Replica {
    #[must_use]
    pub fn cursors(&self) -> &BTreeMap<Lane, u64> {
        &self.cursors
    }

    /// The mark of a lane's cursor; 0 where there is none.
    #[must_use]
    pub fn mark(&self, lane: Lane) -> u64 {
        self.marks.get(&lane).copied().unwrap_or(0)
    }

    /// How far the feed had come when the manager last took a report of this node, and the mark of that number. A manager
    /// that does not know it has forgotten what it said that it had stored. Nothing where a cursor has come as far: it shows
    /// the same, and marks are not kept for ever.
    #[must_use]
    pub fn heard(&self) -> (u64, u64) {
        let reached = self.cursors.values().max().copied().unwrap_or(0);
        if reached >= self.heard.0 { (0, 0) } else { self.heard }
    }

    #[must_use]
    pub fn epoch(&self) -> Option<ManagerEpoch> {
        self.epoch
    }

    #[must_use]
    pub fn outbox(&self) -> &BTreeMap<u64, Report> {
        &self.outbox
    }

    /// Keeps what runs of resources before it is replaced: somebody may be editing a file written from it.
    fn remember(&self, resources: &BTreeSet<ResourceId>, now: Timestamp) -> Vec<Write> {
        let offers = self.offers();
        let running = |resource: &ResourceId| {
            let offer = winning(offers.get(resource)?)?;
            let fork = self.forks.get(resource).filter(|fork| fork.runs() && offer.edit_mode != EditMode::Locked);
            Some(self.plan_contents(*resource, Some(self.running_content(offer, fork, now)), None, None))
        };
        resources.iter().filter_map(running).flatten().collect()
    }

    fn running_content(&self, offer: &Offer, fork: Option<&Fork>, now: Timestamp) -> trail::Content {
        match fork {
            None => trail::Content::new(offer.revision, Some(offer.body.clone()), None, false, now),
            Some(fork) => {
                let own = fork.own.as_ref().filter(|_| fork.head == fork.own_head).and_then(|own| own.body.clone());
                trail::Content::new(fork.head, fork.body.clone(), own, false, now)
            }
        }
    }

    fn trail(&self, resource: ResourceId) -> Option<&trail::Trail> {
        self.trails.get(&resource)
    }

    /// Plans to remember what is handed out now, and what is taken over it by a save that names a base.
    fn plan_contents(
        &self,
        resource: ResourceId,
        handed: Option<trail::Content>,
        taken: Option<trail::Content>,
        named: Option<RevisionId>,
    ) -> Vec<Write> {
        let empty = trail::Trail::default();
        let trail = self.trail(resource).unwrap_or(&empty);
        let is_new = |handed: &trail::Content| {
            let is_known = |newest: &trail::Content| {
                !newest.taken && newest.revision == handed.revision && newest.body == handed.body
            };
            !trail.newest().is_some_and(is_known)
        };
        let contents: Vec<trail::Content> = handed.filter(is_new).into_iter().chain(taken).collect();
        let Some(now) = contents.first().map(|content| content.at) else { return Vec::new() };
        let coming_bytes = contents.iter().map(|content| content.size_bytes).sum();
        let held: Vec<RevisionId> = self.standing.get(&resource).copied().into_iter().chain(named).collect();
        let gone = trail.outdated(coming_bytes, &held, now).into_iter();
        let put = (trail.next_number()..).zip(contents);
        gone.map(|number| Write::RemoveContent(resource, number))
            .chain(put.map(|(number, content)| Write::PutContent(resource, number, Box::new(content))))
            .collect()
    }

    /// Takes up which revisions stand in the adapter's files: somebody may open them at any time, however old they are.
    pub fn set_standing(&mut self, standing: BTreeMap<ResourceId, RevisionId>) {
        self.standing = standing;
    }

    /// Applies what has been stored.
    ///
    /// A stored document that cannot be read is skipped: it was verified when it arrived, so the file is damaged, and
    /// starting over brings it again.
    pub fn apply(&mut self, writes: Vec<Write>) {
        for write in writes {
            match write {
                Write::PutDocument(key, stored) => {
                    if let Ok(document) = serde_json::from_slice::<Document>(&stored.document)
                        && let Ok(content) = read(&document)
                    {
                        let signed = matches!(content, Content::Offer(_) | Content::Fork(_)).then_some(*stored);
                        self.documents.insert(key, Held { generation: document.generation, content, signed });
                    }
                }
                Write::RemoveDocument(key) => {
                    self.documents.remove(&key);
                }
                Write::SetCursor(lane, sequence) => {
                    self.cursors.insert(lane, sequence);
                }
                Write::SetMark(lane, mark) => {
                    self.marks.insert(lane, mark);
                }
                Write::SetHeard(sequence, mark) => self.heard = (sequence, mark),
                Write::SetEpoch(epoch) => self.epoch = Some(epoch),
                Write::PutFork(fork) => {
                    self.forks.insert(fork.resource, *fork);
                }
                Write::RemoveFork(resource) => {
                    self.forks.remove(&resource);
                }
                Write::PutReport(number, report) => {
                    self.next_report = self.next_report.max(number + 1);
                    self.outbox.insert(number, *report);
                }
                Write::RemoveReport(number) => {
                    self.next_report = self.next_report.max(number + 1);
                    self.outbox.remove(&number);
                }
                Write::PutRejected(number, rejected) => {
                    self.rejected.insert(number, *rejected);
                }
                Write::RemoveRejected(number) => {
                    self.rejected.remove(&number);
                }
                Write::PutContent(resource, number, content) => {
                    self.trails.entry(resource).or_default().put(number, *content);
                }
                Write::RemoveContent(resource, number) => {
                    if let Some(trail) = self.trails.get_mut(&resource) {
                        trail.remove(number);
                    }
                }
            }
        }
    }

    /// Report numbers go on from here even after the outbox was emptied.
    pub fn set_next_report(&mut self, number: u64) {
        self.next_report = self.next_report.max(number);
    }

    #[must_use]
    pub fn next_report(&self) -> u64 {
        self.next_report
    }

    fn offers(&self) -> BTreeMap<ResourceId, Vec<&Offer>> {
        let mut offers: BTreeMap<ResourceId, Vec<&Offer>> = BTreeMap::new();
        for held in self.documents.values() {
            if let Content::Offer(offer) = &held.content {
                offers.entry(offer.resource).or_default().push(offer);
            }
        }
        offers
    }

    /// The node's own edits.
    pub fn forks(&self) -> impl Iterator<Item = &Fork> {
        self.forks.values()
    }

    /// Sealed values that the node holds.
    pub fn secrets(&self) -> impl Iterator<Item = &SealedValue> {
        self.documents.values().filter_map(|held| match &held.content {
            Content::Secret(sealed) => Some(sealed),
            _ => None,
        })
    }

    /// Audience keys that were wrapped for the node.
    pub fn key_wraps(&self) -> impl Iterator<Item = &WrappedKey> {
        self.documents.values().filter_map(|held| match &held.content {
            Content::KeyWrap(wrapped) => Some(wrapped),
            _ => None,
        })
    }

    /// Plans a report that is not an edit.
    #[must_use]
    pub fn plan_report(&self, report: Report) -> Vec<Write> {
        vec![Write::PutReport(self.next_report, Box::new(report))]
    }
}

/// Reads a document and verifies what it carries by its own hashes.
fn read(document: &Document) -> Result<Content, String> {
    let text = |error: crate::document::DocumentError| error.to_string();
    match document.kind {
        DocumentKind::Resource => {
            let offer: Offer = document.read().map_err(text)?;
            Revision::verify(offer.revision, offer.header.clone(), Some(&offer.body))
                .map_err(|error| error.to_string())?;
            Ok(Content::Offer(Box::new(offer)))
        }
        DocumentKind::Fork => {
            let decision: ForkDecision = document.read().map_err(text)?;
            if let Some(merged) = &decision.merged {
                Revision::verify(merged.revision, merged.header.clone(), merged.body.as_ref())
                    .map_err(|error| error.to_string())?;
            }
            Ok(Content::Fork(Box::new(decision)))
        }
        DocumentKind::Secret => document.read().map(Content::Secret).map_err(text),
        DocumentKind::KeyWrap => document.read().map(Content::KeyWrap).map_err(text),
    }
}
