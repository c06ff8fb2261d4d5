//! Sealed values and audience keys. Only ciphertext passes here.

use atoll_domain::document::Audience;
use atoll_domain::id::{AudienceKeyId, SecretId};
use sea_orm::{EntityTrait, Set};

use super::entity::{audience_key, secret_value};
use super::{Database, Tx, stored};
use crate::error::Result;

pub async fn secret_get(database: &impl Database, version: SecretId) -> Result<Option<Vec<u8>>> {
    let row = secret_value::Entity::find_by_id(version.to_string()).one(database.connection()).await?;
    Ok(row.map(|row| row.sealed))
}

pub async fn secret_create(tx: &Tx, version: SecretId, sealed: Vec<u8>, at_ms: i64) -> Result<()> {
    let row =
        secret_value::ActiveModel { version: Set(version.to_string()), sealed: Set(sealed), at_ms: Set(at_ms) };
    secret_value::Entity::insert(row).exec_without_returning(tx.connection()).await?;
    Ok(())
}

pub async fn audience_key_get(
    database: &impl Database,
    audience: &Audience,
) -> Result<Option<(AudienceKeyId, Vec<u8>)>> {
    let row = audience_key::Entity::find_by_id(audience.to_string()).one(database.connection()).await?;
    row.map(|row| Ok((stored("audience key id", &row.id)?, row.sealed))).transpose()
}

pub async fn audience_key_create(tx: &Tx, audience: &Audience, id: AudienceKeyId, sealed: Vec<u8>) -> Result<()> {
    let row =
        audience_key::ActiveModel { audience: Set(audience.to_string()), id: Set(id.to_string()), sealed: Set(sealed) };
    audience_key::Entity::insert(row).exec_without_returning(tx.connection()).await?;
    Ok(())
}
