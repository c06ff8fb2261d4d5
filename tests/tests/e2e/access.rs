//! Who may call what.

use atoll_tests::Fleet;
use prost::Message as _;
use prost_types::FileDescriptorSet;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::Endpoint;
use tonic::{Code, Request};

fn rpcs() -> Vec<(String, String, bool)> {
    let set = FileDescriptorSet::decode(atoll_proto::DESCRIPTORS).unwrap();
    let mut rpcs = Vec::new();
    for file in &set.file {
        for service in &file.service {
            for method in &service.method {
                let service = format!("{}.{}", file.package(), service.name());
                rpcs.push((service, method.name().to_owned(), method.client_streaming()));
            }
        }
    }
    rpcs
}

/// A message without fields is a valid request of every type.
#[derive(Clone, PartialEq, prost::Message)]
struct Empty {}

async fn call(endpoint: Endpoint, service: &str, method: &str, token: Option<&str>) -> Code {
    let mut client = Grpc::new(endpoint.connect().await.unwrap());
    client.ready().await.unwrap();
    let path: PathAndQuery = format!("/{service}/{method}").parse().unwrap();
    let codec = tonic_prost::ProstCodec::<Empty, Empty>::default();
    let mut request = Request::new(Empty {});
    if let Some(token) = token {
        request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    }
    match client.unary(request, path, codec).await {
        Ok(_) => Code::Ok,
        Err(status) => status.code(),
    }
}

#[test]
fn every_administrative_call_is_refused_without_a_good_token() {
    let fleet = Fleet::start();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let endpoint: Endpoint = fleet.cli.server.parse().unwrap();
    let wrong = format!("atoll_admin_{}_{}", uuid::Uuid::nil().simple(), "0".repeat(64));
    let mut seen = 0;
    for (service, method, _) in rpcs().into_iter().filter(|(service, _, _)| service != "atoll.v1.NodeLink") {
        for token in [None, Some("nonsense"), Some(wrong.as_str())] {
            let code = runtime.block_on(call(endpoint.clone(), &service, &method, token));
            assert_eq!(code, Code::Unauthenticated, "{service}/{method} with token {token:?}");
        }
        seen += 1;
    }
    assert!(seen > 35, "the contract's descriptors name every call, and there are more than {seen}");
    // What is open is open, and reflection is not among it.
    let health = runtime.block_on(call(endpoint.clone(), "grpc.health.v1.Health", "Check", None));
    assert_eq!(health, Code::Ok);
    let reflection = "grpc.reflection.v1.ServerReflection";
    assert_eq!(runtime.block_on(call(endpoint, reflection, "ServerReflectionInfo", None)), Code::Unauthenticated);
    assert!(
        fleet.get(fleet.cli.server.rsplit(':').next().unwrap().parse().unwrap(), "/livez").starts_with("HTTP/1.1 200")
    );
}

#[test]
fn guesses_are_counted_and_recorded_together() {
    let mut fleet = Fleet::start();
    let guess = |text: &str| {
        let cli = atoll_tests::Cli { token_file: fleet.path("guess.token"), ..fleet.cli.clone() };
        std::fs::write(&cli.token_file, text).unwrap();
        cli.attempt(&["whoami"]).refused(4, "BAD_TOKEN");
    };
    let wrong = format!("atoll_admin_{}_{}", uuid::Uuid::nil().simple(), "0".repeat(64));
    guess(&wrong);
    guess(&wrong);
    guess("nonsense");
    assert_eq!(fleet.metric("atoll_authentications_failed_total{reason=\"BAD_TOKEN\"}"), 3.0);
    // What has not been recorded when the manager stops is recorded then.
    fleet.manager.stop();
    fleet.restart_manager();
    let events = fleet.cli.json(&["audit", "list", "--filter", "action=access.refuse"]);
    assert_eq!(events.as_array().map(Vec::len), Some(1), "{events}");
    assert_eq!((events[0]["actor"].as_str(), events[0]["subject"].as_str()), (Some("manager"), Some("127.0.0.1")));
    let detail: serde_json::Value = serde_json::from_str(events[0]["detail"].as_str().unwrap()).unwrap();
    assert_eq!((detail["count"].as_u64(), detail["reason"].as_str()), (Some(3), Some("BAD_TOKEN")));
}

