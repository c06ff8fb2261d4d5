//! What happened to nodes beside what people did to them.

use atoll_domain::id::NodeId;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Set};
use uuid::Uuid;

use crate::error::Result;
use crate::store::entity::node_event;
use crate::store::{Database, Tx, stored};

/// Events that are kept of each node.
const KEPT: u32 = 200;

/// Something that happened to a node.
#[derive(Debug, Clone)]
pub struct NodeEventRecord {
    pub id: Uuid,
    pub node: NodeId,
    pub at_ms: i64,
    pub action: String,
    pub text: String,
}

pub async fn node_events_put(tx: &Tx, events: &[NodeEventRecord]) -> Result<()> {
    for chunk in events.chunks(1_000) {
        let rows = chunk.iter().map(|event| node_event::ActiveModel {
            id: Set(event.id.to_string()),
            node: Set(event.node.to_string()),
            at_ms: Set(event.at_ms),
            action: Set(event.action.clone()),
            text: Set(event.text.clone()),
        });
        node_event::Entity::insert_many(rows).exec_without_returning(tx.connection()).await?;
    }
    Ok(())
}

/// The newest events of a node, newest first.
pub async fn node_event_list(database: &impl Database, node: NodeId, limit: u64) -> Result<Vec<NodeEventRecord>> {
    let rows = node_event::Entity::find()
        .filter(node_event::Column::Node.eq(node.to_string()))
        .order_by_desc(node_event::Column::AtMs)
        .order_by_desc(node_event::Column::Id)
        .limit(limit)
        .all(database.connection())
        .await?;
    rows.into_iter()
        .map(|row| {
            Ok(NodeEventRecord {
                id: stored("event id", &row.id)?,
                node: stored("node id", &row.node)?,
                at_ms: row.at_ms,
                action: row.action,
                text: row.text,
            })
        })
        .collect()
}

/// Forgets all but the newest events of each node.
pub async fn node_events_prune(tx: &Tx) -> Result<u64> {
    let sql = format!(
        "DELETE FROM node_event WHERE id IN (SELECT id FROM (SELECT id, ROW_NUMBER() OVER \
         (PARTITION BY node ORDER BY at_ms DESC, id DESC) AS place FROM node_event) AS ranked WHERE place > {KEPT})"
    );
    Ok(tx.connection().execute_unprepared(&sql).await?.rows_affected())
}
