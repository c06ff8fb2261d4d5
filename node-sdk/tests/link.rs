//! A node against a manager of a hundred lines: real TCP, real TLS, real files.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod manager;

use std::time::Duration;

use atoll_node::domain::kind::Kind;
use atoll_node::{CancellationToken, ConnectionState, EditBase, JoinOptions, NewEdit, Node, NodeError, join};
use serde_json::json;
use tokio::time::timeout;

use manager::Manager;

async fn until(node: &Node, what: &str, holds: impl Fn(&Node) -> bool) {
    let wait = async {
        while !holds(node) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    if timeout(Duration::from_secs(15), wait).await.is_err() {
        panic!("never {what}: {:#?}", node.status());
    }
}

fn edit(value: &str) -> NewEdit {
    NewEdit {
        resource: None,
        kind: Kind::VariableSet,
        name: "demo".to_owned(),
        base: EditBase::Running,
        content: json!({"Name": "demo", "Variables": [{"Name": "Port", "Value": value}]}),
        author: "somebody".to_owned(),
        message: String::new(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_joins_gets_documents_edits_and_goes_on_after_a_restart() {
    let manager = Manager::start(Duration::from_secs(3600)).await;
    let directory = tempfile::tempdir().unwrap();
    let options = JoinOptions::new(directory.path().join("node"), manager.token(), "web-1");
    let joined = join(options.clone()).await.unwrap();
    assert_eq!(joined.group, "/eu");
    assert!(join(options.clone()).await.unwrap().already);

    let node = Node::open(&options.data_directory).unwrap();
    assert!(matches!(Node::open(&options.data_directory), Err(NodeError::InUse(_))));
    let stop = CancellationToken::new();
    let link = tokio::spawn({
        let (node, stop) = (node.clone(), stop.clone());
        async move { node.run(stop).await }
    });
    manager.publish("80");
    until(&node, "running the set", |node| node.running().len() == 1).await;
    assert_eq!(node.place().labels["role"], "web");
    let acknowledged = manager.acknowledged();
    assert!(acknowledged.iter().any(|(_, exceptions)| exceptions == &["forged", "foreign"]), "{acknowledged:?}");
    assert_eq!(node.status().refused.len(), 2, "one is forged, and one is another node's");

    let revision = node.edit(edit("8080")).await.unwrap().unwrap();
    until(&node, "delivered", |node| node.status().outbox_length == 0).await;
    assert_eq!(manager.revisions(), [revision]);
    assert_eq!(node.status().connection.state, ConnectionState::Connected);

    // Cut off, the node goes on; what it does is delivered after a restart, under numbers that go on.
    stop.cancel();
    timeout(Duration::from_secs(5), link).await.unwrap().unwrap();
    let second = node.edit(edit("9090")).await.unwrap().unwrap();
    let before = (node.running(), node.status().cursors, node.status().forks, node.status().labels);
    drop(node);
    let node = Node::open(&options.data_directory).unwrap();
    assert_eq!((node.running(), node.status().cursors, node.status().forks, node.status().labels), before);
    let stop = CancellationToken::new();
    tokio::spawn({
        let (node, stop) = (node.clone(), stop.clone());
        async move { node.run(stop).await }
    });

    until(&node, "delivered again", |node| node.status().outbox_length == 0).await;
    assert_eq!(manager.revisions(), [revision, second]);
    assert_eq!(manager.numbers(), [0, 1]);
    stop.cancel();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_ran_out_is_won_back() {
    let manager = Manager::start(Duration::from_secs(2)).await;
    let directory = tempfile::tempdir().unwrap();
    let options = JoinOptions::new(directory.path(), manager.token(), "web-1");
    join(options).await.unwrap();
    let node = Node::open(directory.path()).unwrap();
    let expired = node.status().certificate_expires_at;
    // The time that passes is what this test is about.
    while expired
        .is_some_and(|expired| std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis() <= expired.0 as u128)
    {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let stop = CancellationToken::new();
    tokio::spawn({
        let (node, stop) = (node.clone(), stop.clone());
        async move { node.run(stop).await }
    });
    until(&node, "back", |node| node.status().connection.state == ConnectionState::Connected).await;
    assert!(node.status().certificate_expires_at > expired);
    assert_eq!(manager.recoveries(), 1);
    stop.cancel();
}

#[tokio::test]
async fn somebody_elses_manager_never_sees_the_secret() {
    let (mine, other) =
        (Manager::start(Duration::from_secs(3600)).await, Manager::start(Duration::from_secs(3600)).await);
    let directory = tempfile::tempdir().unwrap();
    let mut token = mine.token();
    token.address = other.token().address;
    let error = join(JoinOptions::new(directory.path(), token, "web-1")).await.unwrap_err();
    assert!(error.to_string().contains("root key"), "{error}");
    assert_eq!(other.joins(), 0);
}
