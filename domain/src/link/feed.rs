//! What the manager offers: one row per (audience, key) at its latest sequence number, and who is in which audience.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::document::{Audience, Lane};
use crate::id::NodeId;

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
}

#[derive(Debug, Default)]
struct AudienceRows {
    by_key: HashMap<String, Row>,
    by_sequence: BTreeMap<Lane, BTreeSet<(u64, String)>>,
    /// Rows that are not deleted.
    live: usize,
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
            rows.live -= usize::from(!before.deleted);
            if let Some(order) = rows.by_sequence.get_mut(&before.lane) {
                order.remove(&(before.sequence, before.key.key.clone()));
            }
        }
        rows.live += usize::from(!row.deleted);
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
