//! As much of a manager as a node needs, for tests.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use atoll_node::domain::document::{Audience, Document, DocumentKind, Lane, Purpose, Report, sign, verify};
use atoll_node::domain::fleet::enrolment::{JoinSecret, JoinStatement, JoinToken, RecoverStatement};
use atoll_node::domain::id::{Digest, RevisionId};
use atoll_node::domain::kind::Kind;
use atoll_node::domain::secret::SealingKey;
use atoll_node::domain::sharing::offer::{EditMode, Offer, Version};
use atoll_node::domain::sharing::revision::{Origin, Provenance, Revision};
use atoll_node::domain::time::Timestamp;
use atoll_proto::v1::node_link_server::{NodeLink, NodeLinkServer};
use atoll_proto::v1::*;
use ed25519_dalek::SigningKey;
use prost::Message as _;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, IsCa, Issuer, KeyPair, PublicKeyData as _,
};
use rustls::pki_types::PrivatePkcs8KeyDer;
use serde_json::json;
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt as _};
use tonic::{Request, Response, Status, Streaming};

const ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

#[derive(Default)]
struct Seen {
    acknowledged: Vec<(u64, Vec<String>)>,
    reports: Vec<(u64, RevisionId)>,
    identity: Vec<u8>,
    joins: usize,
    recoveries: usize,
}

struct Inner {
    key: SigningKey,
    root: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
    lifetime: Duration,
    seen: Mutex<Seen>,
    /// What is offered, the last of it for the node.
    documents: watch::Sender<Option<Vec<Vec<u8>>>>,
}

#[derive(Clone)]
pub struct Manager {
    inner: Arc<Inner>,
    address: String,
    pin: Digest,
}

