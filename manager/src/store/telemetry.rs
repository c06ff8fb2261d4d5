//! How the fleet was over time.

use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, PaginatorTrait, QueryFilter, Set, Statement,
};

use super::entity::sample;
use super::{Database, Tx, signed, unsigned};
use crate::error::Result;

/// How the fleet was at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampleRecord {
    pub at_ms: i64,
    pub nodes: u64,
    pub online: u64,
    pub in_sync: u64,
    pub conflicts: u64,
}

/// Writes a sample, unless another replica has written one for the same moment.
pub async fn sample_put(tx: &Tx, record: &SampleRecord) -> Result<()> {
    let row = sample::ActiveModel {
        at_ms: Set(record.at_ms),
        nodes: Set(signed(record.nodes)),
        online: Set(signed(record.online)),
        in_sync: Set(signed(record.in_sync)),
        conflicts: Set(signed(record.conflicts)),
    };
    sample::Entity::insert(row)
        .on_conflict(OnConflict::column(sample::Column::AtMs).do_nothing().to_owned())
        .exec_without_returning(tx.connection())
        .await?;
    Ok(())
}

pub async fn samples_prune(tx: &Tx, before_ms: i64) -> Result<()> {
    sample::Entity::delete_many().filter(sample::Column::AtMs.lt(before_ms)).exec(tx.connection()).await?;
    Ok(())
}

pub async fn sample_count(database: &impl Database, from_ms: i64) -> Result<u64> {
    let query = sample::Entity::find().filter(sample::Column::AtMs.gte(from_ms));
    Ok(query.count(database.connection()).await?)
}

/// Each n-th sample since a moment, counted from the newest one, oldest first.
pub async fn sample_list(database: &impl Database, from_ms: i64, every: u64) -> Result<Vec<SampleRecord>> {
    let sql = format!(
        "SELECT at_ms, nodes, online, in_sync, conflicts FROM \
         (SELECT *, ROW_NUMBER() OVER (ORDER BY at_ms DESC) AS place FROM sample WHERE at_ms >= {from_ms}) AS placed \
         WHERE (place - 1) % {} = 0 ORDER BY at_ms",
        signed(every.max(1))
    );
    let connection = database.connection();
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let rows = sample::Model::find_by_statement(statement).all(connection).await?;
    let record = |row: sample::Model| SampleRecord {
        at_ms: row.at_ms,
        nodes: unsigned(row.nodes),
        online: unsigned(row.online),
        in_sync: unsigned(row.in_sync),
        conflicts: unsigned(row.conflicts),
    };
    Ok(rows.into_iter().map(record).collect())
}
