//! The link between manager and nodes under partitions, crashes, repetitions and reorderings.

use std::collections::BTreeSet;

use atoll_domain::document::Lane;
use atoll_domain::link::feed::{BatchLimit, Resume, RowKey};
use atoll_domain::link::manager::ManagerLink;
use atoll_domain::sharing::offer::EditMode;
use proptest::prelude::*;

use crate::cases;
use crate::documents::{Content, NODES, PUBLICATIONS, RESOURCES, SECRETS, audience, offer_row, resource_id};
use crate::edits::{Change, change};
use crate::fleet::{Fleet, Step, link_step, step, step_around_one_resource};
use crate::node::{Crash, Node, Parcel};

/// How large the manager thinks a row is: small ones travel together, large ones in pairs or alone.
fn row_bytes() -> impl Strategy<Value = usize> {
    prop_oneof![Just(100), Just(400_000), Just(900_000)]
}

fn mode() -> impl Strategy<Value = EditMode> {
    proptest::sample::select(EditMode::ALL.to_vec())
}

/// What administrators do while nobody looks at a node.
fn change_at_manager() -> impl Strategy<Value = Step> {
    let (resource, publication) = (|| 0..RESOURCES, || 0..PUBLICATIONS);
    prop_oneof![
        4 => (resource(), proptest::collection::vec(change(), 1..3))
            .prop_map(|(resource, changes)| Step::EditAtManager { resource, changes }),
        1 => (publication(), resource(), any::<bool>())
            .prop_map(|(publication, resource, carried)| Step::Carry { publication, resource, carried }),
        1 => (publication(), any::<bool>()).prop_map(|(publication, present)| Step::Secrets { publication, present }),
        1 => (publication(), 0..SECRETS, any::<bool>())
            .prop_map(|(publication, slot, present)| Step::OneSecret { publication, slot, present }),
        2 => (publication(), any::<bool>())
            .prop_map(|(publication, active)| Step::Member { node: 0, publication, active }),
        1 => Just(Step::Republish),
    ]
}

/// What happens to one node's edit of one resource.
fn step_of_a_fork() -> impl Strategy<Value = Step> {
    let (node, resource, crash) = (0, 0, Crash::Never);
    let changes = || proptest::collection::vec(change(), 1..3);
    prop_oneof![
        3 => (proptest::option::weighted(0.2, 0..20_u8), changes())
            .prop_map(move |(base, changes)| Step::EditAtNode { node, resource, base, changes, crash }),
        3 => changes().prop_map(move |changes| Step::EditAtManager { resource, changes }),
        1 => Just(Step::Accept { node, resource }),
        1 => Just(Step::Decline { node, resource }),
        3 => Just(Step::Calm(node)),
    ]
}

fn changes_at_manager(most: usize) -> impl Strategy<Value = Vec<Step>> {
    proptest::collection::vec(change_at_manager(), 0..most)
}

/// What needs many parts, or takes away what is on its way.
fn large_change() -> impl Strategy<Value = Step> {
    let publication = || 0..PUBLICATIONS;
    prop_oneof![
        2 => Just(Step::Republish),
        2 => (publication(), prop::bool::weighted(0.8))
            .prop_map(|(publication, present)| Step::Secrets { publication, present }),
        2 => (publication(), any::<bool>())
            .prop_map(|(publication, active)| Step::Member { node: 0, publication, active }),
        1 => change_at_manager(),
    ]
}

/// A fleet whose first node is in every publication and up to date.
fn settled_fleet(row_bytes: usize, before: &[Step]) -> Fleet {
    let mut fleet = Fleet::new(EditMode::Propose, row_bytes);
    (0..PUBLICATIONS).for_each(|publication| fleet.member(0, publication, true));
    before.iter().for_each(|step| fleet.step(step));
    fleet.calm(0);
    fleet
}

/// After each step no edit is lost, and all are alike when everything was delivered.
fn loses_nothing_and_converges(fleet: &mut Fleet, steps: &[Step]) {
    for step in steps {
        fleet.step(step);
        fleet.check_no_edit_lost();
    }
    fleet.heal();
    fleet.check_converged();
    fleet.check_no_edit_lost();
}

