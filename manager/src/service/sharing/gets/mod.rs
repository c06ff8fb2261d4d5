//! Which values nodes get by what is published: for saying beforehand what an act changes, and which nodes lack what they need.
//!
//! A node's own edits count as what they are now: whether they merge with what is to come shows when it comes.

mod sealed;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use atoll_domain::fleet::name::{GroupPath, NodeName};
use atoll_domain::fleet::node::NodeStanding;
use atoll_domain::fleet::selector::{Labels, place_of};
use atoll_domain::id::{NodeId, ResourceId, RevisionId, SecretId};
use atoll_domain::kind::Kind;
use atoll_domain::kind::variable_set::effective::{Effective, Outcome, effective};
use atoll_domain::kind::variable_set::scope::{Place, Scope};
use atoll_domain::kind::variable_set::{required_names, variables};
use atoll_domain::secret::reference;
use atoll_domain::sharing::fork::Delivery;
use atoll_domain::sharing::offer::{EditMode, Version};
use serde_json::Value;

use self::sealed::{SealedIn, brought, in_publication, readable_here};
use super::fork::{is_contained, offered_among, what_runs};
use super::history::{Loaded, load};
use super::secret::kept_values;
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
    /// The sealed value that it is.
    #[must_use]
    pub fn version(&self) -> Option<SecretId> {
        reference(&self.value)
    }

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

/// Sealed values that a node can read, whether another value applies or not, with their resource and their place in it.
pub type Readable = BTreeMap<SecretId, (String, String)>;

/// All of it.
#[derive(Debug, Default)]
pub struct All {
    pub values: Values,
    pub readable: Readable,
    /// What is required and has no value for it.
    pub missing: BTreeSet<(String, String)>,
}

/// An edit that a node runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnEdit {
    /// What runs of it, and what the node made.
    pub head: RevisionId,
    pub node_head: RevisionId,
}

/// What a node has of its own.
#[derive(Debug, Clone, Default)]
pub struct Own {
    /// Edits, which run in the place of what is published.
    pub edits: BTreeMap<ResourceId, OwnEdit>,
    /// Sealed values that it keeps for those.
    pub kept: BTreeSet<SecretId>,
}

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
    pub own: Own,
}

impl From<&NodeRecord> for Receiver {
    fn from(node: &NodeRecord) -> Self {
        Self {
            name: Some(node.name.clone()),
            group: node.group.clone(),
            labels: node.labels.clone(),
            confirmed: node.confirmed,
            is_member: node.standing != NodeStanding::Removed,
            own: Own::default(),
        }
    }
}

impl Receiver {
    /// A node with the edits that it runs.
    #[must_use]
    pub fn with_edits(node: &NodeRecord, own: &OwnEdits) -> Self {
        Self { own: own.get(&node.id).cloned().unwrap_or_default(), ..Self::from(node) }
    }

    /// The same after something else is published: for its own edits it keeps what it can read now.
    pub(super) fn keeping(self, readable: &Readable) -> Self {
        let mut own = self.own;
        if !own.edits.is_empty() {
            own.kept.extend(readable.keys());
        }
        Self { own, ..self }
    }

    /// Whether a sealed value for a scope is for it.
    fn is_meant(&self, scope: &Scope) -> bool {
        (scope.target.is_empty() || self.confirmed) && scope.rank_at(&self.place()).is_ok()
    }

    fn place(&self) -> Place {
        let place = place_of(self.name.as_ref().map_or("", |name| name.as_str()), &self.group, &self.labels);
        Place { target: place.target.filter(|_| self.name.is_some()), ..place }
    }
}

/// What nodes have of their own.
pub type OwnEdits = BTreeMap<NodeId, Own>;

/// # Errors
/// The database does not answer.
pub async fn own_edits(database: &impl Database) -> Result<OwnEdits> {
    let mut open = forks_open_everywhere(database).await?;
    open.retain(|fork| fork.state.runs() && fork.delivery != Delivery::Unapplied);
    open.sort_by_key(|fork| fork.edit);
    let mut own = OwnEdits::new();
    for fork in open {
        let edit = OwnEdit { head: fork.head, node_head: fork.node_head };
        own.entry(fork.node).or_default().edits.insert(fork.resource, edit);
    }
    for (node, own) in &mut own {
        own.kept = kept_values(database, *node).await?;
    }
    Ok(own)
}

/// What a place gets of a set.
#[derive(Debug)]
pub struct Resolved<'a> {
    pub set: &'a ResourceRecord,
    pub body: &'a Value,
    /// The sealed values that a node can read of it; absent where it runs what is published, and so can read what applies.
    pub readable: Option<BTreeSet<SecretId>>,
    pub names: Vec<Effective>,
    /// Names that are required of the node and that its own edit has taken out.
    pub taken_out: Vec<String>,
}

