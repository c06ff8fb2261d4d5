//! A node's edit releases itself, and nothing beside it: no draft, nothing that was declined, and nothing that was accepted for a
//! later release.

use atoll_domain::kind::Kind;
use atoll_domain::link::replica::EditBase;
use atoll_domain::sharing::fork::ForkState;
use atoll_domain::sharing::offer::EditMode;
use atoll_domain::sharing::revision::Revision;
use serde_json::{Value, json};

use crate::service::sharing::conflict::Take;
use crate::service::sharing::publication;
use crate::testing::{TestManager, TestNode};

const KIND: Kind = Kind::StepTemplate;

fn template(values: [&str; 4]) -> Value {
    let [a, b, c, d] = values;
    json!({"Name": "T", "ActionType": "Octopus.Script", "Properties": {"a": a, "b": b, "c": c, "d": d}})
}

async fn farm(mode: EditMode) -> (TestManager, TestNode, TestNode) {
    let manager = TestManager::start().await;
    manager.written(KIND, &template(["1", "1", "1", "1"])).await;
    manager.publish("all", "/", 0, mode, &[(KIND, "T", None)]).await;
    let (mut one, mut other) = (manager.node("one", "/", &[]).await, manager.node("other", "/", &[]).await);
    one.sync(&manager).await;
    other.sync(&manager).await;
    (manager, one, other)
}

async fn everybody(manager: &TestManager, nodes: [&mut TestNode; 2]) {
    for node in nodes {
        node.sync(manager).await;
        node.sync(manager).await;
    }
}

fn edit(node: &mut TestNode, key: &str, value: &str) {
    let mut content = node.content("T");
    content["Properties"][key] = json!(value);
    node.edit(KIND, EditBase::Running, &content).unwrap();
}

/// An administrator drafts two places, a node has changed one of them, and the question about that is answered without a release.
async fn answered(manager: &TestManager, one: &mut TestNode) {
    manager.write(KIND, &template(["draft", "1", "1", "draft"])).await.unwrap();
    edit(one, "a", "2");
    one.sync(manager).await;
    let question = manager.conflicts().await.remove(0);
    manager.resolve(&question, Take::Value(Some(json!("2"))), false).await.unwrap();
    one.sync(manager).await;
    assert_eq!(one.content("T"), template(["2", "1", "1", "1"]), "the draft stays the administrator's");
}

#[tokio::test]
async fn an_answer_that_nobody_released_is_released_by_nothing_that_happens_beside_it() {
    let (manager, mut one, mut other) = farm(EditMode::WriteThrough).await;
    answered(&manager, &mut one).await;
    manager.publish("more", "/", 1, EditMode::Fork, &[(KIND, "T", None)]).await;
    publication::delete(&manager.services, &manager.caller, "more", "*").await.unwrap();
    manager.work().await;
    everybody(&manager, [&mut one, &mut other]).await;
    assert_eq!(manager.released(KIND, "T").await, template(["1", "1", "1", "1"]));

    edit(&mut other, "b", "other");
    other.sync(&manager).await;
    manager.work().await;
    everybody(&manager, [&mut one, &mut other]).await;
    assert_eq!(manager.released(KIND, "T").await, template(["1", "other", "1", "1"]), "that edit alone");

    edit(&mut one, "c", "one");
    one.sync(&manager).await;
    everybody(&manager, [&mut one, &mut other]).await;
    assert_eq!(manager.released(KIND, "T").await, template(["1", "other", "1", "1"]));
    let fork = manager.forks().await.into_iter().find(|fork| fork.state == ForkState::Proposed).unwrap();
    assert!(fork.message.contains("released after what it is made from"), "{}", fork.message);

    // Whoever publishes the answer lets the edit on top of it go on by itself.
    manager.release(KIND, "T").await.unwrap();
    everybody(&manager, [&mut one, &mut other]).await;
    let all = template(["2", "other", "one", "draft"]);
    assert_eq!((one.content("T"), other.content("T")), (all.clone(), all));
}

