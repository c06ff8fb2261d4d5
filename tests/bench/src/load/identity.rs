//! Making nodes: keys and requests first, then the join itself.

use std::sync::Arc;

use atoll_domain::fleet::enrolment::JoinStatement;
use atoll_domain::id::{NodeId, TokenId};
use atoll_domain::secret::SealingKey;
use atoll_proto::v1::JoinRequest;
use atoll_proto::v1::node_link_client::NodeLinkClient;
use ed25519_dalek::SigningKey;
use rcgen::{CertificateParams, DnType, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tonic::codegen::http::Uri;

use super::connection::{ORIGIN, connect};
use super::tls::Trust;
use crate::error::{Result, failed};
use crate::floor::v1::{JoinRequest as FloorJoinRequest, floor_client::FloorClient};
use crate::protocol::Side;

/// A node that wishes to join: everything is made, nobody was asked.
#[derive(Debug, Clone)]
pub struct Wish {
    key: Vec<u8>,
    signing: SigningKey,
    request: JoinRequest,
}

/// A node that joined.
#[derive(Debug)]
pub struct Identity {
    pub id: NodeId,
    /// What its reports are signed with.
    pub signing: SigningKey,
    chain: Vec<CertificateDer<'static>>,
    key: Vec<u8>,
}

impl Identity {
    /// What TLS needs of it.
    pub fn credential(&self) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        (self.chain.clone(), PrivatePkcs8KeyDer::from(self.key.clone()).into())
    }
}

/// Makes the keys of a node and its signed request, as the node SDK does.
pub fn prepare(name: &str, token: TokenId, token_secret: &str) -> Result<Wish> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let mut parameters = CertificateParams::new(Vec::<String>::new())?;
    parameters.distinguished_name.push(DnType::CommonName, name);
    let certificate_request = parameters.serialize_request(&key)?.der().to_vec();
    let signing = SigningKey::from_bytes(&rand::random());
    let identity_key = signing.verifying_key().to_bytes();
    let sealing_key = SealingKey::new(rand::random()).public();
    let statement = JoinStatement {
        token,
        name,
        certificate_request: &certificate_request,
        identity_key: &identity_key,
        sealing_key: &sealing_key,
    };
    let proof = statement.sign(&signing).to_vec();
    let request = JoinRequest {
        protocol_version: atoll_proto::PROTOCOL_VERSION,
        token_id: token.to_string(),
        token_secret: token_secret.to_owned(),
        name: name.to_owned(),
        certificate_request,
        identity_key: identity_key.to_vec(),
        sealing_key: sealing_key.to_vec(),
        proof,
        agent_version: "atoll-bench".to_owned(),
    };
    Ok(Wish { key: key.serialize_der(), signing, request })
}

/// Joins over a connection of its own, as a real node does.
pub async fn join(side: Side, address: &str, trust: &Trust, wish: Wish) -> Result<Identity> {
    let (connection, _driver) = connect(address, trust.config(None)?, Arc::default()).await?;
    let origin = Uri::from_static(ORIGIN);
    let Wish { key, signing, request } = wish;
    let (id, chain): (NodeId, Vec<Vec<u8>>) = match side {
        Side::Manager => {
            let joined = NodeLinkClient::with_origin(connection, origin).join(request).await?.into_inner();
            (
                joined.node_id.parse().map_err(|_| failed("the manager gave an id that is none"))?,
                joined.certificate_chain,
            )
        }
        Side::Floor => {
            let answer = FloorClient::with_origin(connection, origin).join(floor_request(request)).await?;
            // The floor knows nodes by their certificates alone.
            (NodeId(uuid::Uuid::nil()), answer.into_inner().certificate_chain.iter().map(|der| der.to_vec()).collect())
        }
    };
    if chain.is_empty() {
        return Err(failed("the server answered a join without a certificate"));
    }
    Ok(Identity { id, signing, chain: chain.into_iter().map(CertificateDer::from).collect(), key })
}

fn floor_request(request: JoinRequest) -> FloorJoinRequest {
    FloorJoinRequest {
        token_id: request.token_id,
        name: request.name,
        certificate_request: request.certificate_request.into(),
        identity_key: request.identity_key.into(),
        sealing_key: request.sealing_key.into(),
        proof: request.proof.into(),
    }
}
