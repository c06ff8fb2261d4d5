//! Renewing a certificate, and coming back after it has run out.

use atoll_domain::fleet::enrolment::RecoverStatement;
use atoll_domain::fleet::node::NodeStanding;
use atoll_domain::id::NodeId;
use atoll_domain::time::Timestamp;
use dashmap::DashMap;
use serde_json::json;

use super::credential;
use crate::authority::{Issued, NodeCertificate};
use crate::clock;
use crate::error::{Error, ErrorKind, Result};
use crate::service::{Caller, Services};
use crate::store::fleet::{CertificateRecord, NodeRecord, node_get};

const CHALLENGE_LIFETIME_MS: i64 = 60_000;
/// Challenges that may be open at once: what a flood of askers can make this process hold.
const CHALLENGE_LIMIT: usize = 100_000;

/// Challenges that were given and not answered yet. They live in this process: a node that reaches another replica asks
/// again.
#[derive(Debug, Default)]
pub struct Challenges(DashMap<[u8; 32], (NodeId, Timestamp)>);

impl Challenges {
    /// Gives a challenge. A node that does not exist gets one too, so that asking tells nothing.
    ///
    /// # Errors
    /// Too many are open.
    pub fn give(&self, node: NodeId, now: Timestamp) -> Result<[u8; 32]> {
        if self.0.len() >= CHALLENGE_LIMIT {
            self.0.retain(|_, (_, given)| now.ms_since(*given) < CHALLENGE_LIFETIME_MS);
        }
        if self.0.len() >= CHALLENGE_LIMIT {
            return Err(Error::new(
                ErrorKind::Exhausted,
                "TOO_MANY_CHALLENGES",
                "too many nodes are recovering at once; try again in a minute",
            ));
        }
        let challenge = clock::random();
        self.0.insert(challenge, (node, now));
        Ok(challenge)
    }

    /// Takes a challenge back; each is good once.
    fn take(&self, node: NodeId, challenge: &[u8], now: Timestamp) -> bool {
        let Ok(challenge) = <[u8; 32]>::try_from(challenge) else { return false };
        self.0
            .remove(&challenge)
            .is_some_and(|(_, (for_node, given))| for_node == node && now.ms_since(given) < CHALLENGE_LIFETIME_MS)
    }
}

/// Signs the next certificate over a connection that the present one secures.
///
/// # Errors
/// The present certificate is not good, or the request is not one.
pub async fn renew(
    services: &Services,
    certificate: Option<&NodeCertificate>,
    request: &[u8],
    now: Timestamp,
) -> Result<Issued> {
    let record = credential::check(services, certificate, now).await?;
    issue(services, &record, request, now, "node.certificate.renew").await
}

/// Gives a node whose certificate has run out a new one, for proof of its identity key. However long it was off, it
/// comes back with its edits; only a removed node does not.
///
/// # Errors
/// The challenge is not open, or the proof does not fit.
pub async fn recover(
    services: &Services,
    node: NodeId,
    challenge: &[u8],
    request: &[u8],
    proof: &[u8],
    now: Timestamp,
) -> Result<Issued> {
    let refused = || {
        Error::unauthenticated(
            "BAD_PROOF",
            "the proof of the identity key does not fit, or its challenge is older than a minute; ask for a new one",
        )
    };
    if !services.challenges.take(node, challenge, now) {
        return Err(refused());
    }
    let record = node_get(&services.store, node).await?.ok_or_else(refused)?;
    RecoverStatement { node, challenge, certificate_request: request }
        .verify(proof, &record.identity_key)
        .map_err(|error| refused().with_context(error))?;
    if record.standing == NodeStanding::Removed {
        return Err(credential::removed());
    }
    let record = NodeRecord { recoveries: record.recoveries + 1, ..record };
    issue(services, &record, request, now, "node.certificate.recover").await
}

async fn issue(
    services: &Services,
    record: &NodeRecord,
    request: &[u8],
    now: Timestamp,
    action: &'static str,
) -> Result<Issued> {
    let lifetime_ms = services.settings.certificate_lifetime_ms;
    let issued = services.keys.authority.issue_node(record.id, request, now, lifetime_ms)?;
    let record = NodeRecord {
        next_certificate: Some(CertificateRecord::of(&issued)),
        certificate_expires_ms: issued.expires.0,
        ..record.clone()
    };
    let mut tx = services.store.begin().await?;
    let record = credential::update_certificate(&tx, &record).await?;
    let caller = Caller::node(&record.name, now);
    caller.record(&mut tx, action, &record.name, json!({ "serial": issued.serial, "expires": issued.expires }));
    tx.commit().await?;
    services.node_changed(&record, now);
    Ok(issued)
}
