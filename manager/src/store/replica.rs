//! Signs of life of the manager's replicas.

use sea_orm::sea_query::{Expr, ExprTrait as _, OnConflict};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, Set};
use uuid::Uuid;

use super::entity::replica;
use super::{Database, Store, stored};
use crate::error::Result;

/// Moves a replica's number on.
pub async fn replica_beat(store: &Store, id: Uuid) -> Result<()> {
    let tx = store.begin().await?;
    let next = Expr::col((replica::Entity, replica::Column::Beat)).add(1);
    let moved = OnConflict::column(replica::Column::Id).value(replica::Column::Beat, next).to_owned();
    let row = replica::ActiveModel { id: Set(id.to_string()), beat: Set(1) };
    replica::Entity::insert(row).on_conflict(moved).exec_without_returning(tx.connection()).await?;
    tx.commit().await?;
    Ok(())
}

/// The number of every replica.
pub async fn replica_list(database: &impl Database) -> Result<Vec<(Uuid, i64)>> {
    let rows = replica::Entity::find().all(database.connection()).await?;
    rows.into_iter().map(|row| Ok((stored("replica id", &row.id)?, row.beat))).collect()
}

/// Takes replicas away that are gone.
pub async fn replica_forget(store: &Store, ids: &[Uuid]) -> Result<()> {
    let tx = store.begin().await?;
    let ids = ids.iter().map(ToString::to_string);
    replica::Entity::delete_many().filter(replica::Column::Id.is_in(ids)).exec(tx.connection()).await?;
    tx.commit().await?;
    Ok(())
}
