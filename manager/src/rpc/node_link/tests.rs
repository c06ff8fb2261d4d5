//! What somebody without a certificate can make the node port do.

use std::net::SocketAddr;

use atoll_proto::v1::node_link_server::NodeLink as _;
use tonic::Code;

use super::*;
use crate::testing::TestManager;

fn from<T>(address: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    let address = Some(SocketAddr::new(address.parse().unwrap(), 50_000));
    request.extensions_mut().insert(Peer {
        address,
        certificate: None,
        is_known: false,
        heard: Heard::at(clock::now()),
    });
    request
}

/// Whatever they ask for, of an address or of all addresses that a network has, counts together.
#[tokio::test]
async fn joins_challenges_and_recoveries_of_one_network_are_limited_together() {
    let manager = TestManager::start().await;
    let link = Link::new(Arc::clone(&manager.services), CancellationToken::new());
    let node_id = manager.node("n", "/", &[]).await.id.to_string();
    let challenge = async |address: &str| {
        let request = v1::ChallengeRequest { node_id: node_id.clone() };
        link.challenge(from(address, request)).await.map_or_else(|status| status.code(), |_| Code::Ok)
    };
    let recover = async |address: &str| {
        let request = v1::RecoverRequest { node_id: node_id.clone(), ..v1::RecoverRequest::default() };
        link.recover(from(address, request)).await.map_or_else(|status| status.code(), |_| Code::Ok)
    };
    let join = async |address: &str| {
        let request = v1::JoinRequest { protocol_version: atoll_proto::PROTOCOL_VERSION, ..v1::JoinRequest::default() };
        link.join(from(address, request)).await.map_or_else(|status| status.code(), |_| Code::Ok)
    };
    for _ in 0..manager.services.settings.joins_per_minute {
        assert_ne!(challenge("2001:db8::1").await, Code::ResourceExhausted);
    }
    for neighbour in ["2001:db8::1", "2001:db8::ffff:1"] {
        assert_eq!(challenge(neighbour).await, Code::ResourceExhausted);
        assert_eq!(recover(neighbour).await, Code::ResourceExhausted);
        assert_eq!(join(neighbour).await, Code::ResourceExhausted);
    }
    assert_ne!(recover("2001:db8:0:1::1").await, Code::ResourceExhausted, "another network");
    assert_ne!(join("192.0.2.1").await, Code::ResourceExhausted);
}
