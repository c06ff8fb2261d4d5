//! The node's side of the contract on the wire: the async shell around the link.

mod stream;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;

use atoll_domain::id::{NodeId, TokenId};
use atoll_domain::time::Timestamp;
use atoll_proto::v1;
use atoll_proto::v1::node_link_server::NodeLink;
use bytes::Bytes;
use dashmap::DashMap;
use futures::stream::BoxStream;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use prost::Message as _;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

use super::{decode, status};
use crate::authority::{Issued, NodeCertificate};
use crate::clock;
use crate::error::{Error, ErrorKind};
use crate::service::Services;
use crate::service::fleet::{certificate, credential, join};
use crate::service::sharing::receive::{Outcome, SignedReport, receive};
use crate::store::feed::FeedDocument;
use crate::store::fleet::NodeRecord;
use crate::tls::{Heard, Peer, network_of};

/// Most reports in one push.
const PUSH_LIMIT: usize = 64;
/// Certificates that one node is given in a minute. It needs one in weeks, and each is a signature and a row.
const RENEWALS_PER_MINUTE: u32 = 10;

/// Rejected reports of one node that the log names in a minute. All of them are counted, and the newest are on the node's page.
const REJECTIONS_LOGGED_PER_MINUTE: u32 = 10;

/// What a node is listed with of which the manager fails to take in a report.
const FAILED_SUBJECT: &str = "reports";
const FAILED_TEXT: &str = "the manager fails to take in a report of this node, which keeps it and sends it again; look for it \
                           in the manager's log";

/// The node port's service.
#[derive(Debug)]
pub struct Link {
    services: Arc<Services>,
    joins: DefaultKeyedRateLimiter<IpAddr>,
    reports: DefaultKeyedRateLimiter<NodeId>,
    renewals: DefaultKeyedRateLimiter<NodeId>,
    rejections_logged: DefaultKeyedRateLimiter<NodeId>,
    /// Whose turn it is: a node that sends much waits for itself, and not others for it.
    turns: DashMap<NodeId, Arc<Mutex<()>>>,
    /// The reports of each node that could not be taken in, once it has sent any since this process began.
    failing: DashMap<NodeId, BTreeSet<u64>>,
    cancel: CancellationToken,
}

impl Link {
    pub fn new(services: Arc<Services>, cancel: CancellationToken) -> Self {
        let per_minute = |limit: u32| Quota::per_minute(NonZeroU32::new(limit).unwrap_or(NonZeroU32::MIN));
        Self {
            joins: RateLimiter::keyed(per_minute(services.settings.joins_per_minute)),
            reports: RateLimiter::keyed(per_minute(services.settings.reports_per_minute)),
            renewals: RateLimiter::keyed(per_minute(RENEWALS_PER_MINUTE)),
            rejections_logged: RateLimiter::keyed(per_minute(REJECTIONS_LOGGED_PER_MINUTE)),
            turns: DashMap::new(),
            failing: DashMap::new(),
            services,
            cancel,
        }
    }

    /// Bounds what somebody without a certificate can make this process do.
    fn admit_stranger(&self, peer: Option<&Peer>) -> Result<(), Error> {
        let Some(address) = peer.and_then(|peer| peer.address) else { return Ok(()) };
        if self.joins.len() > 100_000 {
            self.joins.retain_recent();
        }
        self.joins.check_key(&network_of(address.ip())).map_err(|_| {
            Error::new(
                ErrorKind::Exhausted,
                "TOO_MANY_JOINS",
                "too many joins and recoveries from this address; try again in a minute",
            )
        })
    }

    /// Lists reports with their node that could not be taken in for something that is wrong here, until all are. Nothing is
    /// answered about them but that: the node keeps them, and sends them again after all others.
    fn note_failed(
        &self,
        node: &NodeRecord,
        answered: &[v1::ReportResult],
        failed: Vec<(u64, Error)>,
        now: Timestamp,
    ) -> Vec<v1::ReportResult> {
        let notices = &self.services.presence.notices;
        for (number, error) in &failed {
            let context = error.context();
            tracing::error!(node = %node.name, number, context, "a report could not be taken in: {}", error.text);
        }
        let before = self.failing.remove(&node.id).map(|(_, numbers)| numbers);
        // One that has not sent anything since this process began may be listed from before.
        let was_failing = before.as_ref().is_none_or(|numbers| !numbers.is_empty());
        let mut failing = before.unwrap_or_default();
        failing.retain(|number| !answered.iter().any(|result| result.number == *number));
        failing.extend(failed.iter().map(|(number, _)| *number));
        if !failed.is_empty() {
            notices.found(node.id, FAILED_SUBJECT, "REPORT_FAILED", FAILED_TEXT, now);
        } else if was_failing && failing.is_empty() {
            notices.over(node.id, FAILED_SUBJECT);
        }
        self.failing.insert(node.id, failing);
        let unanswered = |(number, error): (u64, Error)| v1::ReportResult {
            number,
            text: error.text,
            ..v1::ReportResult::default()
        };
        failed.into_iter().map(unanswered).collect()
    }

