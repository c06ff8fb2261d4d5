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
    /// Reports that others wait for, in the order in which they have to go.
    pub first: Vec<u64>,
    /// Reports that need those, or something that has to be returned.
    pub waiting: BTreeSet<u64>,
    /// Reports that need a revision which this node does not hold either.
    pub blocked: BTreeSet<u64>,
    /// Revisions that were returned.
    pub returned: BTreeSet<RevisionId>,
}

/// What a connection has learned about the order of delivery: whatever an edit was built on goes before it. A manager that
/// hears of the older edit last takes it for the newer one.
#[derive(Debug, Default)]
pub struct Order {
    /// Reports that others wait for, the next one in front.
    first: Vec<u64>,
    /// Reports that need a revision which this node does not hold either. Tried again with the next connection.
    blocked: BTreeSet<u64>,
    /// Revisions that were returned. One that the manager still asks for afterwards is not sent in a circle.
    returned: BTreeSet<RevisionId>,
    /// Answers in a row that stored nothing.
    fruitless: usize,
    /// Reports that the manager gave no answer to, or that need one of those: it failed at them. They go after all others, the
    /// one that was tried longest ago in front.
    put_off: Vec<u64>,
}

impl Order {
    /// The numbers of the reports to send next. Those that others wait for go alone, so that they are stored first.
    #[must_use]
    pub fn next(&self, replica: &Replica) -> Vec<u64> {
        let outbox = replica.outbox();
        let is_there = |number: &u64| outbox.contains_key(number) && !self.blocked.contains(number);
        let put_off: BTreeSet<u64> = self.put_off.iter().copied().collect();
        let is_urgent = |number: &u64| outbox.contains_key(number) && !put_off.contains(number);
        let urgent: Vec<u64> = self.first.iter().copied().filter(is_urgent).collect();
        if !urgent.is_empty() {
            return urgent;
        }
        let others = outbox.keys().copied().filter(|number| is_there(number) && !put_off.contains(number));
        let others: Vec<u64> = others.collect();
        // A report that fails fails with all that is sent along: those go by themselves.
        if others.is_empty() { self.put_off.iter().copied().filter(is_there).collect() } else { others }
    }

    /// Takes up what answers meant. Whether anything moved.
    pub fn learn(&mut self, settled: &Settled) -> bool {
        let goes_first = settled.first.iter().any(|number| !self.put_off.contains(number));
        if !goes_first {
            // They need what the manager failed at.
            self.put_off(settled.waiting.iter().copied());
        }
        self.put_off.retain(|number| !settled.delivered.contains(number));
        self.returned.extend(&settled.returned);
        self.first.retain(|number| !settled.delivered.contains(number) && !settled.first.contains(number));
        self.first.splice(0..0, settled.first.iter().copied());
        self.first.retain(|number| !settled.blocked.contains(number));
        self.blocked.extend(&settled.blocked);
        self.fruitless += 1;
        if !settled.delivered.is_empty() {
            // Somebody else's revision may have arrived by now as well.
            self.blocked.retain(|number| settled.blocked.contains(number));
            self.fruitless = 0;
        }
        goes_first || !(settled.delivered.is_empty() && settled.blocked.is_empty())
    }

    /// The manager gave no answer to these: they go after all others.
    pub fn put_off(&mut self, numbers: impl IntoIterator<Item = u64>) {
        let numbers: Vec<u64> = numbers.into_iter().collect();
        self.put_off.retain(|number| !numbers.contains(number));
        self.put_off.extend(numbers);
    }

    /// Whether a revision can be sent before what needs it: one that waits with all it has to say, until it has said so.
    fn may_go_first(&self, replica: &Replica, revision: RevisionId, waits: Option<&u64>) -> bool {
        let Some(report) = waits.and_then(|number| replica.outbox().get(number)) else {
            return !self.returned.contains(&revision);
        };
        let has_said_all = report.lost_parents() || self.fruitless > replica.outbox().len();
        !(has_said_all && self.returned.contains(&revision))
    }
}

