//! Questions for a person.

use std::collections::{BTreeMap, BTreeSet};

use atoll_domain::id::{ConflictId, NodeId, ResourceId, RevisionId};
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QuerySelect, Set};

use crate::error::Result;
use crate::store::entity::conflict;
use crate::store::{Database, Tx, json, stored, stored_json};

/// Two or more heads that do not merge by rule. What is open in them is computed when somebody looks.
#[derive(Debug, Clone)]
pub struct ConflictRecord {
    pub id: ConflictId,
    pub resource: ResourceId,
    /// The node whose edit it is about; absent for one among the heads that count for everybody.
    pub node: Option<NodeId>,
    pub heads: BTreeSet<RevisionId>,
    pub opened_ms: i64,
    pub closed_by: Option<RevisionId>,
}

fn conflict_of(row: conflict::Model) -> Result<ConflictRecord> {
    Ok(ConflictRecord {
        id: stored("conflict id", &row.id)?,
        resource: stored("resource id", &row.resource)?,
        node: row.node.map(|node| stored("node id", &node)).transpose()?,
        heads: stored_json("heads", &row.heads)?,
        opened_ms: row.opened_ms,
        closed_by: row.closed_by.map(|id| stored("revision id", &id)).transpose()?,
    })
}

pub async fn conflict_list(database: &impl Database) -> Result<Vec<ConflictRecord>> {
    conflict::Entity::find().all(database.connection()).await?.into_iter().map(conflict_of).collect()
}

/// How many questions are open.
pub async fn conflicts_open_count(database: &impl Database) -> Result<usize> {
    let query = conflict::Entity::find().filter(conflict::Column::ClosedBy.is_null());
    Ok(usize::try_from(query.count(database.connection()).await?).unwrap_or(usize::MAX))
}

/// How many questions are open about which resource.
pub async fn conflicts_open_counts(database: &impl Database) -> Result<BTreeMap<ResourceId, usize>> {
    let rows: Vec<String> = conflict::Entity::find()
        .select_only()
        .column(conflict::Column::Resource)
        .filter(conflict::Column::ClosedBy.is_null())
        .into_tuple()
        .all(database.connection())
        .await?;
    let mut counts = BTreeMap::new();
    for resource in rows {
        *counts.entry(stored("resource id", &resource)?).or_default() += 1;
    }
    Ok(counts)
}

/// The open questions about a resource.
pub async fn conflicts_open(database: &impl Database, resource: ResourceId) -> Result<Vec<ConflictRecord>> {
    let query = conflict::Entity::find()
        .filter(conflict::Column::Resource.eq(resource.to_string()))
        .filter(conflict::Column::ClosedBy.is_null());
    query.all(database.connection()).await?.into_iter().map(conflict_of).collect()
}

pub async fn conflict_get(database: &impl Database, id: ConflictId) -> Result<Option<ConflictRecord>> {
    conflict::Entity::find_by_id(id.to_string()).one(database.connection()).await?.map(conflict_of).transpose()
}

/// The open question about the heads of a resource: one at most.
pub async fn conflict_of_heads(database: &impl Database, resource: ResourceId) -> Result<Option<ConflictRecord>> {
    let query = conflict::Entity::find()
        .filter(conflict::Column::Resource.eq(resource.to_string()))
        .filter(conflict::Column::Node.is_null())
        .filter(conflict::Column::ClosedBy.is_null());
    query.one(database.connection()).await?.map(conflict_of).transpose()
}

pub async fn conflict_put(tx: &Tx, record: &ConflictRecord) -> Result<()> {
    let row = conflict::ActiveModel {
        id: Set(record.id.to_string()),
        resource: Set(record.resource.to_string()),
        node: Set(record.node.map(|node| node.to_string())),
        heads: Set(json(&record.heads)?),
        opened_ms: Set(record.opened_ms),
        closed_by: Set(record.closed_by.map(|id| id.to_string())),
    };
    let columns = [conflict::Column::Heads, conflict::Column::ClosedBy];
    conflict::Entity::insert(row)
        .on_conflict(OnConflict::column(conflict::Column::Id).update_columns(columns).to_owned())
        .exec_without_returning(tx.connection())
        .await?;
    Ok(())
}
