//! Acting on many nodes: what was confirmed is what is acted on.

use std::collections::BTreeSet;
use std::sync::Arc;

use atoll_domain::fleet::node::NodeStanding;
use atoll_domain::id::NodeId;
use uuid::Uuid;

use super::act::Act;
use super::node::{NodeView, view};
use crate::clock;
use crate::error::{Error, ErrorKind, Result};
use crate::service::list::{facet, matching};
use crate::service::sharing::gets::{Receiver, own_edits};
use crate::service::sharing::preview::values::ValueChanges;
use crate::service::{Caller, Services};
use crate::store::fleet::{NodeRecord, SelectionRecord, node_get, selection_create, selection_get, selections_prune};

const LIFETIME_MS: i64 = 600_000;
/// Selections that one owner may have at once; the oldest goes when another one comes.
const OWNER_LIMIT: u64 = 100;
/// Nodes in one selection.
const NODE_LIMIT: usize = 100_000;
/// Nodes in one transaction: others get their turn in between.
const CHUNK: usize = 100;

/// A selection with what people confirm.
#[derive(Debug)]
pub struct Frozen {
    pub record: SelectionRecord,
    pub states: Vec<(String, u64)>,
}

/// Freezes which nodes an act will be about.
///
/// # Errors
/// A node that does not exist, or a filter that is none.
pub async fn freeze(services: &Services, caller: &Caller, nodes: &[String], filter: &str) -> Result<Frozen> {
    if !nodes.is_empty() && !filter.is_empty() {
        return Err(Error::invalid("BAD_SELECTION", "give nodes or a filter, not both"));
    }
    let views = chosen(services, nodes, filter).await?;
    if views.len() > NODE_LIMIT {
        return Err(Error::invalid("BAD_SELECTION", format!("a selection has at most {NODE_LIMIT} nodes; narrow it")));
    }
    let states = facet(&views, "state");
    let ids: BTreeSet<NodeId> = views.into_iter().map(|view| view.record.id).collect();
    let record = SelectionRecord {
        id: clock::new_id(),
        owner: caller.name.clone(),
        nodes: ids.into_iter().collect(),
        created_ms: caller.now.0,
        expires_ms: caller.now.plus_ms(LIFETIME_MS).0,
    };
    let tx = services.store.begin().await?;
    selections_prune(&tx, &record.owner, OWNER_LIMIT - 1, caller.now.0).await?;
    selection_create(&tx, &record).await?;
    tx.commit().await?;
    Ok(Frozen { record, states })
}

async fn chosen(services: &Services, nodes: &[String], filter: &str) -> Result<Vec<NodeView>> {
    let known = services.nodes().await?;
    if nodes.is_empty() {
        return matching(known.iter().map(|record| view(services, Arc::clone(record))).collect(), filter);
    }
    let wanted: BTreeSet<&str> = nodes.iter().map(String::as_str).collect();
    let found = wanted.into_iter().map(|node| {
        let by_id = node.parse().ok().and_then(|id| known.get(id));
        let record = by_id.or_else(|| known.named(node)).ok_or_else(|| Error::not_found("node", node))?;
        Ok(view(services, Arc::clone(record)))
    });
    let mut views = found.collect::<Result<Vec<NodeView>>>()?;
    views.sort_by_key(|view| view.record.id);
    views.dedup_by_key(|view| view.record.id);
    Ok(views)
}

/// What an act would change.
#[derive(Debug, Default)]
pub struct Preview {
    pub reaches: Vec<Reach>,
    pub values: ValueChanges,
    /// Nodes that would run an edit of their own no more.
    pub stopped_edits: u64,
    /// Nodes for which something changes, and that are cordoned: they get it later.
    pub cordoned: u64,
    /// Why it is refused without the word, for the first node that it concerns.
    pub refusal: Option<String>,
}

/// What one publication brings to how many nodes, or no longer, by an act.
#[derive(Debug)]
pub struct Reach {
    pub publication: String,
    pub gained: u64,
    pub lost: u64,
}

/// What an act would bring to the nodes of a selection, and take away from them. Nothing is changed.
///
/// # Errors
/// The selection is not the caller's or has run out, or the act cannot be done to anybody.
pub async fn preview(services: &Services, caller: &Caller, id: Uuid, expected: u64, act: &Act) -> Result<Preview> {
    let selection = confirmed(services, caller, id, expected).await?;
    let known = services.nodes().await?;
    // Dropped at the end without a commit: it only reads.
    let tx = services.store.begin().await?;
    let prepared = act.prepare(&tx).await?;
    let start = prepared.publications().map(|name| Reach { publication: name.to_owned(), gained: 0, lost: 0 });
    let mut preview = Preview { reaches: start.collect(), ..Preview::default() };
    let (mut gets, own) = (prepared.gets(&tx).await?, own_edits(&tx).await?);
    let mut stopping = prepared.stopping(&own);
    for record in selection.nodes.iter().filter_map(|id| known.get(*id)) {
        // A node that it cannot be done to changes nothing.
        let Ok(after) = prepared.after(caller, record) else { continue };
        let mut changes = false;
        for (reach, change) in preview.reaches.iter_mut().zip(prepared.reach(record, &after)) {
            changes |= change.is_some();
            reach.gained += u64::from(change == Some(true));
            reach.lost += u64::from(change == Some(false));
        }
        stopping.compare(&tx, record, &after).await?;
        if preview.refusal.is_none() {
            preview.refusal = prepared.refusal(caller, record, &after)?;
        }
        if preview.values.looks_at_another() {
            let (before, after) = (Receiver::with_edits(record, &own), Receiver::with_edits(&after, &own));
            let total = preview.values.total;
            preview.values.compare(&tx, &mut gets, &before, &after).await?;
            changes |= preview.values.total > total;
        }
        preview.cordoned += u64::from(changes && record.standing == NodeStanding::Cordoned);
    }
    preview.stopped_edits = stopping.nodes;
    preview.reaches.retain(|reach| reach.gained + reach.lost > 0);
    Ok(preview)
}

