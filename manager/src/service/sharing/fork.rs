//! Nodes' own edits: putting them together with what is released, telling the nodes, and deciding proposals.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use atoll_domain::document::{Audience, DocumentKind};
use atoll_domain::id::{ConflictId, ResourceId, RevisionId};
use atoll_domain::sharing::fork::{ForkDecision, ForkState, MergedFork};
use atoll_domain::sharing::history::Meeting;
use atoll_domain::sharing::path::Path;
use atoll_domain::sharing::three_way::readable;
use atoll_domain::sharing::touched::difference;
use serde_json::{Value, json};
use uuid::Uuid;

use super::history::{Loaded, load};
use super::read::Difference;
use super::release::release_in;
use super::{offer, save, waiting};
use crate::clock;
use crate::directory::Nodes;
use crate::error::{Error, Result};
use crate::service::list::{Field, Listed, Options, Page, page};
use crate::service::{Caller, Services};
use crate::store::Tx;
use crate::store::sharing::{
    ConflictRecord, ForkRecord, ReleaseRecord, ResourceRecord, ResourceState, RevisionRecord, conflict_put,
    conflicts_open, fork_get, fork_list, fork_put, forks_open, resource_get, resource_list, resource_lock,
};

/// Tells a node what became of its edit.
pub async fn tell(services: &Services, tx: &mut Tx, loaded: &Loaded, fork: &ForkRecord) -> Result<()> {
    let merged = match loaded.provenance.get(&fork.head).filter(|_| fork.head != fork.node_head) {
        Some(record) => Some(MergedFork {
            revision: fork.head,
            header: record.revision.header.clone(),
            provenance: record.provenance.clone(),
            body: loaded.body(tx, fork.head).await?,
        }),
        None => None,
    };
    let decision = ForkDecision {
        resource: fork.resource,
        of: fork.node_head,
        state: fork.state,
        message: fork.message.clone(),
        merged,
    };
    fork_put(tx, fork).await?;
    // One document for each own revision: a word about a newer edit must not replace one that the node has not heard.
    let key = format!("fork/{}/{}", fork.resource, fork.node_head);
    offer::put(services, tx, Audience::Node(fork.node), DocumentKind::Fork, key, &decision).await
}

/// Puts a fork together with what is released, opens or closes the question about it, and tells the node.
pub async fn rebase(
    services: &Services,
    tx: &mut Tx,
    loaded: &mut Loaded,
    mut fork: ForkRecord,
    caller: &Caller,
) -> Result<String> {
    let target = released_or_deleted(loaded);
    let Some(target) = target else {
        tell(services, tx, loaded, &fork).await?;
        return Ok(fork.message);
    };
    if loaded.history.descends(target, fork.head) && loaded.history.descends(target, fork.node_head) {
        fork.state = ForkState::Absorbed;
        "now part of the shared resource".clone_into(&mut fork.message);
        close_question(tx, &mut fork, Some(target)).await?;
    } else {
        match loaded.meet(tx, fork.head, target).await? {
            Meeting::FastForward(_) => close_question(tx, &mut fork, None).await?,
            Meeting::Settled { revision, body } => {
                let provenance = loaded.merge_provenance(&revision.header.parents);
                fork.head = revision.id;
                loaded.add(tx, revision, provenance, body.as_ref(), None, caller.now).await?;
                let head = fork.head;
                close_question(tx, &mut fork, Some(head)).await?;
                if fork.state == ForkState::Conflict {
                    fork.state = ForkState::Proposed;
                }
            }
            Meeting::Open(_) => open_question(tx, &mut fork, target, caller).await?,
        }
    }
    tell(services, tx, loaded, &fork).await?;
    Ok(fork.message)
}

/// What a fork is compared with: the release, or the deletion that ended it.
fn released_or_deleted(loaded: &Loaded) -> Option<RevisionId> {
    match (loaded.record.state, loaded.record.released) {
        (ResourceState::Deleted, _) => loaded.record.heads.first().copied(),
        (_, released) => released.map(|(_, revision)| revision),
    }
}

async fn open_question(tx: &Tx, fork: &mut ForkRecord, target: RevisionId, caller: &Caller) -> Result<()> {
    if fork.state != ForkState::Unapplied {
        fork.state = ForkState::Conflict;
    }
    "this edit and what is released do not merge; the node keeps its own until an administrator decides"
        .clone_into(&mut fork.message);
    let open = conflicts_open(tx, fork.resource).await?;
    let known = open.into_iter().find(|conflict| Some(conflict.id) == fork.conflict);
    let heads = [fork.head, target].into_iter().collect();
    let record = match known {
        Some(known) => ConflictRecord { heads, ..known },
        None => ConflictRecord {
            id: ConflictId(clock::new_id()),
            resource: fork.resource,
            node: Some(fork.node),
            heads,
            opened_ms: caller.now.0,
            closed_by: None,
        },
    };
    conflict_put(tx, &record).await?;
    fork.conflict = Some(record.id);
    Ok(())
}