impl Manager {
    /// The first certificates live this long; recovered ones an hour.
    pub async fn start(lifetime: Duration) -> Self {
        let root_key = KeyPair::generate().unwrap();
        let mut parameters = CertificateParams::new(Vec::<String>::new()).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root = parameters.self_signed(&root_key).unwrap().der().to_vec();
        let pin = Digest::of(&root_key.subject_public_key_info());
        let issuer = Issuer::new(parameters, root_key);
        let server_key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(vec!["manager.atoll.internal".to_owned()]).unwrap();
        let leaf = leaf.signed_by(&server_key, &issuer).unwrap();
        let chain = vec![leaf.der().clone(), root.clone().into()];
        let mut config =
            rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_no_client_auth()
                .with_single_cert(chain, PrivatePkcs8KeyDer::from(server_key.serialize_der()).into())
                .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec()];
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (connections, accepted) = mpsc::channel(16);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                if let Ok(mut stream) = acceptor.accept(stream).await {
                    // tonic takes a pipe as it is; a TLS stream of ours it does not know.
                    let (mut near, far) = tokio::io::duplex(64 * 1024);
                    tokio::spawn(async move { tokio::io::copy_bidirectional(&mut stream, &mut near).await });
                    connections.send(Ok::<_, std::io::Error>(far)).await.unwrap();
                }
            }
        });
        let (key, documents) = (SigningKey::from_bytes(&[7; 32]), watch::Sender::new(None));
        let inner = Arc::new(Inner { key, root, issuer, lifetime, seen: Mutex::default(), documents });
        let manager = Self { inner, address, pin };
        let service = NodeLinkServer::new(manager.clone());
        tokio::spawn(async move {
            let incoming = ReceiverStream::new(accepted);
            tonic::transport::Server::builder().add_service(service).serve_with_incoming(incoming).await.unwrap();
        });
        manager
    }

    pub fn token(&self) -> JoinToken {
        let (address, root_pin) = (self.address.clone(), self.pin);
        JoinToken { address, root_pin, id: ID.parse().unwrap(), secret: JoinSecret::new([1; 32]) }
    }

    /// Offers a variable set to everybody, after one that somebody else signed and one that is for another node.
    pub fn publish(&self, port: &str) {
        let outside = json!({"Name": "demo", "Variables": [{"Name": "Port", "Value": port}]});
        let body = Kind::VariableSet.import(&outside, None).unwrap().body;
        let revision = Revision::child(ID.parse().unwrap(), Kind::VariableSet, BTreeSet::new(), None, &body);
        let provenance = Provenance {
            author: "admin".to_owned(),
            node: None,
            at: Timestamp(0),
            origin: Origin::Edit,
            message: String::new(),
            metadata: json!({}),
        };
        let offer = Offer {
            publication: ID.parse().unwrap(),
            priority: 0,
            edit_mode: EditMode::Propose,
            resource: ID.parse().unwrap(),
            kind: Kind::VariableSet,
            name: "demo".to_owned(),
            version: Version::FIRST,
            revision: revision.id,
            header: revision.header,
            provenance,
            body,
        };
        let genuine = self.signed(Audience::Publication(ID.parse().unwrap()), "set", &offer, &self.inner.key);
        let another = Audience::Node("01890a5d-ac96-774b-bcce-b302099a8099".parse().unwrap());
        let foreign = self.signed(another, "foreign", &offer, &self.inner.key);
        self.inner.documents.send_replace(Some(vec![self.forged(&genuine), foreign, genuine]));
    }

    fn signed(&self, audience: Audience, key: &str, offer: &Offer, signer: &SigningKey) -> Vec<u8> {
        let document = Document::new(audience, Lane::Content, DocumentKind::Resource, key.into(), 1, offer).unwrap();
        let document = document.to_bytes().unwrap();
        let signature = sign(Purpose::Document, &document, signer).to_vec();
        SignedDocument { document: document.into(), signature: signature.into(), sequence: 1 }.encode_to_vec()
    }

    /// The same bytes under another key, with another name.
    fn forged(&self, genuine: &[u8]) -> Vec<u8> {
        let genuine = SignedDocument::decode(genuine).unwrap();
        let mut document: serde_json::Value = serde_json::from_slice(&genuine.document).unwrap();
        document["key"] = "forged".into();
        let document = serde_json::to_vec(&document).unwrap();
        let signature = sign(Purpose::Document, &document, &SigningKey::from_bytes(&[8; 32])).to_vec();
        SignedDocument { document: document.into(), signature: signature.into(), sequence: 1 }.encode_to_vec()
    }

    fn certificate(&self, request: &[u8], lifetime: Duration) -> Vec<Vec<u8>> {
        let mut request = CertificateSigningRequestParams::from_der(&request.to_vec().into()).unwrap();
        let now = std::time::SystemTime::now();
        request.params.not_before = now.into();
        request.params.not_after = (now + lifetime).into();
        vec![request.signed_by(&self.inner.issuer).unwrap().der().to_vec(), self.inner.root.clone()]
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.inner.seen.lock().unwrap()
    }

    pub fn acknowledged(&self) -> Vec<(u64, Vec<String>)> {
        self.seen().acknowledged.clone()
    }

    pub fn revisions(&self) -> Vec<RevisionId> {
        self.seen().reports.iter().map(|(_, revision)| *revision).collect()
    }

    pub fn numbers(&self) -> Vec<u64> {
        self.seen().reports.iter().map(|(number, _)| *number).collect()
    }

    pub fn joins(&self) -> usize {
        self.seen().joins
    }

    pub fn recoveries(&self) -> usize {
        self.seen().recoveries
    }
}

fn say(message: sync_response::Message) -> Result<SyncResponse, Status> {
    Ok(SyncResponse { message: Some(message) })
}

#[tonic::async_trait]
impl NodeLink for Manager {
    async fn join(&self, request: Request<JoinRequest>) -> Result<Response<JoinResponse>, Status> {
        let request = request.into_inner();
        let statement = JoinStatement {
            token: request.token_id.parse().unwrap(),
            name: &request.name,
            certificate_request: &request.certificate_request,
            identity_key: &request.identity_key,
            sealing_key: &request.sealing_key,
        };
        statement.verify(&request.proof).unwrap();
        assert_eq!(request.token_secret, JoinSecret::new([1; 32]).reveal());
        self.seen().identity = request.identity_key.clone();
        self.seen().joins += 1;
        Ok(Response::new(JoinResponse {
            node_id: ID.to_owned(),
            certificate_chain: self.certificate(&request.certificate_request, self.inner.lifetime),
            root_certificate: self.inner.root.clone(),
            document_key: self.inner.key.verifying_key().to_bytes().to_vec(),
            sealing_key: SealingKey::new([9; 32]).public().to_vec(),
            manager_epoch: ID.to_owned(),
            group: "/eu".to_owned(),
        }))
    }

