//! A manager in memory: histories, publications and the feed as a real one has them, without storage and clock.

use std::collections::{BTreeMap, BTreeSet};

use atoll_domain::document::{Audience, DocumentKind, Lane, Report};
use atoll_domain::id::{ManagerEpoch, NodeId, ResourceId, RevisionId};
use atoll_domain::link::feed::{Feed, Membership, Row, RowKey};
use atoll_domain::link::replica::Stored;
use atoll_domain::sharing::fork::{Fork, ForkState};
use atoll_domain::sharing::history::Meeting;
use atoll_domain::sharing::offer::{EditMode, Offer};
use atoll_domain::sharing::revision::{Origin, Revision};
use atoll_domain::time::Timestamp;
use serde_json::json;
use uuid::Uuid;

use crate::documents::{
    Content, Draft, NODES, PUBLICATIONS, RESOURCES, audience, node_id, offer_row, publication_id, resource_id,
    resource_name,
};
use crate::edits::{Change, apply};
use crate::resource::{Proposal, Resource};

/// A row with its newest document.
#[derive(Debug, Clone)]
pub struct Published {
    pub draft: Draft,
    pub stored: Stored,
    pub generation: u64,
}

/// What became of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    Stored,
    Duplicate,
    NeedsParents,
}

#[derive(Debug)]
pub struct Manager {
    pub epoch: ManagerEpoch,
    pub feed: Feed,
    pub published: BTreeMap<RowKey, Published>,
    pub members: BTreeMap<(NodeId, Audience), (u64, bool)>,
    pub resources: Vec<Resource>,
    carried: BTreeSet<(usize, usize)>,
    modes: [EditMode; PUBLICATIONS],
    pub proposals: BTreeMap<(NodeId, ResourceId), Proposal>,
    /// Edits that run nowhere and that administrators see beside the newest one.
    pub aside: BTreeSet<(NodeId, RevisionId)>,
    seen: BTreeSet<(NodeId, u64)>,
    /// Under which number a node told of an edit first. One that was made again, at another time, is another edit.
    told: BTreeMap<(NodeId, RevisionId, Timestamp), u64>,
    /// What a node has a reason to drop.
    pub droppable: BTreeSet<(NodeId, RowKey)>,
    row_bytes: usize,
}

impl Manager {
    /// A manager whose rows count as so many bytes: large ones make it cut transactions into parts.
    pub fn new(modes: [EditMode; PUBLICATIONS], row_bytes: usize) -> Self {
        let mut manager = Self {
            epoch: ManagerEpoch(Uuid::from_u128(1)),
            feed: Feed::default(),
            published: BTreeMap::new(),
            members: BTreeMap::new(),
            resources: (0..RESOURCES).map(Resource::new).collect(),
            carried: (0..RESOURCES).flat_map(|resource| [(0, resource), (1, resource)]).collect(),
            modes,
            proposals: BTreeMap::new(),
            aside: BTreeSet::new(),
            seen: BTreeSet::new(),
            told: BTreeMap::new(),
            droppable: BTreeSet::new(),
            row_bytes,
        };
        let own = (0..NODES).map(|node| (node_id(node), Audience::Node(node_id(node)), true)).collect();
        let offers =
            manager.carried.clone().into_iter().map(|(publication, number)| manager.offer(publication, number));
        let offers = offers.collect();
        manager.commit(offers, own);
        manager
    }

    /// One transaction: it takes the next sequence number.
    pub fn commit(&mut self, drafts: Vec<Draft>, members: Vec<(NodeId, Audience, bool)>) {
        let sequence = self.feed.sequence() + 1;
        for draft in drafts {
            self.write(draft, sequence);
        }
        for (node, audience, active) in members {
            self.members.insert((node, audience.clone()), (sequence, active));
            if !active {
                let rows = self.published.keys().filter(|row| row.audience == audience);
                self.droppable.extend(rows.map(|row| (node, row.clone())));
            }
            self.feed.put_membership(Membership { node, audience, sequence, active });
        }
        self.feed.advance(sequence);
    }

    fn write(&mut self, draft: Draft, sequence: u64) {
        let row = draft.row.clone();
        let generation = self.published.get(&row).map_or(1, |before| before.generation + 1);
        if draft.is_gone() {
            self.droppable.extend((0..NODES).map(|node| (node_id(node), row.clone())));
        }
        let stored = draft.stored(generation, sequence);
        let (lane, deleted) = (draft.lane, draft.is_gone());
        self.feed.put_row(Row { key: row.clone(), lane, sequence, deleted, size_bytes: self.row_bytes, effect: None });
        self.published.insert(row, Published { draft, stored, generation });
    }

