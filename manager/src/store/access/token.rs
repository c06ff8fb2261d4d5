//! Administrator tokens.

use atoll_domain::id::TokenId;
use sea_orm::{ActiveModelTrait, EntityTrait, Set, Unchanged};

use crate::error::Result;
use crate::store::entity::token;
use crate::store::{Database, Tx, stored};

/// A token without its secret.
#[derive(Debug, Clone)]
pub struct TokenRecord {
    pub id: TokenId,
    pub name: String,
    pub secret_digest: String,
    pub created_ms: i64,
    pub created_by: String,
    /// 0 for never.
    pub expires_ms: i64,
    pub revoked: bool,
}

fn record(row: token::Model) -> Result<TokenRecord> {
    Ok(TokenRecord {
        id: stored("token id", &row.id)?,
        name: row.name,
        secret_digest: row.secret_digest,
        created_ms: row.created_ms,
        created_by: row.created_by,
        expires_ms: row.expires_ms,
        revoked: row.revoked,
    })
}

pub async fn token_get(database: &impl Database, id: TokenId) -> Result<Option<TokenRecord>> {
    token::Entity::find_by_id(id.to_string()).one(database.connection()).await?.map(record).transpose()
}

pub async fn token_list(database: &impl Database) -> Result<Vec<TokenRecord>> {
    token::Entity::find().all(database.connection()).await?.into_iter().map(record).collect()
}

pub async fn token_create(tx: &Tx, record: &TokenRecord) -> Result<()> {
    let row = token::ActiveModel {
        id: Set(record.id.to_string()),
        name: Set(record.name.clone()),
        secret_digest: Set(record.secret_digest.clone()),
        created_ms: Set(record.created_ms),
        created_by: Set(record.created_by.clone()),
        expires_ms: Set(record.expires_ms),
        revoked: Set(record.revoked),
    };
    token::Entity::insert(row).exec_without_returning(tx.connection()).await?;
    Ok(())
}

pub async fn token_revoke(tx: &Tx, id: TokenId) -> Result<()> {
    let row = token::ActiveModel { id: Unchanged(id.to_string()), revoked: Set(true), ..Default::default() };
    row.update(tx.connection()).await?;
    Ok(())
}
