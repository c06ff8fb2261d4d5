//! The node's certificate: renewed at half its life, and won back after it ran out.

use std::sync::Arc;
use std::time::Duration;

use atoll_domain::fleet::enrolment::RecoverStatement;
use atoll_domain::link::node::renew_after_ms;
use atoll_proto::v1::node_link_client::NodeLinkClient;
use atoll_proto::v1::{ChallengeRequest, RecoverRequest, RenewCertificateRequest};
use tokio::time::{sleep, timeout};
use tonic::transport::Channel;
use tonic::{Response, Status};

use super::{End, refusal};
use crate::channel::{self, CALL_TIMEOUT};
use crate::identity::{Hex, Identity, SecretBytes};
use crate::state::Inner;
use crate::{NodeError, clock, random, tls};

/// The clock is looked at this often: a server that slept must not oversleep its renewal.
const LOOK_INTERVAL: Duration = Duration::from_secs(300);
const RENEW_RETRY: Duration = Duration::from_secs(60);
/// A certificate that is due at once is not renewed more often than this.
const SHORTEST_WAIT: Duration = Duration::from_secs(2);

/// Renews the certificate when it is due; ends when there is a fresh one.
pub(super) async fn keep_fresh(inner: &Arc<Inner>, mut client: NodeLinkClient<Channel>) -> End {
    sleep(SHORTEST_WAIT).await;
    let random = random::jitter();
    loop {
        let wait = due_in(&inner.identity(), random);
        if !wait.is_zero() {
            sleep(wait.min(LOOK_INTERVAL)).await;
            continue;
        }
        match renew(inner, &mut client).await {
            Ok(()) => return End::Renewed,
            Err(error) => {
                let end = End::from(error);
                if let End::Failed(reason) = end {
                    tracing::warn!(reason, "the certificate could not be renewed; it is tried again in a minute");
                    sleep(RENEW_RETRY).await;
                } else {
                    return end;
                }
            }
        }
    }
}

fn due_in(identity: &Identity, random: u32) -> Duration {
    let validity = identity.membership.as_ref().and_then(crate::identity::Membership::validity);
    let Some(validity) = validity else { return Duration::ZERO };
    let lifetime_ms = validity.not_after.ms_since(validity.not_before);
    let due = validity.not_before.plus_ms(renew_after_ms(lifetime_ms, random));
    Duration::from_millis(u64::try_from(due.ms_since(clock::now())).unwrap_or(0))
}

async fn renew(inner: &Arc<Inner>, client: &mut NodeLinkClient<Channel>) -> Result<(), NodeError> {
    let (key, certificate_request) = fresh_key(inner)?;
    let request = RenewCertificateRequest { certificate_request };
    let answer = answered(inner, client.renew_certificate(request)).await?;
    take(inner, key, answer.certificate_chain)
}

/// Wins a certificate back by proving the identity key.
pub(super) async fn recover(inner: &Arc<Inner>) -> Result<(), NodeError> {
    let mut client = channel::connect(&inner.identity(), false).await?;
    let request = ChallengeRequest { node_id: inner.node_id.to_string() };
    let challenge = answered(inner, client.challenge(request)).await?.challenge;
    let (key, certificate_request) = fresh_key(inner)?;
    let statement =
        RecoverStatement { node: inner.node_id, challenge: &challenge, certificate_request: &certificate_request };
    let proof = statement.sign(&inner.signing_key).to_vec();
    let request = RecoverRequest { node_id: inner.node_id.to_string(), challenge, certificate_request, proof };
    let answer = answered(inner, client.recover(request)).await?;
    take(inner, key, answer.certificate_chain)?;
    tracing::info!("the certificate had run out; the node proved its identity and has a fresh one");
    Ok(())
}

fn fresh_key(inner: &Inner) -> Result<(SecretBytes, Vec<u8>), NodeError> {
    let key = tls::generate_key()?;
    let request = tls::certificate_request(&key, &inner.node_id.to_string())?;
    Ok((key, request))
}

async fn answered<T>(inner: &Inner, call: impl Future<Output = Result<Response<T>, Status>>) -> Result<T, NodeError> {
    let address = inner.identity().manager_address.clone();
    match timeout(CALL_TIMEOUT, call).await {
        Ok(Ok(response)) => Ok(response.into_inner()),
        Ok(Err(status)) => Err(refusal(&status, &address)),
        Err(_) => Err(NodeError::Unreachable { address, reason: "it did not answer in time".to_owned() }),
    }
}

/// The key is stored together with its certificate: if the answer is lost, the old pair still fits.
fn take(inner: &Inner, key: SecretBytes, chain: Vec<Vec<u8>>) -> Result<(), NodeError> {
    tls::check_chain(&chain, &key)?;
    let mut identity = Identity::clone(&inner.identity());
    identity.tls_key = key;
    if let Some(membership) = &mut identity.membership {
        membership.certificate_chain = chain.into_iter().map(Hex).collect();
    }
    inner.set_identity(identity)
}
