//! Admitting a node.

use atoll_domain::fleet::enrolment::JoinStatement;
use atoll_domain::fleet::name::NodeName;
use atoll_domain::fleet::node::NodeStanding;
use atoll_domain::id::{Digest, NodeId, TokenId};
use atoll_domain::secret::public_sealing_key;
use atoll_domain::time::Timestamp;
use serde_json::json;
use subtle::ConstantTimeEq as _;

use super::credential;
use crate::authority::Issued;
use crate::clock;
use crate::error::{Error, ErrorKind, Result};
use crate::service::sharing::membership;
use crate::service::{Caller, Services};
use crate::store::fleet::{
    JoinTokenRecord, NodeRecord, join_token_get, join_token_use, node_create, node_named, node_with_identity,
};
use crate::store::{Database, Tx};

/// A node's wish to join, decoded.
#[derive(Debug)]
pub struct JoinWish {
    pub token: TokenId,
    pub secret: String,
    pub name: NodeName,
    pub certificate_request: Vec<u8>,
    pub identity_key: Vec<u8>,
    pub sealing_key: Vec<u8>,
    pub proof: Vec<u8>,
}

/// Admits a node. Repeating the wish with the same token and identity key gives the same node, with a fresh
/// certificate, and uses the token no second time.
///
/// # Errors
/// The token is not good, the name is taken, or a key or proof does not fit.
pub async fn join(services: &Services, wish: &JoinWish, now: Timestamp) -> Result<(NodeRecord, Issued)> {
    let token = good_token(&services.store, wish, now).await?;
    let statement = JoinStatement {
        token: wish.token,
        name: wish.name.as_str(),
        certificate_request: &wish.certificate_request,
        identity_key: &wish.identity_key,
        sealing_key: &wish.sealing_key,
    };
    statement.verify(&wish.proof).map_err(|error| {
        Error::unauthenticated("BAD_PROOF", "the node does not prove that it holds its identity key")
            .with_context(error)
    })?;
    public_sealing_key(&wish.sealing_key).map_err(|error| Error::invalid("BAD_KEY", error.to_string()))?;

    let known = node_with_identity(&services.store, &wish.identity_key).await?;
    let id = known.as_ref().map_or_else(|| NodeId(clock::new_id()), |node| node.id);
    let lifetime_ms = services.settings.certificate_lifetime_ms;
    let issued = services.keys.authority.issue_node(id, &wish.certificate_request, now, lifetime_ms)?;
    let mut tx = services.store.begin().await?;
    let record = match known {
        Some(known) => rejoin(&tx, known, wish, &issued).await?,
        None => admit(services, &mut tx, &token, wish, id, &issued, now).await?,
    };
    let caller = Caller { name: format!("node:{}", record.name), token: None, now };
    let detail = json!({ "token": wish.token, "group": record.group, "fingerprint": Digest::of(&wish.identity_key) });
    caller.record(&mut tx, "node.join", &record.name, detail);
    tx.commit().await?;
    services.credentials.changed(&record, now);
    Ok((record, issued))
}

async fn good_token(database: &impl Database, wish: &JoinWish, now: Timestamp) -> Result<JoinTokenRecord> {
    let refused = || {
        Error::unauthenticated(
            "BAD_JOIN_TOKEN",
            "the join token is wrong, revoked, of another manager, or was never issued; create a new one",
        )
    };
    let token = join_token_get(database, wish.token).await?.ok_or_else(refused)?;
    let presented = Digest::of(wish.secret.as_bytes()).to_string();
    let fits: bool = presented.as_bytes().ct_eq(token.secret_digest.as_bytes()).into();
    if !fits || token.revoked {
        return Err(refused());
    }
    if token.expires_ms <= now.0 {
        return Err(Error::unauthenticated(
            "JOIN_TOKEN_EXPIRED",
            format!("the join token ran out at {}; create a new one", Timestamp(token.expires_ms)),
        ));
    }
    Ok(token)
}

/// The same node asks again: its first answer was lost.
async fn rejoin(tx: &Tx, known: NodeRecord, wish: &JoinWish, issued: &Issued) -> Result<NodeRecord> {
    if known.standing == NodeStanding::Removed {
        return Err(credential::removed());
    }
    if known.join_token != wish.token {
        return Err(Error::precondition(
            "JOINED_ALREADY",
            format!("this node joined as {} with another token; start it without a token", known.name),
        ));
    }
    let record = NodeRecord {
        next_serial: Some(issued.serial.clone()),
        certificate_expires_ms: issued.expires.0,
        sealing_key: wish.sealing_key.clone(),
        ..known
    };
    credential::update_certificate(tx, &record).await
}

async fn admit(
    services: &Services,
    tx: &mut Tx,
    token: &JoinTokenRecord,
    wish: &JoinWish,
    id: NodeId,
    issued: &Issued,
    now: Timestamp,
) -> Result<NodeRecord> {
    if node_named(tx, wish.name.as_str()).await?.is_some() {
        return Err(Error::new(
            ErrorKind::AlreadyExists,
            "NODE_NAME_TAKEN",
            format!("a node named {} is in the fleet already; join with another --name, or remove that one", wish.name),
        ));
    }
    if !join_token_use(tx, token.id).await? {
        return Err(Error::unauthenticated(
            "JOIN_TOKEN_USED_UP",
            format!("the join token was good for {} nodes and they have joined; create a new one", token.uses_limit),
        ));
    }
    let record = NodeRecord {
        id,
        name: wish.name.clone(),
        group: token.group.clone(),
        labels: token.labels.clone(),
        standing: NodeStanding::Active,
        standing_reason: String::new(),
        standing_since_ms: now.0,
        joined_ms: now.0,
        identity_key: wish.identity_key.clone(),
        sealing_key: wish.sealing_key.clone(),
        join_token: token.id,
        serial: issued.serial.clone(),
        next_serial: None,
        certificate_expires_ms: issued.expires.0,
        recoveries: 0,
    };
    node_create(tx, &record).await?;
    membership::refresh_node(services, tx, &record).await?;
    Ok(record)
}
