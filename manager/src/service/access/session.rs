//! Browsers that are signed in.

use std::sync::Arc;

use atoll_domain::id::{Digest, SessionId, TokenId};
use atoll_domain::time::Timestamp;
use dashmap::DashMap;
use serde_json::json;
use subtle::ConstantTimeEq as _;
use uuid::Uuid;

use super::token;
use crate::error::{Error, Result};
use crate::service::list::{Field, Listed, Options, Page, page};
use crate::service::{Caller, CallerSession, Services};
use crate::store::access::{SessionRecord, session_delete, session_get, session_list};

/// How long a browser stays signed in.
pub const SESSION_LIFETIME_MS: i64 = 12 * 3_600_000;
/// How long what was read may be used again. What ends in this process ends at once; what another replica of the manager
/// ends, ends within this time.
const FRESH_MS: i64 = 5_000;
/// Sessions that are remembered; past it all are forgotten and read again.
const REMEMBERED_LIMIT: usize = 10_000;
/// How long an end is remembered: longer than any look into the database that began before it.
const END_MS: i64 = 60_000;

/// What a browser's cookie holds. Does not print.
pub struct SessionSecret(String);

impl SessionSecret {
    pub(super) fn new(id: SessionId, secret: [u8; 32]) -> Self {
        Self(format!("{}_{}", id.0.simple(), hex::encode(secret)))
    }

    pub(super) fn digest(&self) -> String {
        let secret = self.0.split_once('_').map_or("", |(_, secret)| secret);
        Digest::of(secret.as_bytes()).to_string()
    }

    /// For the cookie, once.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for SessionSecret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("SessionSecret(hidden)")
    }
}

/// Sessions that were looked up lately, and what has ended, so that a call costs no query.
#[derive(Debug, Default)]
pub struct Sessions {
    known: DashMap<SessionId, (Timestamp, Arc<SessionRecord>)>,
    /// Sessions and tokens that ended here. A look into the database that began before does not bring them back.
    ended: DashMap<Uuid, Timestamp>,
}

impl Sessions {
    fn end(&self, id: Uuid, now: Timestamp) {
        self.ended.retain(|_, ended| now.ms_since(*ended) < END_MS);
        self.ended.insert(id, now);
    }

    /// To be called when a token was revoked: its sessions end with it.
    pub fn token_revoked(&self, token: TokenId, now: Timestamp) {
        self.end(token.0, now);
        self.known.retain(|_, (_, record)| record.token != Some(token));
    }

    fn has_ended(&self, record: &SessionRecord) -> bool {
        self.ended.contains_key(&record.id.0) || record.token.is_some_and(|token| self.ended.contains_key(&token.0))
    }

    fn fresh(&self, id: SessionId, now: Timestamp) -> Option<Arc<SessionRecord>> {
        let entry = self.known.get(&id)?;
        let (read, record) = entry.value();
        (now.ms_since(*read) < FRESH_MS).then(|| Arc::clone(record))
    }

    fn remember(&self, record: Arc<SessionRecord>, now: Timestamp) {
        if self.known.len() >= REMEMBERED_LIMIT {
            self.known.clear();
        }
        self.known.insert(record.id, (now, record));
    }
}

fn refused() -> Error {
    Error::unauthenticated("BAD_SESSION", "this browser is not signed in any more; open the web UI with: atoll ui open")
}

/// Who a cookie belongs to.
///
/// # Errors
/// Always the same one, whatever is wrong with it.
pub async fn authenticate(services: &Services, cookie: &str, now: Timestamp) -> Result<Caller> {
    let (id, secret) = cookie.split_once('_').ok_or_else(refused)?;
    let id = SessionId(Uuid::try_parse(id).map_err(|_| refused())?);
    let record = good(services, id, now).await?;
    let presented = Digest::of(secret.as_bytes()).to_string();
    let fits: bool = presented.as_bytes().ct_eq(record.secret_digest.as_bytes()).into();
    if !fits {
        return Err(refused());
    }
    let session = CallerSession { id, expires_ms: record.expires_ms };
    Ok(Caller { name: record.name.clone(), token: record.token, session: Some(session), ..Caller::manager(now) })
}

/// Whether a session still counts.
///
/// # Errors
/// It has ended.
pub(super) async fn still_good(services: &Services, id: SessionId, now: Timestamp) -> Result<()> {
    good(services, id, now).await.map(|_| ())
}

async fn good(services: &Services, id: SessionId, now: Timestamp) -> Result<Arc<SessionRecord>> {
    let record = match services.sessions.fresh(id, now) {
        Some(record) => record,
        None => load(services, id, now).await?,
    };
    if record.expires_ms <= now.0 || services.sessions.has_ended(&record) {
        return Err(refused());
    }
    Ok(record)
}

async fn load(services: &Services, id: SessionId, now: Timestamp) -> Result<Arc<SessionRecord>> {
    let record = session_get(&services.store, id).await?.ok_or_else(refused)?;
    if let Some(token) = record.token
        && token::alive(&services.store, token, now).await?.is_none()
    {
        return Err(refused());
    }
    let record = Arc::new(record);
    services.sessions.remember(Arc::clone(&record), now);
    Ok(record)
}

impl Listed for SessionRecord {
    const FIELDS: &'static [&'static str] = &["name", "created_ms", "expires_ms", "browser"];
    const FACETS: &'static [&'static str] = &["name"];
    fn title(&self) -> String {
        format!("{} {}", self.name, self.browser)
    }
    fn field(&self, name: &str) -> Option<Field> {
        match name {
            "name" => Field::text(&self.name),
            "created_ms" => Some(Field::Number(self.created_ms)),
            "expires_ms" => Some(Field::Number(self.expires_ms)),
            "browser" => Field::text(&self.browser),
            _ => None,
        }
    }
}

/// Sessions that have not ended, newest first.
///
/// # Errors
/// The database does not answer.
pub async fn list(services: &Services, caller: &Caller, options: &Options) -> Result<Page<SessionRecord>> {
    let tokens = token::alive_ids(&services.store, caller.now).await?;
    let mut sessions = session_list(&services.store).await?;
    sessions.retain(|session| {
        session.expires_ms > caller.now.0 && session.token.is_none_or(|token| tokens.contains(&token))
    });
    sessions.sort_by_key(|session| std::cmp::Reverse((session.created_ms, session.id)));
    page(sessions, options)
}

/// Signs a browser out at once.
///
/// # Errors
/// There is no such session.
pub async fn revoke(services: &Services, caller: &Caller, id: SessionId) -> Result<()> {
    let mut tx = services.store.begin().await?;
    let record = session_get(&tx, id).await?;
    let record = record.ok_or_else(|| Error::not_found("session", &id.to_string()))?;
    session_delete(&tx, id).await?;
    caller.record(&mut tx, "session.revoke", id, json!({ "name": record.name }));
    tx.commit().await?;
    services.sessions.end(id.0, caller.now);
    services.sessions.known.remove(&id);
    Ok(())
}
