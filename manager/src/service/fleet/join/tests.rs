//! What becomes of a wish to join that is made again.

use std::sync::Arc;

use atoll_domain::fleet::enrolment::JoinStatement;
use atoll_domain::secret::{SealingKey, SymmetricKey};
use ed25519_dalek::SigningKey;
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256};

use super::{JoinWish, join};
use crate::config::Given;
use crate::hub::Hub;
use crate::keys::Keyring;
use crate::service::fleet::{group, join_token};
use crate::service::{Caller, Services};
use crate::store::Store;
use crate::{clock, rpc};

async fn services(directory: &tempfile::TempDir) -> Arc<Services> {
    let store = Store::open_sqlite(directory.path()).await.unwrap();
    let keys = Keyring::open(&store, &SymmetricKey::new([1; 32])).await.unwrap();
    let (hub, settings) = (Hub::new(rpc::encode_document), Given::default().check().unwrap());
    Arc::new(Services::load(store, keys, hub, settings, clock::now()).await.unwrap())
}

async fn wish(services: &Services, caller: &Caller) -> JoinWish {
    group::create(services, caller, "/eu".parse().unwrap(), "").await.unwrap();
    let wanted = join_token::NewJoinToken {
        description: String::new(),
        group: "/eu".parse().unwrap(),
        labels: Default::default(),
        uses_limit: 1,
        lifetime_ms: 0,
        node_name: None,
        request_id: None,
    };
    let (record, token) = join_token::create(services, caller, wanted).await.unwrap();
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let request = CertificateParams::new(Vec::<String>::new()).unwrap().serialize_request(&key).unwrap();
    let signing = SigningKey::from_bytes(&[7; 32]);
    let mut wish = JoinWish {
        token: record.id,
        secret: token.secret.reveal(),
        name: "n".parse().unwrap(),
        certificate_request: request.der().to_vec(),
        identity_key: signing.verifying_key().to_bytes().to_vec(),
        sealing_key: SealingKey::new([9; 32]).public().to_vec(),
        proof: Vec::new(),
    };
    let statement = JoinStatement {
        token: wish.token,
        name: wish.name.as_str(),
        certificate_request: &wish.certificate_request,
        identity_key: &wish.identity_key,
        sealing_key: &wish.sealing_key,
    };
    wish.proof = statement.sign(&signing).to_vec();
    wish
}

#[tokio::test]
async fn a_wish_that_is_repeated_gives_the_same_node_until_its_token_is_revoked() {
    let directory = tempfile::tempdir().unwrap();
    let services = services(&directory).await;
    let caller = Caller::manager(clock::now());
    let wish = wish(&services, &caller).await;
    let (first, _) = join(&services, wish.clone(), clock::now()).await.unwrap();
    let (again, _) = join(&services, wish.clone(), clock::now()).await.unwrap();
    assert_eq!(first.id, again.id, "the token is used no second time");

    join_token::revoke(&services, &caller, wish.token).await.unwrap();
    let refused = join(&services, wish, clock::now()).await.unwrap_err();
    assert_eq!(refused.reason, "BAD_JOIN_TOKEN", "a revoked token gives nobody a certificate");
}
