//! The audit record.

mod query;

use sea_orm::sea_query::ExprTrait as _;
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::entity::audit_event;
use super::{Database, signed, unsigned};
use crate::error::Result;

pub use query::{AuditField, AuditQuery, AuditTerm, event_counts, event_list};

/// One act, as it was recorded.
#[derive(Debug, Clone)]
pub struct AuditRecord {
    pub number: u64,
    pub at_ms: i64,
    pub actor: String,
    pub action: String,
    pub subject: String,
    pub detail: String,
}

impl From<audit_event::Model> for AuditRecord {
    fn from(row: audit_event::Model) -> Self {
        Self {
            number: unsigned(row.number),
            at_ms: row.at_ms,
            actor: row.actor,
            action: row.action,
            subject: row.subject,
            detail: row.detail,
        }
    }
}

/// The number of the newest event; 0 where there is none.
pub async fn newest_number(database: &impl Database) -> Result<u64> {
    let newest: Option<i64> = audit_event::Entity::find()
        .select_only()
        .column(audit_event::Column::Number)
        .order_by_desc(audit_event::Column::Number)
        .limit(1)
        .into_tuple()
        .one(database.connection())
        .await?;
    Ok(newest.map_or(0, unsigned))
}

/// The oldest events after a number, oldest first.
pub async fn events_after(database: &impl Database, after: u64, limit: u64) -> Result<Vec<AuditRecord>> {
    let query = audit_event::Entity::find()
        .filter(audit_event::Column::Number.gt(signed(after)))
        .order_by_asc(audit_event::Column::Number)
        .limit(limit);
    Ok(query.all(database.connection()).await?.into_iter().map(AuditRecord::from).collect())
}

/// Subjects of the acts of a sort after one number and up to another, oldest first: `node.` are all acts on nodes.
pub async fn subjects_between(
    database: &impl Database,
    after: u64,
    up_to: u64,
    sort: &str,
    limit: u64,
) -> Result<Vec<String>> {
    let query = audit_event::Entity::find()
        .select_only()
        .column(audit_event::Column::Subject)
        .filter(audit_event::Column::Number.gt(signed(after)))
        .filter(audit_event::Column::Number.lte(signed(up_to)))
        .filter(audit_event::Column::Action.starts_with(sort))
        .order_by_asc(audit_event::Column::Number)
        .limit(limit);
    Ok(query.into_tuple().all(database.connection()).await?)
}

/// The newest acts on a node and by it since it joined, newest first. A node of the same name before it is another one.
pub async fn events_about_node(
    database: &impl Database,
    name: &str,
    since_ms: i64,
    limit: u64,
) -> Result<Vec<AuditRecord>> {
    let on_it = audit_event::Column::Subject.eq(name).and(audit_event::Column::Action.starts_with("node."));
    let by_it = audit_event::Column::Actor.eq(format!("node:{name}"));
    let query = audit_event::Entity::find()
        .filter(Condition::any().add(on_it).add(by_it))
        .filter(audit_event::Column::AtMs.gte(since_ms))
        .order_by_desc(audit_event::Column::Number)
        .limit(limit);
    Ok(query.all(database.connection()).await?.into_iter().map(AuditRecord::from).collect())
}
