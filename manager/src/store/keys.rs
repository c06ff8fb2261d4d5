//! Keys under the operator's master key, and the life of the database.

use atoll_domain::id::ManagerEpoch;
use sea_orm::sea_query::OnConflict;
use sea_orm::{EntityTrait, Set};

use super::entity::{feed_sequence, sealed_key};
use super::{Database, Tx, stored};
use crate::error::{Error, Result};

/// A sealed key and what of it is public.
#[derive(Debug, Clone)]
pub struct SealedKey {
    pub sealed: Vec<u8>,
    pub public: Option<Vec<u8>>,
}

pub async fn sealed_key_get(database: &impl Database, name: &str) -> Result<Option<SealedKey>> {
    let row = sealed_key::Entity::find_by_id(name.to_owned()).one(database.connection()).await?;
    Ok(row.map(|row| SealedKey { sealed: row.sealed, public: row.public }))
}

/// Stores a key. Two replicas that make one at the same time collide here, and the later one fails as a whole.
pub async fn sealed_key_create(tx: &Tx, name: &str, key: SealedKey) -> Result<()> {
    let row = sealed_key::ActiveModel { name: Set(name.to_owned()), sealed: Set(key.sealed), public: Set(key.public) };
    sealed_key::Entity::insert(row).exec_without_returning(tx.connection()).await?;
    Ok(())
}

/// The life of this database, begun now if it has none.
pub async fn epoch_get_or_create(tx: &Tx, candidate: ManagerEpoch) -> Result<ManagerEpoch> {
    let row = feed_sequence::ActiveModel { id: Set(1), epoch: Set(candidate.to_string()), value: Set(0) };
    feed_sequence::Entity::insert(row)
        .on_conflict(OnConflict::column(feed_sequence::Column::Id).do_nothing().to_owned())
        .exec_without_returning(tx.connection())
        .await?;
    let row = feed_sequence::Entity::find_by_id(1).one(tx.connection()).await?;
    stored("epoch", &row.ok_or_else(|| Error::internal("the feed's counter is missing"))?.epoch)
}
