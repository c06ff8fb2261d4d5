//! Frozen selections of nodes.

use atoll_domain::id::NodeId;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Set};
use uuid::Uuid;

use crate::error::Result;
use crate::store::entity::selection;
use crate::store::{Database, Tx, json, stored, stored_json};

/// The nodes that an act is about.
#[derive(Debug, Clone)]
pub struct SelectionRecord {
    pub id: Uuid,
    pub owner: String,
    pub nodes: Vec<NodeId>,
    pub created_ms: i64,
    pub expires_ms: i64,
}

pub async fn selection_get(database: &impl Database, id: Uuid) -> Result<Option<SelectionRecord>> {
    let row = selection::Entity::find_by_id(id.to_string()).one(database.connection()).await?;
    row.map(|row| {
        Ok(SelectionRecord {
            id: stored("selection id", &row.id)?,
            owner: row.owner,
            nodes: stored_json("selection", &row.nodes)?,
            created_ms: row.created_ms,
            expires_ms: row.expires_ms,
        })
    })
    .transpose()
}

pub async fn selection_create(tx: &Tx, record: &SelectionRecord) -> Result<()> {
    let row = selection::ActiveModel {
        id: Set(record.id.to_string()),
        owner: Set(record.owner.clone()),
        nodes: Set(json(&record.nodes)?),
        created_ms: Set(record.created_ms),
        expires_ms: Set(record.expires_ms),
    };
    selection::Entity::insert(row).exec_without_returning(tx.connection()).await?;
    Ok(())
}

/// Forgets what has run out, and of an owner's selections all but the newest ones.
pub async fn selections_prune(tx: &Tx, owner: &str, keep: u64, now_ms: i64) -> Result<()> {
    let over = selection::Entity::delete_many().filter(selection::Column::ExpiresMs.lte(now_ms));
    over.exec(tx.connection()).await?;
    let own: Vec<String> = selection::Entity::find()
        .select_only()
        .column(selection::Column::Id)
        .filter(selection::Column::Owner.eq(owner))
        .order_by_desc(selection::Column::CreatedMs)
        .order_by_desc(selection::Column::Id)
        .into_tuple()
        .all(tx.connection())
        .await?;
    let surplus: Vec<String> = own.into_iter().skip(usize::try_from(keep).unwrap_or(usize::MAX)).collect();
    if !surplus.is_empty() {
        let oldest = selection::Entity::delete_many().filter(selection::Column::Id.is_in(surplus));
        oldest.exec(tx.connection()).await?;
    }
    Ok(())
}
