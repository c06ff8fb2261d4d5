//! Whether a node runs what it should, by what it tells.

use atoll_domain::document::{AppliedReport, ApplyOutcome, Report};
use atoll_domain::id::ResourceId;
use atoll_domain::kind::Kind;
use atoll_domain::link::digest::StateDigest;
use atoll_domain::sharing::offer::EditMode;
use atoll_domain::time::Timestamp;
use serde_json::json;

use crate::service::fleet::detail;
use crate::service::sharing::proof::{NodeState, Verdict, judge};
use crate::service::sharing::status::{Question, status};
use crate::store::fleet::SeenRecord;
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

#[tokio::test]
async fn a_node_that_does_not_have_a_release_says_why_and_since_when() {
    let manager = TestManager::start().await;
    let content = |text: &str| json!({"Name": "T", "ActionType": "Octopus.Script", "Properties": {"a": text}});
    manager.written(KIND, &content("1")).await;
    manager.publish("all", "/", 0, EditMode::Propose, &[(KIND, "T", None)]).await;
    let one = manager.node("one", "/", &[]).await;
    let seen = SeenRecord { online: true, since_ms: 1, last_seen_ms: 1, proves: true, ..SeenRecord::default() };
    manager.services.presence.connected(one.id, seen);
    let why = async || {
        let mut behind = Vec::new();
        for resource in [Some((KIND, "T".to_owned())), None] {
            let question = Question { resource, ..Question::default() };
            let status = status(&manager.services, &question).await.unwrap();
            assert_eq!((status.have, status.waiting), (0, 1));
            behind.push((status.behind[0].state, status.behind[0].since_ms));
        }
        assert_eq!(behind[0], behind[1]);
        behind[0]
    };
    assert_eq!(why().await, ("behind", 0), "that it is connected is no reason");
    let loaded = manager.loaded(KIND, "T").await;
    let failed = |at: i64| AppliedReport {
        resource: loaded.record.id,
        revision: loaded.shown().unwrap(),
        outcome: ApplyOutcome::Failed,
        text: "the disk is full".to_owned(),
        at: Timestamp(at),
    };
    one.send_any(&manager, &Report::Applied(failed(1_000))).await;
    one.send_any(&manager, &Report::Applied(failed(9_000))).await;
    assert_eq!(why().await, ("apply_failed", 1_000), "one more attempt is no new failure");
    manager.delete(KIND, "T").await;
    let everything = status(&manager.services, &Question::default()).await.unwrap();
    assert_eq!(everything.failed, 0, "what has left a node fails there no longer");
    assert!(detail::get(&manager.services, "one").await.unwrap().exceptions.is_empty());
    manager.roll_back(KIND, "T", loaded.shown().unwrap()).await.unwrap();
    manager.release(KIND, "T").await.unwrap();
    let drifts =
        SeenRecord { online: true, since_ms: 1, last_seen_ms: 1, proves: true, drifts: true, ..Default::default() };
    manager.services.presence.connected(one.id, drifts);
    manager.services.presence.notices.found(one.id, "what it runs", "DRIFT", "it drifts", Timestamp(5_000));
    manager.services.presence.flush(&manager.services.store).await.unwrap();
    let question = Question { resource: Some((KIND, "T".to_owned())), ..Question::default() };
    let status = status(&manager.services, &question).await.unwrap();
    assert_eq!((status.behind[0].state, status.behind[0].since_ms), ("drift", 5_000));
}
