//! What the manager offers: one row per (audience, key) at its latest sequence number, and who is in which audience.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

use uuid::Uuid;

use super::digest::StateDigest;
use crate::document::{Audience, Lane};
use crate::id::{NodeId, ResourceId, RevisionId};

/// Names a row: where its document is found.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RowKey {
    pub audience: Audience,
    pub key: String,
}

/// A row as it was written: the document itself is kept elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub key: RowKey,
    pub lane: Lane,
    pub sequence: u64,
    pub deleted: bool,
    /// Size of the encoded document, in bytes.
    pub size_bytes: usize,
    /// What it makes a node run, where it does.
    pub effect: Option<Effect>,
}

/// What a document makes a node run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// A publication brings a revision of a resource.
    Offer { resource: ResourceId, revision: RevisionId, priority: i32, is_locked: bool },
    /// The node's own edit runs in the place of what is offered, or does no longer. Of several about one resource the
    /// newest counts.
    Fork { resource: ResourceId, edit: Uuid, running: Option<RevisionId> },
}

/// What a node should run of one resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// What its publications bring.
    pub offered: RevisionId,
    /// The node's own edit, and which of its edits that is, where it runs in its place.
    pub own: Option<(Uuid, RevisionId)>,
}

/// An edit of a node that runs in the place of what is offered.
struct Own {
    resource: ResourceId,
    edit: Uuid,
    offered: RevisionId,
    running: RevisionId,
}

/// A node's place in an audience, or its leaving.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    pub node: NodeId,
    pub audience: Audience,
    pub sequence: u64,
    pub active: bool,
}

/// An index over rows and memberships that answers what a node at a cursor is owed.
///
/// Nothing is kept per connection: what a slow or absent node is owed follows from its cursor, whenever it asks.
#[derive(Debug, Default)]
pub struct Feed {
    rows: HashMap<Audience, AudienceRows>,
    members: HashMap<NodeId, BTreeMap<Audience, (u64, bool)>>,
    nodes: HashMap<Audience, BTreeSet<NodeId>>,
    sequence: u64,
    /// A random mark for each number that was given: a number with another mark is of another life of the database.
    marks: BTreeMap<u64, u64>,
    /// Sums of what several publications bring together, by the publications, with the number at which each was taken.
    sums: Mutex<HashMap<Vec<Audience>, (u64, StateDigest)>>,
}

/// Sets of publications whose sums are kept. Beyond it they are reckoned anew.
const SUMS_LIMIT: usize = 10_000;

#[derive(Debug, Default)]
struct AudienceRows {
    by_key: HashMap<String, Row>,
    by_sequence: BTreeMap<Lane, BTreeSet<(u64, String)>>,
    /// Rows that are not deleted.
    live: usize,
    /// The newest number of a row.
    newest: u64,
    /// The sum of what the rows bring, whatever else brings the same resources.
    sum: StateDigest,
    /// The keys of offers by resource.
    offers: HashMap<ResourceId, String>,
    forks: BTreeSet<String>,
}

impl AudienceRows {
    fn count(&mut self, row: &Row) {
        match (&row.effect, row.deleted) {
            (Some(Effect::Offer { resource, revision, .. }), false) => {
                self.sum = self.sum.plus(StateDigest::of(*resource, *revision));
                self.offers.insert(*resource, row.key.key.clone());
            }
            (Some(Effect::Fork { .. }), false) => {
                self.forks.insert(row.key.key.clone());
            }
            _ => {}
        }
    }

    fn discount(&mut self, row: &Row) {
        match (&row.effect, row.deleted) {
            (Some(Effect::Offer { resource, revision, .. }), false) => {
                self.sum = self.sum.minus(StateDigest::of(*resource, *revision));
                self.offers.remove(resource);
            }
            (Some(Effect::Fork { .. }), false) => {
                self.forks.remove(&row.key.key);
            }
            _ => {}
        }
    }

