//! Work queued by transactions.

use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Set, Unchanged};

use super::entity::work;
use super::{Database, Tx};
use crate::error::Result;

/// One piece of queued work.
#[derive(Debug, Clone)]
pub struct WorkRecord {
    pub id: String,
    pub job: String,
    pub subject: String,
}

/// The oldest pieces of work.
pub async fn work_list(database: &impl Database, limit: u64) -> Result<Vec<WorkRecord>> {
    let rows =
        work::Entity::find().order_by_asc(work::Column::QueuedMs).limit(limit).all(database.connection()).await?;
    Ok(rows.into_iter().map(|row| WorkRecord { id: row.id, job: row.job, subject: row.subject }).collect())
}

/// Whether a piece about a subject waits or is being done.
pub async fn work_is_queued(database: &impl Database, job: &str, subject: &str) -> Result<bool> {
    let query = work::Entity::find().filter(work::Column::Job.eq(job)).filter(work::Column::Subject.eq(subject));
    Ok(query.one(database.connection()).await?.is_some())
}

/// Takes a piece of work off the queue, in the transaction that does it. `false` when somebody else has.
pub async fn work_finish(tx: &Tx, id: &str) -> Result<bool> {
    let done = work::Entity::delete_by_id(id.to_owned()).exec(tx.connection()).await?;
    Ok(done.rows_affected > 0)
}

/// Puts a piece of work that failed behind the others.
pub async fn work_postpone(tx: &Tx, id: &str, queued_ms: i64) -> Result<()> {
    let row = work::ActiveModel { id: Unchanged(id.to_owned()), queued_ms: Set(queued_ms), ..Default::default() };
    row.update(tx.connection()).await?;
    Ok(())
}
