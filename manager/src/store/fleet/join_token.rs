//! Join tokens as rows.

use std::collections::{BTreeMap, BTreeSet};

use atoll_domain::fleet::name::{GroupPath, NodeName};
use atoll_domain::fleet::selector::Labels;
use atoll_domain::id::TokenId;
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Set};

use crate::error::Result;
use crate::store::entity::join_token;
use crate::store::{Database, Tx, json, signed, stored, stored_json, unsigned};

/// A permission to join.
#[derive(Debug, Clone)]
pub struct JoinTokenRecord {
    pub id: TokenId,
    pub description: String,
    pub group: GroupPath,
    pub labels: Labels,
    pub secret_digest: String,
    pub uses_limit: u64,
    pub uses: u64,
    pub expires_ms: i64,
    pub revoked: bool,
    pub created_by: String,
    pub created_ms: i64,
    /// The one node that may join with it, where it is for one.
    pub node_name: Option<NodeName>,
}

fn join_token_of(row: join_token::Model) -> Result<JoinTokenRecord> {
    Ok(JoinTokenRecord {
        id: stored("token id", &row.id)?,
        description: row.description,
        group: stored("group", &row.group_path)?,
        labels: stored_json("labels", &row.labels)?,
        secret_digest: row.secret_digest,
        uses_limit: unsigned(row.uses_limit),
        uses: unsigned(row.uses),
        expires_ms: row.expires_ms,
        revoked: row.revoked,
        created_by: row.created_by,
        created_ms: row.created_ms,
        node_name: row.node_name.map(|name| stored("node name", &name)).transpose()?,
    })
}

pub async fn join_token_get(database: &impl Database, id: TokenId) -> Result<Option<JoinTokenRecord>> {
    join_token::Entity::find_by_id(id.to_string()).one(database.connection()).await?.map(join_token_of).transpose()
}

pub async fn join_token_list(database: &impl Database) -> Result<Vec<JoinTokenRecord>> {
    join_token::Entity::find().all(database.connection()).await?.into_iter().map(join_token_of).collect()
}

pub async fn join_token_create(tx: &Tx, record: &JoinTokenRecord) -> Result<()> {
    let row = join_token::ActiveModel {
        id: Set(record.id.to_string()),
        description: Set(record.description.clone()),
        group_path: Set(record.group.to_string()),
        labels: Set(json(&record.labels)?),
        secret_digest: Set(record.secret_digest.clone()),
        uses_limit: Set(signed(record.uses_limit)),
        uses: Set(signed(record.uses)),
        expires_ms: Set(record.expires_ms),
        revoked: Set(record.revoked),
        created_by: Set(record.created_by.clone()),
        created_ms: Set(record.created_ms),
        node_name: Set(record.node_name.as_ref().map(ToString::to_string)),
    };
    join_token::Entity::insert(row).exec_without_returning(tx.connection()).await?;
    Ok(())
}

/// Join tokens that stay as they are until the transaction ends, by id.
pub async fn join_tokens_locked(tx: &Tx, ids: &BTreeSet<TokenId>) -> Result<BTreeMap<TokenId, JoinTokenRecord>> {
    let rows = join_token::Entity::find()
        .filter(join_token::Column::Id.is_in(ids.iter().map(ToString::to_string)))
        // Always in the same order: two replicas that want the same tokens wait instead of blocking each other.
        .order_by_asc(join_token::Column::Id)
        .lock_exclusive()
        .all(tx.connection())
        .await?;
    rows.into_iter().map(|row| join_token_of(row).map(|record| (record.id, record))).collect()
}

/// Uses a token for some more nodes. `false` when it has not so many uses left; two nodes never share the last one.
pub async fn join_token_use(tx: &Tx, id: TokenId, count: u64) -> Result<bool> {
    let after = Expr::col(join_token::Column::Uses).add(signed(count));
    let done = join_token::Entity::update_many()
        .col_expr(join_token::Column::Uses, after.clone())
        .filter(join_token::Column::Id.eq(id.to_string()))
        .filter(join_token::Column::Revoked.eq(false))
        .filter(after.lte(Expr::col(join_token::Column::UsesLimit)))
        .exec(tx.connection())
        .await?;
    Ok(done.rows_affected == 1)
}

pub async fn join_token_revoke(tx: &Tx, id: TokenId) -> Result<bool> {
    let done = join_token::Entity::update_many()
        .col_expr(join_token::Column::Revoked, Expr::value(true))
        .filter(join_token::Column::Id.eq(id.to_string()))
        .exec(tx.connection())
        .await?;
    Ok(done.rows_affected == 1)
}
