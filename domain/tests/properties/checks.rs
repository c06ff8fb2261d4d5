//! What must hold of a fleet: after every step, and once everything was delivered.

use std::collections::{BTreeMap, BTreeSet};

use atoll_domain::document::{Audience, Lane};
use atoll_domain::link::replica::{DocumentKey, Running, Stored};
use atoll_domain::sharing::fork::Fork;
use atoll_domain::sharing::offer::{Effective, Offer, effective};
use serde_json::Value;

use crate::documents::{Content, NODES};
use crate::fleet::Fleet;
use crate::node::Node;

impl Fleet {
    fn member_since(&self, node: &Node, audience: &Audience) -> Option<(u64, bool)> {
        self.manager.members.get(&(node.id, audience.clone())).copied()
    }

    /// What must hold after every step.
    pub fn check(&self) {
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
            let held = node.held.get(&(row.audience.clone(), row.key.clone()));
            let due = published.stored.sequence.max(since);
            if published.draft.lane == lane && active && published.draft.is_gone() {
                assert!(due > cursor || held.is_none(), "{} at {cursor} still holds {row:?}", node.id);
            } else if published.draft.lane == lane && active && !matches!(published.draft.content, Content::Poison) {
                // What has not changed since is the state of then.
                assert!(due > cursor.max(said) || held == Some(&published.stored), "{} lacks {row:?}", node.id);
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
                let held = node.held.get(&(row.audience.clone(), row.key.clone())) == Some(&published.stored);
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
        assert_eq!(node.held, self.owed_to(node, &Lane::ALL), "the node holds something else than it is owed");
        assert_eq!(running(node), self.expected(node), "the node runs something else than expected");
        assert!(node.replica.outbox().is_empty());
    }

    /// The documents of some lanes that a node should have.
    pub fn owed_to(&self, node: &Node, lanes: &[Lane]) -> BTreeMap<DocumentKey, Stored> {
        let member = |audience: &Audience| self.member_since(node, audience).is_some_and(|(_, active)| active);
        let owed = self.manager.published.iter().filter(|(row, published)| {
            member(&row.audience) && !published.draft.is_gone() && lanes.contains(&published.draft.lane)
        });
        owed.map(|(row, published)| ((row.audience.clone(), row.key.clone()), published.stored.clone())).collect()
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
            let known = self.manager.proposals.contains_key(&(node.id, edit.resource))
                || self.manager.aside.contains(&(node.id, edit.revision));
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
    fn of(offer: &Offer, fork: Option<&Fork>) -> Self {
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
    let runs = |running: Running| Runs {
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
