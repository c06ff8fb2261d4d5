//! Whether a node's certificate is good, asked for each call and again and again on open streams.

use std::sync::Arc;

use atoll_domain::fleet::node::NodeStanding;
use atoll_domain::id::NodeId;
use atoll_domain::time::Timestamp;
use dashmap::DashMap;

use crate::authority::NodeCertificate;
use crate::error::{Error, Result};
use crate::service::Services;
use crate::store::fleet::{NodeRecord, node_get, node_update};

/// How long an answer may be used again. A removal in this process counts at once; one made by another replica of the
/// manager counts within this time.
const FRESH_MS: i64 = 5_000;

/// Recent answers, so that a wave of reconnects does not become a wave of queries.
#[derive(Debug, Default)]
pub struct Credentials(DashMap<NodeId, (Timestamp, Arc<NodeRecord>)>);

impl Credentials {
    /// To be called with every change of a node.
    pub fn changed(&self, record: &NodeRecord, now: Timestamp) {
        self.0.insert(record.id, (now, Arc::new(record.clone())));
    }

    fn fresh(&self, node: NodeId, now: Timestamp) -> Option<Arc<NodeRecord>> {
        let entry = self.0.get(&node)?;
        let (read, record) = entry.value();
        (now.ms_since(*read) < FRESH_MS).then(|| Arc::clone(record))
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
    if certificate.expires <= now {
        return Err(Error::unauthenticated(
            "CERTIFICATE_EXPIRED",
            "the node's certificate has run out; the node gets a new one by Recover, with its identity key",
        ));
    }
    let record = match services.credentials.fresh(certificate.node, now) {
        // A serial that the remembered record does not know may have been issued since, elsewhere: look again.
        Some(record) if knows(&record, certificate) => record,
        _ => load(services, certificate.node, now).await?,
    };
    if record.standing == NodeStanding::Removed {
        return Err(removed());
    }
    if record.serial == certificate.serial {
        return Ok(record);
    }
    if record.next_serial.as_deref() == Some(certificate.serial.as_str()) {
        return activate(services, &record, now).await;
    }
    Err(Error::unauthenticated(
        "CERTIFICATE_REPLACED",
        "this certificate was replaced by a newer one; the node gets another by Recover, with its identity key",
    ))
}

fn knows(record: &NodeRecord, certificate: &NodeCertificate) -> bool {
    record.serial == certificate.serial || record.next_serial.as_deref() == Some(certificate.serial.as_str())
}

pub(super) fn removed() -> Error {
    Error::denied("NODE_REMOVED", "this node was removed from the fleet; join it again with a new token")
}

async fn load(services: &Services, node: NodeId, now: Timestamp) -> Result<Arc<NodeRecord>> {
    let record = node_get(&services.store, node).await?.ok_or_else(removed)?;
    services.credentials.changed(&record, now);
    Ok(Arc::new(record))
}

/// A new certificate counts from its first use; the one before stays good until then, so that a lost answer to the
/// renewal does not lock the node out.
async fn activate(services: &Services, record: &NodeRecord, now: Timestamp) -> Result<Arc<NodeRecord>> {
    let mut record = record.clone();
    if let Some(next) = record.next_serial.take() {
        record.serial = next;
    }
    let tx = services.store.begin().await?;
    node_update(&tx, &record).await?;
    tx.commit().await?;
    services.credentials.changed(&record, now);
    Ok(Arc::new(record))
}