#[test]
fn a_token_has_a_name_that_is_recorded_and_is_useless_once_revoked() {
    let fleet = Fleet::start();
    let text = fleet.cli.run(&["token", "create", "alice"]);
    let alice = atoll_tests::Cli { token_file: fleet.path("alice.token"), ..fleet.cli.clone() };
    std::fs::write(&alice.token_file, text).unwrap();
    assert!(alice.run(&["whoami"]).contains("alice"));
    alice.run(&["group", "create", "/alices"]);
    let event = fleet.cli.json(&["audit", "list", "--filter", "action=group.create", "--limit", "1"])[0].clone();
    assert_eq!((event["actor"].as_str(), event["subject"].as_str()), (Some("alice"), Some("/alices")));

    fleet.cli.attempt(&["token", "create", "alice"]).refused(6, "already exists");
    fleet.cli.attempt(&["token", "create", "Alice"]).refused(6, "already exists");
    fleet.cli.attempt(&["token", "create", "\u{430}lice"]).refused(2, "BAD_NAME");
    fleet.cli.attempt(&["token", "create", "Console"]).refused(2, "BAD_NAME");
    fleet.cli.run(&["token", "revoke", "alice"]);
    alice.attempt(&["whoami"]).refused(4, "BAD_TOKEN");
    fleet.cli.attempt(&["token", "revoke", "admin"]).refused(6, "no valid token would be left");
}

#[test]
fn what_a_token_made_goes_with_it_unless_somebody_says_otherwise() {
    let fleet = Fleet::start();
    let with = |name: &str, text: &str| {
        let cli = atoll_tests::Cli { token_file: fleet.path(&format!("{name}.token")), ..fleet.cli.clone() };
        std::fs::write(&cli.token_file, text).unwrap();
        cli
    };
    let mallory = with("mallory", &fleet.cli.run(&["token", "create", "mallory"]));
    let friend = with("friend", &mallory.run(&["token", "create", "friend"]));
    let friends = with("friends", &friend.run(&["token", "create", "friends-friend"]));
    friends.run(&["enroll", "token", "create", "--group", "/"]);
    let said = fleet.cli.attempt(&["token", "revoke", "mallory"]).stderr;
    for name in ["mallory", "friend", "friends-friend", "1 join tokens"] {
        assert!(said.contains(name), "{said}");
    }
    for gone in [&mallory, &friend, &friends] {
        gone.attempt(&["whoami"]).refused(4, "BAD_TOKEN");
    }
    let tokens = fleet.cli.json(&["enroll", "token", "list"]);
    assert_eq!(tokens[0]["revoked"], true);

    // Nor does it help to take the link between them out first.
    let stolen = with("stolen", &fleet.cli.run(&["token", "create", "stolen"]));
    let between = with("between", &stolen.run(&["token", "create", "between"]));
    let deep = with("deep", &between.run(&["token", "create", "deep"]));
    deep.run(&["token", "revoke", "between", "--keep-made"]);
    assert!(fleet.cli.attempt(&["token", "revoke", "stolen"]).stderr.contains("deep"));
    deep.attempt(&["whoami"]).refused(4, "BAD_TOKEN");

    // A token that is replaced by one that it made itself.
    let next = with("next", &fleet.cli.run(&["token", "create", "next"]));
    next.attempt(&["token", "revoke", "admin"]).refused(6, "--keep-made");
    next.run(&["token", "revoke", "admin", "--keep-made"]);
    assert!(next.run(&["whoami"]).contains("next"));
    fleet.cli.attempt(&["whoami"]).refused(4, "BAD_TOKEN");
}

#[test]
fn the_first_token_and_the_master_key_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let fleet = Fleet::start();
    for name in ["manager/admin.token", "manager/master.key"] {
        let mode = std::fs::metadata(fleet.path(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    assert_eq!(std::fs::metadata(fleet.path("manager")).unwrap().permissions().mode() & 0o777, 0o700);
}
