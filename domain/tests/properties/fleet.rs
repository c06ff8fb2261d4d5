//! A fleet in memory: one manager, a few nodes and the connections between them, driven step by step and checked after
//! each.

use std::collections::{BTreeMap, BTreeSet};

use atoll_domain::document::{Audience, Lane};
use atoll_domain::id::NodeId;
use atoll_domain::link::feed::RowKey;
use atoll_domain::link::manager::ManagerLink;
use atoll_domain::link::replica::{DocumentKey, Write};
use atoll_domain::sharing::offer::{EditMode, Effective, Offer, effective};
use proptest::prelude::*;
use serde_json::Value;

use crate::documents::{Content, Draft, NODES, PUBLICATIONS, RESOURCES, SECRETS, audience, node_id};
use crate::edits::{Change, change};
use crate::manager::{Manager, Taken};
use crate::node::{Crash, Node, Parcel};

/// Something that happens in a fleet.
#[derive(Debug, Clone)]
pub enum Step {
    EditAtNode {
        node: usize,
        resource: usize,
        base: Option<u8>,
        changes: Vec<Change>,
        crash: Crash,
    },
    EditAtManager {
        resource: usize,
        changes: Vec<Change>,
    },
    Accept {
        node: usize,
        resource: usize,
    },
    Decline {
        node: usize,
        resource: usize,
    },
    Member {
        node: usize,
        publication: usize,
        active: bool,
    },
    Carry {
        publication: usize,
        resource: usize,
        carried: bool,
    },
    /// All values of a publication in one transaction.
    Secrets {
        publication: usize,
        present: bool,
    },
    OneSecret {
        publication: usize,
        slot: usize,
        present: bool,
    },
    Poison {
        publication: usize,
        resource: usize,
    },
    Connect(usize),
    Disconnect(usize),
    /// The manager sends what the window has room for.
    Send(usize),
    Receive(usize, Crash),
    Acknowledge(usize),
    Push {
        node: usize,
        reversed: bool,
        twice: bool,
        answer_lost: bool,
        crash: Crash,
    },
    /// Everything is published anew, in one transaction.
    Republish,
    ManagerRestart,
    ManagerRestore {
        forget: usize,
    },
    /// All is delivered for a while.
    Calm(usize),
}

fn crash() -> impl Strategy<Value = Crash> {
    prop_oneof![8 => Just(Crash::Never), 1 => Just(Crash::BeforeStore), 1 => Just(Crash::AfterStore)]
}

pub fn step() -> impl Strategy<Value = Step> {
    let (node, resource, publication, slot) = (|| 0..NODES, || 0..RESOURCES, || 0..PUBLICATIONS, || 0..SECRETS);
    let changes = || proptest::collection::vec(change(), 1..3);
    let base = proptest::option::weighted(0.2, 0..20_u8);
    prop_oneof![
        6 => (node(), resource(), base, changes(), crash()).prop_map(|(node, resource, base, changes, crash)| {
            Step::EditAtNode { node, resource, base, changes, crash }
        }),
        3 => (resource(), changes()).prop_map(|(resource, changes)| Step::EditAtManager { resource, changes }),
        2 => (node(), resource()).prop_map(|(node, resource)| Step::Accept { node, resource }),
        1 => (node(), resource()).prop_map(|(node, resource)| Step::Decline { node, resource }),
        5 => (node(), publication(), prop::bool::weighted(0.7))
            .prop_map(|(node, publication, active)| Step::Member { node, publication, active }),
        1 => (publication(), resource(), any::<bool>())
            .prop_map(|(publication, resource, carried)| Step::Carry { publication, resource, carried }),
        2 => (publication(), prop::bool::weighted(0.7))
            .prop_map(|(publication, present)| Step::Secrets { publication, present }),
        2 => (publication(), slot(), any::<bool>())
            .prop_map(|(publication, slot, present)| Step::OneSecret { publication, slot, present }),
        1 => (publication(), resource()).prop_map(|(publication, resource)| Step::Poison { publication, resource }),
        3 => node().prop_map(Step::Connect),
        1 => node().prop_map(Step::Disconnect),
        6 => node().prop_map(Step::Send),
        8 => (node(), crash()).prop_map(|(node, crash)| Step::Receive(node, crash)),
        3 => node().prop_map(Step::Acknowledge),
        4 => (node(), any::<bool>(), any::<bool>(), prop::bool::weighted(0.2), crash())
            .prop_map(|(node, reversed, twice, answer_lost, crash)| {
                Step::Push { node, reversed, twice, answer_lost, crash }
            }),
        1 => Just(Step::Republish),
        1 => Just(Step::ManagerRestart),
        1 => (0..8_usize).prop_map(|forget| Step::ManagerRestore { forget }),
        2 => node().prop_map(Step::Calm),
    ]
}