fn set_category(resource: usize, value: u8) -> Step {
    Step::EditAtManager { resource, changes: vec![Change::SetField(0, value)] }
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn a_fleet_converges_and_loses_nothing_whatever_happens(
        mode in mode(), row_bytes in row_bytes(), steps in proptest::collection::vec(step(), 1..70),
    ) {
        let mut fleet = Fleet::new(mode, row_bytes);
        loses_nothing_and_converges(&mut fleet, &steps);
    }
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn one_resource_loses_nothing_however_often_it_is_told_again(
        mode in mode(), steps in proptest::collection::vec(step_around_one_resource(), 1..60),
    ) {
        let mut fleet = Fleet::new(mode, 100);
        for (node, publication) in (0..NODES).flat_map(|node| (0..PUBLICATIONS).map(move |one| (node, one))) {
            fleet.member(node, publication, true);
        }
        loses_nothing_and_converges(&mut fleet, &steps);
    }
}

proptest! {
    #![proptest_config(cases(400))]

    /// P4: whatever is cut off, cut into parts, or overtaken by another lane, and whether or not the manager was restored.
    #[test]
    fn a_connection_that_breaks_again_and_again_gets_there(
        row_bytes in row_bytes(), before in changes_at_manager(6), forget in proptest::option::of(0..8_usize),
        steps in proptest::collection::vec(prop_oneof![1 => large_change(), 4 => link_step(0)], 1..60),
    ) {
        let mut fleet = settled_fleet(row_bytes, &before);
        (0..PUBLICATIONS).for_each(|publication| fleet.secrets(publication, 0..SECRETS, true));
        fleet.calm(0);
        if let Some(forget) = forget {
            fleet.step(&Step::ManagerRestore { forget });
        }
        steps.iter().for_each(|step| fleet.step(step));
        fleet.calm(0);
        fleet.check_in_sync(0);
    }

    /// P1: an edit goes through every word of the manager on it, of which the node may hear only the last.
    #[test]
    fn a_fork_ends_as_the_manager_says(
        mode in mode(), steps in proptest::collection::vec(step_of_a_fork(), 1..25),
    ) {
        let mut fleet = Fleet::new(mode, 100);
        (0..PUBLICATIONS).for_each(|publication| fleet.member(0, publication, true));
        loses_nothing_and_converges(&mut fleet, &steps);
    }

    /// P5: the cost of catching up is what changed, not how long the node was away or how often it changed.
    #[test]
    fn catching_up_takes_every_changed_row_once(
        row_bytes in row_bytes(), before in changes_at_manager(6), away in changes_at_manager(25),
    ) {
        let mut fleet = settled_fleet(row_bytes, &before);
        let cursor = fleet.nodes[0].replica.cursors()[&Lane::Content];
        let held = fleet.nodes[0].held.clone();
        fleet.disconnect(0);
        away.iter().for_each(|step| fleet.step(step));
        fleet.calm(0);
        fleet.check_in_sync(0);
        let received = fleet.nodes[0].received.clone();
        let distinct: BTreeSet<_> = received.iter().cloned().collect();
        prop_assert_eq!(received.len(), distinct.len(), "a document came twice");
        let node = fleet.nodes[0].id;
        for key in distinct {
            let row = RowKey { audience: key.0.clone(), key: key.1.clone() };
            let joined = fleet.manager.members[&(node, row.audience.clone())].0 > cursor;
            let changed = held.get(&key) != Some(&fleet.manager.published[&row].stored);
            prop_assert!(changed || joined, "{} came again and had not changed", row.key);
        }
    }

    /// Cursors beyond the manager's end are worth nothing, and stay so when the manager has caught up with them.
    #[test]
    fn a_node_ahead_of_its_manager_starts_over(before in changes_at_manager(6), end in 0..3_u64) {
        let mut fleet = settled_fleet(100, &before);
        let (epoch, node) = (fleet.manager.epoch, &mut fleet.nodes[0]);
        let starts_over = |node: &Node, end| {
            ManagerLink::begin(node.id, epoch, Some(epoch), node.replica.cursors(), end).starts_over()
        };
        prop_assert!(starts_over(node, end));
        node.connect(epoch, true);
        node.disconnect();
        prop_assert!(starts_over(node, 1_000));
    }

    /// P6: a document that cannot be used is refused by itself; the state before it stays in use.
    #[test]
    fn an_unusable_document_delays_no_other(
        row_bytes in row_bytes(), publication in 0..PUBLICATIONS, resource in 0..RESOURCES,
        around in changes_at_manager(8),
    ) {
        let mut fleet = settled_fleet(row_bytes, &[]);
        let row = offer_row(publication, resource_id(resource));
        let key = (row.audience.clone(), row.key.clone());
        let before = fleet.nodes[0].held[&key].clone();
        fleet.disconnect(0);
        fleet.manager.poison(publication, resource);
        let around = around.iter().filter(|step| !matches!(step, Step::Carry { .. } | Step::Member { .. }));
        around.for_each(|step| fleet.step(step));
        fleet.calm(0);
        let node = &fleet.nodes[0];
        let poisoned = matches!(fleet.manager.published[&row].draft.content, Content::Poison);
        prop_assert_eq!(node.refused.iter().filter(|refused| refused.key == row.key).count(), usize::from(poisoned));
        prop_assert_eq!(node.held[&key] == before, poisoned);
        for (row, published) in fleet.manager.published.iter().filter(|(row, _)| row.audience == audience(publication)) {
            let usable = !matches!(published.draft.content, Content::Poison | Content::Gone(_));
            let held = node.held.get(&(row.audience.clone(), row.key.clone()));
            prop_assert!(!usable || held == Some(&published.stored), "{:?} was delayed", row);
        }
        fleet.heal();
        fleet.check_converged();
    }

    /// A document of an urgent lane does not wait behind others, however many of those are under way.
    #[test]
    fn a_lock_never_waits_behind_content(edits in proptest::collection::vec((0..RESOURCES, 0..2_u8), 3..12)) {
        let mut fleet = settled_fleet(900_000, &[]);
        edits.iter().for_each(|(resource, value)| fleet.step(&set_category(*resource, *value)));
        fleet.send(0);
        fleet.secrets(0, 0..1, true);
        fleet.send(0);
        let lanes: Vec<Lane> = fleet.nodes[0].arriving.iter().map(|parcel| parcel.lane).collect();
        prop_assert!(lanes.contains(&Lane::Locks), "{:?}", lanes);
    }

    /// A transaction in parts stays out of sight until its last part, whatever changes in between.
    #[test]
    fn parts_become_visible_together(
        rows in 1..4_usize, before in changes_at_manager(6), between in proptest::collection::vec(large_change(), 0..12), crash_at in 0..20_usize,
    ) {
        let mut fleet = settled_fleet(100, &before);
        // One publication is new to the node, so that leaving it again meets documents that it only has in parts.
        fleet.member(0, 1, false);
        fleet.calm(0);
        fleet.disconnect(0);
        fleet.member(0, 1, true);
        fleet.manager.heal();
        fleet.nodes[0].connect(fleet.manager.epoch, false);
        let mut between = between.iter();
        let (mut cursor, mut resume) = (fleet.nodes[0].replica.cursors()[&Lane::Content], None);
        for round in 0.. {
            let Some((up_to, next)) = part(&mut fleet, rows, cursor, resume.as_ref())? else { break };
            let crashed = round == crash_at;
            fleet.receive(0, if crashed { Crash::BeforeStore } else { Crash::Never });
            (cursor, resume) = (if next.is_some() { cursor } else { up_to }, next);
            if crashed {
                fleet.nodes[0].connect(fleet.manager.epoch, false);
                (cursor, resume) = (fleet.nodes[0].replica.cursors()[&Lane::Content], None);
            }
            if let Some(step) = between.next() {
                fleet.step(step);
            }
        }
        let node = &fleet.nodes[0];
        let mut held = node.held.clone();
        held.retain(|(_, key), _| !key.starts_with("secret"));
        let owed = fleet.owed_to(node, &[Lane::Content]);
        prop_assert_eq!(held, owed);
    }
}

/// Puts the next part on its way. `None` when the node is owed nothing more.
fn part(
    fleet: &mut Fleet,
    rows: usize,
    cursor: u64,
    resume: Option<&Resume>,
) -> Result<Option<(u64, Option<Resume>)>, TestCaseError> {
    let limit = BatchLimit { rows, bytes: 1024 };
    let owed = fleet.manager.feed.owed(fleet.nodes[0].id, Lane::Content, cursor, resume, limit);
    if owed.rows.is_empty() && owed.left.is_empty() && resume.is_none() {
        return Ok(None);
    }
    prop_assert!(owed.rows.len() <= rows);
    prop_assert_eq!(owed.last_part, owed.resume.is_none());
    prop_assert!(owed.last_part || owed.left.is_empty(), "leaving is told with the last part");
    let documents = owed.rows.iter().map(|row| fleet.manager.published[row].stored.clone()).collect();
    fleet.nodes[0].arriving.push_back(Parcel {
        nonce: 0,
        lane: Lane::Content,
        up_to: owed.up_to,
        last_part: owed.last_part,
        complete: false,
        documents,
        left: owed.left,
    });
    Ok(Some((owed.up_to, owed.resume)))
}