    /// A node that is broken, or hostile, does not fill the log.
    fn note_rejected(&self, node: &NodeRecord, outcome: &Outcome) {
        let Outcome::Rejected(reason) = outcome else { return };
        metrics::counter!("atoll_reports_rejected_total").increment(1);
        if self.rejections_logged.check_key(&node.id).is_ok() {
            tracing::warn!(node = %node.name, reason, "report rejected");
        }
    }

    /// The node that calls, and the certificate that it shows.
    async fn node<T>(
        &self,
        request: &Request<T>,
        now: Timestamp,
    ) -> Result<(Arc<NodeRecord>, Option<Arc<NodeCertificate>>), Status> {
        let peer = peer(request);
        let certificate = peer.as_ref().and_then(|peer| peer.certificate.clone());
        let node = credential::check(&self.services, certificate.as_deref(), now).await;
        Ok((node.map_err(|error| self.refused(peer.as_ref(), error))?, certificate))
    }

    /// An error on its way to somebody; who is refused for who he is is counted.
    fn refused(&self, peer: Option<&Peer>, error: Error) -> Status {
        let address = peer.and_then(|peer| peer.address).map(|address| address.ip());
        self.services.refusals.add(clock::now(), address, &error);
        status(error)
    }

    async fn try_join(
        &self,
        peer: Option<&Peer>,
        request: v1::JoinRequest,
        now: Timestamp,
    ) -> Result<(NodeRecord, Issued), Error> {
        self.admit_stranger(peer)?;
        check_protocol(request.protocol_version)?;
        let wish = join::JoinWish {
            token: decode::parsed("BAD_JOIN_TOKEN", &request.token_id)?,
            secret: request.token_secret,
            name: decode::node_name(&request.name)?,
            certificate_request: request.certificate_request,
            identity_key: request.identity_key,
            sealing_key: request.sealing_key,
            proof: request.proof,
        };
        join::join(&self.services, wish, now).await
    }
}

/// A document as it is sent: encoded once, shared by every stream.
#[must_use]
pub fn encode_document(document: &FeedDocument) -> Bytes {
    let message = v1::SignedDocument {
        document: Bytes::copy_from_slice(&document.document),
        signature: Bytes::copy_from_slice(&document.signature),
        sequence: document.sequence,
    };
    message.encode_to_vec().into()
}

fn peer<T>(request: &Request<T>) -> Option<Peer> {
    request.extensions().get::<Peer>().cloned()
}

#[tonic::async_trait]
impl NodeLink for Link {
    async fn join(&self, request: Request<v1::JoinRequest>) -> Result<Response<v1::JoinResponse>, Status> {
        let (now, peer) = (clock::now(), peer(&request));
        let request = request.into_inner();
        let address = peer.as_ref().and_then(|peer| peer.address).map(|address| address.ip().to_string());
        let token = request.token_id.parse().map(|id: TokenId| id.to_string()).unwrap_or_default();
        let name = request.name.clone();
        let joined = self.try_join(peer.as_ref(), request, now).await;
        self.services.attempts.add(now, address.unwrap_or_default(), &name, token, &joined);
        let (record, issued) = joined.map_err(|error| self.refused(peer.as_ref(), error))?;
        metrics::counter!("atoll_joins_total").increment(1);
        let keys = &self.services.keys;
        Ok(Response::new(v1::JoinResponse {
            node_id: record.id.to_string(),
            certificate_chain: issued.chain,
            root_certificate: keys.authority.root().to_vec(),
            document_key: keys.documents.verifying_key().to_bytes().to_vec(),
            sealing_key: keys.sealing.public().to_vec(),
            manager_epoch: keys.epoch.to_string(),
            group: record.group.to_string(),
        }))
    }

    async fn challenge(
        &self,
        request: Request<v1::ChallengeRequest>,
    ) -> Result<Response<v1::ChallengeResponse>, Status> {
        self.admit_stranger(peer(&request).as_ref()).map_err(status)?;
        let node = decode::parsed("BAD_ID", &request.into_inner().node_id).map_err(status)?;
        let challenge = self.services.challenges.give(node, clock::now()).map_err(status)?;
        Ok(Response::new(v1::ChallengeResponse { challenge: challenge.to_vec() }))
    }

    async fn recover(&self, request: Request<v1::RecoverRequest>) -> Result<Response<v1::RecoverResponse>, Status> {
        let peer = peer(&request);
        self.admit_stranger(peer.as_ref()).map_err(status)?;
        let request = request.into_inner();
        let node = decode::parsed("BAD_ID", &request.node_id).map_err(status)?;
        let (challenge, wanted) = (&request.challenge, &request.certificate_request);
        let issued = certificate::recover(&self.services, node, challenge, wanted, &request.proof, clock::now())
            .await
            .map_err(|error| self.refused(peer.as_ref(), error))?;
        Ok(Response::new(v1::RecoverResponse { certificate_chain: issued.chain }))
    }

