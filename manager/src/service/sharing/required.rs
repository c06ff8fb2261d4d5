//! Required variables without a value: a node that lacks one runs what it should, and its server still cannot do its work.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use atoll_domain::id::{NodeId, ResourceId, SecretId};
use atoll_domain::kind::Kind;
use atoll_domain::kind::variable_set::effective::Outcome;
use atoll_domain::link::feed::Feed;
use atoll_domain::secret::{reference, references};
use serde_json::Value;

use super::gets::{Counts, Gets, Receiver, Resolved, carried, is_for_targets, is_required, own_edits, sets_among};
use super::history::Loaded;
use crate::clock;
use crate::directory::Nodes;
use crate::error::Result;
use crate::pulse::Pulse;
use crate::service::Services;
use crate::store::Database;
use crate::store::secret::secret_ids;
use crate::store::sharing::publication_list;

/// Nodes that a warning names; the rest is counted.
const NAMED: usize = 5;

/// A required variable without a value for a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    pub set: ResourceId,
    pub name: String,
    /// It had one: the manager's database was restored to before that.
    pub is_lost: bool,
    /// Since when it is known.
    pub since_ms: i64,
}

/// What nodes lack, as of the last look.
#[derive(Debug, Default)]
pub struct Required {
    seen: Mutex<Seen>,
    /// Whoever asks while somebody looks waits for what they see.
    looking: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Seen {
    missing: BTreeMap<NodeId, Vec<Missing>>,
    /// How far the feed had come, and who was looked at: while neither has changed, nothing else has.
    at: Option<(u64, Looked)>,
}

/// Who was looked at.
#[derive(Debug, Clone)]
enum Looked {
    /// No set is published, so whoever joins lacks nothing: a fleet that joins at once is not read again and again.
    Nobody,
    Everybody(Arc<Nodes>),
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