/// The id of a draft can be worked out by whoever can guess what it says.
#[tokio::test]
async fn a_node_releases_no_draft_by_naming_it() {
    let (manager, mut one, mut other) = farm(EditMode::WriteThrough).await;
    let first = manager.loaded(KIND, "T").await.shown().unwrap();
    manager.written(KIND, &template(["2", "1", "1", "1"])).await;
    everybody(&manager, [&mut one, &mut other]).await;
    let draft = manager.roll_back(KIND, "T", first).await.unwrap().revision;
    let loaded = manager.loaded(KIND, "T").await;
    let before = loaded.body(&manager.services.store, draft).await.unwrap().unwrap();
    let mut body = before.clone();
    body["Properties"]["b"] = json!("mine");
    let revision = Revision::child(loaded.record.id, KIND, [draft].into(), Some(&before), &body);
    one.send_revision(&manager, &revision, body).await;
    other.sync(&manager).await;
    assert_eq!(other.content("T"), template(["2", "1", "1", "1"]));
    assert_eq!(manager.released(KIND, "T").await, template(["2", "1", "1", "1"]));
    let fork = manager.forks().await.pop().unwrap();
    assert_eq!(fork.state, ForkState::Proposed);
    assert!(fork.message.contains("released after what it is made from"), "{}", fork.message);
    manager.release(KIND, "T").await.unwrap();
    assert_eq!(manager.released(KIND, "T").await, template(["1", "mine", "1", "1"]));
}

/// An editor shows what was there before the decision, and names the release.
#[tokio::test]
async fn what_was_declined_reaches_nobody_with_what_an_editor_still_shows() {
    let (manager, mut one, mut other) = farm(EditMode::Propose).await;
    let opened = EditBase::Revision(one.runs("T").unwrap().revision);
    one.edit(KIND, opened, &template(["no", "1", "1", "1"])).unwrap();
    one.sync(&manager).await;
    manager.publish("all", "/", 0, EditMode::WriteThrough, &[(KIND, "T", None)]).await;
    manager.decide(&manager.forks().await.remove(0), false, false).await.unwrap();
    one.sync(&manager).await;
    assert_eq!(one.content("T"), template(["1", "1", "1", "1"]), "it is back at the release");
    one.edit(KIND, opened, &template(["no", "new", "1", "1"])).unwrap();
    one.sync(&manager).await;
    everybody(&manager, [&mut one, &mut other]).await;
    assert_eq!(manager.released(KIND, "T").await, template(["1", "1", "1", "1"]));
    assert_eq!(one.content("T"), template(["no", "new", "1", "1"]), "it runs where it was made");
    let fork = manager.forks().await.pop().unwrap();
    assert_eq!(fork.state, ForkState::Proposed);
    assert!(fork.message.contains("declined before"), "{}", fork.message);
    // What does not bring it is everybody's at once, though others have gone on since.
    edit(&mut other, "c", "other");
    other.sync(&manager).await;
    assert_eq!(manager.released(KIND, "T").await, template(["1", "1", "other", "1"]));
    manager.decide(&fork, false, false).await.unwrap();
    everybody(&manager, [&mut one, &mut other]).await;
    edit(&mut one, "d", "one");
    one.sync(&manager).await;
    assert_eq!(manager.released(KIND, "T").await, template(["1", "1", "other", "one"]));
}

#[tokio::test]
async fn what_was_accepted_for_a_later_release_is_not_released_by_its_node() {
    for is_undone in [false, true] {
        let (manager, mut one, mut other) = farm(EditMode::Propose).await;
        let first = manager.loaded(KIND, "T").await.shown().unwrap();
        edit(&mut one, "a", "2");
        one.sync(&manager).await;
        manager.decide(&manager.forks().await.remove(0), true, false).await.unwrap();
        if is_undone {
            manager.roll_back(KIND, "T", first).await.unwrap();
        }
        manager.publish("all", "/", 0, EditMode::WriteThrough, &[(KIND, "T", None)]).await;
        one.sync(&manager).await;
        edit(&mut one, "b", "new");
        one.sync(&manager).await;
        everybody(&manager, [&mut one, &mut other]).await;
        assert_eq!(manager.released(KIND, "T").await, template(["1", "1", "1", "1"]), "{is_undone}");
        let fork = manager.forks().await.pop().unwrap();
        assert_eq!(fork.state, ForkState::Proposed, "{}", fork.message);
        manager.release(KIND, "T").await.unwrap();
        let accepted = if is_undone { "1" } else { "2" };
        assert_eq!(manager.released(KIND, "T").await, template([accepted, "new", "1", "1"]), "{is_undone}");
        everybody(&manager, [&mut one, &mut other]).await;
        assert_eq!(one.content("T"), other.content("T"));
    }
}

