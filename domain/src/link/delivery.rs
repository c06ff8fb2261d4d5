//! What goes up: what the manager's answers to reports mean for the outbox, the forks, and what is sent next.

use std::collections::{BTreeMap, BTreeSet};

use super::replica::{Replica, Write};
use crate::document::Report;
use crate::id::RevisionId;

/// What became of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Stored, now or before.
    Delivered,
    /// Needs revisions that the manager does not have.
    NeedParents(Vec<RevisionId>),
    /// The manager will not act on it, with the reason. What it told of is over on this node.
    Rejected(String),
}

/// What the answers mean for what is sent next.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Settled {
    pub delivered: BTreeSet<u64>,
    /// Revisions that the manager asked for: they go before everything else.
    pub first: BTreeSet<u64>,
    /// Reports that need a revision which this node does not hold either.
    pub blocked: BTreeSet<u64>,
    /// Revisions that were returned.
    pub returned: BTreeSet<RevisionId>,
    /// Reports that say now that nobody holds their parents: they can be sent again.
    pub without_parents: usize,
}

/// Plans what the answers to reports change. `returned` are the revisions that were sent again on this connection: one that
/// the manager still asks for is not sent in a circle.
#[must_use]
pub fn plan_settling(
    replica: &Replica,
    answers: &[(u64, Answer)],
    returned: &BTreeSet<RevisionId>,
) -> (Vec<Write>, Settled) {
    let mut settled = Settled::default();
    let mut writes = Vec::new();
    let mut forks = replica.own_edits();
    let waiting = waiting_revisions(replica);
    let mut wanted: BTreeSet<RevisionId> = BTreeSet::new();
    for (number, answer) in answers {
        match answer {
            Answer::Delivered => {
                settled.delivered.insert(*number);
                let report = replica.outbox().get(number);
                writes.extend(report.and_then(|report| replica.plan_delivered(&mut forks, report)));
            }
            Answer::Rejected(reason) => {
                settled.delivered.insert(*number);
                if let Some(report) = replica.outbox().get(number) {
                    writes.extend(replica.plan_rejection(&mut forks, report, reason));
                }
            }
            Answer::NeedParents(missing) => {
                let mut held = held(replica, &waiting, missing);
                held.retain(|revision| !returned.contains(revision));
                if held.is_empty() {
                    // The manager takes it in without them then. It asks again only if it cannot.
                    match replica.outbox().get(number).and_then(Report::without_parents) {
                        Some(report) => {
                            writes.push(Write::PutReport(*number, Box::new(report)));
                            settled.without_parents += 1;
                        }
                        None => {
                            settled.blocked.insert(*number);
                        }
                    }
                }
                wanted.extend(held);
            }
        }
    }
    // The same for one that was already in the outbox: once it was put first, it is not put first again.
    settled.returned.extend(wanted.iter().filter(|revision| waiting.contains_key(revision)));
    writes.extend(settled.delivered.iter().map(|number| Write::RemoveReport(*number)));
    settled.first.extend(wanted.iter().filter_map(|revision| waiting.get(revision)));
    let unsent: Vec<RevisionId> = wanted.into_iter().filter(|revision| !waiting.contains_key(revision)).collect();
    let returning = replica.plan_returning(&unsent);
    settled.returned.extend(unsent);
    settled.first.extend(returning.iter().filter_map(|write| match write {
        Write::PutReport(number, _) => Some(*number),
        _ => None,
    }));
    writes.extend(returning);
    (writes, settled)
}

/// Which of the missing revisions this node can send.
fn held(replica: &Replica, waiting: &BTreeMap<RevisionId, u64>, missing: &[RevisionId]) -> Vec<RevisionId> {
    let returning: BTreeSet<RevisionId> = replica.plan_returning(missing).iter().filter_map(revision_of).collect();
    missing.iter().copied().filter(|id| waiting.contains_key(id) || returning.contains(id)).collect()
}

fn revision_of(write: &Write) -> Option<RevisionId> {
    match write {
        Write::PutReport(_, report) => report.brings(),
        _ => None,
    }
}