    fn offer(&self, resource: ResourceId) -> Option<Offered> {
        match self.by_key.get(self.offers.get(&resource)?)?.effect {
            Some(Effect::Offer { revision, priority, is_locked, .. }) => {
                Some(Offered { revision, priority, is_locked })
            }
            _ => None,
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Offered {
    revision: RevisionId,
    priority: i32,
    is_locked: bool,
}

/// What a node is owed next in one lane.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Owed {
    /// In the order of the sequence numbers at which they became due.
    pub rows: Vec<RowKey>,
    pub left: Vec<Audience>,
    /// The node reaches this far once it has stored these.
    pub up_to: u64,
    /// Whether everything due at `up_to` is included.
    pub last_part: bool,
    /// Where to go on within `up_to` when it is not.
    pub resume: Option<Resume>,
}

/// A place between two parts of one sequence number: everything before it has been sent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Resume {
    pub sequence: u64,
    pub after: RowKey,
}

/// How much goes into one batch.
#[derive(Debug, Clone, Copy)]
pub struct BatchLimit {
    pub rows: usize,
    pub bytes: usize,
}

impl Feed {
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Takes up a row. An older state of one that is here already is ignored.
    pub fn put_row(&mut self, row: Row) {
        self.sequence = self.sequence.max(row.sequence);
        let rows = self.rows.entry(row.key.audience.clone()).or_default();
        if let Some(before) = rows.by_key.get(&row.key.key) {
            if before.sequence > row.sequence {
                return;
            }
            let before = before.clone();
            rows.discount(&before);
            rows.live -= usize::from(!before.deleted);
            if let Some(order) = rows.by_sequence.get_mut(&before.lane) {
                order.remove(&(before.sequence, before.key.key.clone()));
            }
        }
        rows.live += usize::from(!row.deleted);
        rows.newest = rows.newest.max(row.sequence);
        rows.count(&row);
        rows.by_sequence.entry(row.lane).or_default().insert((row.sequence, row.key.key.clone()));
        rows.by_key.insert(row.key.key.clone(), row);
    }

    /// Takes up a membership or a leaving.
    pub fn put_membership(&mut self, membership: Membership) {
        self.sequence = self.sequence.max(membership.sequence);
        let audiences = self.members.entry(membership.node).or_default();
        if audiences.get(&membership.audience).is_some_and(|(sequence, _)| *sequence > membership.sequence) {
            return;
        }
        let nodes = self.nodes.entry(membership.audience.clone()).or_default();
        if membership.active {
            nodes.insert(membership.node);
        } else {
            nodes.remove(&membership.node);
        }
        audiences.insert(membership.audience, (membership.sequence, membership.active));
    }

    /// Moves the feed's end when a transaction has touched neither rows nor memberships here.
    pub fn advance(&mut self, sequence: u64) {
        self.sequence = self.sequence.max(sequence);
    }

    /// Takes up the mark of a number.
    pub fn put_mark(&mut self, sequence: u64, mark: u64) {
        self.marks.insert(sequence, mark);
    }

    /// Forgets the marks before a number.
    pub fn forget_marks_before(&mut self, sequence: u64) {
        self.marks = self.marks.split_off(&sequence);
    }

    /// The mark of a number; 0 where there is none.
    #[must_use]
    pub fn mark(&self, sequence: u64) -> u64 {
        self.marks.get(&sequence).copied().unwrap_or(0)
    }

    /// Whether a number with this mark was given in this life of the database. One without a mark comes from a program that
    /// does not know of them yet, and is known by its number alone.
    #[must_use]
    pub fn knows(&self, sequence: u64, mark: u64) -> bool {
        sequence <= self.sequence && (sequence == 0 || mark == 0 || self.mark(sequence) == mark)
    }

    /// What a node should run of one resource; `None` where nothing brings it.
    #[must_use]
    pub fn target(&self, node: NodeId, resource: ResourceId) -> Option<Target> {
        let publications = self.publications(node);
        let (offered, _) = self.winning(&publications, resource)?;
        let own = self.running_own(node, &publications).find(|own| own.resource == resource);
        Some(Target { offered, own: own.map(|own| (own.edit, own.running)) })
    }

    /// How many resources a node runs edits of its own of, in the place of what it is offered.
    #[must_use]
    pub fn own_edits(&self, node: NodeId) -> usize {
        self.running_own(node, &self.publications(node)).count()
    }

    /// How many documents a node lacks that has stored everything up to a number.
    #[must_use]
    pub fn outstanding(&self, node: NodeId, acknowledged: u64) -> usize {
        let mut due = Vec::new();
        for (audience, (since, _)) in self.members.get(&node).into_iter().flatten().filter(|(_, (_, active))| *active) {
            let lanes = self.rows.get(audience).into_iter().flat_map(|rows| rows.by_sequence.keys());
            for lane in lanes {
                self.due_in(audience, *lane, *since, acknowledged, acknowledged == 0, &mut due);
            }
        }
        due.len()
    }