/// What happens between one node and the manager.
pub fn link_step(node: usize) -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => Just(Step::Send(node)),
        6 => Just(Step::Receive(node, Crash::Never)),
        1 => crash().prop_map(move |crash| Step::Receive(node, crash)),
        4 => Just(Step::Acknowledge(node)),
        2 => Just(Step::Connect(node)),
    ]
}

#[derive(Debug)]
pub struct Fleet {
    pub manager: Manager,
    pub nodes: Vec<Node>,
    links: BTreeMap<NodeId, ManagerLink>,
    acknowledged: BTreeMap<(NodeId, Lane), u64>,
    secret_version: u64,
}

impl Fleet {
    pub fn new(mode: EditMode, row_bytes: usize) -> Self {
        Self {
            manager: Manager::new([EditMode::Propose, mode], row_bytes),
            nodes: (0..NODES).map(Node::new).collect(),
            links: BTreeMap::new(),
            acknowledged: BTreeMap::new(),
            secret_version: 0,
        }
    }

    pub fn step(&mut self, step: &Step) {
        match step {
            Step::EditAtNode { node, resource, base, changes, crash } => {
                self.nodes[*node].edit(*resource, *base, changes, *crash);
                self.hang_up_if_gone(*node);
            }
            Step::EditAtManager { resource, changes } => self.manager.edit(*resource, changes),
            Step::Accept { node, resource } => self.manager.accept(node_id(*node), *resource),
            Step::Decline { node, resource } => self.manager.decline(node_id(*node), *resource),
            Step::Member { node, publication, active } => self.member(*node, *publication, *active),
            Step::Carry { publication, resource, carried } => self.manager.carry(*publication, *resource, *carried),
            Step::Secrets { publication, present } => self.secrets(*publication, 0..SECRETS, *present),
            Step::OneSecret { publication, slot, present } => self.secrets(*publication, *slot..slot + 1, *present),
            Step::Poison { publication, resource } => self.manager.poison(*publication, *resource),
            Step::Connect(node) => self.connect(*node),
            Step::Disconnect(node) => self.disconnect(*node),
            Step::Send(node) => self.send(*node),
            Step::Receive(node, crash) => self.receive(*node, *crash),
            Step::Acknowledge(node) => self.acknowledge(*node),
            Step::Push { node, reversed, twice, answer_lost, crash } => {
                self.push(*node, *reversed, *twice, *answer_lost, *crash);
            }
            Step::Republish => self.manager.heal(),
            Step::ManagerRestart => (0..NODES).for_each(|node| self.disconnect(node)),
            Step::ManagerRestore { forget } => self.restore(*forget),
            Step::Calm(node) => self.calm(*node),
        }
        self.check();
    }

    pub fn member(&mut self, node: usize, publication: usize, active: bool) {
        let key = (node_id(node), audience(publication));
        if self.manager.members.get(&key).is_some_and(|(_, before)| *before) != active {
            self.manager.commit(vec![], vec![(key.0, key.1, active)]);
        }
    }

    pub fn secrets(&mut self, publication: usize, slots: std::ops::Range<usize>, present: bool) {
        self.secret_version += 1;
        let version = self.secret_version;
        let draft = |slot| match present {
            true => Draft::secret(publication, slot, version),
            false => Draft::no_secret(publication, slot),
        };
        self.manager.commit(slots.map(draft).collect(), vec![]);
    }

    pub fn connect(&mut self, node: usize) {
        let (node, manager) = (&mut self.nodes[node], &self.manager);
        let (epoch, end) = (manager.epoch, manager.feed.sequence());
        let link = ManagerLink::begin(node.id, epoch, node.replica.epoch(), node.replica.cursors(), end);
        node.connect(epoch, link.starts_over());
        self.links.insert(node.id, link);
    }

    pub fn disconnect(&mut self, node: usize) {
        self.nodes[node].disconnect();
        self.links.remove(&node_id(node));
    }

    fn hang_up_if_gone(&mut self, node: usize) {
        if !self.nodes[node].connected {
            self.disconnect(node);
        }
    }

    pub fn send(&mut self, node: usize) {
        let Some(link) = self.links.get_mut(&node_id(node)) else { return };
        while let Some(batch) = link.next_batch(&self.manager.feed) {
            let documents = batch.owed.rows.iter().map(|row| self.manager.published[row].stored.clone()).collect();
            self.nodes[node].arriving.push_back(Parcel {
                nonce: batch.nonce,
                lane: batch.lane,
                up_to: batch.owed.up_to,
                last_part: batch.owed.last_part,
                complete: batch.complete,
                documents,
                left: batch.owed.left,
            });
        }
    }

