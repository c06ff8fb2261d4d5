//! What administrators see of nodes and do to them.

use std::collections::BTreeMap;

use atoll_domain::fleet::name::{GroupPath, NodeName, check_label};
use atoll_domain::fleet::node::{NodeEvent, NodeStanding};
use atoll_domain::fleet::selector::Labels;
use atoll_domain::id::{Digest, NodeId};
use serde_json::json;

use crate::error::{Error, Result};
use crate::service::list::{Field, Listed, Options, Page, page};
use crate::service::sharing::membership;
use crate::service::{Caller, Services};
use crate::store::fleet::{NodeRecord, SeenRecord, group_exists, node_get, node_list, node_named, node_update};
use crate::store::{Database, Tx};

const LABEL_LIMIT: usize = 64;

/// A node with what is seen of it.
#[derive(Debug, Clone)]
pub struct NodeView {
    pub record: NodeRecord,
    pub seen: SeenRecord,
    pub in_sync: bool,
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

pub fn view(services: &Services, record: NodeRecord) -> NodeView {
    let seen = services.presence.get(record.id);
    let wanted = services.hub.read(|feed| feed.wanted_sequence(record.id));
    let (state, state_reason, state_since_ms) = state_of(&record, &seen);
    NodeView {
        in_sync: seen.last_seen_ms > 0 && seen.acknowledged >= wanted,
        record,
        seen,
        state,
        state_reason,
        state_since_ms,
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
            ("cordoned", format!("{}; {connected}", said("held back by an administrator")), record.standing_since_ms)
        }
        NodeStanding::Active if seen.online => ("online", "connected".to_owned(), seen.since_ms),
        NodeStanding::Active if seen.last_seen_ms == 0 => {
            ("never_connected", "joined, and has not called yet".to_owned(), record.joined_ms)
        }
        NodeStanding::Active => {
            ("offline", "its connection ended; it works on with what it has".to_owned(), seen.since_ms)
        }
    }
}

impl Listed for NodeView {
    const FIELDS: &'static [&'static str] =
        &["name", "group", "state", "in_sync", "last_seen_ms", "joined_ms", "agent_version", "a label key"];
    const FACETS: &'static [&'static str] = &["group", "state", "in_sync", "agent_version", "environment", "role"];
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
        match self.field(name) {
            Some(Field::Text(text)) => text.eq_ignore_ascii_case(value),
            Some(Field::Number(number)) => number.to_string() == value,
            None => false,
        }
    }
}

