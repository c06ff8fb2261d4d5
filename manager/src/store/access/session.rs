//! Browsers that are signed in, and the links that sign them in. Of their secrets only digests are kept.

use atoll_domain::id::{SessionId, TokenId};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, Set};
use uuid::Uuid;

use crate::error::Result;
use crate::store::entity::{session, sign_in_link};
use crate::store::{Database, Tx, stored};

/// A link that signs a browser in once.
#[derive(Debug, Clone)]
pub struct SignInLinkRecord {
    pub id: Uuid,
    pub secret_digest: String,
    pub name: String,
    /// The token it was made with: the session ends with it.
    pub token: Option<TokenId>,
    pub created_ms: i64,
    pub expires_ms: i64,
}

/// A browser that is signed in.
#[derive(Debug, Clone)]
pub struct SessionRecord {
    pub id: SessionId,
    pub secret_digest: String,
    pub name: String,
    pub token: Option<TokenId>,
    pub created_ms: i64,
    pub expires_ms: i64,
    pub browser: String,
}

fn link_of(row: sign_in_link::Model) -> Result<SignInLinkRecord> {
    Ok(SignInLinkRecord {
        id: stored("link id", &row.id)?,
        secret_digest: row.secret_digest,
        name: row.name,
        token: row.token.map(|id| stored("token id", &id)).transpose()?,
        created_ms: row.created_ms,
        expires_ms: row.expires_ms,
    })
}

fn session_of(row: session::Model) -> Result<SessionRecord> {
    Ok(SessionRecord {
        id: stored("session id", &row.id)?,
        secret_digest: row.secret_digest,
        name: row.name,
        token: row.token.map(|id| stored("token id", &id)).transpose()?,
        created_ms: row.created_ms,
        expires_ms: row.expires_ms,
        browser: row.browser,
    })
}

pub async fn link_get(database: &impl Database, id: Uuid) -> Result<Option<SignInLinkRecord>> {
    sign_in_link::Entity::find_by_id(id.to_string()).one(database.connection()).await?.map(link_of).transpose()
}

pub async fn link_count(database: &impl Database) -> Result<u64> {
    Ok(sign_in_link::Entity::find().count(database.connection()).await?)
}

pub async fn link_create(tx: &Tx, record: &SignInLinkRecord) -> Result<()> {
    let row = sign_in_link::ActiveModel {
        id: Set(record.id.to_string()),
        secret_digest: Set(record.secret_digest.clone()),
        name: Set(record.name.clone()),
        token: Set(record.token.map(|id| id.to_string())),
        created_ms: Set(record.created_ms),
        expires_ms: Set(record.expires_ms),
    };
    sign_in_link::Entity::insert(row).exec_without_returning(tx.connection()).await?;
    Ok(())
}

/// Uses a link up. `false` when somebody else has: of two who come at once only one takes the row away.
pub async fn link_use(tx: &Tx, id: Uuid) -> Result<bool> {
    let done = sign_in_link::Entity::delete_by_id(id.to_string()).exec(tx.connection()).await?;
    Ok(done.rows_affected == 1)
}

pub async fn session_get(database: &impl Database, id: SessionId) -> Result<Option<SessionRecord>> {
    session::Entity::find_by_id(id.to_string()).one(database.connection()).await?.map(session_of).transpose()
}

pub async fn session_list(database: &impl Database) -> Result<Vec<SessionRecord>> {
    session::Entity::find().all(database.connection()).await?.into_iter().map(session_of).collect()
}

pub async fn session_create(tx: &Tx, record: &SessionRecord) -> Result<()> {
    let row = session::ActiveModel {
        id: Set(record.id.to_string()),
        secret_digest: Set(record.secret_digest.clone()),
        name: Set(record.name.clone()),
        token: Set(record.token.map(|id| id.to_string())),
        created_ms: Set(record.created_ms),
        expires_ms: Set(record.expires_ms),
        browser: Set(record.browser.clone()),
    };
    session::Entity::insert(row).exec_without_returning(tx.connection()).await?;
    Ok(())
}

/// Ends a session. `false` when there is none.
pub async fn session_delete(tx: &Tx, id: SessionId) -> Result<bool> {
    let done = session::Entity::delete_by_id(id.to_string()).exec(tx.connection()).await?;
    Ok(done.rows_affected == 1)
}

/// Forgets links and sessions that have run out.
pub async fn sign_ins_prune(tx: &Tx, now_ms: i64) -> Result<()> {
    let links = sign_in_link::Entity::delete_many().filter(sign_in_link::Column::ExpiresMs.lte(now_ms));
    links.exec(tx.connection()).await?;
    let sessions = session::Entity::delete_many().filter(session::Column::ExpiresMs.lte(now_ms));
    sessions.exec(tx.connection()).await?;
    Ok(())
}