impl Resolved<'_> {
    /// Whether a sealed value that applies is one that the node cannot read: its own edit refers to what is not for it any more.
    #[must_use]
    pub fn is_out_of_reach(&self, value: &Value) -> bool {
        let readable = self.readable.as_ref();
        readable.zip(reference(value)).is_some_and(|(known, version)| !known.contains(&version))
    }

    /// Whether the value that a name stands for is for the server of the node's name, which nobody has confirmed it is.
    #[must_use]
    pub fn is_held_back(&self, who: &Receiver, one: &Effective) -> bool {
        match &one.outcome {
            Outcome::Value { key, value } => !who.confirmed && is_for_targets(self.body, key, value),
            _ => false,
        }
    }

    /// The value that a name stands for there, unless it is held back from the node or one that it cannot read.
    #[must_use]
    pub fn value<'v>(&self, who: &Receiver, one: &'v Effective) -> Option<&'v Value> {
        let Outcome::Value { value, .. } = &one.outcome else { return None };
        (!self.is_held_back(who, one) && !self.is_out_of_reach(value)).then_some(value)
    }

    /// Whether a name is required there and stands for no value that the node gets.
    #[must_use]
    pub fn lacks(&self, who: &Receiver, one: &Effective) -> bool {
        match &one.outcome {
            Outcome::RequiredMissing => true,
            Outcome::Value { .. } => self.value(who, one).is_none() && is_required(self.body, &one.name),
            _ => false,
        }
    }
}

/// Which contents count.
pub type Counts = Box<dyn Fn(&Value) -> bool + Send + Sync>;

/// The published variable sets, read once for many nodes.
pub struct Gets {
    publications: Vec<PublicationRecord>,
    sets: Vec<Loaded>,
    /// Templates, which may hold sealed values too.
    templates: Vec<Loaded>,
    /// Which contents count: nodes get nothing of the others here.
    counts: Counts,
    bodies: BTreeMap<RevisionId, Option<Value>>,
    /// The sealed values of contents.
    sealed: SealedIn,
}

impl Gets {
    /// # Errors
    /// The database does not answer.
    pub async fn load(database: &impl Database, publications: Vec<PublicationRecord>, counts: Counts) -> Result<Self> {
        let sets = sets_among(database, &carried(&publications)).await?;
        Ok(Self::of_sets(sets, publications, counts))
    }

    /// Of some sets alone.
    #[must_use]
    pub fn of_sets(sets: Vec<Loaded>, publications: Vec<PublicationRecord>, counts: Counts) -> Self {
        let (bodies, sealed) = (BTreeMap::new(), BTreeMap::new());
        Self { publications, sets, templates: Vec::new(), counts, bodies, sealed }
    }

    /// With the sealed values of some templates.
    #[must_use]
    pub fn with_templates(self, templates: Vec<Loaded>) -> Self {
        Self { templates, ..self }
    }

    /// From now on other publications count.
    pub fn publish(&mut self, publications: Vec<PublicationRecord>) {
        self.publications = publications;
    }

    /// From now on something else of a set is released, or nothing.
    pub fn release(&mut self, set: ResourceId, released: Option<(Version, RevisionId)>) {
        for loaded in self.sets.iter_mut().chain(&mut self.templates).filter(|loaded| loaded.record.id == set) {
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
            let own = who.own.edits.get(&set.record.id).filter(|_| offered.edit_mode != EditMode::Locked);
            let (revision, own_body) = run_of(database, set, own.copied(), offered.revision).await?;
            let readable = match revision == offered.revision {
                true => None,
                false => {
                    let runs = (revision, own_body.clone());
                    Some(readable_here(database, set, &self.publications, &mut self.sealed, who, runs).await?)
                }
            };
            if let Entry::Vacant(new) = self.bodies.entry(offered.revision) {
                let body = set.body(database, offered.revision).await?;
                new.insert(body.filter(|body| (self.counts)(body)));
            }
            if let Entry::Vacant(new) = self.bodies.entry(revision) {
                let body = match own_body {
                    Some(body) => Some(body),
                    None => set.body(database, revision).await?,
                };
                // What is required by what is published counts, whatever the edit has left of it.
                new.insert(body);
            }
            offers.push((&set.record, offered.revision, revision, readable));
        }
        let place = who.place();
        let resolved = offers.into_iter().filter_map(|(set, offered, runs, readable)| {
            let published = self.bodies.get(&offered)?.as_ref();
            let body = self.bodies.get(&runs)?.as_ref().filter(|body| published.is_some() || (self.counts)(body))?;
            let names = effective(body, &place);
            let taken_out = match published.filter(|_| runs != offered) {
                Some(published) => {
                    required_names(published).into_iter().filter(|name| !has_name(&names, name)).collect()
                }
                None => Vec::new(),
            };
            Some(Resolved { set, body, readable, names, taken_out })
        });
        Ok(resolved.collect())
    }