pub(super) async fn close_question(tx: &Tx, fork: &mut ForkRecord, by: Option<RevisionId>) -> Result<()> {
    let open = conflicts_open(tx, fork.resource).await?;
    for conflict in open.into_iter().filter(|conflict| Some(conflict.id) == fork.conflict) {
        let closed_by = by.or(Some(fork.head));
        conflict_put(tx, &ConflictRecord { closed_by, ..conflict }).await?;
    }
    fork.conflict = None;
    Ok(())
}

/// Queued work: after a release or a deletion, every open fork of the resource is put together with it.
pub async fn rebase_all(services: &Services, tx: &mut Tx, resource: ResourceId, caller: &Caller) -> Result<()> {
    resource_lock(tx, resource).await?;
    let Some(record) = resource_get(tx, resource).await? else { return Ok(()) };
    let mut loaded = load(tx, record).await?;
    for fork in forks_open(tx, resource).await? {
        rebase(services, tx, &mut loaded, fork, caller).await?;
    }
    Ok(())
}

/// A fork with what people want to see of it.
#[derive(Debug, Clone)]
pub struct ProposalView {
    pub record: ForkRecord,
    pub resource: ResourceRecord,
    pub node: String,
    pub revision: RevisionRecord,
    pub differences: Vec<Difference>,
    pub state: &'static str,
}

/// A fork with what lists are filtered and ordered by: no history is needed for it.
#[derive(Debug)]
struct ProposalRow<'a> {
    record: ForkRecord,
    resource: &'a ResourceRecord,
    node: String,
    state: &'static str,
}

impl Listed for ProposalRow<'_> {
    const FIELDS: &'static [&'static str] = &["state", "node", "resource", "kind", "since_ms"];
    const FACETS: &'static [&'static str] = &["state", "node"];
    fn title(&self) -> String {
        format!("{} {}", self.resource.name, self.node)
    }
    fn field(&self, name: &str) -> Option<Field> {
        match name {
            "state" => Field::text(self.state),
            "node" => Field::text(&self.node),
            "resource" => Field::text(&self.resource.name),
            "kind" => Field::text(self.resource.kind),
            "since_ms" => Some(Field::Number(self.record.since_ms)),
            _ => None,
        }
    }
}

/// # Errors
/// A filter, an order or a page token that is not one.
pub async fn list(services: &Services, options: &Options) -> Result<Page<ProposalView>> {
    let nodes = services.nodes().await?;
    let resources = resource_list(&services.store).await?;
    let mut forks = fork_list(&services.store).await?;
    forks.sort_by_key(|fork| std::cmp::Reverse(fork.since_ms));
    let open: Vec<ForkRecord> = forks.iter().filter(|fork| !fork.state.is_closed()).cloned().collect();
    let accepted = waiting::accepted(services, &open, &resources).await?;
    let named: BTreeMap<ResourceId, &ResourceRecord> =
        resources.iter().map(|resource| (resource.id, resource)).collect();
    let row = |fork: ForkRecord| {
        let resource = *named.get(&fork.resource)?;
        Some(ProposalRow {
            node: node_name(&nodes, &fork),
            state: state_name(&fork, accepted.contains(&fork.id)),
            resource,
            record: fork,
        })
    };
    let rows = page(forks.into_iter().filter_map(row).collect(), options)?;
    let mut histories: BTreeMap<ResourceId, Loaded> = BTreeMap::new();
    let mut items = Vec::with_capacity(rows.items.len());
    for row in rows.items {
        let loaded = match histories.entry(row.resource.id) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => place.insert(load(&services.store, row.resource.clone()).await?),
        };
        items.push(view(services, row.record, loaded, &nodes).await?);
    }
    Ok(Page { items, next_page_token: rows.next_page_token, total: rows.total, facets: rows.facets })
}

fn node_name(nodes: &Nodes, fork: &ForkRecord) -> String {
    nodes.name(fork.node).unwrap_or_else(|| format!("{} (removed)", fork.node))
}

fn state_name(fork: &ForkRecord, is_accepted: bool) -> &'static str {
    if is_accepted && fork.state != ForkState::Declined { "accepted" } else { fork.state.name() }
}

