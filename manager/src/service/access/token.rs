//! Administrators' tokens.

use std::collections::BTreeSet;

use atoll_domain::fleet::name::{folded, mixes_scripts};
use atoll_domain::id::{Digest, TokenId};
use atoll_domain::time::Timestamp;
use serde_json::json;
use subtle::ConstantTimeEq as _;
use uuid::Uuid;

use crate::clock;
use crate::error::{Error, ErrorKind, Result};
use crate::service::list::{Field, Listed, Options, Page, page};
use crate::service::{Caller, Services};
use crate::store::Database;
use crate::store::access::{TokenRecord, token_create, token_get, token_list, token_revoke};
use crate::store::fleet::{join_token_list, join_token_revoke};

/// Says what a text is, wherever it turns up.
const PREFIX: &str = "atoll_admin_";
/// Names under which the manager itself is recorded, and who signs in with the link that it prints.
const RESERVED: [&str; 2] = ["manager", "console"];

/// The text of a token. Does not print.
pub struct TokenText(String);

impl TokenText {
    fn new(id: TokenId, secret: [u8; 32]) -> Self {
        Self(format!("{PREFIX}{}_{}", id.0.simple(), hex::encode(secret)))
    }

    /// For showing to the one who asked for it, once.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for TokenText {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("TokenText(hidden)")
    }
}

/// Who presents a token.
///
/// # Errors
/// Always the same one, whatever is wrong with the token.
pub async fn authenticate(services: &Services, text: &str) -> Result<Caller> {
    let now = clock::now();
    let (id, secret) = text.strip_prefix(PREFIX).and_then(|rest| rest.split_once('_')).ok_or_else(refused)?;
    let id = TokenId(Uuid::try_parse(id).map_err(|_| refused())?);
    let record = token_get(&services.store, id).await?.ok_or_else(refused)?;
    let presented = Digest::of(secret.as_bytes()).to_string();
    let fits: bool = presented.as_bytes().ct_eq(record.secret_digest.as_bytes()).into();
    if !fits || !is_alive(&record, now) {
        return Err(refused());
    }
    Ok(Caller { name: record.name, token: Some(record.id), ..Caller::manager(now) })
}

fn refused() -> Error {
    Error::unauthenticated(
        "BAD_TOKEN",
        "the token is missing, invalid, revoked or expired; provide a valid one (ATOLL_TOKEN or a CLI context)",
    )
}

fn is_alive(record: &TokenRecord, now: Timestamp) -> bool {
    !record.revoked && (record.expires_ms == 0 || record.expires_ms > now.0)
}

/// A token that still counts.
pub(super) async fn alive(database: &impl Database, id: TokenId, now: Timestamp) -> Result<Option<TokenRecord>> {
    Ok(token_get(database, id).await?.filter(|record| is_alive(record, now)))
}

/// The tokens that still count.
pub(super) async fn alive_ids(database: &impl Database, now: Timestamp) -> Result<BTreeSet<TokenId>> {
    let tokens = token_list(database).await?;
    Ok(tokens.into_iter().filter(|token| is_alive(token, now)).map(|token| token.id).collect())
}

/// Whether a token still counts.
///
/// # Errors
/// It was revoked or has run out.
pub(super) async fn still_good(services: &Services, id: TokenId, now: Timestamp) -> Result<()> {
    alive(&services.store, id, now).await?.map(|_| ()).ok_or_else(refused)
}

/// Makes a token.
///
/// # Errors
/// A token of this name exists.
pub async fn create(
    services: &Services,
    caller: &Caller,
    name: &str,
    lifetime_ms: i64,
    request_id: Option<Uuid>,
) -> Result<(TokenRecord, TokenText)> {
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '@');
    // Who reads the record must not take one name for another.
    let key = folded(name);
    let is_reserved = RESERVED.iter().any(|reserved| folded(reserved) == key);
    if name.is_empty() || name.len() > 100 || !name.chars().all(fits) || is_reserved || mixes_scripts(name) {
        return Err(Error::invalid(
            "BAD_NAME",
            "a token's name is 1 to 100 letters of one script, digits, -, _, . and @, and neither \"manager\" nor \"console\"; it is \
             recorded with every act",
        ));
    }
    if lifetime_ms < 0 {
        return Err(Error::invalid(
            "BAD_LIMIT",
            "a token's lifetime cannot be negative; omit it for a token that never expires",
        ));
    }
    let mut tx = services.store.begin().await?;
    let taken = token_list(&tx).await?.into_iter().find(|known| !known.revoked && folded(&known.name) == key);
    if let Some(taken) = taken {
        return Err(Error::exists("token", &taken.name));
    }
    let secret: [u8; 32] = clock::random();
    let id = TokenId(request_id.unwrap_or_else(clock::new_id));
    let record = TokenRecord {
        id,
        name: name.to_owned(),
        secret_digest: Digest::of(hex::encode(secret).as_bytes()).to_string(),
        created_ms: caller.now.0,
        created_by: caller.name.clone(),
        expires_ms: if lifetime_ms > 0 { caller.now.plus_ms(lifetime_ms).0 } else { 0 },
        revoked: false,
    };
    token_create(&tx, &record).await?;
    caller.record(&mut tx, "token.create", name, json!({ "id": id }));
    tx.commit().await?;
    Ok((record, TokenText::new(id, secret)))
}

