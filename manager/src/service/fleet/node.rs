//! What administrators see of nodes and do to them.

use std::sync::Arc;

use atoll_domain::fleet::name::{GroupPath, NodeName, folded, mixes_scripts};
use atoll_domain::fleet::node::NodeStanding;
use atoll_domain::id::{Digest, NodeId};
use atoll_domain::terminal::is_unseen;
use serde_json::json;

use super::act::{Act, in_fleet};
use crate::error::{Error, Result};
use crate::service::list::{Field, Listed, Options, Page, page};
use crate::service::sharing::{membership, reach};
use crate::service::{Caller, Services};
use crate::store::Database;
use crate::store::fleet::{NodeRecord, SeenRecord, node_get, node_named, node_update};
use crate::store::sharing::publication_list;

/// A node with what is seen of it.
#[derive(Debug, Clone)]
pub struct NodeView {
    pub record: Arc<NodeRecord>,
    pub seen: SeenRecord,
    pub in_sync: bool,
    pub sync_state: SyncState,
    pub state: &'static str,
    pub state_reason: String,
    pub state_since_ms: i64,
}

impl NodeView {
    #[must_use]
    pub fn fingerprint(&self) -> Digest {
        Digest::of(&self.record.identity_key)
    }
}

pub fn view(services: &Services, record: impl Into<Arc<NodeRecord>>) -> NodeView {
    let record = record.into();
    let mut seen = services.presence.get(record.id);
    if let Some(heard) = services.hub.heard(record.id).filter(|_| seen.online) {
        seen.last_seen_ms = seen.last_seen_ms.max(heard.0);
    } else if let Some(at) = services.presence.seen_elsewhere(&seen) {
        seen.last_seen_ms = seen.last_seen_ms.max(at.0);
    }
    let wanted = services.hub.read(|feed| feed.wanted_sequence(record.id));
    let (state, state_reason, state_since_ms) = state_of(&record, &seen);
    let sync_state = match sync_state_of(&seen, wanted) {
        SyncState::InSync if services.required.is_missing(record.id) => SyncState::Incomplete,
        proven => proven,
    };
    NodeView { in_sync: sync_state == SyncState::InSync, sync_state, record, seen, state, state_reason, state_since_ms }
}

/// Whether a node runs what it should. Green is only what was proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyncState {
    /// It has proved to run just what it should.
    InSync,
    /// It runs just what it should, and lacks a value: a required one, one that is held back from it, or one that was lost.
    Incomplete,
    /// Something is on its way to it, or being written there, or it has not been heard since.
    Behind,
    /// It goes on running something else than it should.
    Drift,
    /// It does not tell what it runs.
    Unknown,
}

impl SyncState {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::InSync => "in_sync",
            Self::Incomplete => "incomplete",
            Self::Behind => "behind",
            Self::Drift => "drift",
            Self::Unknown => "unknown",
        }
    }
}

fn sync_state_of(seen: &SeenRecord, wanted: u64) -> SyncState {
    match seen.proven {
        _ if seen.drifts => SyncState::Drift,
        Some(proven) if proven >= wanted => SyncState::InSync,
        _ if seen.last_seen_ms > 0 && !seen.proves => SyncState::Unknown,
        _ => SyncState::Behind,
    }
}

fn state_of(record: &NodeRecord, seen: &SeenRecord) -> (&'static str, String, i64) {
    let said = |default: &str| {
        if record.standing_reason.is_empty() { default.to_owned() } else { record.standing_reason.clone() }
    };
    match record.standing {
        NodeStanding::Removed => ("removed", said("removed by an administrator"), record.standing_since_ms),
        NodeStanding::Cordoned => {
            let connected = if seen.online { "connected" } else { "not connected" };
            ("cordoned", format!("{}; {connected}", said("cordoned by an administrator")), record.standing_since_ms)
        }
        NodeStanding::Active if seen.online => ("online", "connected".to_owned(), seen.since_ms),
        NodeStanding::Active if seen.last_seen_ms == 0 => {
            ("never_connected", "joined, but has not connected yet".to_owned(), record.joined_ms)
        }
        NodeStanding::Active => ("offline", "disconnected; it keeps running what it has".to_owned(), seen.since_ms),
    }
}

impl Listed for NodeView {
    const FIELDS: &'static [&'static str] = &[
        "name",
        "group",
        "state",
        "in_sync",
        "sync",
        "last_seen_ms",
        "joined_ms",
        "agent_version",
        "connected",
        "a label key",
    ];
    const FACETS: &'static [&'static str] = &["group", "state", "sync", "agent_version", "environment", "role"];
    const OPEN_FIELDS: bool = true;

    fn title(&self) -> String {
        self.record.name.to_string()
    }
    fn field(&self, name: &str) -> Option<Field> {
        match name {
            "name" => Field::text(&self.record.name),
            "group" => Field::text(&self.record.group),
            "state" => Field::text(self.state),
            "in_sync" => Field::text(self.in_sync),
            "sync" => Field::text(self.sync_state.name()),
            "connected" => Field::text(self.seen.online),
            "last_seen_ms" => Some(Field::Number(self.seen.last_seen_ms)),
            "joined_ms" => Some(Field::Number(self.record.joined_ms)),
            "agent_version" => Field::text(&self.seen.agent_version),
            label => self.record.labels.get(label).and_then(Field::text),
        }
    }
    fn fits(&self, name: &str, value: &str) -> bool {
        if name == "group" {
            return value.parse::<GroupPath>().is_ok_and(|group| group.contains(&self.record.group));
        }
        self.field(name).is_some_and(|field| field.reads(value))
    }
}