    async fn renew_certificate(
        &self,
        request: Request<v1::RenewCertificateRequest>,
    ) -> Result<Response<v1::RenewCertificateResponse>, Status> {
        let peer = peer(&request);
        let (node, certificate) = self.node(&request, clock::now()).await?;
        self.renewals.check_key(&node.id).map_err(|_| {
            let text = "this node renews its certificate too often; try again in a minute";
            status(Error::new(ErrorKind::Exhausted, "TOO_MANY_RENEWALS", text))
        })?;
        let wanted = request.into_inner().certificate_request;
        let issued = certificate::renew(&self.services, certificate.as_deref(), &wanted, clock::now())
            .await
            .map_err(|error| self.refused(peer.as_ref(), error))?;
        Ok(Response::new(v1::RenewCertificateResponse { certificate_chain: issued.chain }))
    }

    type SyncStream = BoxStream<'static, Result<v1::SyncResponse, Status>>;

    async fn sync(&self, request: Request<Streaming<v1::SyncRequest>>) -> Result<Response<Self::SyncStream>, Status> {
        let (node, certificate) = self.node(&request, clock::now()).await?;
        let services = Arc::clone(&self.services);
        let heard = peer(&request).map_or_else(|| Heard::at(clock::now()), |peer| peer.heard);
        let stream =
            stream::open(services, node, certificate, heard, request.into_inner(), self.cancel.clone()).await?;
        Ok(Response::new(stream))
    }

    async fn push(&self, request: Request<v1::PushRequest>) -> Result<Response<v1::PushResponse>, Status> {
        let now = clock::now();
        let (node, _) = self.node(&request, now).await?;
        let request = request.into_inner();
        if request.reports.len() > PUSH_LIMIT {
            let text = format!("a push holds at most {PUSH_LIMIT} reports; send the rest after it");
            return Err(status(Error::invalid("TOO_MANY_REPORTS", text)));
        }
        let turn = Arc::clone(&self.turns.entry(node.id).or_default());
        let _turn = turn.lock().await;
        let (mut results, mut failed) = (Vec::with_capacity(request.reports.len()), Vec::new());
        for report in request.reports {
            self.reports.check_key(&node.id).map_err(|_| {
                let text = "this node reports too often; what is not answered for is sent again in a minute";
                status(Error::new(ErrorKind::Exhausted, "TOO_MANY_REPORTS", text))
            })?;
            let number = report.number;
            let signed = SignedReport { number, report: report.report, signature: report.signature };
            match receive(&self.services, &node, &signed, now).await {
                Ok(outcome) => {
                    self.note_rejected(&node, &outcome);
                    results.push(result(number, outcome));
                }
                // What is wrong with one resource holds up nothing that the node says of others: it sends this again.
                Err(error) if error.kind == ErrorKind::Internal => failed.push((number, error)),
                Err(error) => return Err(status(error)),
            }
        }
        let unanswered = self.note_failed(&node, &results, failed, now);
        results.extend(unanswered);
        // What was stored may have taken numbers that this process has not taken up yet.
        self.services.hub.refresh(&self.services.store).await.map_err(status)?;
        let (sequence, mark) = self.services.hub.read(|feed| (feed.sequence(), feed.mark(feed.sequence())));
        Ok(Response::new(v1::PushResponse { results, sequence, mark }))
    }
}

fn check_protocol(version: u32) -> Result<(), Error> {
    if version == atoll_proto::PROTOCOL_VERSION {
        return Ok(());
    }
    Err(Error::precondition(
        "PROTOCOL_VERSION",
        format!(
            "this node speaks version {version} of the protocol and the manager speaks {}; upgrade the older one",
            atoll_proto::PROTOCOL_VERSION
        ),
    ))
}

fn result(number: u64, outcome: Outcome) -> v1::ReportResult {
    let (kind, missing_revisions, text) = match outcome {
        Outcome::Stored(text) => (v1::ReportOutcome::Stored, Vec::new(), text),
        Outcome::Duplicate => (v1::ReportOutcome::Duplicate, Vec::new(), String::new()),
        Outcome::NeedParents(missing) => {
            let missing = missing.iter().map(ToString::to_string).collect();
            (v1::ReportOutcome::NeedParents, missing, "send the revisions it was made from first".to_owned())
        }
        Outcome::Rejected(reason) => (v1::ReportOutcome::Rejected, Vec::new(), reason),
    };
    v1::ReportResult { number, outcome: kind.into(), missing_revisions, text }
}

#[cfg(test)]
mod tests;