    fn offer(&self, publication: usize, number: usize) -> Draft {
        let resource = &self.resources[number];
        let revision = resource.history.get(resource.released).unwrap();
        let offer = Offer {
            publication: publication_id(publication),
            priority: publication as i32,
            edit_mode: self.modes[publication],
            resource: resource.id,
            kind: resource.kind,
            name: resource_name(number),
            version: resource.version,
            revision: revision.id,
            header: revision.header.clone(),
            provenance: resource.provenance[&revision.id].clone(),
            body: resource.body(revision.id).unwrap(),
        };
        Draft::offer(publication, offer)
    }

    /// Publishes a resource with a publication, or takes it out.
    pub fn carry(&mut self, publication: usize, number: usize, carried: bool) {
        let draft = if carried {
            self.carried.insert((publication, number));
            self.offer(publication, number)
        } else {
            self.carried.remove(&(publication, number));
            let row = offer_row(publication, resource_id(number));
            let kind = DocumentKind::Resource;
            Draft { row, lane: Lane::Content, content: Content::Gone(kind) }
        };
        self.commit(vec![draft], vec![]);
    }

    /// Publishes something that no node can use.
    pub fn poison(&mut self, publication: usize, number: usize) {
        if self.carried.contains(&(publication, number)) {
            let row = offer_row(publication, resource_id(number));
            self.commit(vec![Draft { row, lane: Lane::Content, content: Content::Poison }], vec![]);
        }
    }

    /// An edit at the manager, released at once.
    pub fn edit(&mut self, number: usize, changes: &[Change]) {
        let resource = &mut self.resources[number];
        let before = resource.body(resource.released).unwrap();
        let mut outside = resource.kind.export(&before, &json!({}));
        changes.iter().for_each(|change| apply(resource.kind, &mut outside, change));
        let imported = resource.kind.import(&outside, Some(&before)).unwrap();
        if imported.body == before || !resource.kind.check(&imported.body).is_empty() {
            return;
        }
        let parents = BTreeSet::from([resource.released]);
        let revision = Revision::child(resource.id, resource.kind, parents, Some(&before), &imported.body);
        let id = resource.add(revision, Some(imported.body), Origin::Edit);
        self.release(number, id);
    }

    /// Releases a revision: to every publication that carries the resource, with a word on every open edit of it.
    pub fn release(&mut self, number: usize, revision: RevisionId) {
        let resource = &mut self.resources[number];
        resource.released = revision;
        resource.version = resource.version.next_patch();
        let mut drafts = self.offers_of(number);
        for node in (0..NODES).map(node_id) {
            drafts.extend(self.evaluate(node, number));
        }
        self.commit(drafts, vec![]);
    }

    fn offers_of(&self, number: usize) -> Vec<Draft> {
        let carried = self.carried.iter().filter(|(_, resource)| *resource == number);
        carried.map(|(publication, number)| self.offer(*publication, *number)).collect()
    }

    /// Publishes again what was made unusable.
    pub fn heal(&mut self) {
        let drafts = self.carried.iter().map(|(publication, number)| self.offer(*publication, *number)).collect();
        self.commit(drafts, vec![]);
    }

    /// Takes a report from a node.
    pub fn take(&mut self, node: NodeId, number: u64, report: &Report) -> Taken {
        let Report::Revision(report) = report else { return Taken::Stored };
        if self.seen.contains(&(node, number)) {
            return Taken::Duplicate;
        }
        let index = self.resources.iter().position(|resource| resource.id == report.header.resource).unwrap();
        if self.resources[index].take(report).is_err() {
            return Taken::NeedsParents;
        }
        self.seen.insert((node, number));
        let before = self.proposals.get(&(node, report.header.resource));
        let told = *self.told.entry((node, report.id, report.provenance.at)).or_insert(number);
        // What is told again after a restore is as old as it was: it takes no newer one's place.
        if before.is_some_and(|before| told < before.number && before.own != report.id) {
            return Taken::Duplicate;
        }
        let newer = before.is_none_or(|before| before.number < number);
        // An edit without a known base never replaces one that runs.
        let takes_over = !report.base_unknown || before.is_none_or(|before| !runs(before.state));
        if newer && takes_over {
            let state = ForkState::Local;
            let (own, base_unknown) = (report.id, report.base_unknown);
            let proposal = Proposal { own, number, base_unknown, state, merged: None };
            self.proposals.insert((node, report.header.resource), proposal);
            let drafts = self.evaluate(node, index).into_iter().collect();
            self.commit(drafts, vec![]);
            if self.mode_at(node, index) == EditMode::WriteThrough && !report.base_unknown {
                self.accept(node, index);
            }
        } else {
            self.aside.insert((node, report.id));
        }
        Taken::Stored
    }

