//! Another life of the manager, and another replica of it, that knows less than a node was told.

use atoll_domain::kind::Kind;
use atoll_domain::link::replica::EditBase;
use atoll_domain::sharing::fork::ForkState;
use atoll_domain::sharing::offer::EditMode;
use serde_json::{Value, json};

use crate::testing::{TestManager, TestNode};

const KIND: Kind = Kind::StepTemplate;

fn template(name: &str, value: &str) -> Value {
    json!({"Name": name, "ActionType": "Octopus.Script", "Properties": {"a": value}})
}

async fn farm() -> (TestManager, TestNode) {
    let manager = TestManager::start().await;
    manager.written(KIND, &template("T", "1")).await;
    manager.written(KIND, &template("U", "1")).await;
    manager.publish("all", "/", 0, EditMode::Propose, &[(KIND, "T", None), (KIND, "U", None)]).await;
    let mut node = manager.node("one", "/", &[]).await;
    node.sync(&manager).await;
    (manager, node)
}

#[tokio::test]
async fn a_manager_that_has_written_past_what_a_node_was_told_is_known_to_be_restored() {
    let (manager, mut node) = farm().await;
    let backup = manager.backup();
    manager.written(KIND, &template("T", "lost")).await;
    node.sync(&manager).await;

    // The restored one gives the same numbers to something else, and more of them than the node was told of.
    let manager = TestManager::restored(&backup).await;
    manager.written(KIND, &template("T", "kept")).await;
    for value in ["2", "3", "4"] {
        manager.written(KIND, &template("U", value)).await;
    }
    assert!(node.pull(&manager).await);
    assert_eq!((node.content("T"), node.content("U")), (template("T", "kept"), template("U", "4")));
    node.sync(&manager).await;
    let asked: Vec<ForkState> = manager.forks().await.into_iter().map(|fork| fork.state).collect();
    assert_eq!(asked, [ForkState::Unapplied], "and whether what was lost is wanted is for a person to say");
}

#[tokio::test]
async fn a_replica_that_lags_takes_nothing_back_from_a_node() {
    let (manager, mut node) = farm().await;
    let mut other = manager.beside().await;
    other.lags = true;
    manager.written(KIND, &template("T", "2")).await;
    node.sync(&manager).await;
    node.edit(KIND, EditBase::Running, &template("U", "mine")).unwrap();
    node.push(&manager).await;

    // The other replica has read none of that. It reads before it answers, and offers only what is new.
    assert!(!node.pull(&other).await);
    assert_eq!((node.content("T"), node.content("U")), (template("T", "2"), template("U", "mine")));
}