pub async fn list(services: &Services, options: &Options) -> Result<Page<NodeView>> {
    let nodes = services.nodes().await?;
    page(nodes.iter().map(|record| view(services, Arc::clone(record))).collect(), options)
}

/// Finds a node by id or name; a removed one by id only.
///
/// # Errors
/// There is none.
pub async fn find(database: &impl Database, name_or_id: &str) -> Result<NodeRecord> {
    if let Ok(id) = name_or_id.parse::<NodeId>()
        && let Some(record) = node_get(database, id).await?
    {
        return Ok(record);
    }
    node_named(database, name_or_id).await?.ok_or_else(|| Error::not_found("node", name_or_id))
}

/// Does something to one node.
///
/// # Errors
/// There is no such node, or it cannot be done to it.
pub async fn act(services: &Services, caller: &Caller, node: &str, act: &Act) -> Result<NodeView> {
    let mut tx = services.store.begin_ordered().await?;
    let record = find(&tx, node).await?;
    let prepared = act.prepare(&tx).await?;
    let record = prepared.apply(services, &mut tx, caller, record).await?;
    tx.commit().await?;
    prepared.done(services, caller, &record);
    Ok(view(services, record))
}

/// Refuses names that are made to be mistaken for another: of mixed scripts, or another name with a mark at its end, such
/// as the dot with which DNS writes the same host. Of new names only: a node that has one keeps it.
///
/// # Errors
/// It is one.
pub fn check_script(name: &NodeName) -> Result<()> {
    if !name.as_str().ends_with(char::is_alphanumeric) {
        return Err(Error::invalid(
            "CONFUSABLE_NAME",
            format!(
                "{name} ends with a mark, and so could be taken for the name without it; end it with a letter or digit"
            ),
        ));
    }
    if name.as_str().contains(is_unseen) {
        return Err(Error::invalid(
            "CONFUSABLE_NAME",
            format!("{name} contains invisible characters and could be mistaken for another name; remove them"),
        ));
    }
    if mixes_scripts(name.as_str()) {
        return Err(Error::invalid(
            "CONFUSABLE_NAME",
            format!("{name} mixes letters of several scripts, and so could be taken for another name; use one script"),
        ));
    }
    Ok(())
}

/// Says that a node is the server of its name: values for that very name are for it from then on.
///
/// # Errors
/// There is no such node.
pub async fn confirm(services: &Services, caller: &Caller, node: &str) -> Result<NodeView> {
    let mut tx = services.store.begin_ordered().await?;
    let mut record = find(&tx, node).await?;
    in_fleet(&record)?;
    record.confirmed = true;
    node_update(&tx, &record).await?;
    membership::refresh_node(services, &mut tx, &record).await?;
    caller.record(&mut tx, "node.confirm", &record.name, json!({ "id": record.id }));
    tx.commit().await?;
    services.node_changed(&record, caller.now);
    services.hub.wake(record.id);
    Ok(view(services, record))
}

/// Whether a node can have another name.
///
/// # Errors
/// It is taken, made to be mistaken, or the node is no member.
pub async fn check_new_name(database: &impl Database, record: &NodeRecord, name: &NodeName) -> Result<()> {
    in_fleet(record)?;
    if node_named(database, name.as_str()).await?.is_some_and(|other| other.id != record.id) {
        return Err(Error::exists("node", name.as_str()));
    }
    check_script(name)
}

/// Gives a node another name. Values scoped to the old name no longer apply to it.
///
/// # Errors
/// The name is taken.
pub async fn rename(services: &Services, caller: &Caller, node: &str, name: NodeName) -> Result<NodeView> {
    let mut tx = services.store.begin_ordered().await?;
    let mut record = find(&tx, node).await?;
    check_new_name(&tx, &record, &name).await?;
    let before = record.clone();
    record.name_key = folded(name.as_str());
    // Whoever gives a server its name says which one it is.
    record.confirmed = true;
    let from = std::mem::replace(&mut record.name, name);
    let sealed = reach::sealed(&tx, &publication_list(&tx).await?).await?;
    reach::check_node(&sealed, &before, &record, caller)?;
    node_update(&tx, &record).await?;
    membership::refresh_node(services, &mut tx, &record).await?;
    caller.record(&mut tx, "node.rename", &record.name, json!({ "from": from }));
    tx.commit().await?;
    services.node_changed(&record, caller.now);
    services.hub.wake(record.id);
    Ok(view(services, record))
}
