//! Names are told apart by their keys. What was stored before there were keys gets one when the database is opened.

use std::collections::BTreeSet;

use atoll_domain::fleet::name::folded;
use atoll_domain::time::Timestamp;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter,
    QueryOrder, Set, Unchanged,
};
use serde_json::json;

use super::entity::{node, node_exception, node_group, resource};
use super::tx::AuditEntry;
use super::{Database, Store, Tx};
use crate::error::Result;

/// Keys of one name that are tried before giving up: there are never so many.
const ATTEMPTS: u32 = 100_000;

/// Gives every name its key, and lets the database keep them apart from then on.
///
/// Of names that are one by now the oldest keeps the key; a younger keeps its name and gets a key with a number, until
/// somebody renames it.
///
/// # Errors
/// The database does not answer.
pub async fn give_keys(store: &Store, now: Timestamp) -> Result<()> {
    if has_open_keys(store).await? {
        fill(store, now).await?;
    }
    let indexes = [
        "CREATE UNIQUE INDEX IF NOT EXISTS node_live_key ON node (name_key) WHERE standing <> 'removed'",
        "CREATE UNIQUE INDEX IF NOT EXISTS resource_live_key ON resource (kind, name_key) WHERE state <> 'deleted'",
        "CREATE UNIQUE INDEX IF NOT EXISTS group_key ON node_group (path_key)",
    ];
    for index in indexes {
        store.connection().execute_unprepared(index).await?;
    }
    Ok(())
}

async fn has_open_keys(store: &Store) -> Result<bool> {
    let nodes = node::Entity::find().filter(node::Column::NameKey.is_null()).count(store.connection());
    let resources = resource::Entity::find().filter(resource::Column::NameKey.is_null()).count(store.connection());
    let groups = node_group::Entity::find().filter(node_group::Column::PathKey.is_null()).count(store.connection());
    Ok(nodes.await? + resources.await? + groups.await? > 0)
}

async fn fill(store: &Store, now: Timestamp) -> Result<()> {
    let mut tx = store.begin_ordered().await?;
    let collided = give_node_keys(&tx, now).await? + give_resource_keys(&tx).await? + give_group_keys(&tx).await?;
    if collided > 0 {
        tx.audit(AuditEntry {
            at: now,
            actor: "manager".to_owned(),
            action: "name.collide",
            subject: format!("{collided} names"),
            detail: json!({ "collided": collided }),
        });
    }
    tx.commit().await?;
    Ok(())
}

/// The key of a name, numbered where another has it. Whether it had to be.
fn free_key(taken: &mut BTreeSet<String>, name: &str) -> (String, bool) {
    let key = folded(name);
    let numbered = (2..ATTEMPTS).map(|number| format!("{key}~{number}"));
    let found = std::iter::once(key.clone()).chain(numbered).find(|key| !taken.contains(key)).unwrap_or(key.clone());
    taken.insert(found.clone());
    let is_numbered = found != key;
    (found, is_numbered)
}

async fn give_node_keys(tx: &Tx, now: Timestamp) -> Result<usize> {
    let open = node::Entity::find().filter(node::Column::NameKey.is_null()).order_by_asc(node::Column::JoinedMs);
    let rows = open.all(tx.connection()).await?;
    if rows.is_empty() {
        return Ok(0);
    }
    let known = node::Entity::find().filter(node::Column::NameKey.is_not_null());
    let live = |row: &node::Model| row.standing != "removed";
    let mut taken: BTreeSet<String> =
        known.all(tx.connection()).await?.into_iter().filter(live).filter_map(|row| row.name_key).collect();
    let mut collided = 0;
    for row in rows {
        let (key, is_numbered) = if live(&row) { free_key(&mut taken, &row.name) } else { (folded(&row.name), false) };
        if is_numbered {
            collided += 1;
            note_collision(tx, &row, now).await?;
        }
        let confirmed = if is_numbered { "no" } else { "yes" };
        let id = row.id.clone();
        let mut change = row.into_active_model();
        change.id = Unchanged(id);
        (change.name_key, change.confirmed) = (Set(Some(key)), Set(Some(confirmed.to_owned())));
        change.update(tx.connection()).await?;
    }
    Ok(collided)
}

async fn note_collision(tx: &Tx, row: &node::Model, now: Timestamp) -> Result<()> {
    tracing::warn!(node = row.name, "another node has a name that is the same to people; rename one of them");
    let exception = node_exception::ActiveModel {
        node: Set(row.id.clone()),
        subject: Set("its name".to_owned()),
        code: Set("NAME_COLLISION".to_owned()),
        text: Set("another node has a name that differs in nothing but its writing; rename one of them".to_owned()),
        since_ms: Set(now.0),
        revision: Set(None),
    };
    node_exception::Entity::insert(exception).exec_without_returning(tx.connection()).await?;
    Ok(())
}

async fn give_resource_keys(tx: &Tx) -> Result<usize> {
    let open = resource::Entity::find().filter(resource::Column::NameKey.is_null());
    let rows = open.order_by_asc(resource::Column::Id).all(tx.connection()).await?;
    if rows.is_empty() {
        return Ok(0);
    }
    let known = resource::Entity::find().filter(resource::Column::NameKey.is_not_null());
    let live = |row: &resource::Model| row.state != "deleted";
    let mut taken: BTreeSet<(String, String)> = known
        .all(tx.connection())
        .await?
        .into_iter()
        .filter(live)
        .filter_map(|row| Some((row.kind, row.name_key?)))
        .collect();
    let mut collided = 0;
    for row in rows {
        let mut of_kind: BTreeSet<String> =
            taken.iter().filter(|(kind, _)| *kind == row.kind).map(|(_, key)| key.clone()).collect();
        let (key, is_numbered) =
            if live(&row) { free_key(&mut of_kind, &row.name) } else { (folded(&row.name), false) };
        if is_numbered {
            collided += 1;
            tracing::warn!(name = row.name, "another resource of this kind has the same name; rename one of them");
        }
        if live(&row) {
            taken.insert((row.kind.clone(), key.clone()));
        }
        let id = row.id.clone();
        let mut change = row.into_active_model();
        (change.id, change.name_key) = (Unchanged(id), Set(Some(key)));
        change.update(tx.connection()).await?;
    }
    Ok(collided)
}

async fn give_group_keys(tx: &Tx) -> Result<usize> {
    let open = node_group::Entity::find().filter(node_group::Column::PathKey.is_null());
    let rows = open.order_by_asc(node_group::Column::CreatedMs).all(tx.connection()).await?;
    if rows.is_empty() {
        return Ok(0);
    }
    let known = node_group::Entity::find().filter(node_group::Column::PathKey.is_not_null());
    let mut taken: BTreeSet<String> =
        known.all(tx.connection()).await?.into_iter().filter_map(|row| row.path_key).collect();
    let mut collided = 0;
    for row in rows {
        let (key, is_numbered) = free_key(&mut taken, &row.path);
        collided += usize::from(is_numbered);
        let path = row.path.clone();
        let mut change = row.into_active_model();
        (change.path, change.path_key) = (Unchanged(path), Set(Some(key)));
        change.update(tx.connection()).await?;
    }
    Ok(collided)
}
