//! Join tokens.

use atoll_domain::fleet::enrolment::{JoinSecret, JoinToken};
use atoll_domain::fleet::name::{GroupPath, NodeName, check_label};
use atoll_domain::fleet::selector::Labels;
use atoll_domain::id::TokenId;
use serde_json::json;
use uuid::Uuid;

use crate::clock;
use crate::error::{Error, ErrorKind, Result};
use crate::service::list::{Field, Listed, Options, Page, page};
use crate::service::{Caller, Services};
use crate::store::Database;
use crate::store::fleet::{
    JoinTokenRecord, group_exists, join_token_create, join_token_get, join_token_list, join_token_revoke, node_named,
};

const LIFETIME_MS: i64 = 3_600_000;
const LIFETIME_LIMIT_MS: i64 = 30 * 86_400_000;
const USES_LIMIT: u64 = 100_000;

/// What a join token is to allow.
#[derive(Debug, Clone)]
pub struct NewJoinToken {
    pub description: String,
    pub group: GroupPath,
    pub labels: Labels,
    pub uses_limit: u64,
    pub lifetime_ms: i64,
    /// The one node that it is for.
    pub node_name: Option<NodeName>,
    pub request_id: Option<Uuid>,
}

/// Makes a join token; its text cannot be had again.
///
/// # Errors
/// The group does not exist, or a limit is passed.
pub async fn create(services: &Services, caller: &Caller, wish: NewJoinToken) -> Result<(JoinTokenRecord, JoinToken)> {
    let uses_limit = wish.uses_limit.max(1);
    if wish.node_name.is_some() && uses_limit > 1 {
        return Err(Error::invalid("BAD_LIMIT", "a join token that names a node is valid for that node only"));
    }
    let lifetime_ms = if wish.lifetime_ms == 0 { LIFETIME_MS } else { wish.lifetime_ms };
    if uses_limit > USES_LIMIT || !(1..=LIFETIME_LIMIT_MS).contains(&lifetime_ms) {
        return Err(Error::invalid("BAD_LIMIT", "a join token is valid for at most 100,000 nodes and 30 days"));
    }
    for (key, value) in &wish.labels {
        check_label(key, value).map_err(|error| Error::invalid("BAD_LABEL", error.to_string()))?;
    }
    let mut tx = services.store.begin().await?;
    check_place(&tx, &wish.group, wish.node_name.as_ref()).await?;
    let secret = JoinSecret::new(clock::random());
    let record = JoinTokenRecord {
        id: TokenId(wish.request_id.unwrap_or_else(clock::new_id)),
        description: wish.description,
        group: wish.group,
        labels: wish.labels,
        secret_digest: secret.digest().to_string(),
        uses_limit,
        uses: 0,
        expires_ms: caller.now.plus_ms(lifetime_ms).0,
        revoked: false,
        created_by: caller.name.clone(),
        created_ms: caller.now.0,
        node_name: wish.node_name,
    };
    join_token_create(&tx, &record).await?;
    let detail = json!({ "group": record.group, "uses_limit": uses_limit, "expires_ms": record.expires_ms });
    caller.record(&mut tx, "join_token.create", record.id, detail);
    tx.commit().await?;
    let token = JoinToken {
        address: services.settings.node_address.clone(),
        root_pin: services.keys.authority.root_pin(),
        id: record.id,
        secret,
    };
    Ok((record, token))
}

/// Whether a node can join there, under a name if the token says one. What a join would refuse is refused now, and not on
/// the server.
///
/// # Errors
/// The group does not exist, or the name is taken or made to be mistaken.
pub async fn check_place(database: &impl Database, group: &GroupPath, name: Option<&NodeName>) -> Result<()> {
    if !group_exists(database, group).await? {
        return Err(Error::not_found("group", group.as_str()));
    }
    let Some(name) = name else { return Ok(()) };
    super::node::check_script(name)?;
    if let Some(node) = node_named(database, name.as_str()).await? {
        let text = format!(
            "{} is already a node of this fleet; a server with an expired certificate recovers on its own, and a \
             rebuilt one can join under its name once the old node is removed (atoll node remove {})",
            node.name, node.name
        );
        return Err(Error::new(ErrorKind::AlreadyExists, "NAME_TAKEN", text));
    }
    Ok(())
}

impl Listed for JoinTokenRecord {
    const FIELDS: &'static [&'static str] =
        &["group", "description", "created_by", "created_ms", "expires_ms", "revoked"];
    const FACETS: &'static [&'static str] = &["group", "revoked"];
    fn title(&self) -> String {
        format!("{} {}", self.id, self.description)
    }
    fn field(&self, name: &str) -> Option<Field> {
        match name {
            "group" => Field::text(&self.group),
            "description" => Field::text(&self.description),
            "created_by" => Field::text(&self.created_by),
            "created_ms" => Some(Field::Number(self.created_ms)),
            "expires_ms" => Some(Field::Number(self.expires_ms)),
            "revoked" => Field::text(self.revoked),
            _ => None,
        }
    }
}

pub async fn list(services: &Services, options: &Options) -> Result<Page<JoinTokenRecord>> {
    let mut tokens = join_token_list(&services.store).await?;
    tokens.sort_by_key(|token| std::cmp::Reverse(token.created_ms));
    page(tokens, options)
}

/// Makes a join token useless.
///
/// # Errors
/// There is no such token.
pub async fn revoke(services: &Services, caller: &Caller, id: TokenId) -> Result<()> {
    let mut tx = services.store.begin().await?;
    if join_token_get(&tx, id).await?.is_none() || !join_token_revoke(&tx, id).await? {
        return Err(Error::not_found("join token", &id.to_string()));
    }
    caller.record(&mut tx, "join_token.revoke", id, json!({}));
    tx.commit().await?;
    Ok(())
}