pub async fn list(services: &Services, options: &Options) -> Result<Page<NodeView>> {
    let mut nodes = node_list(&services.store).await?;
    nodes.sort_by(|one, other| one.name.cmp(&other.name));
    page(nodes.into_iter().map(|record| view(services, record)).collect(), options)
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

/// Nodes by id, for naming them in other lists.
///
/// # Errors
/// The database does not answer.
pub async fn names(database: &impl Database) -> Result<BTreeMap<NodeId, String>> {
    Ok(node_list(database).await?.into_iter().map(|node| (node.id, node.name.to_string())).collect())
}

async fn in_fleet(tx: &Tx, name_or_id: &str) -> Result<NodeRecord> {
    let record = find(tx, name_or_id).await?;
    if record.standing == NodeStanding::Removed {
        return Err(Error::precondition("NODE_REMOVED", format!("{} was removed from the fleet", record.name)));
    }
    Ok(record)
}

async fn finish(services: &Services, caller: &Caller, tx: Tx, record: NodeRecord) -> Result<NodeView> {
    tx.commit().await?;
    services.credentials.changed(&record, caller.now);
    services.hub.wake(record.id);
    Ok(view(services, record))
}

/// Sets and removes labels, and with them what is published to the node.
///
/// # Errors
/// A label that cannot be, or too many.
pub async fn label(
    services: &Services,
    caller: &Caller,
    node: &str,
    set: &Labels,
    remove: &[String],
) -> Result<NodeView> {
    for (key, value) in set {
        check_label(key, value).map_err(|error| Error::invalid("BAD_LABEL", error.to_string()))?;
    }
    let mut tx = services.store.begin().await?;
    let mut record = in_fleet(&tx, node).await?;
    record.labels.retain(|key, _| !remove.contains(key));
    record.labels.extend(set.iter().map(|(key, value)| (key.clone(), value.clone())));
    if record.labels.len() > LABEL_LIMIT {
        return Err(Error::invalid("TOO_MANY_LABELS", format!("a node has at most {LABEL_LIMIT} labels")));
    }
    node_update(&tx, &record).await?;
    membership::refresh_node(services, &mut tx, &record).await?;
    caller.record(&mut tx, "node.label", &record.name, json!({ "set": set, "remove": remove }));
    finish(services, caller, tx, record).await
}

/// Gives a node another home group, and with it what is published there.
///
/// # Errors
/// The group does not exist.
pub async fn move_to(services: &Services, caller: &Caller, node: &str, group: GroupPath) -> Result<NodeView> {
    let mut tx = services.store.begin().await?;
    let mut record = in_fleet(&tx, node).await?;
    if !group_exists(&tx, &group).await? {
        return Err(Error::not_found("group", group.as_str()));
    }
    let from = std::mem::replace(&mut record.group, group);
    node_update(&tx, &record).await?;
    membership::refresh_node(services, &mut tx, &record).await?;
    caller.record(&mut tx, "node.move", &record.name, json!({ "from": from, "to": record.group }));
    finish(services, caller, tx, record).await
}

/// Gives a node another name. Values scoped to the old name no longer apply to it.
///
/// # Errors
/// The name is taken.
pub async fn rename(services: &Services, caller: &Caller, node: &str, name: NodeName) -> Result<NodeView> {
    let mut tx = services.store.begin().await?;
    let mut record = in_fleet(&tx, node).await?;
    if node_named(&tx, name.as_str()).await?.is_some_and(|other| other.id != record.id) {
        return Err(Error::exists("node", name.as_str()));
    }
    let from = std::mem::replace(&mut record.name, name);
    node_update(&tx, &record).await?;
    membership::refresh_node(services, &mut tx, &record).await?;
    caller.record(&mut tx, "node.rename", &record.name, json!({ "from": from }));
    finish(services, caller, tx, record).await
}

/// Holds a node back from new content, or lets it follow again.
///
/// # Errors
/// The node was removed.
pub async fn cordon(
    services: &Services,
    caller: &Caller,
    node: &str,
    cordoned: bool,
    reason: &str,
) -> Result<NodeView> {
    let event = if cordoned { NodeEvent::Cordon } else { NodeEvent::Uncordon };
    let mut tx = services.store.begin().await?;
    let mut record = find(&tx, node).await?;
    record.standing = transition(record.standing, event)?;
    record.standing_reason = reason.to_owned();
    record.standing_since_ms = caller.now.0;
    node_update(&tx, &record).await?;
    let action = if cordoned { "node.cordon" } else { "node.uncordon" };
    caller.record(&mut tx, action, &record.name, json!({ "reason": reason }));
    finish(services, caller, tx, record).await
}

/// Ends a node's membership for good. Its open stream ends, and its certificate is no longer accepted.
///
/// # Errors
/// There is no such node.
pub async fn remove(services: &Services, caller: &Caller, node: &str) -> Result<()> {
    let mut tx = services.store.begin().await?;
    let mut record = find(&tx, node).await?;
    record.standing = transition(record.standing, NodeEvent::Remove)?;
    record.standing_since_ms = caller.now.0;
    node_update(&tx, &record).await?;
    membership::refresh_node(services, &mut tx, &record).await?;
    caller.record(&mut tx, "node.remove", &record.name, json!({ "id": record.id }));
    let id = record.id;
    finish(services, caller, tx, record).await?;
    services.hub.disconnect(id);
    Ok(())
}

fn transition(standing: NodeStanding, event: NodeEvent) -> Result<NodeStanding> {
    standing.after(event).map_err(|error| Error::precondition("NODE_REMOVED", error.to_string()))
}
