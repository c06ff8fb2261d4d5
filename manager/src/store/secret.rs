//! Sealed values and audience keys. Only ciphertext passes here.

use std::collections::BTreeSet;

use atoll_domain::document::Audience;
use atoll_domain::id::{AudienceKeyId, PublicationId, SecretId};
use atoll_domain::kind::variable_set::scope::Scope;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect, Set};

use super::entity::{audience_key, secret_value};
use super::{Database, Tx, json, stored, stored_json};
use crate::error::Result;

pub async fn secret_get(database: &impl Database, version: SecretId) -> Result<Option<Vec<u8>>> {
    let row = secret_value::Entity::find_by_id(version.to_string()).one(database.connection()).await?;
    Ok(row.map(|row| row.sealed))
}

/// Every sealed value that is here.
pub async fn secret_ids(database: &impl Database) -> Result<BTreeSet<SecretId>> {
    let ids: Vec<String> = secret_value::Entity::find()
        .select_only()
        .column(secret_value::Column::Version)
        .into_tuple()
        .all(database.connection())
        .await?;
    ids.iter().map(|id| stored("secret id", id)).collect()
}

pub async fn secret_create(tx: &Tx, version: SecretId, sealed: Vec<u8>, at_ms: i64) -> Result<()> {
    let row = secret_value::ActiveModel { version: Set(version.to_string()), sealed: Set(sealed), at_ms: Set(at_ms) };
    secret_value::Entity::insert(row).exec_without_returning(tx.connection()).await?;
    Ok(())
}

/// The key of an audience: the nodes of a publication that lie in a scope.
#[derive(Debug, Clone)]
pub struct AudienceKeyRecord {
    pub audience: Audience,
    pub publication: PublicationId,
    pub scope: Scope,
    pub id: AudienceKeyId,
    pub sealed: Vec<u8>,
}

/// The keys of the audiences into which the values' scopes cut a publication.
pub async fn audience_keys_of(database: &impl Database, publication: PublicationId) -> Result<Vec<AudienceKeyRecord>> {
    let query = audience_key::Entity::find().filter(audience_key::Column::Publication.eq(publication.to_string()));
    let rows = query.all(database.connection()).await?;
    rows.into_iter()
        .map(|row| {
            Ok(AudienceKeyRecord {
                audience: stored("audience", &row.audience)?,
                publication: stored("publication id", &row.publication)?,
                scope: stored_json("scope", &row.scope)?,
                id: stored("audience key id", &row.id)?,
                sealed: row.sealed,
            })
        })
        .collect()
}

/// Forgets the keys of a publication.
///
/// # Errors
/// The database does not answer.
pub async fn audience_keys_delete(tx: &Tx, publication: PublicationId) -> Result<()> {
    let keys = audience_key::Entity::delete_many();
    keys.filter(audience_key::Column::Publication.eq(publication.to_string())).exec(tx.connection()).await?;
    Ok(())
}

pub async fn audience_key_create(tx: &Tx, record: &AudienceKeyRecord) -> Result<()> {
    let row = audience_key::ActiveModel {
        audience: Set(record.audience.to_string()),
        publication: Set(record.publication.to_string()),
        scope: Set(json(&record.scope)?),
        id: Set(record.id.to_string()),
        sealed: Set(record.sealed.clone()),
    };
    audience_key::Entity::insert(row).exec_without_returning(tx.connection()).await?;
    Ok(())
}
