//! One resource as the model manager keeps it: its whole history, and what nodes did to it.

use std::collections::{BTreeMap, BTreeSet};

use atoll_domain::document::RevisionReport;
use atoll_domain::id::{BodyHash, ResourceId, RevisionId};
use atoll_domain::kind::Kind;
use atoll_domain::sharing::fork::{ForkDecision, ForkState, MergedFork, OwnRevision};
use atoll_domain::sharing::history::{History, HistoryError, Meeting};
use atoll_domain::sharing::offer::Version;
use atoll_domain::sharing::revision::{Origin, Provenance, Revision};
use atoll_domain::sharing::touched::difference;
use atoll_domain::time::Timestamp;
use serde_json::{Value, json};

use crate::documents::{resource_id, resource_kind};
use crate::edits::beginning;

/// A resource with everything ever known of it.
#[derive(Debug)]
pub struct Resource {
    pub id: ResourceId,
    pub kind: Kind,
    pub history: History,
    pub bodies: BTreeMap<BodyHash, Value>,
    pub provenance: BTreeMap<RevisionId, Provenance>,
    pub released: RevisionId,
    pub version: Version,
}

/// The newest edit of a resource that a node has delivered.
#[derive(Debug, Clone)]
pub struct Proposal {
    pub own: RevisionId,
    pub number: u64,
    pub base_unknown: bool,
    pub state: ForkState,
    pub merged: Option<RevisionId>,
}

impl Resource {
    pub fn new(number: usize) -> Self {
        let (id, kind) = (resource_id(number), resource_kind(number));
        let body = kind.import(&beginning(kind), None).unwrap().body;
        let first = Revision::child(id, kind, BTreeSet::new(), None, &body);
        let (history, bodies, provenance) = (History::default(), BTreeMap::new(), BTreeMap::new());
        let mut resource = Self { id, kind, history, bodies, provenance, released: first.id, version: Version::FIRST };
        resource.add(first, Some(body), Origin::Import);
        resource
    }

    pub fn body(&self, id: RevisionId) -> Option<Value> {
        self.bodies.get(&self.history.get(id)?.header.body).cloned()
    }

    pub fn add(&mut self, revision: Revision, body: Option<Value>, origin: Origin) -> RevisionId {
        let id = revision.id;
        let provenance = Provenance {
            author: "manager".to_owned(),
            node: None,
            at: Timestamp(0),
            origin,
            message: String::new(),
            metadata: json!({}),
        };
        self.keep(revision, body, provenance).unwrap();
        id
    }

    pub fn keep(
        &mut self,
        revision: Revision,
        body: Option<Value>,
        provenance: Provenance,
    ) -> Result<(), HistoryError> {
        let (id, hash) = (revision.id, revision.header.body);
        self.history.insert(revision)?;
        self.bodies.extend(body.map(|body| (hash, body)));
        self.provenance.entry(id).or_insert(provenance);
        Ok(())
    }

    pub fn take(&mut self, report: &RevisionReport) -> Result<(), HistoryError> {
        let revision = Revision::verify(report.id, report.header.clone(), report.body.as_ref()).unwrap();
        self.keep(revision, report.body.clone(), report.provenance.clone())?;
        let revision = self.history.get(report.id).unwrap();
        let parent = revision.header.parents.first().and_then(|parent| self.body(*parent));
        assert_eq!(revision.check_touched(parent.as_ref(), report.body.as_ref()), Ok(()));
        Ok(())
    }

    pub fn meet(&self, one: RevisionId, other: RevisionId) -> Meeting {
        let bodies = |revision: &Revision| self.bodies.get(&revision.header.body).cloned();
        self.history.meet(one, other, self.kind.default_text_mode(), &bodies).unwrap()
    }

    /// A person settles everything in favour of the node's edit.
    pub fn resolved_for(&mut self, own: RevisionId) -> RevisionId {
        let (released, body) = (self.body(self.released), self.body(own).unwrap());
        let touched = difference(released.as_ref(), Some(&body));
        let parents = BTreeSet::from([self.released, own]);
        let revision = Revision::writing(self.id, self.kind, parents, Some(&body), touched);
        self.add(revision, Some(body), Origin::Resolution)
    }

    /// A revision as its node keeps it.
    pub fn own_of(&self, id: RevisionId) -> Option<OwnRevision> {
        let header = self.history.get(id)?.header.clone();
        Some(OwnRevision { header, provenance: self.provenance[&id].clone(), body: self.body(id) })
    }

    pub fn decision(&self, proposal: &Proposal) -> ForkDecision {
        let merged = proposal.merged.map(|id| MergedFork {
            revision: id,
            header: self.history.get(id).unwrap().header.clone(),
            provenance: self.provenance[&id].clone(),
            body: self.body(id),
        });
        ForkDecision {
            resource: self.id,
            of: proposal.own,
            edit: uuid::Uuid::nil(),
            state: proposal.state,
            message: String::new(),
            merged,
            is_held: false,
            own: None,
        }
    }
}