    /// The values that a node gets as it is given here, and the sealed ones that it can read.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn of(&mut self, database: &impl Database, who: &Receiver) -> Result<All> {
        let mut all = All { readable: self.readable(database, who).await?, ..All::default() };
        for resolved in self.resolved(database, who).await? {
            for one in &resolved.names {
                let name = (resolved.set.name.clone(), one.name.clone());
                if let Some(value) = resolved.value(who, one) {
                    all.readable.extend(reference(value).map(|version| (version, name.clone())));
                    all.values.insert(name, Got { value: value.clone() });
                } else if resolved.lacks(who, one) {
                    all.missing.insert(name);
                }
            }
            let taken_out = resolved.taken_out.iter().cloned();
            all.missing.extend(taken_out.map(|name| (resolved.set.name.clone(), name)));
        }
        Ok(all)
    }

    /// The sealed values that publications bring to a node, whether one of them applies or not.
    async fn readable(&mut self, database: &impl Database, who: &Receiver) -> Result<Readable> {
        let mut readable = Readable::new();
        for loaded in self.sets.iter().chain(&self.templates).filter(|_| who.is_member) {
            for sealed in brought(database, loaded, &self.publications, &mut self.sealed, who).await? {
                for one in sealed.iter().filter(|one| who.is_meant(&one.scope)) {
                    readable.insert(one.version, (loaded.record.name.clone(), one.place.clone()));
                }
            }
        }
        Ok(readable)
    }

    /// Takes up the templates that bring sealed values, where some of those that are published are in no set.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn with_sealed_templates(
        mut self,
        database: &impl Database,
        published: &BTreeSet<SecretId>,
    ) -> Result<Self> {
        let mut known: BTreeSet<SecretId> = BTreeSet::new();
        for set in &self.sets {
            for publication in &self.publications {
                let sealed = in_publication(database, set, publication, &mut self.sealed).await?;
                known.extend(sealed.iter().flat_map(|sealed| sealed.iter()).map(|one| one.version));
            }
        }
        if published.is_subset(&known) {
            return Ok(self);
        }
        let templates = loaded_among(database, Kind::StepTemplate, &carried(&self.publications)).await?;
        Ok(self.with_templates(templates))
    }
}

/// What a node runs where it is offered something and may have an edit of its own. An edit that is part of what is offered by
/// now goes on no longer.
pub(super) async fn run_of(
    database: &impl Database,
    set: &Loaded,
    own: Option<OwnEdit>,
    offered: RevisionId,
) -> Result<(RevisionId, Option<Value>)> {
    let goes_on = |own: &OwnEdit| set.history.contains(own.head) && !is_contained(set, *own, offered);
    let Some(own) = own.filter(goes_on) else { return Ok((offered, None)) };
    let together = what_runs(database, set, own.head, offered).await?;
    Ok(together.map_or((own.head, None), |together| (together.revision.id, together.body)))
}

/// The resources that publications carry.
pub(super) fn carried<'a>(publications: impl IntoIterator<Item = &'a PublicationRecord>) -> BTreeSet<ResourceId> {
    publications.into_iter().flat_map(|publication| &publication.items).map(|item| item.resource).collect()
}

/// The variable sets among some resources, without those that are deleted.
///
/// # Errors
/// The database does not answer.
pub(super) async fn sets_among(database: &impl Database, resources: &BTreeSet<ResourceId>) -> Result<Vec<Loaded>> {
    loaded_among(database, Kind::VariableSet, resources).await
}

/// The same of a kind.
///
/// # Errors
/// The database does not answer.
pub(super) async fn loaded_among(
    database: &impl Database,
    kind: Kind,
    resources: &BTreeSet<ResourceId>,
) -> Result<Vec<Loaded>> {
    let mut all = Vec::new();
    for record in records_among(database, kind, resources).await? {
        all.push(load(database, record).await?);
    }
    Ok(all)
}

/// The same without their history.
///
/// # Errors
/// The database does not answer.
pub(super) async fn records_among(
    database: &impl Database,
    kind: Kind,
    resources: &BTreeSet<ResourceId>,
) -> Result<Vec<ResourceRecord>> {
    let mut all = resource_list(database).await?;
    all.retain(|record| {
        record.kind == kind && record.state != ResourceState::Deleted && resources.contains(&record.id)
    });
    Ok(all)
}

/// A sealed value for a server by its name: nobody gets it before somebody has said that he is that server.
pub(super) fn is_for_targets(body: &Value, key: &str, value: &Value) -> bool {
    let mut found = variables(body).into_iter().filter(|(own, _)| own == key);
    reference(value).is_some()
        && found.any(|(_, variable)| Scope::of(variable).is_ok_and(|scope| !scope.target.is_empty()))
}

/// Whether a variable is required, by its name, in whatever case it is written.
pub(super) fn is_required(body: &Value, name: &str) -> bool {
    required_names(body).iter().any(|own| own.to_lowercase() == name.to_lowercase())
}

fn has_name(names: &[Effective], name: &str) -> bool {
    names.iter().any(|one| one.name.to_lowercase() == name.to_lowercase())
}
