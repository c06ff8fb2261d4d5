//! A fleet in memory: one manager, a few nodes and the connections between them, driven step by step and checked after
//! each.

use std::collections::BTreeMap;

use atoll_domain::document::Lane;
use atoll_domain::id::NodeId;
use atoll_domain::link::feed::RowKey;
use atoll_domain::link::manager::ManagerLink;
use atoll_domain::link::replica::Write;
use atoll_domain::sharing::offer::EditMode;
use proptest::prelude::*;

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

/// What happens to one resource that everybody edits, from the newest content and from old files, while the manager is
/// restored again and again.
pub fn step_around_one_resource() -> impl Strategy<Value = Step> {
    let (node, publication) = (|| 0..NODES, || 0..PUBLICATIONS);
    let changes = || proptest::collection::vec(change(), 1..3);
    let base = proptest::option::weighted(0.4, 0..20_u8);
    prop_oneof![
        6 => (node(), base, changes(), crash())
            .prop_map(|(node, base, changes, crash)| Step::EditAtNode { node, resource: 0, base, changes, crash }),
        3 => changes().prop_map(|changes| Step::EditAtManager { resource: 0, changes }),
        2 => node().prop_map(|node| Step::Accept { node, resource: 0 }),
        2 => node().prop_map(|node| Step::Decline { node, resource: 0 }),
        3 => (node(), publication(), prop::bool::weighted(0.7))
            .prop_map(|(node, publication, active)| Step::Member { node, publication, active }),
        1 => (publication(), prop::bool::weighted(0.7))
            .prop_map(|(publication, carried)| Step::Carry { publication, resource: 0, carried }),
        2 => node().prop_map(Step::Connect),
        2 => node().prop_map(Step::Send),
        3 => (node(), crash()).prop_map(|(node, crash)| Step::Receive(node, crash)),
        1 => node().prop_map(Step::Acknowledge),
        4 => (node(), any::<bool>(), any::<bool>(), prop::bool::weighted(0.3), crash())
            .prop_map(|(node, reversed, twice, answer_lost, crash)| {
                Step::Push { node, reversed, twice, answer_lost, crash }
            }),
        2 => (0..8_usize).prop_map(|forget| Step::ManagerRestore { forget }),
        4 => node().prop_map(Step::Calm),
    ]
}

#[derive(Debug)]
pub struct Fleet {
    pub manager: Manager,
    pub nodes: Vec<Node>,
    links: BTreeMap<NodeId, ManagerLink>,
    pub acknowledged: BTreeMap<(NodeId, Lane), u64>,
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
}
