//! Links that sign a browser in once.

use atoll_domain::id::{Digest, SessionId};
use atoll_domain::time::Timestamp;
use serde_json::json;
use subtle::ConstantTimeEq as _;
use uuid::Uuid;

use super::session::{SESSION_LIFETIME_MS, SessionSecret};
use super::token;
use crate::clock;
use crate::error::{Error, ErrorKind, Result};
use crate::service::{Caller, Services};
use crate::store::Tx;
use crate::store::access::{
    SessionRecord, SignInLinkRecord, link_count, link_create, link_get, link_use, session_create, sign_ins_prune,
};

const LIFETIME_MS: i64 = 300_000;
pub const LIFETIME_LIMIT_MS: i64 = 3_600_000;
/// Links that may be open at once.
const OPEN_LIMIT: u64 = 1_000;
/// Longest text that a browser may say about itself.
const BROWSER_LIMIT: usize = 200;

/// A link's code: its id and what proves it. Does not print.
pub struct SignInCode {
    id: Uuid,
    secret: [u8; 32],
}

impl SignInCode {
    /// What follows the address of the web UI. The code stands in the fragment, which browsers send to nobody, and so it
    /// gets into no log.
    #[must_use]
    pub fn path(&self) -> String {
        format!("/sign-in#{}_{}", self.id.simple(), hex::encode(self.secret))
    }
}

impl std::fmt::Debug for SignInCode {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("SignInCode(hidden)")
    }
}

/// Makes a link in the caller's name. What it signs in ends with the caller's token.
///
/// # Errors
/// The lifetime is too long, or too many links are open.
pub async fn create(
    services: &Services,
    caller: &Caller,
    lifetime_ms: i64,
    request_id: Option<Uuid>,
) -> Result<(SignInLinkRecord, SignInCode)> {
    let lifetime_ms = if lifetime_ms == 0 { LIFETIME_MS } else { lifetime_ms };
    if !(1..=LIFETIME_LIMIT_MS).contains(&lifetime_ms) {
        return Err(Error::invalid("BAD_LIMIT", "a sign-in link is valid for at most an hour; choose a shorter time"));
    }
    let code = SignInCode { id: request_id.unwrap_or_else(clock::new_id), secret: clock::random() };
    let record = SignInLinkRecord {
        id: code.id,
        secret_digest: Digest::of(hex::encode(code.secret).as_bytes()).to_string(),
        name: caller.name.clone(),
        token: caller.token,
        created_ms: caller.now.0,
        expires_ms: caller.now.plus_ms(lifetime_ms).0,
    };
    let mut tx = services.store.begin().await?;
    sign_ins_prune(&tx, caller.now.0).await?;
    if link_count(&tx).await? >= OPEN_LIMIT {
        return Err(Error::new(
            ErrorKind::Exhausted,
            "TOO_MANY_LINKS",
            "too many sign-in links are open; use one of them, or wait until some expire",
        ));
    }
    link_create(&tx, &record).await?;
    caller.record(&mut tx, "sign_in_link.create", record.id, json!({ "expires_ms": record.expires_ms }));
    tx.commit().await?;
    Ok((record, code))
}

fn refused() -> Error {
    Error::unauthenticated(
        "BAD_SIGN_IN_CODE",
        "this link is invalid, already used, or expired; create another with: atoll ui open",
    )
}

/// Signs a browser in with a link's code. The code is gone after it, whoever else holds it.
///
/// # Errors
/// Always the same one, whatever is wrong with the code.
pub async fn exchange(
    services: &Services,
    code: &str,
    browser: &str,
    now: Timestamp,
) -> Result<(SessionRecord, SessionSecret)> {
    let (id, secret) = code.split_once('_').ok_or_else(refused)?;
    let id = Uuid::try_parse(id).map_err(|_| refused())?;
    let mut tx = services.store.begin().await?;
    let link = link_get(&tx, id).await?.ok_or_else(refused)?;
    let presented = Digest::of(secret.as_bytes()).to_string();
    let fits: bool = presented.as_bytes().ct_eq(link.secret_digest.as_bytes()).into();
    if !fits || link.expires_ms <= now.0 || !link_use(&tx, id).await? {
        return Err(refused());
    }
    let (record, secret) = begin(&mut tx, link, browser, now).await?;
    tx.commit().await?;
    Ok((record, secret))
}

async fn begin(
    tx: &mut Tx,
    link: SignInLinkRecord,
    browser: &str,
    now: Timestamp,
) -> Result<(SessionRecord, SessionSecret)> {
    let token_expires_ms = match link.token {
        Some(token) => token::alive(tx, token, now).await?.ok_or_else(refused)?.expires_ms,
        None => 0,
    };
    let end = now.plus_ms(SESSION_LIFETIME_MS).0;
    let id = SessionId(clock::new_id());
    let secret = SessionSecret::new(id, clock::random());
    let record = SessionRecord {
        id,
        secret_digest: secret.digest(),
        name: link.name,
        token: link.token,
        created_ms: now.0,
        expires_ms: if token_expires_ms > 0 { end.min(token_expires_ms) } else { end },
        browser: browser.chars().filter(|c| !c.is_control()).take(BROWSER_LIMIT).collect(),
    };
    session_create(tx, &record).await?;
    let caller = Caller { name: record.name.clone(), token: record.token, ..Caller::manager(now) };
    caller.record(tx, "session.create", record.id, json!({ "link": link.id, "browser": record.browser }));
    Ok((record, secret))
}