/// Plans what the answers to reports change.
#[must_use]
pub fn plan_settling(replica: &Replica, answers: &[(u64, Answer)], order: &Order) -> (Vec<Write>, Settled) {
    let mut settled = Settled::default();
    let mut writes = Vec::new();
    let mut forks = replica.own_edits();
    let mut waiting = waiting_revisions(replica);
    let mut needs: BTreeMap<u64, Vec<RevisionId>> = BTreeMap::new();
    let mut first: BTreeSet<u64> = BTreeSet::new();
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
                    writes.extend(replica.plan_rejection(&mut forks, *number, report, reason));
                }
            }
            Answer::NeedParents(missing) => {
                let mut held = held(replica, &waiting, missing);
                held.retain(|revision| order.may_go_first(replica, *revision, waiting.get(revision)));
                if held.is_empty() {
                    // The manager takes it in without them then. It asks again only if it cannot.
                    match replica.outbox().get(number).and_then(Report::without_parents) {
                        Some(report) => {
                            writes.push(Write::PutReport(*number, Box::new(report)));
                            first.insert(*number);
                        }
                        None => {
                            settled.blocked.insert(*number);
                        }
                    }
                }
                needs.insert(*number, held);
            }
        }
    }
    let wanted: BTreeSet<RevisionId> = needs.values().flatten().copied().collect();
    let unsent: Vec<RevisionId> = wanted.iter().copied().filter(|revision| !waiting.contains_key(revision)).collect();
    let returning = replica.plan_returning(&unsent);
    for write in &returning {
        if let (Write::PutReport(number, _), Some(revision)) = (write, revision_of(write)) {
            waiting.insert(revision, *number);
        }
    }
    writes.extend(settled.delivered.iter().map(|number| Write::RemoveReport(*number)));
    writes.extend(returning);
    first.extend(wanted.iter().filter_map(|revision| waiting.get(revision)));
    settled.first = parents_first(first, &needs, &waiting);
    settled.waiting = needs.keys().copied().filter(|number| !settled.blocked.contains(number)).collect();
    // One that was put first and says that nobody holds its parents has said all that it can say.
    settled.returned = wanted;
    (writes, settled)
}

