//! Names are told apart by their keys. What was stored before there were keys gets one when the database is opened, and so does
//! what has a key of before: which letters look alike is a table that grows with Unicode.

use std::collections::BTreeSet;

use atoll_domain::fleet::name::folded;
use atoll_domain::time::Timestamp;
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
    Set, Unchanged,
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
    if !Stale::find(store).await?.is_empty() {
        renew(store, now).await?;
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

async fn renew(store: &Store, now: Timestamp) -> Result<()> {
    let mut tx = store.begin_ordered().await?;
    Stale::find(&tx).await?.open(&tx).await?;
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

/// What has no key, or one that is not that of its name, by id or path.
struct Stale {
    nodes: Vec<String>,
    resources: Vec<String>,
    groups: Vec<String>,
}

/// An id, a name and its key.
type Keyed = (String, String, Option<String>);

impl Stale {
    async fn find(database: &impl Database) -> Result<Self> {
        let database = database.connection();
        let nodes = node::Entity::find().select_only();
        let nodes = nodes.columns([node::Column::Id, node::Column::Name, node::Column::NameKey]);
        let resources = resource::Entity::find().select_only();
        let resources = resources.columns([resource::Column::Id, resource::Column::Name, resource::Column::NameKey]);
        let groups = node_group::Entity::find().select_only().column(node_group::Column::Path);
        let groups = groups.column_as(node_group::Column::Path, "name").column(node_group::Column::PathKey);
        Ok(Self {
            nodes: stale(nodes.into_tuple().all(database).await?),
            resources: stale(resources.into_tuple().all(database).await?),
            groups: stale(groups.into_tuple().all(database).await?),
        })
    }

    fn is_empty(&self) -> bool {
        self.nodes.is_empty() && self.resources.is_empty() && self.groups.is_empty()
    }

    /// Takes the keys away, all of them before one is given anew: what is to have a key may find it with a name that is about
    /// to lose it.
    async fn open(&self, tx: &Tx) -> Result<()> {
        let (database, none) = (tx.connection(), || Expr::value(None::<String>));
        for id in &self.nodes {
            let one = node::Entity::update_many().filter(node::Column::Id.eq(id));
            one.col_expr(node::Column::NameKey, none()).exec(database).await?;
        }
        for id in &self.resources {
            let one = resource::Entity::update_many().filter(resource::Column::Id.eq(id));
            one.col_expr(resource::Column::NameKey, none()).exec(database).await?;
        }
        for path in &self.groups {
            let one = node_group::Entity::update_many().filter(node_group::Column::Path.eq(path));
            one.col_expr(node_group::Column::PathKey, none()).exec(database).await?;
        }
        Ok(())
    }
}

fn stale(rows: Vec<Keyed>) -> Vec<String> {
    rows.into_iter().filter(|(_, name, key)| !fits(key.as_deref(), name)).map(|(id, ..)| id).collect()
}

/// Whether a key is that of its name, or that with a number.
fn fits(key: Option<&str>, name: &str) -> bool {
    let Some(rest) = key.and_then(|key| key.strip_prefix(folded(name).as_str())) else { return false };
    rest.is_empty() || rest.strip_prefix('~').is_some_and(|number| number.parse::<u32>().is_ok())
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
        let confirmed = if is_numbered { "no" } else { row.confirmed.as_deref().unwrap_or("yes") }.to_owned();
        let id = row.id.clone();
        let mut change = row.into_active_model();
        change.id = Unchanged(id);
        (change.name_key, change.confirmed) = (Set(Some(key)), Set(Some(confirmed)));
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
    let key = [node_exception::Column::Node, node_exception::Column::Subject];
    let is_known = OnConflict::columns(key).do_nothing().to_owned();
    node_exception::Entity::insert(exception).on_conflict(is_known).exec_without_returning(tx.connection()).await?;
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
