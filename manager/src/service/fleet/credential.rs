//! Whether a node's certificate is good, asked for each call and again and again on open streams.

use std::sync::Arc;

use atoll_domain::fleet::node::NodeStanding;
use atoll_domain::id::NodeId;
use atoll_domain::time::Timestamp;
use dashmap::DashMap;

use crate::authority::{Issued, NodeCertificate};
use crate::error::{Error, Result};
use crate::service::Services;
use crate::store::Tx;
use crate::store::fleet::{CertificateRecord, NodeRecord, node_certificate_update, node_get};

/// How long an answer may be used again. A removal in this process counts at once; one made by another replica of the
/// manager counts within this time.
const FRESH_SHARED_MS: i64 = 5_000;
/// The same where there is no other replica: every change of a node passes through [`Credentials::changed`], and a
/// change that is published to every node does not become a query for each of them.
const FRESH_EMBEDDED_MS: i64 = 600_000;

impl CertificateRecord {
    #[must_use]
    pub fn of(issued: &Issued) -> Self {
        Self { serial: issued.serial.clone(), key: Some(issued.key) }
    }

    /// Whether a verified certificate is this one: the same number over the same key.
    #[must_use]
    pub fn is(&self, certificate: &NodeCertificate) -> bool {
        self.serial == certificate.serial && self.key.is_none_or(|key| key == certificate.key)
    }
}

/// Recent answers, so that a wave of reconnects does not become a wave of queries.
#[derive(Debug)]
pub struct Credentials {
    records: DashMap<NodeId, (Timestamp, Arc<NodeRecord>)>,
    fresh_ms: i64,
}

impl Credentials {
    /// `is_shared` where another replica of the manager may change nodes too.
    #[must_use]
    pub fn new(is_shared: bool) -> Self {
        let fresh_ms = if is_shared { FRESH_SHARED_MS } else { FRESH_EMBEDDED_MS };
        Self { records: DashMap::new(), fresh_ms }
    }

    /// To be called with every change of a node. A removal is final: no change that was under way beside it undoes it.
    pub fn changed(&self, record: &NodeRecord, now: Timestamp) {
        let mut entry = self.records.entry(record.id).or_insert_with(|| (now, Arc::new(record.clone())));
        if entry.1.standing != NodeStanding::Removed {
            *entry = (now, Arc::new(record.clone()));
        }
    }

    /// Takes up what was read, unless a change has come in between.
    fn read(&self, record: NodeRecord, now: Timestamp) -> Arc<NodeRecord> {
        let record = Arc::new(record);
        let mut entry = self.records.entry(record.id).or_insert_with(|| (now, Arc::clone(&record)));
        if now.ms_since(entry.0) >= self.fresh_ms {
            *entry = (now, Arc::clone(&record));
        }
        record
    }

    fn fresh(&self, node: NodeId, now: Timestamp) -> Option<Arc<NodeRecord>> {
        let entry = self.records.get(&node)?;
        let (read, record) = entry.value();
        (now.ms_since(*read) < self.fresh_ms).then(|| Arc::clone(record))
    }
}

/// The node behind a certificate, if it may call.
///
/// # Errors
/// No certificate, one that has run out or was replaced, or a node that was removed.
pub async fn check(
    services: &Services,
    certificate: Option<&NodeCertificate>,
    now: Timestamp,
) -> Result<Arc<NodeRecord>> {
    let certificate = certificate.ok_or_else(|| {
        Error::unauthenticated("NO_CERTIFICATE", "this call needs the certificate of a node; join first")
    })?;
    if now < certificate.begins {
        return Err(Error::unauthenticated(
            "CERTIFICATE_NOT_YET_VALID",
            "the node's certificate is not valid yet by the manager's clock; set the clocks right, or let the node get \
             another one by Recover, with its identity key",
        ));
    }
    if certificate.expires <= now {
        return Err(Error::unauthenticated(
            "CERTIFICATE_EXPIRED",
            "the node's certificate has run out; the node gets a new one by Recover, with its identity key",
        ));
    }
    let record = match services.credentials.fresh(certificate.node, now) {
        // A serial that the remembered record does not know may have been issued since, elsewhere: look again.
        Some(record) if knows(&record, certificate) => record,
        // Set aside, as below: a stream looks again for as long as it is open, and would keep the room for what is rare.
        _ => Box::pin(load(services, certificate.node, now)).await?,
    };
    if record.standing == NodeStanding::Removed {
        return Err(removed());
    }
    if record.certificate.is(certificate) {
        return Ok(record);
    }
    if record.next_certificate.as_ref().is_some_and(|next| next.is(certificate)) {
        return Box::pin(activate(services, &record, now)).await;
    }
    Err(Error::unauthenticated(
        "CERTIFICATE_REPLACED",
        "this certificate was replaced by a newer one; the node gets another by Recover, with its identity key",
    ))
}

fn knows(record: &NodeRecord, certificate: &NodeCertificate) -> bool {
    record.certificate.is(certificate) || record.next_certificate.as_ref().is_some_and(|next| next.is(certificate))
}

pub(super) fn removed() -> Error {
    Error::denied("NODE_REMOVED", "this node was removed from the fleet; join it again with a new token")
}

async fn load(services: &Services, node: NodeId, now: Timestamp) -> Result<Arc<NodeRecord>> {
    let record = node_get(&services.store, node).await?.ok_or_else(removed)?;
    Ok(services.credentials.read(record, now))
}

/// A new certificate counts from its first use; the one before stays good until then, so that a lost answer to the
/// renewal does not lock the node out.
async fn activate(services: &Services, record: &NodeRecord, now: Timestamp) -> Result<Arc<NodeRecord>> {
    let mut record = record.clone();
    if let Some(next) = record.next_certificate.take() {
        record.certificate = next;
    }
    let tx = services.store.begin().await?;
    let record = update_certificate(&tx, &record).await?;
    tx.commit().await?;
    services.node_changed(&record, now);
    Ok(Arc::new(record))
}

/// Writes what belongs to the certificate, and answers the node as it is now.
///
/// # Errors
/// The node was removed meanwhile.
pub(super) async fn update_certificate(tx: &Tx, record: &NodeRecord) -> Result<NodeRecord> {
    if !node_certificate_update(tx, record).await? {
        return Err(removed());
    }
    node_get(tx, record.id).await?.ok_or_else(removed)
}
