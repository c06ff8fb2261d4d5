//! Which values nodes get by what is published: for saying beforehand what an act changes, and which nodes lack what they need.
//!
//! A node's own edits count as what they are now: whether they merge with what is to come shows when it comes.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use atoll_domain::fleet::name::{GroupPath, NodeName};
use atoll_domain::fleet::node::NodeStanding;
use atoll_domain::fleet::selector::{Labels, place_of};
use atoll_domain::id::{NodeId, ResourceId, RevisionId, SecretId};
use atoll_domain::kind::Kind;
use atoll_domain::kind::variable_set::effective::{Effective, Outcome, effective};
use atoll_domain::kind::variable_set::scope::{Place, Scope};
use atoll_domain::kind::variable_set::variables;
use atoll_domain::secret::{reference, scoped_references};
use atoll_domain::sharing::fork::Delivery;
use atoll_domain::sharing::offer::{EditMode, Version};
use serde_json::Value;

use super::fork::{offered_among, what_runs};
use super::history::{Loaded, load};
use crate::error::Result;
use crate::store::Database;
use crate::store::fleet::NodeRecord;
use crate::store::sharing::{PublicationRecord, ResourceRecord, ResourceState, forks_open_everywhere, resource_list};

/// A value that a node gets. Equal values are equal here, sealed ones by what they refer to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Got {
    value: Value,
}

impl Got {
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        reference(&self.value).is_some()
    }

    /// As people may see it.
    #[must_use]
    pub fn shown(&self) -> String {
        match &self.value {
            _ if self.is_sealed() => "(sealed)".to_owned(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }
    }
}

/// What a node gets, by set and name.
pub type Values = BTreeMap<(String, String), Got>;

/// Whoever gets values: a node as it is or as it would be, or one that has yet to join.
#[derive(Debug, Clone)]
pub struct Receiver {
    /// A node that has yet to join may take any name.
    pub name: Option<NodeName>,
    pub group: GroupPath,
    pub labels: Labels,
    /// Values for the very name are for it.
    pub confirmed: bool,
    pub is_member: bool,
    /// Edits of its own, which run in the place of what is published.
    pub own: BTreeMap<ResourceId, RevisionId>,
    /// Sealed values that it keeps for those.
    pub kept: BTreeSet<SecretId>,
}

impl From<&NodeRecord> for Receiver {
    fn from(node: &NodeRecord) -> Self {
        Self {
            name: Some(node.name.clone()),
            group: node.group.clone(),
            labels: node.labels.clone(),
            confirmed: node.confirmed,
            is_member: node.standing != NodeStanding::Removed,
            own: BTreeMap::new(),
            kept: BTreeSet::new(),
        }
    }
}

impl Receiver {
    /// A node with the edits that it runs.
    pub(super) fn with_edits(node: &NodeRecord, own: &OwnEdits) -> Self {
        Self { own: own.get(&node.id).cloned().unwrap_or_default(), ..Self::from(node) }
    }

    fn place(&self) -> Place {
        let place = place_of(self.name.as_ref().map_or("", |name| name.as_str()), &self.group, &self.labels);
        Place { target: place.target.filter(|_| self.name.is_some()), ..place }
    }
}

/// The edits that nodes run, by node and resource.
pub(super) type OwnEdits = BTreeMap<NodeId, BTreeMap<ResourceId, RevisionId>>;

/// # Errors
/// The database does not answer.
pub(super) async fn own_edits(database: &impl Database) -> Result<OwnEdits> {
    let mut open = forks_open_everywhere(database).await?;
    open.retain(|fork| fork.state.runs() && fork.delivery != Delivery::Unapplied);
    open.sort_by_key(|fork| fork.edit);
    let mut own = OwnEdits::new();
    for fork in open {
        own.entry(fork.node).or_default().insert(fork.resource, fork.head);
    }
    Ok(own)
}

/// What a place gets of a set.
#[derive(Debug)]
pub struct Resolved<'a> {
    pub set: &'a ResourceRecord,
    pub body: &'a Value,
    /// The sealed values that reach a node through what is published; absent where that is what the node runs.
    pub published: Option<BTreeSet<SecretId>>,
    pub names: Vec<Effective>,
}

/// Which contents count.
pub type Counts = Box<dyn Fn(&Value) -> bool + Send + Sync>;

/// The published variable sets, read once for many nodes.
pub struct Gets {
    publications: Vec<PublicationRecord>,
    sets: Vec<Loaded>,
    /// Which contents count: nodes get nothing of the others here.
    counts: Counts,
    bodies: BTreeMap<RevisionId, Option<Value>>,
}

