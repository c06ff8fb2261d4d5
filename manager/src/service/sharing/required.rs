//! Required variables without a value: a node that lacks one runs what it should, and its server still cannot do its work.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};

use atoll_domain::id::{NodeId, ResourceId, RevisionId};
use atoll_domain::kind::Kind;
use atoll_domain::kind::variable_set::effective::{Outcome, effective};
use atoll_domain::link::feed::Feed;
use serde_json::Value;

use super::fork::offered_among;
use super::history::{Loaded, load};
use super::secret::place;
use crate::clock;
use crate::directory::Nodes;
use crate::error::Result;
use crate::service::Services;
use crate::store::Database;
use crate::store::fleet::NodeRecord;
use crate::store::sharing::{PublicationRecord, ResourceState, publication_list, resource_list};

/// Nodes that a warning names; the rest is counted.
const NAMED: usize = 5;

/// A required variable without a value for a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    pub set: ResourceId,
    pub name: String,
    /// Since when it is known.
    pub since_ms: i64,
}

/// What nodes lack, as of the last look.
#[derive(Debug, Default)]
pub struct Required(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    missing: BTreeMap<NodeId, Vec<Missing>>,
    /// What was looked at: while neither has changed, nothing else has.
    at: Option<(u64, Arc<Nodes>)>,
}

impl Required {
    /// What a node lacks.
    #[must_use]
    pub fn missing(&self, node: NodeId) -> Vec<Missing> {
        self.seen().missing.get(&node).cloned().unwrap_or_default()
    }

    #[must_use]
    pub fn is_missing(&self, node: NodeId) -> bool {
        self.seen().missing.contains_key(&node)
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks again at what nodes lack, if something was published or a node has changed since.
///
/// # Errors
/// The database does not answer.
pub async fn refresh(services: &Services) -> Result<()> {
    let (sequence, nodes) = (services.hub.read(Feed::sequence), services.nodes().await?);
    let is_same = |(known, before): &(u64, Arc<Nodes>)| *known == sequence && Arc::ptr_eq(before, &nodes);
    if services.required.seen().at.as_ref().is_some_and(is_same) {
        return Ok(());
    }
    let publications = publication_list(&services.store).await?;
    let mut missing: BTreeMap<NodeId, Vec<Missing>> = BTreeMap::new();
    for record in resource_list(&services.store).await? {
        let is_published = publications.iter().any(|one| one.items.iter().any(|item| item.resource == record.id));
        if record.kind != Kind::VariableSet || record.state == ResourceState::Deleted || !is_published {
            continue;
        }
        let set = record.id;
        let loaded = load(&services.store, record).await?;
        for (node, names) in lacking(&services.store, &loaded, &nodes, &publications).await? {
            let known = services.required.missing(node.id);
            let of = |name: String| {
                let before = known.iter().find(|one| one.set == set && one.name == name);
                Missing { since_ms: before.map_or_else(|| clock::now().0, |one| one.since_ms), set, name }
            };
            missing.entry(node.id).or_default().extend(names.into_iter().map(of));
        }
    }
    let mut seen = services.required.seen();
    let before = std::mem::replace(&mut seen.missing, missing);
    let changed = nodes.iter().filter(|node| before.get(&node.id) != seen.missing.get(&node.id));
    changed.for_each(|node| services.pulse.changed(node.id));
    seen.at = Some((sequence, Arc::clone(&nodes)));
    Ok(())
}

/// The nodes that get a set and lack required values of it, with the names of those.
async fn lacking<'a>(
    database: &impl Database,
    loaded: &Loaded,
    nodes: &'a Nodes,
    publications: &[PublicationRecord],
) -> Result<Vec<(&'a NodeRecord, Vec<String>)>> {
    let mut bodies: BTreeMap<RevisionId, Option<Value>> = BTreeMap::new();
    let mut lacking = Vec::new();
    for node in nodes.iter() {
        let Some(offered) = offered_among(database, loaded, node, publications).await? else { continue };
        let body = match bodies.entry(offered.revision) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(loaded.body(database, offered.revision).await?.filter(requires_something)),
        };
        let Some(body) = body else { continue };
        let missing = effective(body, &place(node)).into_iter().filter(|one| one.outcome == Outcome::RequiredMissing);
        let names: Vec<String> = missing.map(|one| one.name).collect();
        if !names.is_empty() {
            lacking.push((node.as_ref(), names));
        }
    }
    Ok(lacking)
}

fn requires_something(body: &Value) -> bool {
    let variables = atoll_domain::kind::variable_set::variables(body);
    variables.iter().any(|(_, variable)| variable.get("Required").and_then(Value::as_bool) == Some(true))
}

/// What is said when a set is released that leaves nodes without a required value.
///
/// # Errors
/// The database does not answer.
pub async fn warnings(services: &Services, loaded: &Loaded) -> Result<Vec<String>> {
    if loaded.record.kind != Kind::VariableSet {
        return Ok(Vec::new());
    }
    let (nodes, publications) = (services.nodes().await?, publication_list(&services.store).await?);
    let mut by_name: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (node, names) in lacking(&services.store, loaded, &nodes, &publications).await? {
        for name in names {
            by_name.entry(name).or_default().push(node.name.to_string());
        }
    }
    let sentence = |(name, nodes): (String, Vec<String>)| {
        let more = match nodes.len().saturating_sub(NAMED) {
            0 => String::new(),
            count => format!(" and {count} more"),
        };
        let named = nodes.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
        format!("{name} is required and has no value for {named}{more}")
    };
    Ok(by_name.into_iter().map(sentence).collect())
}