    fn publications(&self, node: NodeId) -> Vec<&Audience> {
        self.audiences(node).filter(|audience| matches!(audience, Audience::Publication(_))).collect()
    }

    /// What a node should run, as one number.
    #[must_use]
    pub fn expected(&self, node: NodeId) -> StateDigest {
        let publications = self.publications(node);
        self.running_own(node, &publications).fold(self.sum_of(&publications), |sum, own| {
            let Own { resource, offered, running, .. } = own;
            sum.minus(StateDigest::of(resource, offered)).plus(StateDigest::of(resource, running))
        })
    }

    /// The edits of a node that run in the place of what its publications bring.
    fn running_own<'a>(&'a self, node: NodeId, publications: &'a [&Audience]) -> impl Iterator<Item = Own> + 'a {
        self.forks(node).into_iter().filter_map(move |(resource, edit, running)| {
            let (offered, is_locked) = self.winning(publications, resource)?;
            (!is_locked && running != offered).then_some(Own { resource, edit, offered, running })
        })
    }

    /// What runs of a node's own edits, for each resource the newest.
    fn forks(&self, node: NodeId) -> Vec<(ResourceId, Uuid, RevisionId)> {
        let Some(rows) = self.rows.get(&Audience::Node(node)) else { return Vec::new() };
        let mut newest: BTreeMap<ResourceId, (Uuid, Option<RevisionId>)> = BTreeMap::new();
        for row in rows.forks.iter().filter_map(|key| rows.by_key.get(key)) {
            if let Some(Effect::Fork { resource, edit, running }) = row.effect {
                let known = newest.entry(resource).or_insert((edit, running));
                if known.0 <= edit {
                    *known = (edit, running);
                }
            }
        }
        newest.into_iter().filter_map(|(resource, (edit, running))| Some((resource, edit, running?))).collect()
    }

    /// The offer that wins, and whether it is locked: the same rule as [`crate::sharing::offer::winning`].
    fn winning(&self, publications: &[&Audience], resource: ResourceId) -> Option<(RevisionId, bool)> {
        publications
            .iter()
            .filter_map(|audience| Some((*audience, self.rows.get(*audience)?.offer(resource)?)))
            .max_by_key(|(audience, offered)| (offered.priority, *audience))
            .map(|(_, offered)| (offered.revision, offered.is_locked))
    }