    async fn challenge(&self, _: Request<ChallengeRequest>) -> Result<Response<ChallengeResponse>, Status> {
        Ok(Response::new(ChallengeResponse { challenge: vec![5; 32] }))
    }

    async fn recover(&self, request: Request<RecoverRequest>) -> Result<Response<RecoverResponse>, Status> {
        let request = request.into_inner();
        let statement = RecoverStatement {
            node: request.node_id.parse().unwrap(),
            challenge: &request.challenge,
            certificate_request: &request.certificate_request,
        };
        statement.verify(&request.proof, &self.seen().identity).unwrap();
        self.seen().recoveries += 1;
        let certificate_chain = self.certificate(&request.certificate_request, Duration::from_secs(3600));
        Ok(Response::new(RecoverResponse { certificate_chain }))
    }

    async fn renew_certificate(
        &self,
        _: Request<RenewCertificateRequest>,
    ) -> Result<Response<RenewCertificateResponse>, Status> {
        Err(Status::unimplemented("not here"))
    }

    type SyncStream = Pin<Box<dyn Stream<Item = Result<SyncResponse, Status>> + Send>>;

    async fn sync(&self, request: Request<Streaming<SyncRequest>>) -> Result<Response<Self::SyncStream>, Status> {
        let mut incoming = request.into_inner();
        let Some(Ok(SyncRequest { message: Some(sync_request::Message::Hello(hello)) })) = incoming.next().await else {
            return Err(Status::invalid_argument("no hello"));
        };
        let start_over = hello.manager_epoch.is_empty();
        let (outgoing, responses) = mpsc::channel(4);
        let manager = self.clone();
        tokio::spawn(async move {
            let welcome = Welcome {
                protocol_version: 1,
                manager_epoch: ID.to_owned(),
                start_over,
                name: "web-1".to_owned(),
                group: "/eu".to_owned(),
                labels: [("role".to_owned(), "web".to_owned())].into(),
                heartbeat_ms: 1_000,
            };
            let _ = outgoing.send(say(sync_response::Message::Welcome(welcome))).await;
            let mut offered = manager.inner.documents.subscribe();
            offered.mark_changed();
            loop {
                tokio::select! {
                    _ = offered.changed(), if start_over => {
                        let Some(documents) = offered.borrow_and_update().clone() else { continue };
                        let documents = documents.into_iter().map(Into::into).collect();
                        let changes = Changes {
                            nonce: 1, lane: 3, up_to_sequence: 1, last_part: true, documents, left_audiences: vec![], complete: true, mark: 0,
                        };
                        let _ = outgoing.send(say(sync_response::Message::Changes(changes))).await;
                    }
                    message = incoming.next() => {
                        let Some(Ok(message)) = message else { return };
                        if let Some(sync_request::Message::Ack(ack)) = message.message {
                            let keys = ack.exceptions.into_iter().map(|exception| exception.key).collect();
                            manager.seen().acknowledged.push((ack.nonce, keys));
                        }
                    }
                    () = tokio::time::sleep(Duration::from_millis(500)) => {
                        let heartbeat = Heartbeat { manager_time_ms: 0 };
                        let _ = outgoing.send(say(sync_response::Message::Heartbeat(heartbeat))).await;
                    }
                }
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(responses))))
    }

    async fn push(&self, request: Request<PushRequest>) -> Result<Response<PushResponse>, Status> {
        let request = request.into_inner();
        let identity = self.seen().identity.clone();
        let key = atoll_node::domain::fleet::enrolment::identity_key(&identity).unwrap();
        let mut results = Vec::new();
        for report in request.reports {
            verify(Purpose::Report, &report.report, &report.signature, &key).unwrap();
            if let Report::Revision(revision) = serde_json::from_slice(&report.report).unwrap() {
                self.seen().reports.push((report.number, revision.id));
            }
            let outcome = ReportOutcome::Stored.into();
            results.push(ReportResult {
                number: report.number,
                outcome,
                missing_revisions: vec![],
                text: String::new(),
            });
        }
        Ok(Response::new(PushResponse { results, sequence: 0, mark: 0 }))
    }
}