async fn view(services: &Services, record: ForkRecord, loaded: &Loaded, nodes: &Nodes) -> Result<ProposalView> {
    let revision = loaded
        .provenance
        .get(&record.head)
        .cloned()
        .ok_or_else(|| Error::internal(format!("the revision {} of a fork is missing", record.head)))?;
    let own = loaded.body(&services.store, record.head).await?;
    let released = match loaded.record.released {
        Some((_, released)) => loaded.body(&services.store, released).await?,
        None => None,
    };
    let accepted = loaded.record.heads.iter().any(|head| loaded.history.descends(*head, record.head));
    Ok(ProposalView {
        node: node_name(nodes, &record),
        state: state_name(&record, accepted),
        resource: loaded.record.clone(),
        differences: differences(released.as_ref(), own.as_ref()),
        record,
        revision,
    })
}

/// Two bodies place by place, with list elements by their names.
#[must_use]
pub fn differences(from: Option<&Value>, to: Option<&Value>) -> Vec<Difference> {
    let bodies: Vec<&Value> = [to, from].into_iter().flatten().collect();
    difference(from, to)
        .iter()
        .map(|path: &Path| Difference {
            path: readable(path, &bodies),
            from: from.and_then(|body| path.get(body)).cloned(),
            to: to.and_then(|body| path.get(body)).cloned(),
        })
        .collect()
}

/// What became of a decision.
#[derive(Debug)]
pub struct Decided {
    pub view: ProposalView,
    pub conflict: Option<ConflictId>,
    pub release: Option<ReleaseRecord>,
}

/// Accepts or declines what a node proposes.
///
/// # Errors
/// There is no such proposal, or it is decided already.
pub async fn decide(
    services: &Services,
    caller: &Caller,
    id: &str,
    accept: bool,
    message: &str,
    release: bool,
) -> Result<Decided> {
    let mut tx = services.store.begin().await?;
    resource_lock(&tx, find(&tx, id).await?.resource).await?;
    let mut fork = find(&tx, id).await?;
    let record = resource_get(&tx, fork.resource).await?;
    let mut loaded = load(&tx, record.ok_or_else(|| Error::not_found("resource", &fork.resource.to_string()))?).await?;
    if fork.state.is_closed() {
        return Err(Error::precondition("DECIDED_ALREADY", format!("this proposal is {} already", fork.state.name())));
    }
    let (mut conflict, mut released) = (None, None);
    if !accept {
        fork.state = ForkState::Declined;
        fork.message = if message.is_empty() { format!("declined by {}", caller.name) } else { message.to_owned() };
        let head = fork.head;
        close_question(&tx, &mut fork, Some(head)).await?;
        tell(services, &mut tx, &loaded, &fork).await?;
    } else {
        conflict = accept_into_heads(services, &mut tx, &mut loaded, &mut fork, caller).await?;
        if conflict.is_none() && release {
            let head = loaded.shown()?;
            released = Some(release_in(services, caller, &mut tx, &mut loaded, None, head).await?);
        }
    }
    let action = if accept { "proposal.accept" } else { "proposal.decline" };
    let detail = json!({ "node": fork.node, "revision": fork.head, "message": message, "conflict": conflict });
    caller.record(&mut tx, action, &loaded.record.name, detail);
    tx.commit().await?;
    let nodes = services.nodes().await?;
    Ok(Decided { view: view(services, fork, &loaded, &nodes).await?, conflict, release: released })
}

async fn accept_into_heads(
    services: &Services,
    tx: &mut Tx,
    loaded: &mut Loaded,
    fork: &mut ForkRecord,
    caller: &Caller,
) -> Result<Option<ConflictId>> {
    if loaded.record.state == ResourceState::Conflict {
        return Err(Error::precondition("IN_CONFLICT", "this resource is in conflict; resolve that first"));
    }
    let head = loaded.shown()?;
    if let Meeting::Open(_) = loaded.meet(tx, fork.head, head).await? {
        open_question(tx, fork, head, caller).await?;
        tell(services, tx, loaded, fork).await?;
        return Ok(fork.conflict);
    }
    save::add_head(tx, loaded, fork.head, caller).await?;
    fork.state = ForkState::Proposed;
    fork.message = format!("accepted by {}; it runs everywhere with the next release", caller.name);
    tell(services, tx, loaded, fork).await?;
    Ok(None)
}

async fn find(tx: &Tx, id: &str) -> Result<ForkRecord> {
    if let Ok(id) = id.parse::<Uuid>()
        && let Some(fork) = fork_get(tx, id).await?
    {
        return Ok(fork);
    }
    let fits: Vec<ForkRecord> =
        fork_list(tx).await?.into_iter().filter(|fork| id.len() >= 4 && fork.id.to_string().ends_with(id)).collect();
    match fits.as_slice() {
        [fork] => Ok(fork.clone()),
        [] => Err(Error::not_found("proposal", id)),
        _ => Err(Error::invalid("AMBIGUOUS", format!("several proposals end with {id}; give more digits"))),
    }
}