    pub fn receive(&mut self, node: usize, crash: Crash) {
        let writes = self.nodes[node].receive(crash);
        let node_id = self.nodes[node].id;
        for write in &writes {
            // P12: what a node drops was deleted, or reached it through an audience that it left.
            if let Write::RemoveDocument((audience, key)) = write {
                let row = RowKey { audience: audience.clone(), key: key.clone() };
                assert!(self.manager.droppable.contains(&(node_id, row)), "{key} was dropped without a reason");
            }
        }
        self.hang_up_if_gone(node);
    }

    pub fn acknowledge(&mut self, node: usize) {
        let Some(nonce) = self.nodes[node].acknowledging.pop_front() else { return };
        let (lane, reached) = self.links.get_mut(&node_id(node)).unwrap().acknowledge(nonce).unwrap();
        let before = self.acknowledged.entry((node_id(node), lane)).or_default();
        assert!(reached >= *before, "an acknowledgement went back");
        *before = reached;
    }

    fn push(&mut self, node: usize, reversed: bool, twice: bool, answer_lost: bool, crash: Crash) {
        if !self.nodes[node].connected {
            return;
        }
        let mut reports = self.nodes[node].waiting();
        if reversed {
            reports.reverse();
        }
        let repeated = if twice { reports.clone() } else { Vec::new() };
        let take = |(number, report)| (number, self.manager.take(node_id(node), number, &report));
        let answers: Vec<(u64, Taken)> = reports.into_iter().chain(repeated).map(take).collect();
        if !answer_lost {
            self.nodes[node].answered(&answers, crash);
            self.hang_up_if_gone(node);
        }
    }

    fn restore(&mut self, forget: usize) {
        (0..NODES).for_each(|node| self.disconnect(node));
        let secrets = self.manager.published.iter().filter(|(_, row)| matches!(row.draft.content, Content::Secret(_)));
        let forgotten = secrets.map(|(row, _)| row.clone()).nth(forget);
        self.manager.restore(forgotten);
        self.acknowledged.clear();
    }

    /// Everything between a node and the manager is delivered, until nothing moves any more.
    pub fn calm(&mut self, node: usize) {
        if !self.nodes[node].connected {
            self.connect(node);
        }
        for _ in 0..200 {
            self.send(node);
            let quiet = self.nodes[node].arriving.is_empty() && self.nodes[node].acknowledging.is_empty();
            if quiet && self.nodes[node].replica.outbox().is_empty() {
                return;
            }
            self.receive(node, Crash::Never);
            self.acknowledge(node);
            if self.nodes[node].arriving.is_empty() {
                self.push(node, false, false, false, Crash::Never);
            }
        }
        panic!("the node and the manager never come to rest");
    }

    /// Heals everything and delivers everything.
    pub fn heal(&mut self) {
        self.manager.heal();
        // A push may release something for all.
        (0..NODES).chain(0..NODES).for_each(|node| self.calm(node));
    }

    fn member_since(&self, node: &Node, audience: &Audience) -> Option<(u64, bool)> {
        self.manager.members.get(&(node.id, audience.clone())).copied()
    }

    /// What must hold after every step.
    fn check(&self) {
        for node in &self.nodes {
            for lane in Lane::ALL {
                self.check_reached(node, lane);
                self.check_whole(node, lane);
            }
            assert_eq!(node.reread().running(), node.replica.running(), "memory and disk differ");
        }
    }

    /// P4: a node whose cursor has reached a number holds everything that it was owed by then.
    fn check_reached(&self, node: &Node, lane: Lane) {
        let same_life = node.replica.epoch() == Some(self.manager.epoch);
        let cursor = node.replica.cursors().get(&lane).copied().filter(|_| same_life).unwrap_or(0);
        let said = self.acknowledged.get(&(node.id, lane)).copied().unwrap_or(0);
        for (row, published) in &self.manager.published {
            let Some((since, active)) = self.member_since(node, &row.audience) else { continue };
            let held = node.held.get(&(row.audience.clone(), row.key.clone())).copied();
            let due = published.stored.sequence.max(since);
            if published.draft.lane == lane && active && published.draft.is_gone() {
                assert!(due > cursor || held.is_none(), "{} at {cursor} still holds {row:?}", node.id);
            } else if published.draft.lane == lane && active && !matches!(published.draft.content, Content::Poison) {
                let new_enough = held >= Some(published.stored.sequence);
                assert!(due > cursor.max(said) || new_enough, "{} lacks {row:?}", node.id);
            } else if lane == Lane::Content && !active {
                assert!(since > cursor || held.is_none(), "{} left {row:?}", node.id);
            }
        }
    }