#[tokio::test]
async fn declining_what_goes_on_from_an_accepted_edit_says_what_stays() {
    let (manager, mut one, mut other) = farm(EditMode::Propose).await;
    edit(&mut one, "a", "2");
    one.sync(&manager).await;
    manager.decide(&manager.forks().await.remove(0), true, false).await.unwrap();
    edit(&mut one, "b", "no");
    one.sync(&manager).await;
    let fork = manager.forks().await.pop().unwrap();
    manager.decide(&fork, false, false).await.unwrap();
    let message = manager.forks().await.pop().unwrap().message;
    assert!(message.contains("what was accepted of it before stays accepted"), "{message}");
    manager.release(KIND, "T").await.unwrap();
    everybody(&manager, [&mut one, &mut other]).await;
    let accepted = template(["2", "1", "1", "1"]);
    assert_eq!((one.content("T"), other.content("T")), (accepted.clone(), accepted));
}

/// Data that was put back has neither the edit nor the decision about it, and its file has both.
#[tokio::test]
async fn what_was_accepted_for_a_later_release_is_not_released_after_data_was_put_back() {
    let (manager, mut one, mut other) = farm(EditMode::WriteThrough).await;
    manager.publish("all", "/", 0, EditMode::Propose, &[(KIND, "T", None)]).await;
    everybody(&manager, [&mut one, &mut other]).await;
    let (written, opened) = (one.written(), EditBase::Revision(one.runs("T").unwrap().revision));
    one.edit(KIND, opened, &template(["later", "1", "1", "1"])).unwrap();
    one.sync(&manager).await;
    manager.decide(&manager.forks().await.remove(0), true, false).await.unwrap();
    manager.publish("all", "/", 0, EditMode::WriteThrough, &[(KIND, "T", None)]).await;
    one.put_back(written);
    one.edit(KIND, opened, &template(["later", "new", "1", "1"])).unwrap();
    one.push(&manager).await;
    other.sync(&manager).await;
    assert_eq!(manager.released(KIND, "T").await, template(["1", "1", "1", "1"]));
    let messages: Vec<String> = manager.forks().await.into_iter().map(|fork| fork.message).collect();
    assert!(messages.iter().any(|message| message.contains("accepted and is not released yet")), "{messages:?}");
}

/// What others have released since is no part of what was declined, and what was declined long ago counts as ever.
#[tokio::test]
async fn only_what_was_declined_itself_is_asked_about_again() {
    let (manager, mut one, mut other) = farm(EditMode::Propose).await;
    let declined = async |one: &mut TestNode, key: &str, value: &str| {
        edit(one, key, value);
        one.sync(&manager).await;
        let fork = manager.forks().await.into_iter().find(|fork| fork.state == ForkState::Proposed).unwrap();
        manager.decide(&fork, false, false).await.unwrap();
        one.sync(&manager).await;
    };
    declined(&mut one, "a", "no").await;
    for number in 0..20 {
        declined(&mut one, "d", &format!("never {number}")).await;
    }
    manager.publish("all", "/", 0, EditMode::WriteThrough, &[(KIND, "T", None)]).await;
    everybody(&manager, [&mut one, &mut other]).await;
    edit(&mut other, "b", "2");
    other.sync(&manager).await;
    everybody(&manager, [&mut one, &mut other]).await;
    let mut content = one.content("T");
    (content["Properties"]["a"], content["Properties"]["b"]) = (json!("yes"), json!("1"));
    one.edit(KIND, EditBase::Running, &content).unwrap();
    one.sync(&manager).await;
    everybody(&manager, [&mut one, &mut other]).await;
    assert_eq!(manager.released(KIND, "T").await, template(["yes", "1", "1", "1"]), "it is put back by who saw it");
    let mut content = one.content("T");
    content["Properties"]["a"] = json!("no");
    content["Properties"]["c"] = json!("new");
    one.edit(KIND, EditBase::Running, &content).unwrap();
    one.sync(&manager).await;
    assert_eq!(manager.released(KIND, "T").await, template(["yes", "1", "1", "1"]), "though much was declined since");
}

