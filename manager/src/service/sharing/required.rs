//! Required variables without a value: a node that lacks one runs what it should, and its server still cannot do its work.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use atoll_domain::id::{NodeId, ResourceId, SecretId};
use atoll_domain::kind::Kind;
use atoll_domain::kind::variable_set::effective::Outcome;
use atoll_domain::kind::variable_set::required_names;
use atoll_domain::kind::variable_set::scope::Scope;
use atoll_domain::link::feed::Feed;
use atoll_domain::secret::{reference, scoped_references};

use super::gets::{Counts, Gets, OwnEdits, Receiver, carried, own_edits, records_among};
use super::history::{Loaded, load};
use crate::clock;
use crate::directory::Nodes;
use crate::error::{Error, ErrorKind, Result};
use crate::pulse::Pulse;
use crate::service::Services;
use crate::store::Database;
use crate::store::secret::secret_ids;
use crate::store::sharing::{PublicationRecord, ResourceRecord, publication_list};

/// Nodes that a warning names; the rest is counted.
const NAMED: usize = 5;

/// Why a node has no value of a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lack {
    /// It is required, and none applies there.
    Required,
    /// It is for the server of this name, and nobody has confirmed that the node is that server.
    Unconfirmed,
    /// The manager's database was restored to before it was set.
    Lost,
}

impl Lack {
    /// The reason code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Required => "REQUIRED_MISSING",
            Self::Unconfirmed => "UNCONFIRMED",
            Self::Lost => "VALUE_LOST",
        }
    }
}

/// A variable without a value for a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    pub set: ResourceId,
    pub name: String,
    pub why: Lack,
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
    fn found(&self, pulse: &Pulse, at: Option<(u64, Looked)>, missing: BTreeMap<NodeId, Vec<Missing>>) {
        let mut seen = self.seen();
        let before = std::mem::replace(&mut seen.missing, missing);
        let either: BTreeSet<&NodeId> = before.keys().chain(seen.missing.keys()).collect();
        let changed = either.into_iter().filter(|node| before.get(node) != seen.missing.get(node));
        changed.for_each(|node| pulse.changed(*node));
        seen.at = at;
    }

    /// What nodes lacked of a set when it was looked at last.
    fn known_of(&self, set: ResourceId) -> BTreeMap<NodeId, Vec<Missing>> {
        let mut known = self.seen().missing.clone();
        known.values_mut().for_each(|missing| missing.retain(|one| one.set == set));
        known.retain(|_, missing| !missing.is_empty());
        known
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
    let sets = records_among(&services.store, Kind::VariableSet, &carried(&publications)).await?;
    if sets.is_empty() {
        services.required.found(&services.pulse, Some((sequence, Looked::Nobody)), BTreeMap::new());
        return Ok(());
    }
    let existing = Arc::new(secret_ids(&services.store).await?);
    let (nodes, own) = (services.nodes().await?, own_edits(&services.store).await?);
    let (mut missing, mut failed) = (BTreeMap::<NodeId, Vec<Missing>>::new(), Ok(()));
    for set in sets {
        let (id, name) = (set.id, set.name.clone());
        let found = match missing_of(services, set, &publications, &nodes, &own, &existing).await {
            // What nodes lack of the others is seen all the same, and of this one it is what it was.
            Err(error) if error.kind == ErrorKind::Internal => {
                let why = error.context().unwrap_or(&error.text);
                failed = Err(Error::internal(format!("{name} cannot be read: {why}")));
                services.required.known_of(id)
            }
            found => found?,
        };
        found.into_iter().for_each(|(node, lacking)| missing.entry(node).or_default().extend(lacking));
    }
    // Until all could be read, they are read again.
    let at = failed.is_ok().then_some((sequence, Looked::Everybody(nodes)));
    services.required.found(&services.pulse, at, missing);
    failed
}

/// What each node lacks of a set that lacks something of it.
async fn missing_of(
    services: &Services,
    set: ResourceRecord,
    publications: &[PublicationRecord],
    nodes: &Nodes,
    own: &OwnEdits,
    existing: &Arc<BTreeSet<SecretId>>,
) -> Result<BTreeMap<NodeId, Vec<Missing>>> {
    let set = load(&services.store, set).await?;
    let carries =
        |publication: &&PublicationRecord| publication.items.iter().any(|item| item.resource == set.record.id);
    let publications = publications.iter().filter(carries).cloned().collect();
    let mut gets = Gets::of_sets(vec![set], publications, concerns(existing));
    let mut missing: BTreeMap<NodeId, Vec<Missing>> = BTreeMap::new();
    for node in nodes.iter() {
        let known = services.required.missing(node.id);
        let who = Receiver::with_edits(node, own);
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

/// The required variables that have no value for a node, by set, and those whose value the manager has lost or holds back.
async fn lacking(
    gets: &mut Gets,
    database: &impl Database,
    who: &Receiver,
    existing: &BTreeSet<SecretId>,
) -> Result<Vec<Missing>> {
    let mut missing = Vec::new();
    for resolved in gets.resolved(database, who).await? {
        for one in &resolved.names {
            // A restored manager may have what refers to a value and not the value.
            let is_lost = match &one.outcome {
                Outcome::Value { value, .. } => reference(value).is_some_and(|own| !existing.contains(&own)),
                _ => false,
            };
            let why = match is_lost {
                true => Lack::Lost,
                false if resolved.is_held_back(who, one) => Lack::Unconfirmed,
                false if resolved.lacks(who, one) => Lack::Required,
                false => continue,
            };
            missing.push(Missing { set: resolved.set.id, name: one.name.clone(), why, since_ms: 0 });
        }
        let taken_out = resolved.taken_out.iter().cloned();
        missing.extend(taken_out.map(|name| Missing { set: resolved.set.id, name, why: Lack::Required, since_ms: 0 }));
    }
    Ok(missing)
}

/// What is looked at: contents that require something, or that refer to a value which is not there or is for a server by its name.
fn concerns(existing: &Arc<BTreeSet<SecretId>>) -> Counts {
    let existing = Arc::clone(existing);
    Box::new(move |body| {
        let is_concern = |(scope, version): &(Scope, SecretId)| !scope.target.is_empty() || !existing.contains(version);
        !required_names(body).is_empty() || scoped_references(Kind::VariableSet, body).iter().any(is_concern)
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
    let mut by_name: BTreeMap<(String, Lack), Vec<String>> = BTreeMap::new();
    let own = own_edits(&services.store).await?;
    for node in nodes.iter() {
        for one in lacking(&mut gets, &services.store, &Receiver::with_edits(node, &own), &existing).await? {
            by_name.entry((one.name, one.why)).or_default().push(node.name.to_string());
        }
    }
    let sentence = |((name, why), nodes): ((String, Lack), Vec<String>)| {
        let more = match nodes.len().saturating_sub(NAMED) {
            0 => String::new(),
            count => format!(" and {count} more"),
        };
        let named = nodes.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
        match why {
            Lack::Lost => format!("the value of {name} was lost when the manager was restored; {named}{more} get none"),
            Lack::Unconfirmed => format!("the value of {name} is held back until this is confirmed: {named}{more}"),
            Lack::Required => format!("{name} is required and has no value for {named}{more}"),
        }
    };
    Ok(by_name.into_iter().map(sentence).collect())
}