    /// Takes up what was found, and tells of the nodes for which it has changed.
    fn found(&self, pulse: &Pulse, at: (u64, Looked), missing: BTreeMap<NodeId, Vec<Missing>>) {
        let mut seen = self.seen();
        let before = std::mem::replace(&mut seen.missing, missing);
        let either: BTreeSet<&NodeId> = before.keys().chain(seen.missing.keys()).collect();
        let changed = either.into_iter().filter(|node| before.get(node) != seen.missing.get(node));
        changed.for_each(|node| pulse.changed(*node));
        seen.at = Some(at);
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks again at what nodes lack, if something was published or a node has changed since.
///
/// # Errors
/// The database does not answer.
pub async fn refresh(services: &Services) -> Result<()> {
    let _looking = services.required.looking.lock().await;
    let (sequence, before) = (services.hub.read(Feed::sequence), services.required.seen().at.clone());
    match &before {
        Some((known, Looked::Nobody)) if *known == sequence => return Ok(()),
        Some((known, Looked::Everybody(nodes)))
            if *known == sequence && Arc::ptr_eq(nodes, &services.nodes().await?) =>
        {
            return Ok(());
        }
        _ => {}
    }
    let publications = publication_list(&services.store).await?;
    let sets = sets_among(&services.store, &carried(&publications)).await?;
    if sets.is_empty() {
        services.required.found(&services.pulse, (sequence, Looked::Nobody), BTreeMap::new());
        return Ok(());
    }
    let existing = Arc::new(secret_ids(&services.store).await?);
    let gets = Gets::of_sets(sets, publications, concerns(&existing));
    let nodes = services.nodes().await?;
    let missing = missing_at(services, gets, &nodes, &existing).await?;
    services.required.found(&services.pulse, (sequence, Looked::Everybody(nodes)), missing);
    Ok(())
}

/// What each node lacks that lacks something.
async fn missing_at(
    services: &Services,
    mut gets: Gets,
    nodes: &Nodes,
    existing: &BTreeSet<SecretId>,
) -> Result<BTreeMap<NodeId, Vec<Missing>>> {
    let mut missing: BTreeMap<NodeId, Vec<Missing>> = BTreeMap::new();
    let mut own = own_edits(&services.store).await?;
    for node in nodes.iter() {
        let known = services.required.missing(node.id);
        let who = Receiver { own: own.remove(&node.id).unwrap_or_default(), ..Receiver::from(&**node) };
        let mut lacking = lacking(&mut gets, &services.store, &who, existing).await?;
        for one in &mut lacking {
            let before = known.iter().find(|before| before.set == one.set && before.name == one.name);
            one.since_ms = before.map_or_else(|| clock::now().0, |before| before.since_ms);
        }
        if !lacking.is_empty() {
            missing.insert(node.id, lacking);
        }
    }
    Ok(missing)
}

/// The required variables that have no value for a node, by set, and those whose value the manager has lost. One whose value is
/// held back from it has none either.
async fn lacking(
    gets: &mut Gets,
    database: &impl Database,
    who: &Receiver,
    existing: &BTreeSet<SecretId>,
) -> Result<Vec<Missing>> {
    let mut missing = Vec::new();
    for resolved in gets.resolved(database, who).await? {
        let Resolved { set, body, ref names, .. } = resolved;
        for one in names {
            let (mut is_missing, mut is_lost) = (one.outcome == Outcome::RequiredMissing, false);
            if let Outcome::Value { key, value } = &one.outcome {
                let version = reference(value);
                // A restored manager may have what refers to a value and not the value.
                is_lost = version.is_some_and(|own| !existing.contains(&own));
                let is_gone = resolved.is_out_of_reach(value);
                let is_held_back = !who.confirmed && is_for_targets(body, key, value);
                is_missing = is_lost || (is_gone || is_held_back) && is_required(body, &one.name);
            }
            if is_missing {
                missing.push(Missing { set: set.id, name: one.name.clone(), is_lost, since_ms: 0 });
            }
        }
    }
    Ok(missing)
}

fn requires_something(body: &Value) -> bool {
    let variables = atoll_domain::kind::variable_set::variables(body);
    variables.iter().any(|(_, variable)| variable.get("Required").and_then(Value::as_bool) == Some(true))
}

/// What is looked at: contents that require something, or that refer to a value which is not there.
fn concerns(existing: &Arc<BTreeSet<SecretId>>) -> Counts {
    let existing = Arc::clone(existing);
    Box::new(move |body| {
        requires_something(body) || references(body).iter().any(|(_, version)| !existing.contains(version))
    })
}

/// What is said when a set is released that leaves nodes without a required value.
///
/// # Errors
/// The database does not answer.
pub async fn warnings(services: &Services, set: Loaded) -> Result<Vec<String>> {
    if set.record.kind != Kind::VariableSet {
        return Ok(Vec::new());
    }
    let (nodes, publications) = (services.nodes().await?, publication_list(&services.store).await?);
    let existing = Arc::new(secret_ids(&services.store).await?);
    let mut gets = Gets::of_sets(vec![set], publications, concerns(&existing));
    let mut by_name: BTreeMap<(String, bool), Vec<String>> = BTreeMap::new();
    let own = own_edits(&services.store).await?;
    for node in nodes.iter() {
        for one in lacking(&mut gets, &services.store, &Receiver::with_edits(node, &own), &existing).await? {
            by_name.entry((one.name, one.is_lost)).or_default().push(node.name.to_string());
        }
    }
    let sentence = |((name, is_lost), nodes): ((String, bool), Vec<String>)| {
        let more = match nodes.len().saturating_sub(NAMED) {
            0 => String::new(),
            count => format!(" and {count} more"),
        };
        let named = nodes.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
        match is_lost {
            true => format!("the value of {name} was lost when the manager was restored; {named}{more} get none"),
            false => format!("{name} is required and has no value for {named}{more}"),
        }
    };
    Ok(by_name.into_iter().map(sentence).collect())
}
