//! Admitting nodes.
//!
//! Each wish is checked and its certificate is signed on its own; what must be decided one after the other is done for
//! everybody who waits in one transaction ([`admission`]), so that a fleet that joins at once pays for one commit.

mod admission;
pub mod attempt;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use atoll_domain::fleet::enrolment::JoinStatement;
use atoll_domain::fleet::name::NodeName;
use atoll_domain::id::{Digest, NodeId, TokenId};
use atoll_domain::secret::public_sealing_key;
use atoll_domain::time::Timestamp;
use dashmap::DashMap;
use subtle::ConstantTimeEq as _;

use crate::authority::Issued;
use crate::clock;
use crate::error::{Error, Result};
use crate::service::Services;
use crate::store::fleet::{JoinTokenRecord, NodeRecord, join_token_get};

pub use admission::Admissions;

/// Join tokens that are remembered; past it all are forgotten and read again.
const KNOWN_TOKENS_LIMIT: usize = 4_096;

/// A node's wish to join, decoded.
#[derive(Debug, Clone)]
pub struct JoinWish {
    pub token: TokenId,
    pub secret: String,
    pub name: NodeName,
    pub certificate_request: Vec<u8>,
    pub identity_key: Vec<u8>,
    pub sealing_key: Vec<u8>,
    pub proof: Vec<u8>,
}

/// What never changes about join tokens: digest, end, group and labels. Whether one was revoked or used up is read
/// where it counts, in the transaction.
#[derive(Debug, Default)]
pub struct KnownTokens(DashMap<TokenId, Arc<JoinTokenRecord>>);

impl KnownTokens {
    async fn get(&self, services: &Services, id: TokenId) -> Result<Option<Arc<JoinTokenRecord>>> {
        if let Some(known) = self.0.get(&id) {
            return Ok(Some(Arc::clone(known.value())));
        }
        let Some(record) = join_token_get(&services.store, id).await? else { return Ok(None) };
        if self.0.len() >= KNOWN_TOKENS_LIMIT {
            self.0.clear();
        }
        let record = Arc::new(record);
        self.0.insert(id, Arc::clone(&record));
        Ok(Some(record))
    }
}

/// Admits a node. Repeating the wish with the same token and identity key gives the same node, with a fresh
/// certificate, and uses the token no second time.
///
/// # Errors
/// The token is not good, the name is taken, or a key or proof does not fit.
pub async fn join(services: &Arc<Services>, wish: JoinWish, now: Timestamp) -> Result<(NodeRecord, Issued)> {
    check_token(services, &wish, now).await?;
    check_proof(&wish)?;
    let id = NodeId(clock::new_id());
    let issued = issue(services, id, &wish, now)?;
    let (record, issued) = admission::admit(services, admission::Candidate { wish, id, issued, now }).await?;
    services.node_changed(&record, now);
    Ok((record, issued))
}

async fn check_token(services: &Services, wish: &JoinWish, now: Timestamp) -> Result<()> {
    let token = services.known_tokens.get(services, wish.token).await?.ok_or_else(bad_token)?;
    let presented = Digest::of(wish.secret.as_bytes()).to_string();
    let fits: bool = presented.as_bytes().ct_eq(token.secret_digest.as_bytes()).into();
    if !fits || token.revoked {
        return Err(bad_token());
    }
    if token.expires_ms <= now.0 {
        return Err(Error::unauthenticated(
            "JOIN_TOKEN_EXPIRED",
            format!("the join token ran out at {}; create a new one", Timestamp(token.expires_ms)),
        ));
    }
    Ok(())
}

fn bad_token() -> Error {
    Error::unauthenticated(
        "BAD_JOIN_TOKEN",
        "the join token is wrong, revoked, of another manager, or was never issued; create a new one",
    )
}

fn check_proof(wish: &JoinWish) -> Result<()> {
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
    Ok(())
}

fn issue(services: &Services, id: NodeId, wish: &JoinWish, now: Timestamp) -> Result<Issued> {
    services.keys.authority.issue_node(id, &wish.certificate_request, now, services.settings.certificate_lifetime_ms)
}