/// Puts reports in the order in which they can be taken: each after those that it needs.
fn parents_first(
    mut rest: BTreeSet<u64>,
    needs: &BTreeMap<u64, Vec<RevisionId>>,
    waiting: &BTreeMap<RevisionId, u64>,
) -> Vec<u64> {
    let mut order = Vec::with_capacity(rest.len());
    while !rest.is_empty() {
        let is_free = |number: &&u64| {
            let needed = needs.get(*number).into_iter().flatten().filter_map(|revision| waiting.get(revision));
            needed.into_iter().all(|needed| !rest.contains(needed))
        };
        // Hashes cannot need each other in a circle; a manager that says so gets them as they come.
        let Some(next) = rest.iter().find(is_free).or(rest.first()).copied() else { break };
        rest.remove(&next);
        order.push(next);
    }
    order
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
        let mut order = Order::default();
        let (writes, settled) = plan_settling(&replica, &[needs(3, head)], &order);
        assert_eq!((&settled.first, settled.blocked.len()), (&vec![7], 0));
        replica.apply(writes);

        // After a restart the returning report is in the outbox already: it is put first, not made again.
        let (writes, settled) = plan_settling(&replica, &[needs(3, head)], &order);
        assert_eq!((writes.len(), &settled.first), (0, &vec![7]));

        // It has been stored, and the manager asks for it again: it is not made another time.
        order.learn(&settled);
        replica.apply(vec![Write::RemoveReport(7)]);
        let (writes, settled) = plan_settling(&replica, &[needs(3, head)], &order);
        assert_eq!((writes.len(), settled.blocked), (0, BTreeSet::from([3])));
    }

    #[test]
    fn what_an_edit_was_built_on_goes_before_it_whatever_else_is_missing() {
        let (mut replica, head) = replica();
        let mut order = Order::default();
        replica.apply(replica.plan_returning(&[head]));
        // The edit needs its parent, also when it is asked again before that, and the parent needs what nobody holds: it
        // says so, and still goes first.
        for answers in [vec![needs(3, head)], vec![needs(3, head)], vec![needs(7, Digest::of(b"lost"))]] {
            let (writes, settled) = plan_settling(&replica, &answers, &order);
            replica.apply(writes);
            assert_eq!(settled.blocked, BTreeSet::new());
            assert!(order.learn(&settled));
            assert_eq!(order.next(&replica), [7]);
        }
        assert!(matches!(&replica.outbox()[&7], Report::Revision(report) if report.lost_parents));

        // Whatever the manager says, nothing is sent without end.
        let asked = (0..10).take_while(|_| {
            let (writes, settled) = plan_settling(&replica, &[needs(3, head)], &order);
            replica.apply(writes);
            order.learn(&settled);
            !settled.first.is_empty()
        });
        assert_eq!(asked.count(), 0, "it has said all that it can say");
    }

    #[test]
    fn what_the_manager_fails_at_goes_after_all_others_and_so_does_what_needs_it() {
        let (mut replica, head) = replica();
        replica.apply(replica.plan_returning(&[head]));
        let report = Box::new(replica.outbox()[&7].clone());
        replica.apply(vec![Write::PutReport(3, report.clone())]);
        let mut order = Order::default();
        assert_eq!(order.next(&replica), [3, 7]);
        // It fails at the one that another needs: both are put off, and nothing has moved.
        order.put_off([7]);
        assert_eq!(order.next(&replica), [3]);
        let needs_it = Settled { first: vec![7], waiting: BTreeSet::from([3]), ..Settled::default() };
        assert!(!order.learn(&needs_it), "whoever sends goes slowly from here");
        assert_eq!(order.next(&replica), [7, 3]);
        order.put_off([7]);
        assert_eq!(order.next(&replica), [3, 7], "the one that was tried longest ago goes first");
        // Whatever else there is goes before them.
        replica.apply(vec![Write::PutReport(9, report)]);
        assert_eq!(order.next(&replica), [9]);
        let (_, settled) = plan_settling(&replica, &[(7, Answer::Delivered)], &order);
        assert!(order.learn(&settled));
        replica.apply(vec![Write::RemoveReport(7), Write::RemoveReport(9)]);
        assert_eq!(order.next(&replica), [3]);
    }

    #[test]
    fn a_report_whose_parents_nobody_holds_says_so_once() {
        let (mut replica, head) = replica();
        replica.apply(replica.plan_returning(&[head]));
        let (writes, settled) = plan_settling(&replica, &[needs(7, Digest::of(b"lost"))], &Order::default());
        assert_eq!((settled.first, settled.blocked.len()), (vec![7], 0));
        replica.apply(writes);
        assert!(matches!(&replica.outbox()[&7], Report::Revision(report) if report.lost_parents));
        let (_, settled) = plan_settling(&replica, &[needs(7, Digest::of(b"lost"))], &Order::default());
        assert_eq!((settled.first, settled.blocked), (vec![], BTreeSet::from([7])));
    }

    #[test]
    fn a_report_whose_parents_nobody_holds_stays_and_holds_nobody_up() {
        let (replica, _) = replica();
        let results = [needs(3, Digest::of(b"lost")), (4, Answer::Rejected("odd".to_owned()))];
        let (writes, settled) = plan_settling(&replica, &results, &Order::default());
        assert_eq!(writes, [Write::RemoveReport(4)]);
        assert_eq!((settled.blocked, settled.delivered), (BTreeSet::from([3]), BTreeSet::from([4])));
    }

    #[test]
    fn reports_that_need_each_other_go_in_the_order_of_their_edits() {
        let [one, two, three] = [b"one", b"two", b"tri"].map(|bytes| Digest::of(bytes));
        let needs = BTreeMap::from([(1, vec![two]), (2, vec![three])]);
        let waiting = BTreeMap::from([(one, 1), (two, 2), (three, 3)]);
        assert_eq!(parents_first(BTreeSet::from([1, 2, 3]), &needs, &waiting), [3, 2, 1]);
    }
}