/// The revisions in the outbox, each with the number of its first report.
#[must_use]
pub fn waiting_revisions(replica: &Replica) -> BTreeMap<RevisionId, u64> {
    let mut waiting = BTreeMap::new();
    for (number, report) in replica.outbox() {
        // A word about an edit is not the edit: whoever asks for that needs what was made here.
        if let Some(revision) = report.brings() {
            waiting.entry(revision).or_insert(*number);
        }
    }
    waiting
}

#[cfg(test)]
mod tests {
    use crate::id::{Digest, ResourceId};
    use crate::kind::Kind;
    use crate::sharing::fork::{Fork, ForkState};
    use crate::sharing::revision::{Origin, Provenance, Revision};
    use crate::time::Timestamp;
    use serde_json::json;

    use super::*;

    /// A replica with an own edit that was delivered long ago, and whose manager has lost it since.
    fn replica() -> (Replica, RevisionId) {
        let resource = ResourceId(uuid::Uuid::from_u128(1));
        let body = json!({"Name": "demo"});
        let revision = Revision::child(resource, Kind::VariableSet, BTreeSet::new(), None, &body);
        let provenance = Provenance {
            author: "somebody".to_owned(),
            node: None,
            at: Timestamp(0),
            origin: Origin::Edit,
            message: String::new(),
            metadata: json!({}),
        };
        let (head, header, state) = (revision.id, revision.header, ForkState::Proposed);
        let fork = Fork {
            resource,
            own_head: head,
            head,
            header,
            provenance,
            body: Some(body),
            state,
            message: String::new(),
            own: None,
            claimed: None,
            takes_back: Vec::new(),
            earlier: None,
            aside: None,
        };
        let mut replica = Replica::default();
        replica.apply(vec![Write::PutFork(Box::new(fork))]);
        replica.set_next_report(7);
        (replica, revision.id)
    }

    fn needs(number: u64, missing: RevisionId) -> (u64, Answer) {
        (number, Answer::NeedParents(vec![missing]))
    }

    #[test]
    fn a_revision_that_the_manager_lost_goes_first_and_never_in_a_circle() {
        let (mut replica, head) = replica();
        let (writes, settled) = plan_settling(&replica, &[needs(3, head)], &BTreeSet::new());
        assert_eq!((settled.first, settled.blocked.len()), (BTreeSet::from([7]), 0));
        replica.apply(writes);

        // After a restart the returning report is in the outbox already: it is put first, not made again.
        let (writes, settled) = plan_settling(&replica, &[needs(3, head)], &BTreeSet::new());
        assert_eq!((writes.len(), settled.first), (0, BTreeSet::from([7])));

        let (writes, settled) = plan_settling(&replica, &[needs(3, head)], &settled.returned);
        assert_eq!((writes.len(), settled.blocked), (0, BTreeSet::from([3])));
    }

    #[test]
    fn a_report_whose_parents_nobody_holds_says_so_once() {
        let (mut replica, head) = replica();
        replica.apply(replica.plan_returning(&[head]));
        let (writes, settled) = plan_settling(&replica, &[needs(7, Digest::of(b"lost"))], &BTreeSet::new());
        assert_eq!((settled.without_parents, settled.blocked.len()), (1, 0));
        replica.apply(writes);
        assert!(matches!(&replica.outbox()[&7], Report::Revision(report) if report.lost_parents));
        let (_, settled) = plan_settling(&replica, &[needs(7, Digest::of(b"lost"))], &BTreeSet::new());
        assert_eq!((settled.without_parents, settled.blocked), (0, BTreeSet::from([7])));
    }

    #[test]
    fn a_report_whose_parents_nobody_holds_stays_and_holds_nobody_up() {
        let (replica, _) = replica();
        let results = [needs(3, Digest::of(b"lost")), (4, Answer::Rejected("odd".to_owned()))];
        let (writes, settled) = plan_settling(&replica, &results, &BTreeSet::new());
        assert_eq!(writes, [Write::RemoveReport(4)]);
        assert_eq!((settled.blocked, settled.delivered), (BTreeSet::from([3]), BTreeSet::from([4])));
    }
}