    /// What was written in one transaction becomes visible in one.
    fn check_whole(&self, node: &Node, lane: Lane) {
        let mut parts: BTreeMap<u64, BTreeSet<bool>> = BTreeMap::new();
        for (row, published) in &self.manager.published {
            let usable = !published.draft.is_gone() && !matches!(published.draft.content, Content::Poison);
            let sequence = published.stored.sequence;
            let member =
                self.member_since(node, &row.audience).is_some_and(|(since, active)| active && since <= sequence);
            if published.draft.lane == lane && usable && member {
                let held = node.held.get(&(row.audience.clone(), row.key.clone())) == Some(&sequence);
                parts.entry(sequence).or_default().insert(held);
            }
        }
        assert!(parts.values().all(|held| held.len() == 1), "{} shows half: {parts:?}", node.id);
    }

    /// After everything was delivered: every node has and runs what the manager thinks it does.
    pub fn check_converged(&self) {
        (0..NODES).for_each(|node| self.check_in_sync(node));
    }

    pub fn check_in_sync(&self, node: usize) {
        let node = &self.nodes[node];
        let owed: BTreeMap<_, u64> = self.owed_to(node).map(|(key, (sequence, _))| (key, sequence)).collect();
        assert_eq!(node.held, owed, "the node holds something else than it is owed");
        assert_eq!(running(node), self.expected(node), "the node runs something else than expected");
        assert!(node.replica.outbox().is_empty());
    }

    /// The documents that a node should have, with sequence number and lane.
    pub fn owed_to<'a>(&'a self, node: &'a Node) -> impl Iterator<Item = (DocumentKey, (u64, Lane))> + 'a {
        let member = |audience: &Audience| self.member_since(node, audience).is_some_and(|(_, active)| active);
        let rows = self.manager.published.iter();
        rows.filter(move |(row, published)| member(&row.audience) && !published.draft.is_gone()).map(
            |(row, published)| {
                ((row.audience.clone(), row.key.clone()), (published.stored.sequence, published.draft.lane))
            },
        )
    }

    fn expected(&self, node: &Node) -> Vec<Runs> {
        let mut offers: BTreeMap<_, Vec<&Offer>> = BTreeMap::new();
        for published in self.manager.published.values() {
            let member = self.member_since(node, &published.draft.row.audience);
            if let (Content::Offer(offer), Some((_, true))) = (&published.draft.content, member) {
                offers.entry(offer.resource).or_default().push(offer);
            }
        }
        let expected = |(resource, offers): (_, Vec<&Offer>)| {
            let resource = self.manager.resources.iter().find(|known| known.id == resource)?;
            let fork = self.manager.fork(node.id, resource);
            match effective(&offers, fork.as_ref()) {
                Effective::Offered(offer) => Some(Runs::of(offer, None)),
                Effective::Forked { offer, fork } => Some(Runs::of(offer, Some(fork))),
                Effective::Nothing => None,
            }
        };
        let mut all: Vec<Runs> = offers.into_iter().filter_map(expected).collect();
        all.sort();
        all
    }

    /// P1: every edit that its author was told is taken is in the outbox or at the manager; there it is in a release,
    /// still open, or declined by a person, and its revision is never forgotten.
    pub fn check_no_edit_lost(&self) {
        for (node, edit) in self.nodes.iter().flat_map(|node| node.edits.iter().map(move |edit| (node, edit))) {
            let resource = self.manager.resources.iter().find(|known| known.id == edit.resource).unwrap();
            let waits = node.replica.outbox().contains_key(&edit.number);
            assert!(waits || resource.history.contains(edit.revision), "{edit:?} of {} is lost", node.id);
            let newest = node.edits.iter().filter(|other| other.resource == edit.resource).map(|one| one.number).max();
            if waits || newest != Some(edit.number) {
                continue;
            }
            let released = resource.history.descends(resource.released, edit.revision);
            let known = self.manager.proposals.contains_key(&(node.id, edit.resource));
            assert!(released || known, "nobody is asked about {edit:?} of {}", node.id);
        }
    }
}

/// What a node runs of a resource, as far as both sides must agree.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Runs {
    name: String,
    version: String,
    revision: String,
    mode: &'static str,
    body: String,
}

impl Runs {
    fn of(offer: &Offer, fork: Option<&atoll_domain::sharing::fork::Fork>) -> Self {
        let body = fork.map_or(Some(&offer.body), |fork| fork.body.as_ref());
        Self {
            name: offer.name.clone(),
            version: offer.version.to_string(),
            revision: fork.map_or(offer.revision, |fork| fork.head).to_string(),
            mode: offer.edit_mode.name(),
            body: body.map(Value::to_string).unwrap_or_default(),
        }
    }
}

fn running(node: &Node) -> Vec<Runs> {
    let runs = |running: atoll_domain::link::replica::Running| Runs {
        name: running.name,
        version: running.version,
        revision: running.revision.to_string(),
        mode: running.edit_mode.name(),
        body: running.body.as_ref().map(Value::to_string).unwrap_or_default(),
    };
    let mut all: Vec<Runs> = node.replica.running().into_iter().map(runs).collect();
    all.sort();
    all
}