    fn sum_of(&self, publications: &[&Audience]) -> StateDigest {
        let rows = || publications.iter().filter_map(|audience| self.rows.get(*audience));
        if publications.len() <= 1 {
            return rows().next().map(|rows| rows.sum).unwrap_or_default();
        }
        let newest = rows().map(|rows| rows.newest).max().unwrap_or(0);
        let key: Vec<Audience> = publications.iter().map(|audience| (*audience).clone()).collect();
        let mut sums = self.sums.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, sum)) = sums.get(&key)
            && *at == newest
        {
            return *sum;
        }
        let resources: BTreeSet<ResourceId> = rows().flat_map(|rows| rows.offers.keys().copied()).collect();
        let sum = resources.into_iter().fold(StateDigest::default(), |sum, resource| {
            let winning = self.winning(publications, resource);
            winning.map_or(sum, |(revision, _)| sum.plus(StateDigest::of(resource, revision)))
        });
        if sums.len() >= SUMS_LIMIT {
            sums.clear();
        }
        sums.insert(key, (newest, sum));
        sum
    }

    #[must_use]
    pub fn row(&self, key: &RowKey) -> Option<&Row> {
        self.rows.get(&key.audience)?.by_key.get(&key.key)
    }

    /// The nodes that are in an audience now.
    pub fn members(&self, audience: &Audience) -> impl Iterator<Item = NodeId> {
        self.nodes.get(audience).into_iter().flatten().copied()
    }

    /// Since which sequence number a node is in an audience; `None` where it is not.
    #[must_use]
    pub fn member_since(&self, node: NodeId, audience: &Audience) -> Option<u64> {
        let (since, active) = self.members.get(&node)?.get(audience)?;
        active.then_some(*since)
    }

    /// The audiences a node is in now.
    pub fn audiences(&self, node: NodeId) -> impl Iterator<Item = &Audience> {
        self.members.get(&node).into_iter().flatten().filter(|(_, (_, active))| *active).map(|(audience, _)| audience)
    }

    /// The sequence number at which a node's wanted state last changed in any lane: a node that has acknowledged it
    /// is in sync.
    #[must_use]
    pub fn wanted_sequence(&self, node: NodeId) -> u64 {
        let Some(audiences) = self.members.get(&node) else { return 0 };
        audiences
            .iter()
            .map(|(audience, (since, active))| {
                if !*active {
                    return *since;
                }
                let Some(rows) = self.rows.get(audience) else { return 0 };
                let newest =
                    rows.by_sequence.values().filter_map(|order| order.last()).map(|(sequence, _)| *sequence).max();
                // Joining an audience that holds nothing brings nothing, and so there is nothing to acknowledge.
                match newest {
                    Some(newest) if rows.live > 0 || newest > *since => newest.max(*since),
                    _ => 0,
                }
            })
            .max()
            .unwrap_or(0)
    }

    /// What a node at `cursor` is owed in a lane: every row with `max(row, membership) > cursor`, and what it left.
    #[must_use]
    pub fn owed(&self, node: NodeId, lane: Lane, cursor: u64, resume: Option<&Resume>, limit: BatchLimit) -> Owed {
        let mut due: Vec<(u64, RowKey, usize)> = Vec::new();
        let mut left: Vec<(u64, Audience)> = Vec::new();
        for (audience, (since, active)) in self.members.get(&node).into_iter().flatten() {
            if *active {
                let holds_nothing = cursor == 0 && resume.is_none();
                self.due_in(audience, lane, *since, cursor, holds_nothing, &mut due);
            } else if *since > cursor && lane == Lane::Content {
                left.push((*since, audience.clone()));
            }
        }
        if let Some(resume) = resume {
            due.retain(|(sequence, key, _)| (*sequence, key) > (resume.sequence, &resume.after));
        }
        due.sort_unstable_by(|one, other| (one.0, &one.1).cmp(&(other.0, &other.1)));
        self.cut(due, left, limit)
    }

    fn due_in(
        &self,
        audience: &Audience,
        lane: Lane,
        since: u64,
        cursor: u64,
        holds_nothing: bool,
        due: &mut Vec<(u64, RowKey, usize)>,
    ) {
        let Some(rows) = self.rows.get(audience) else { return };
        let Some(order) = rows.by_sequence.get(&lane) else { return };
        // One who joined after the cursor is owed everything; otherwise only what is newer. What is gone counts too: the
        // node may have been here before, and have been away while it went.
        let joined = since > cursor;
        let from = if joined { 0 } else { cursor.saturating_add(1) };
        for (sequence, key) in order.range((from, String::new())..) {
            let Some(row) = rows.by_key.get(key) else { continue };
            if !(holds_nothing && row.deleted && *sequence <= since) {
                due.push(((*sequence).max(since), row.key.clone(), row.size_bytes));
            }
        }
    }

    /// Takes as many as fit. A sequence number that does not fit whole is cut, and says so.
    fn cut(&self, due: Vec<(u64, RowKey, usize)>, left: Vec<(u64, Audience)>, limit: BatchLimit) -> Owed {
        let (mut taken, mut size_bytes) = (0, 0);
        for (_, _, size) in &due {
            if taken > 0 && (taken >= limit.rows || size_bytes + size > limit.bytes) {
                break;
            }
            taken += 1;
            size_bytes += size;
        }
        let next = due.get(taken).map(|(sequence, _, _)| *sequence);
        let last = taken.checked_sub(1).and_then(|index| due.get(index)).map(|(sequence, _, _)| *sequence);
        let (up_to, last_part) = match (last, next) {
            (_, None) => (self.sequence, true),
            (Some(last), Some(next)) => (last, last < next),
            (None, Some(next)) => (next.saturating_sub(1), true),
        };
        let resume = (!last_part).then(|| due.get(taken - 1)).flatten();
        let resume = resume.map(|(sequence, after, _)| Resume { sequence: *sequence, after: after.clone() });
        let rows = due.into_iter().take(taken).map(|(_, key, _)| key).collect();
        // Leaving is told as soon as the batch reaches it, and with the last part only: removals come last.
        let left =
            left.into_iter().filter(|(since, _)| last_part && *since <= up_to).map(|(_, audience)| audience).collect();
        Owed { rows, left, up_to, last_part, resume }
    }
}