/// It was on its way to everybody by itself, until somebody declined it.
#[tokio::test]
async fn what_was_declined_while_it_was_written_through_reaches_nobody_either() {
    let (manager, mut one, mut other) = farm(EditMode::WriteThrough).await;
    manager.write(KIND, &template(["1", "draft", "1", "1"])).await.unwrap();
    let opened = EditBase::Revision(one.runs("T").unwrap().revision);
    one.edit(KIND, opened, &template(["1", "no", "no", "1"])).unwrap();
    one.sync(&manager).await;
    manager.decide(&manager.forks().await.remove(0), false, false).await.unwrap();
    one.sync(&manager).await;
    one.edit(KIND, opened, &template(["new", "1", "no", "1"])).unwrap();
    one.sync(&manager).await;
    everybody(&manager, [&mut one, &mut other]).await;
    assert_eq!(manager.released(KIND, "T").await, template(["1", "1", "1", "1"]));
}

/// The answer has the edit among its parents, so it is part of what is released from then on.
#[tokio::test]
async fn what_an_answer_turned_down_reaches_nobody_later() {
    let (manager, mut one, mut other) = farm(EditMode::WriteThrough).await;
    let first = manager.loaded(KIND, "T").await.shown().unwrap();
    manager.write(KIND, &template(["1", "draft", "1", "1"])).await.unwrap();
    let opened = EditBase::Revision(one.runs("T").unwrap().revision);
    one.edit(KIND, opened, &template(["1", "no", "1", "1"])).unwrap();
    one.sync(&manager).await;
    manager.resolve(&manager.conflicts().await.remove(0), Take::Value(Some(json!("draft"))), false).await.unwrap();
    assert_eq!(manager.forks().await[0].state, ForkState::Declined);
    manager.roll_back(KIND, "T", first).await.unwrap();
    manager.release(KIND, "T").await.unwrap();
    one.sync(&manager).await;
    let mut content = one.content("T");
    (content["Properties"]["a"], content["Properties"]["b"]) = (json!("new"), json!("no"));
    one.edit(KIND, EditBase::Running, &content).unwrap();
    one.sync(&manager).await;
    everybody(&manager, [&mut one, &mut other]).await;
    assert_eq!(manager.released(KIND, "T").await, template(["1", "1", "1", "1"]));
}

/// Whoever changes the mode of a publication decides from then on.
#[tokio::test]
async fn what_waits_for_a_release_waits_for_a_person_where_nothing_is_written_through_any_more() {
    let (manager, mut one, mut other) = farm(EditMode::Propose).await;
    edit(&mut one, "a", "2");
    one.sync(&manager).await;
    manager.decide(&manager.forks().await.remove(0), true, false).await.unwrap();
    manager.publish("all", "/", 0, EditMode::WriteThrough, &[(KIND, "T", None)]).await;
    one.sync(&manager).await;
    edit(&mut one, "b", "new");
    one.sync(&manager).await;
    for mode in [EditMode::Propose, EditMode::WriteThrough] {
        manager.publish("all", "/", 0, mode, &[(KIND, "T", None)]).await;
        everybody(&manager, [&mut one, &mut other]).await;
    }
    manager.release(KIND, "T").await.unwrap();
    everybody(&manager, [&mut one, &mut other]).await;
    assert_eq!(manager.released(KIND, "T").await, template(["2", "1", "1", "1"]));
    let fork = manager.forks().await.pop().unwrap();
    assert_eq!((fork.state, fork.message.as_str()), (ForkState::Proposed, "runs here and awaits approval"));
}

/// A tool that rolls out the same change on all servers makes one revision of it.
#[tokio::test]
async fn the_same_edit_on_two_nodes_is_each_ones_own() {
    for is_declined in [false, true] {
        let (manager, mut one, mut other) = farm(EditMode::WriteThrough).await;
        manager.publish("asks", "/", 5, EditMode::Propose, &[(KIND, "T", None)]).await;
        one.sync(&manager).await;
        edit(&mut one, "a", "2");
        one.sync(&manager).await;
        if is_declined {
            manager.decide(&manager.forks().await.remove(0), false, false).await.unwrap();
        }
        publication::delete(&manager.services, &manager.caller, "asks", "*").await.unwrap();
        manager.work().await;
        other.sync(&manager).await;
        edit(&mut other, "a", "2");
        other.sync(&manager).await;
        assert_eq!(manager.released(KIND, "T").await, template(["2", "1", "1", "1"]), "{is_declined}");
        edit(&mut other, "b", "3");
        other.sync(&manager).await;
        everybody(&manager, [&mut one, &mut other]).await;
        assert_eq!(manager.released(KIND, "T").await, template(["2", "3", "1", "1"]), "{is_declined}");
    }
}