    fn mode_at(&self, node: NodeId, number: usize) -> EditMode {
        let reaches = |publication: &usize| {
            let member = self.members.get(&(node, audience(*publication)));
            member.is_some_and(|(_, active)| *active) && self.carried.contains(&(*publication, number))
        };
        (0..PUBLICATIONS).rev().find(reaches).map_or(EditMode::Propose, |publication| self.modes[publication])
    }

    /// What is to be said about a node's open edit, now that something has changed.
    fn evaluate(&mut self, node: NodeId, number: usize) -> Option<Draft> {
        let waiting =
            if self.mode_at(node, number) == EditMode::Fork { ForkState::Forked } else { ForkState::Proposed };
        let resource = &mut self.resources[number];
        let proposal = self.proposals.get_mut(&(node, resource.id)).filter(|proposal| !proposal.state.is_closed())?;
        let (state, merged) = match resource.meet(resource.released, proposal.own) {
            Meeting::FastForward(id) if id == resource.released => (ForkState::Absorbed, None),
            _ if proposal.base_unknown => (ForkState::Unapplied, None),
            Meeting::FastForward(_) => (waiting, None),
            Meeting::Settled { revision, body } => (waiting, Some(resource.add(revision, body, Origin::Merge))),
            // The node goes on with what was last made of its edit, also if it has not heard of that yet.
            Meeting::Open(_) => (ForkState::Conflict, proposal.merged),
        };
        (proposal.state, proposal.merged) = (state, merged);
        let decision = resource.decision(proposal);
        if state == ForkState::Absorbed {
            self.proposals.remove(&(node, resource.id));
        }
        Some(Draft::decision(node, decision))
    }

    /// An administrator accepts a node's edit: the next release contains it.
    pub fn accept(&mut self, node: NodeId, number: usize) {
        let resource = &mut self.resources[number];
        let Some(proposal) = self.proposals.get(&(node, resource.id)) else { return };
        if proposal.state.is_closed() {
            return;
        }
        let next = match resource.meet(resource.released, proposal.own) {
            Meeting::FastForward(id) => id,
            Meeting::Settled { revision, body } => resource.add(revision, body, Origin::Merge),
            Meeting::Open(_) => resource.resolved_for(proposal.own),
        };
        self.release(number, next);
    }

    /// An administrator declines a node's edit.
    pub fn decline(&mut self, node: NodeId, number: usize) {
        let resource = &self.resources[number];
        let Some(proposal) = self.proposals.get_mut(&(node, resource.id)) else { return };
        if !proposal.state.is_closed() {
            proposal.state = ForkState::Declined;
            let decision = resource.decision(proposal);
            self.commit(vec![Draft::decision(node, decision)], vec![]);
        }
    }

    /// The fork that a node should have.
    pub fn fork(&self, node: NodeId, resource: &Resource) -> Option<Fork> {
        let proposal = self.proposals.get(&(node, resource.id))?;
        let revision = resource.history.get(proposal.merged.unwrap_or(proposal.own)).unwrap();
        Some(Fork {
            resource: resource.id,
            own_head: proposal.own,
            head: revision.id,
            header: revision.header.clone(),
            provenance: resource.provenance[&revision.id].clone(),
            body: resource.body(revision.id),
            state: proposal.state,
            message: String::new(),
            own: proposal.merged.and(resource.own_of(proposal.own)).map(Box::new),
            claimed: None,
            takes_back: Vec::new(),
            earlier: None,
            aside: None,
        })
    }

    /// The database was restored: another life, that knows what is there and not what once was.
    pub fn restore(&mut self, forgotten: Option<RowKey>) {
        self.epoch = ManagerEpoch(Uuid::from_u128(self.epoch.0.as_u128() + 1));
        self.published.retain(|row, published| !published.draft.is_gone() && Some(row) != forgotten.as_ref());
        self.members.retain(|_, (_, active)| *active);
        self.droppable
            .extend(forgotten.into_iter().flat_map(|row| (0..NODES).map(move |node| (node_id(node), row.clone()))));
        self.feed = Feed::default();
        for ((node, audience), (sequence, active)) in self.members.clone() {
            self.feed.put_membership(Membership { node, audience, sequence, active });
        }
        for (key, published) in &self.published {
            let (lane, sequence) = (published.draft.lane, published.stored.sequence);
            self.feed.put_row(Row {
                key: key.clone(),
                lane,
                sequence,
                deleted: false,
                size_bytes: self.row_bytes,
                effect: None,
            });
        }
    }
}

fn runs(state: ForkState) -> bool {
    !state.is_closed() && state != ForkState::Unapplied
}