/// What became of an act on many nodes.
#[derive(Debug, Default)]
pub struct Outcome {
    pub done: u64,
    /// Name and reason of each node that it was not done to.
    pub failures: Vec<(String, String)>,
}

/// Does one thing to every node of a selection. Each node is changed and recorded as if it were the only one.
///
/// # Errors
/// The selection is not the caller's, has run out, or has another count than was confirmed.
pub async fn act(services: &Services, caller: &Caller, id: Uuid, expected: u64, act: &Act) -> Result<Outcome> {
    let selection = confirmed(services, caller, id, expected).await?;
    let mut outcome = Outcome::default();
    for (number, chunk) in selection.nodes.chunks(CHUNK).enumerate() {
        let caller = Caller { now: clock::now(), ..caller.clone() };
        match act_on(services, &caller, chunk, act).await {
            Ok(part) => {
                outcome.done += part.done;
                outcome.failures.extend(part.failures);
            }
            // Nothing was done yet: the caller gets the error itself.
            Err(error) if number == 0 => return Err(error),
            Err(error) => {
                tracing::error!(reason = error.reason, context = error.context(), "{error}");
                outcome.failures.extend(chunk.iter().map(|id| (id.to_string(), error.text.clone())));
            }
        }
    }
    Ok(outcome)
}

async fn confirmed(services: &Services, caller: &Caller, id: Uuid, expected: u64) -> Result<SelectionRecord> {
    let found = selection_get(&services.store, id).await?;
    let selection = found.filter(|selection| selection.expires_ms > caller.now.0).ok_or_else(|| {
        Error::precondition("SELECTION_EXPIRED", "this selection is older than ten minutes; select the nodes again")
    })?;
    if selection.owner != caller.name {
        let text = "this selection was frozen by somebody else; select the nodes yourself";
        return Err(Error::denied("SELECTION_NOT_YOURS", text));
    }
    if selection.nodes.len() as u64 != expected {
        let text = format!(
            "the selection has {} nodes and {expected} were confirmed; nothing was done; select them again",
            selection.nodes.len()
        );
        return Err(Error::precondition("SELECTION_COUNT", text));
    }
    Ok(selection)
}

/// One transaction: the nodes to which it can be done, and why not for the others.
async fn act_on(services: &Services, caller: &Caller, nodes: &[NodeId], act: &Act) -> Result<Outcome> {
    let mut tx = services.store.begin_ordered().await?;
    let prepared = act.prepare(&tx).await?;
    let mut failures = Vec::new();
    let mut changed: Vec<NodeRecord> = Vec::with_capacity(nodes.len());
    for id in nodes {
        let Some(record) = node_get(&tx, *id).await? else {
            failures.push((id.to_string(), "this node does not exist any more".to_owned()));
            continue;
        };
        let name = record.name.to_string();
        match prepared.apply(services, &mut tx, caller, record).await {
            Ok(record) => changed.push(record),
            Err(error) if is_about_the_node(&error) => failures.push((name, error.text)),
            Err(error) => return Err(error),
        }
    }
    tx.commit().await?;
    changed.iter().for_each(|record| prepared.done(services, caller, record));
    Ok(Outcome { done: changed.len() as u64, failures })
}

/// Whether the rest of the transaction is sound.
fn is_about_the_node(error: &Error) -> bool {
    matches!(error.kind, ErrorKind::Invalid | ErrorKind::Precondition | ErrorKind::NotFound)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestManager;

    #[tokio::test]
    async fn what_was_selected_is_acted_on_by_whoever_selected_it_and_within_ten_minutes() {
        let manager = TestManager::start().await;
        let (services, caller) = (&manager.services, &manager.caller);
        manager.node("n", "/", &[]).await;
        let frozen = freeze(services, caller, &["n".to_owned()], "").await.unwrap().record.id;
        let cordon = Act::Cordon { cordoned: true, reason: String::new() };
        let refused = async |caller: &Caller, count: u64| {
            act(services, caller, frozen, count, &cordon).await.map(|done| done.done).map_err(|error| error.reason)
        };
        let later = |ms: i64| Caller { now: atoll_domain::time::Timestamp(caller.now.0 + ms), ..caller.clone() };
        assert_eq!(refused(&later(600_001), 1).await, Err("SELECTION_EXPIRED"));
        assert!(refused(&Caller { name: "somebody else".to_owned(), ..caller.clone() }, 1).await.is_err());
        assert!(refused(caller, 2).await.is_err(), "another count than was confirmed");
        assert_eq!(refused(&later(599_000), 1).await, Ok(1));
    }
}