impl Listed for TokenRecord {
    const FIELDS: &'static [&'static str] = &["name", "revoked", "created_by", "created_ms"];
    const FACETS: &'static [&'static str] = &["revoked"];
    fn title(&self) -> String {
        self.name.clone()
    }
    fn field(&self, name: &str) -> Option<Field> {
        match name {
            "name" => Field::text(&self.name),
            "revoked" => Field::text(self.revoked),
            "created_by" => Field::text(&self.created_by),
            "created_ms" => Some(Field::Number(self.created_ms)),
            _ => None,
        }
    }
}

pub async fn list(services: &Services, options: &Options) -> Result<Page<TokenRecord>> {
    let mut tokens = token_list(&services.store).await?;
    tokens.sort_by_key(|token| std::cmp::Reverse(token.created_ms));
    page(tokens, options)
}

/// What was revoked.
#[derive(Debug, Default)]
pub struct Revoked {
    /// By name, the one that was meant first.
    pub tokens: Vec<String>,
    pub join_tokens: u64,
}

/// Makes a token useless, and everything that was made with it: other tokens and what those made, join tokens, links and
/// sessions. The last tokens that work cannot be revoked: nobody could make another.
///
/// # Errors
/// There is no such token, or no other would be left.
pub async fn revoke(services: &Services, caller: &Caller, name_or_id: &str, keep_made: bool) -> Result<Revoked> {
    let mut tx = services.store.begin().await?;
    let tokens = token_list(&tx).await?;
    let record = tokens
        .iter()
        .find(|token| !token.revoked && (token.name == name_or_id || token.id.to_string() == name_or_id))
        .ok_or_else(|| Error::not_found("token", name_or_id))?;
    let going = if keep_made { vec![record] } else { with_made(&tokens, record) };
    let ids: BTreeSet<TokenId> = going.iter().map(|token| token.id).collect();
    if tokens.iter().filter(|token| is_alive(token, caller.now)).all(|token| ids.contains(&token.id)) {
        let text = match keep_made {
            true => "this is the last valid token; create another one first",
            false => {
                "no valid token would be left, since tokens created with this one are revoked too; create another one \
                 first, or keep those (--keep-made)"
            }
        };
        return Err(Error::precondition("LAST_TOKEN", text));
    }
    let mut revoked = Revoked::default();
    for token in going.into_iter().filter(|token| !token.revoked) {
        token_revoke(&tx, token.id).await?;
        caller.record(&mut tx, "token.revoke", &token.name, json!({ "id": token.id, "with": record.name }));
        revoked.tokens.push(token.name.clone());
    }
    if !keep_made {
        for join in join_token_list(&tx).await?.into_iter().filter(|join| !join.revoked) {
            let is_made_with = |token: &&TokenRecord| ids.contains(&token.id) && token.created_ms <= join.created_ms;
            if tokens.iter().filter(is_made_with).any(|token| token.name == join.created_by) {
                join_token_revoke(&tx, join.id).await?;
                caller.record(&mut tx, "join_token.revoke", join.id, json!({ "with": record.name }));
                revoked.join_tokens += 1;
            }
        }
    }
    tx.commit().await?;
    for id in ids {
        services.sessions.token_revoked(id, caller.now);
    }
    Ok(revoked)
}

/// A token with those that were made with it, and with those again. A name is one token's for as long as it works, so who
/// made a token is the one of that name that was there before it.
fn with_made<'a>(tokens: &'a [TokenRecord], first: &'a TokenRecord) -> Vec<&'a TokenRecord> {
    let mut going = vec![first];
    let mut next = 0;
    while let Some(maker) = going.get(next).copied() {
        let made = tokens.iter().filter(|token| {
            // Through those that are revoked already, too: what they made may still work.
            let is_new = !going.iter().any(|known| known.id == token.id);
            is_new && token.created_by == maker.name && token.created_ms >= maker.created_ms
        });
        let made: Vec<&TokenRecord> = made.collect();
        going.extend(made);
        next += 1;
    }
    going
}

/// The first administrator's token, made when there is none at all.
///
/// # Errors
/// The database does not answer.
pub async fn first_token(services: &Services) -> Result<Option<TokenText>> {
    if !token_list(&services.store).await?.is_empty() {
        return Ok(None);
    }
    let caller = Caller::manager(clock::now());
    match create(services, &caller, "admin", 0, None).await {
        // Another replica that starts at the same time has made it, and offers it.
        Err(error) if error.kind == ErrorKind::AlreadyExists => Ok(None),
        created => Ok(Some(created?.1)),
    }
}