impl Gets {
    /// # Errors
    /// The database does not answer.
    pub async fn load(database: &impl Database, publications: Vec<PublicationRecord>, counts: Counts) -> Result<Self> {
        let items = publications.iter().flat_map(|publication| &publication.items);
        let carried: BTreeSet<ResourceId> = items.map(|item| item.resource).collect();
        let sets = sets_among(database, &carried).await?;
        Ok(Self::of_sets(sets, publications, counts))
    }

    /// Of some sets alone.
    #[must_use]
    pub fn of_sets(sets: Vec<Loaded>, publications: Vec<PublicationRecord>, counts: Counts) -> Self {
        Self { publications, sets, counts, bodies: BTreeMap::new() }
    }

    /// From now on other publications count.
    pub fn publish(&mut self, publications: Vec<PublicationRecord>) {
        self.publications = publications;
    }

    /// From now on something else of a set is released, or nothing.
    pub fn release(&mut self, set: ResourceId, released: Option<(Version, RevisionId)>) {
        for loaded in self.sets.iter_mut().filter(|loaded| loaded.record.id == set) {
            loaded.record.released = released;
        }
    }

    /// What a node gets of each set, as the node is given here.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn resolved(&mut self, database: &impl Database, who: &Receiver) -> Result<Vec<Resolved<'_>>> {
        let mut offers = Vec::new();
        for set in self.sets.iter().filter(|_| who.is_member) {
            let offered = offered_among(database, set, (&who.group, &who.labels), &self.publications).await?;
            let Some(offered) = offered else { continue };
            let own = who.own.get(&set.record.id).filter(|own| set.history.contains(**own)).copied();
            let own = own.filter(|_| offered.edit_mode != EditMode::Locked);
            let runs = match own {
                None => (offered.revision, None),
                Some(own) => run_of(database, set, own, offered.revision).await?,
            };
            for (revision, body) in [(offered.revision, None), runs.clone()] {
                if let Entry::Vacant(new) = self.bodies.entry(revision) {
                    let body = match body {
                        Some(body) => Some(body),
                        None => set.body(database, revision).await?,
                    };
                    new.insert(body.filter(|body| (self.counts)(body)));
                }
            }
            offers.push((&set.record, offered.revision, runs.0));
        }
        let place = who.place();
        let resolved = offers.into_iter().filter_map(|(set, offered, runs)| {
            let body = self.bodies.get(&runs)?.as_ref()?;
            let published = (runs != offered).then(|| {
                let body = self.bodies.get(&offered).and_then(Option::as_ref);
                let all = body.map(|body| scoped_references(Kind::VariableSet, body)).unwrap_or_default();
                all.into_iter().map(|(_, version)| version).collect()
            });
            Some(Resolved { set, body, published, names: effective(body, &place) })
        });
        Ok(resolved.collect())
    }

    /// The values that a node gets as it is given here.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn of(&mut self, database: &impl Database, who: &Receiver) -> Result<Values> {
        let mut values = Values::new();
        for Resolved { set, body, names, .. } in self.resolved(database, who).await? {
            for one in names {
                if let Outcome::Value { key, value } = one.outcome
                    && (who.confirmed || !is_for_targets(body, &key, &value))
                {
                    values.insert((set.name.clone(), one.name), Got { value });
                }
            }
        }
        Ok(values)
    }
}

/// What a node runs with an edit of its own.
pub(super) async fn run_of(
    database: &impl Database,
    set: &Loaded,
    own: RevisionId,
    offered: RevisionId,
) -> Result<(RevisionId, Option<Value>)> {
    let together = what_runs(database, set, own, offered).await?;
    Ok(together.map_or((own, None), |together| (together.revision.id, together.body)))
}

/// The variable sets among some resources, without those that are deleted.
///
/// # Errors
/// The database does not answer.
pub(super) async fn sets_among(database: &impl Database, resources: &BTreeSet<ResourceId>) -> Result<Vec<Loaded>> {
    let mut sets = Vec::new();
    for record in resource_list(database).await? {
        let is_set = record.kind == Kind::VariableSet && record.state != ResourceState::Deleted;
        if is_set && resources.contains(&record.id) {
            sets.push(load(database, record).await?);
        }
    }
    Ok(sets)
}

/// A sealed value for a server by its name: nobody gets it before somebody has said that he is that server.
pub(super) fn is_for_targets(body: &Value, key: &str, value: &Value) -> bool {
    let mut found = variables(body).into_iter().filter(|(own, _)| own == key);
    reference(value).is_some()
        && found.any(|(_, variable)| Scope::of(variable).is_ok_and(|scope| !scope.target.is_empty()))
}
