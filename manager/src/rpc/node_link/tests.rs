//! What somebody without a certificate can make the node port do, and how often a node may ask.

use std::net::SocketAddr;

use atoll_domain::id::Digest;
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

fn of<T>(node: NodeId, message: T) -> Request<T> {
    let now = clock::now();
    let certificate = NodeCertificate {
        node,
        serial: String::new(),
        key: Digest::of(b""),
        begins: now,
        expires: Timestamp(now.0 + 3_600_000),
    };
    let mut request = Request::new(message);
    let certificate = Some(Arc::new(certificate));
    request.extensions_mut().insert(Peer { address: None, certificate, is_known: true, heard: Heard::at(now) });
    request
}

#[tokio::test]
async fn a_node_that_renews_or_reports_again_and_again_is_limited_and_no_other_is() {
    let mut manager = TestManager::start().await;
    Arc::get_mut(&mut manager.services).unwrap().settings.reports_per_minute = 64;
    let link = Link::new(Arc::clone(&manager.services), CancellationToken::new());
    let (busy, other) = (manager.node("busy", "/", &[]).await.id, manager.node("other", "/", &[]).await.id);
    let renew = async |node: NodeId| {
        let request = v1::RenewCertificateRequest { certificate_request: b"none".to_vec() };
        link.renew_certificate(of(node, request)).await.unwrap_err().code()
    };
    for _ in 0..10 {
        assert_eq!(renew(busy).await, Code::InvalidArgument);
    }
    assert_eq!(renew(busy).await, Code::ResourceExhausted);
    assert_eq!(renew(other).await, Code::InvalidArgument);

    let push = async |node: NodeId, count: u64| {
        let report = |number| v1::Report { number, ..v1::Report::default() };
        link.push(of(node, v1::PushRequest { reports: (0..count).map(report).collect(), ..v1::PushRequest::default() }))
            .await
    };
    assert_eq!(push(busy, 65).await.unwrap_err().code(), Code::InvalidArgument, "more than a push holds");
    let results = push(busy, 64).await.unwrap().into_inner().results;
    assert!(results.iter().all(|result| result.outcome == i32::from(v1::ReportOutcome::Rejected)));
    assert_eq!(push(busy, 64).await.unwrap_err().code(), Code::ResourceExhausted);
    assert!(push(other, 1).await.is_ok());
}
