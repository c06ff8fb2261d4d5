//! What a node holds: documents, forks, outbox and cursors; and how it changes.
//!
//! Every change is planned as a list of [`Write`]s first. The shell stores the list in one transaction and only then
//! applies it here, so memory is never ahead of the disk and a crash at any point loses nothing that was acknowledged.

mod edit;
mod returning;
pub mod trail;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::document::{Audience, Document, DocumentKind, Lane, Report};
use crate::id::{ManagerEpoch, ResourceId, RevisionId};
use crate::kind::Kind;
use crate::link::digest::StateDigest;
use crate::secret::{SealedValue, WrappedKey};
use crate::sharing::fork::{Fork, ForkDecision, ForkEvent, ForkState, decided};
use crate::sharing::offer::{EditMode, Effective, Offer, effective, winning};
use crate::sharing::revision::Revision;
use crate::time::Timestamp;

pub use edit::{Edit, EditBase, EditError, OUTBOX_LIMIT};

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
    SetEpoch(ManagerEpoch),
    PutFork(Box<Fork>),
    RemoveFork(ResourceId),
    PutReport(u64, Box<Report>),
    RemoveReport(u64),
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

/// A verified document that arrived.
#[derive(Debug)]
pub struct Arrived {
    pub stored: Stored,
    pub document: Document,
}

/// A document that the node holds, with what is needed to hold it against another.
#[derive(Debug)]
struct Held {
    generation: u64,
    content: Content,
    /// As the manager signed it, where a manager that lost it can use it.
    signed: Option<Stored>,
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

/// What a node runs of one resource.
#[derive(Debug, Clone, PartialEq)]
pub struct Running {
    pub resource: ResourceId,
    pub kind: Kind,
    pub name: String,
    pub version: String,
    pub revision: RevisionId,
    pub edit_mode: EditMode,
    /// Absent where the node has deleted it for itself.
    pub body: Option<Value>,
    pub metadata: Value,
    /// The node's own edit, with where it stands.
    pub fork: Option<ForkState>,
    pub message: String,
    /// The node's own edit where the manager rejected it: nobody else may have it.
    pub rejected: Option<Box<Rejected>>,
}

/// An edit that the manager rejected.
#[derive(Debug, Clone, PartialEq)]
pub struct Rejected {
    pub revision: RevisionId,
    /// Absent where it deleted the resource.
    pub body: Option<Value>,
    pub metadata: Value,
}

/// The replica of one node.
#[derive(Debug, Default)]
pub struct Replica {
    documents: BTreeMap<DocumentKey, Held>,
    cursors: BTreeMap<Lane, u64>,
    marks: BTreeMap<Lane, u64>,
    epoch: Option<ManagerEpoch>,
    forks: BTreeMap<ResourceId, Fork>,
    trails: BTreeMap<ResourceId, trail::Trail>,
    /// The revisions that stand in the adapter's files, as it said.
    standing: BTreeMap<ResourceId, RevisionId>,
    outbox: BTreeMap<u64, Report>,
    next_report: u64,
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

    #[must_use]
    pub fn epoch(&self) -> Option<ManagerEpoch> {
        self.epoch
    }

    #[must_use]
    pub fn outbox(&self) -> &BTreeMap<u64, Report> {
        &self.outbox
    }

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
        std::iter::once(Write::SetEpoch(epoch)).chain(reset).collect()
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
        let mut changing: BTreeSet<ResourceId> = BTreeSet::new();
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
            writes.extend(self.return_documents(&going));
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

