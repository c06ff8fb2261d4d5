//! Whether a node runs what it should, by what it tells.

use atoll_domain::id::ResourceId;
use atoll_domain::kind::Kind;
use atoll_domain::link::digest::StateDigest;
use atoll_domain::sharing::offer::EditMode;
use serde_json::json;

use crate::service::sharing::proof::{NodeState, Verdict, judge};
use crate::testing::TestManager;

const KIND: Kind = Kind::StepTemplate;

#[tokio::test]
async fn a_node_that_runs_something_else_is_offered_everything_once_and_is_in_drift_then() {
    let manager = TestManager::start().await;
    let content = |text: &str| json!({"Name": "T", "ActionType": "Octopus.Script", "Properties": {"a": text}});
    manager.written(KIND, &content("1")).await;
    manager.publish("all", "/", 0, EditMode::Propose, &[(KIND, "T", None)]).await;
    let mut one = manager.node("one", "/", &[]).await;
    one.sync(&manager).await;
    let right = one.replica.state_digest(None);
    let other = right.plus(StateDigest::unverified(ResourceId(uuid::Uuid::from_u128(1))));
    let acknowledged = manager.services.hub.read(atoll_domain::link::feed::Feed::sequence);
    let says = async |digest: StateDigest, is_settled: bool| {
        let state = NodeState { digest, is_settled, outbox_length: 0, deferred: 0 };
        judge(&manager.services, one.id, acknowledged, state).await.unwrap()
    };
    assert!(matches!(says(right, true).await, Verdict::Proven(_)));
    assert_eq!(says(other, false).await, Verdict::Open, "something is under way");
    assert_eq!(says(other, true).await, Verdict::StartOver);
    assert_eq!(says(other, true).await, Verdict::Drift, "once for each thing that it should run");
    assert!(matches!(says(right, true).await, Verdict::Proven(_)));

    // Something newer is released, and has not reached it: what was right proves nothing any more.
    manager.written(KIND, &content("2")).await;
    manager.services.hub.refresh(&manager.services.store).await.unwrap();
    assert_eq!(says(right, true).await, Verdict::Open);
}
