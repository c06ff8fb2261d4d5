//! The audit record.

use sea_orm::{EntityTrait, QueryOrder, QuerySelect};

use super::entity::audit_event;
use super::{Database, unsigned};
use crate::error::Result;

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

pub(super) async fn newest_number(database: &impl Database) -> Result<u64> {
    let newest = audit_event::Entity::find()
        .order_by_desc(audit_event::Column::Number)
        .limit(1)
        .one(database.connection())
        .await?;
    Ok(newest.map_or(0, |row| unsigned(row.number)))
}

/// The newest events before a number, newest first.
pub async fn events_before(database: &impl Database, before: Option<u64>, limit: u64) -> Result<Vec<AuditRecord>> {
    use sea_orm::{ColumnTrait, QueryFilter};
    let mut query = audit_event::Entity::find().order_by_desc(audit_event::Column::Number).limit(limit);
    if let Some(before) = before {
        query = query.filter(audit_event::Column::Number.lt(super::signed(before)));
    }
    Ok(query.all(database.connection()).await?.into_iter().map(AuditRecord::from).collect())
}