    /// Keeps what runs of resources before it is replaced: somebody may be editing a file written from it.
    fn remember(&self, resources: &BTreeSet<ResourceId>, now: Timestamp) -> Vec<Write> {
        let offers = self.offers();
        let running = |resource: &ResourceId| {
            let offer = winning(offers.get(resource)?)?;
            let fork = self.forks.get(resource).filter(|fork| fork.runs() && offer.edit_mode != EditMode::Locked);
            Some(self.plan_contents(*resource, self.running_content(offer, fork, now), None))
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

    /// Plans to remember what is handed out now, and what is taken over it.
    fn plan_contents(&self, resource: ResourceId, handed: trail::Content, taken: Option<trail::Content>) -> Vec<Write> {
        let empty = trail::Trail::default();
        let trail = self.trail(resource).unwrap_or(&empty);
        let is_known = trail
            .newest()
            .is_some_and(|newest| !newest.taken && newest.revision == handed.revision && newest.body == handed.body);
        let contents: Vec<trail::Content> = Some(handed).filter(|_| !is_known).into_iter().chain(taken).collect();
        let Some(now) = contents.first().map(|content| content.at) else { return Vec::new() };
        let coming_bytes = contents.iter().map(|content| content.size_bytes).sum();
        let standing = self.standing.get(&resource).copied();
        let gone = trail.outdated(coming_bytes, standing, now).into_iter();
        let put = (trail.next_number()..).zip(contents);
        gone.map(|number| Write::RemoveContent(resource, number))
            .chain(put.map(|(number, content)| Write::PutContent(resource, number, Box::new(content))))
            .collect()
    }

    /// Takes up which revisions stand in the adapter's files: somebody may open them at any time, however old they are.
    pub fn set_standing(&mut self, standing: BTreeMap<ResourceId, RevisionId>) {
        self.standing = standing;
    }

    /// Plans what a rejected report means here: the edit that it brought runs no longer. It stays readable until the next
    /// edit of the resource takes its place.
    #[must_use]
    pub fn plan_rejection(&self, report: &Report, reason: &str) -> Vec<Write> {
        let Report::Revision(report) = report else { return Vec::new() };
        let Some(fork) = self.forks.get(&report.header.resource) else { return Vec::new() };
        let Ok(state) = fork.state.after(ForkEvent::Rejected) else { return Vec::new() };
        if fork.own_head != report.id {
            return Vec::new();
        }
        let trail = self.trail(fork.resource).into_iter().flat_map(trail::Trail::iter);
        let taken = trail.filter(|(_, content)| content.taken && content.revision == report.id);
        let mut writes: Vec<Write> = taken.map(|(number, _)| Write::RemoveContent(fork.resource, number)).collect();
        let message = format!("the manager rejected this edit: {reason}");
        writes.push(Write::PutFork(Box::new(Fork { state, message, ..fork.clone() })));
        writes
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

    /// Everything the node runs, by kind and name.
    #[must_use]
    pub fn running(&self) -> Vec<Running> {
        let mut running: Vec<Running> = self
            .offers()
            .iter()
            .filter_map(|(resource, offers)| {
                running(&effective(offers, self.forks.get(resource)), self.forks.get(resource))
            })
            .collect();
        running.sort_by(|one, other| (one.kind, &one.name).cmp(&(other.kind, &other.name)));
        running
    }

    /// What the node runs, as one number. `verified` are the revisions that an adapter has found to stand where they
    /// should, each by its content; what it could not verify is none of them. Without an adapter, what should run counts.
    #[must_use]
    pub fn state_digest(&self, verified: Option<&BTreeMap<ResourceId, RevisionId>>) -> StateDigest {
        self.running().iter().fold(StateDigest::default(), |sum, running| {
            sum.plus(match verified {
                None => StateDigest::of(running.resource, running.revision),
                Some(verified) => match verified.get(&running.resource) {
                    Some(revision) => StateDigest::of(running.resource, *revision),
                    None => StateDigest::unverified(running.resource),
                },
            })
        })
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

fn decide(forks: &mut BTreeMap<ResourceId, Fork>, decision: &ForkDecision) -> Vec<Write> {
    let Some(fork) = forks.remove(&decision.resource) else { return Vec::new() };
    match decided(fork, decision) {
        Some(fork) => {
            forks.insert(decision.resource, fork.clone());
            vec![Write::PutFork(Box::new(fork))]
        }
        None => vec![Write::RemoveFork(decision.resource)],
    }
}

fn running(effective: &Effective<'_>, fork: Option<&Fork>) -> Option<Running> {
    let (offer, own) = match effective {
        Effective::Offered(offer) => (*offer, None),
        Effective::Forked { offer, fork } => (*offer, Some(*fork)),
        Effective::Nothing => return None,
    };
    Some(Running {
        resource: offer.resource,
        kind: offer.kind,
        name: offer.name.clone(),
        version: offer.version.to_string(),
        revision: own.map_or(offer.revision, |fork| fork.head),
        edit_mode: offer.edit_mode,
        body: own.map_or_else(|| Some(offer.body.clone()), |fork| fork.body.clone()),
        metadata: own.map_or_else(|| offer.provenance.metadata.clone(), |fork| fork.provenance.metadata.clone()),
        fork: fork.map(|fork| fork.state),
        message: fork.map(|fork| fork.message.clone()).unwrap_or_default(),
        rejected: fork.filter(|fork| fork.state == ForkState::Rejected).map(|fork| {
            let body = fork.own().1.cloned();
            Box::new(Rejected { revision: fork.own_head, body, metadata: fork.provenance.metadata.clone() })
        }),
    })
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
