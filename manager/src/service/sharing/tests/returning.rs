//! What is taken back, restored or found again.

use atoll_domain::kind::Kind;
use atoll_domain::link::replica::EditBase;
use atoll_domain::sharing::fork::ForkState;
use atoll_domain::sharing::offer::EditMode;
use atoll_domain::sharing::revision::Revision;
use serde_json::{Value, json};

use crate::service::sharing::conflict::Take;
use crate::service::sharing::receive::Outcome;
use crate::service::sharing::release;
use crate::store::sharing::ResourceState;
use crate::testing::{TestManager, TestNode, reason};

const KIND: Kind = Kind::StepTemplate;
const SET: Kind = Kind::VariableSet;

fn template(a: &str, b: &str) -> Value {
    json!({"Name": "T", "ActionType": "Octopus.Script", "Properties": {"a": a, "b": b}})
}

async fn farm(mode: EditMode) -> (TestManager, TestNode) {
    let manager = TestManager::start().await;
    manager.written(KIND, &template("1", "1")).await;
    manager.publish("all", "/", 0, mode, &[(KIND, "T", None)]).await;
    let mut node = manager.node("one", "/", &[]).await;
    node.sync(&manager).await;
    (manager, node)
}

#[tokio::test]
async fn what_is_deleted_and_brought_back_asks_nothing_and_goes_on_counting() {
    let (manager, mut node) = farm(EditMode::Propose).await;
    let first = manager.loaded(KIND, "T").await.shown().unwrap();
    node.edit(KIND, EditBase::Running, &template("2", "1")).unwrap();
    node.sync(&manager).await;
    manager.delete(KIND, "T").await;
    node.sync(&manager).await;
    let fork = manager.forks().await.remove(0);
    assert_eq!(fork.state, ForkState::Conflict);
    assert!(fork.message.contains("no longer runs on its node"), "{}", fork.message);
    assert!(node.runs("T").is_none(), "and that is so");

    manager.roll_back(KIND, "T", first).await.unwrap();
    assert!(manager.conflicts().await.is_empty(), "nobody is asked about a deletion that was taken back");
    assert_eq!(manager.release(KIND, "T").await.unwrap().to_string(), "1.0.1", "a version is never given again");
    node.sync(&manager).await;
    assert_eq!(node.content("T"), template("2", "1"), "the node's edit was not lost");
    assert_eq!(manager.forks().await.remove(0).state, ForkState::Proposed);
}

#[tokio::test]
async fn an_edit_of_what_was_deleted_meanwhile_is_a_question_whatever_the_edit_mode() {
    for mode in [EditMode::Propose, EditMode::Fork, EditMode::WriteThrough, EditMode::Locked] {
        let (manager, mut node) = farm(EditMode::Propose).await;
        manager.publish("all", "/", 0, mode, &[(KIND, "T", None)]).await;
        // It is cut off, and somebody there goes on working.
        node.edit(KIND, EditBase::Running, &template("2", "1")).unwrap();
        manager.delete(KIND, "T").await;
        let said = node.push(&manager).await;
        assert!(matches!(said[..], [Outcome::Stored(_)]), "{mode}: {said:?}");
        node.sync(&manager).await;
        assert!(node.runs("T").is_none(), "{mode}: what is deleted runs nowhere");
        let question = manager.conflicts().await.remove(0);
        let fork = manager.forks().await.remove(0);
        assert_eq!(
            question.heads,
            manager.loaded(KIND, "T").await.record.heads.iter().copied().chain([fork.head]).collect()
        );

        // Whoever answers for the edit brings the resource back, and it comes to everybody with its next release.
        let is_ours = question.heads.first() == Some(&fork.head);
        manager.resolve(&question, if is_ours { Take::Ours } else { Take::Theirs }, false).await.unwrap();
        assert!(manager.conflicts().await.is_empty());
        manager.release(KIND, "T").await.unwrap();
        node.sync(&manager).await;
        assert_eq!(node.content("T"), template("2", "1"), "{mode}");
    }
}

#[tokio::test]
async fn a_conflict_that_is_resolved_as_a_deletion_deletes_for_everybody() {
    let (manager, mut node) = farm(EditMode::Propose).await;
    let loaded = manager.loaded(KIND, "T").await;
    let (id, before) = (loaded.record.id.to_string(), loaded.shown().unwrap().to_string());
    manager.delete(KIND, "T").await;
    // Somebody had it open, saves it, and brings it back to the nodes.
    let saved = manager.write_to(KIND, Some(id.clone()), &template("2", "1"), Some(before), false).await.unwrap();
    let edit = saved.revision;
    let wish = release::Wish { revision: Some(&edit.to_string()), expected: "*", ..Default::default() };
    release::release(&manager.services, &manager.caller, KIND, &id, wish).await.unwrap();
    manager.work().await;
    node.sync(&manager).await;
    assert_eq!(node.content("T"), template("2", "1"));

    let question = manager.conflicts().await.remove(0);
    let is_ours = question.heads.first() != Some(&edit);
    manager.resolve(&question, if is_ours { Take::Ours } else { Take::Theirs }, false).await.unwrap();
    let record = manager.loaded(KIND, "T").await.record;
    assert_eq!((record.state, record.released), (ResourceState::Deleted, None), "a deletion waits for no release");
    node.sync(&manager).await;
    assert!(node.runs("T").is_none());
}

#[tokio::test]
async fn what_has_left_a_node_is_known_however_often_an_old_buffer_of_it_is_saved() {
    let (manager, mut node) = farm(EditMode::Propose).await;
    let loaded = manager.loaded(KIND, "T").await;
    let (resource, opened) = (loaded.record.id, loaded.shown().unwrap());
    manager.delete(KIND, "T").await;
    node.sync(&manager).await;
    assert!(node.runs("T").is_none());
    for save in 0..40 {
        let content = template(&format!("saved {save}"), "1");
        node.edit_of(Some(resource), KIND, EditBase::Revision(opened), &content).unwrap();
        node.sync(&manager).await;
    }
    let forks = manager.forks().await;
    assert_eq!(forks.len(), 1, "each save is made on top of the one before");
    let newest = manager.loaded(KIND, "T").await.body(&manager.services.store, forks[0].head).await.unwrap();
    assert_eq!(newest, Some(KIND.import(&template("saved 39", "1"), None).unwrap().body));
}

#[tokio::test]
async fn a_rejected_edit_takes_nothing_along_that_was_stored_before() {
    let manager = TestManager::start().await;
    let set = |url: &str, scope: Value| {
        json!({"Name": "db", "Variables": [
            {"Id": "u", "Name": "Url", "Value": url},
            {"Id": "p", "Name": "Password", "Type": "Sensitive", "Scope": scope, "Value": "hunter2"}]})
    };
    manager.written(SET, &set("one", json!({"Environment": ["production"]}))).await;
    manager.publish("all", "/", 0, EditMode::Propose, &[(SET, "db", None)]).await;
    let mut node = manager.node("one", "/", &[]).await;
    node.sync(&manager).await;
    let mut content = node.content("db");
    content["Variables"][0]["Value"] = json!("two");
    node.edit(SET, EditBase::Running, &content).unwrap();
    node.sync(&manager).await;
    // On top of it an edit that no node may make.
    let mut forbidden = node.content("db");
    forbidden["Variables"][1]["Scope"] = json!({});
    node.edit(SET, EditBase::Running, &forbidden).unwrap();
    assert!(matches!(node.push(&manager).await[..], [Outcome::Rejected(_)]));
    assert_eq!(node.content("db"), content, "the edit before it runs again");
    assert!(node.rejected().iter().any(|edit| edit.name == "db"), "and the rejected one can still be read");
    node.sync(&manager).await;
    node.restart();
    assert_eq!(node.content("db"), content);
    assert_eq!(manager.forks().await[0].state, ForkState::Proposed);
}

#[tokio::test]
async fn a_node_whose_data_went_back_gets_its_own_edits_again() {
    for mode in [EditMode::Propose, EditMode::Fork] {
        let (manager, mut node) = farm(mode).await;
        let backup = node.written();
        node.edit(KIND, EditBase::Running, &template("2", "1")).unwrap();
        node.sync(&manager).await;
        node.put_back(backup);
        node.pull(&manager).await;
        assert_eq!(node.content("T"), template("1", "1"), "{mode}: it does not know");
        // It tells what it runs, that is not what it should run, and it is offered everything once more.
        node.pull_some(&manager, usize::MAX, true).await;
        node.sync(&manager).await;
        assert_eq!(node.content("T"), template("2", "1"), "{mode}");
        node.edit(KIND, EditBase::Running, &template("2", "3")).unwrap();
        node.sync(&manager).await;
        assert_eq!(manager.forks().await.len(), 1, "{mode}: and what is edited on top of it belongs to it");
    }
}

#[tokio::test]
async fn a_release_from_before_a_restore_is_asked_about_where_another_took_its_place() {
    let (manager, mut node) = farm(EditMode::Propose).await;
    let backup = manager.backup();
    manager.written(KIND, &template("before the restore", "1")).await;
    node.sync(&manager).await;
    let manager = TestManager::restored(&backup).await;
    manager.written(KIND, &template("1", "after the restore")).await;
    manager.written(KIND, &template("1", "after it too")).await;
    node.sync(&manager).await;
    let fork = manager.forks().await.remove(0);
    assert_eq!(fork.state, ForkState::Unapplied);
    assert!(fork.message.contains("was released as 1.0.1 before"), "{}", fork.message);
    assert_eq!(node.content("T"), template("1", "after it too"), "and runs nowhere until a person has decided");
}

#[tokio::test]
async fn a_restored_manager_is_told_of_an_edit_by_a_node_that_has_heard_nothing_else_since() {
    let (manager, mut node) = farm(EditMode::Propose).await;
    let backup = manager.backup();
    node.edit(KIND, EditBase::Running, &template("2", "1")).unwrap();
    // Its edit is stored, and the line breaks before anything comes down.
    node.push(&manager).await;
    let manager = TestManager::restored(&backup).await;
    node.sync(&manager).await;
    assert_eq!(manager.forks().await.len(), 1, "the manager had forgotten what it said that it had stored");
}

#[tokio::test]
async fn what_is_deeper_than_readers_go_comes_in_nowhere() {
    let (manager, mut node) = farm(EditMode::WriteThrough).await;
    let deep = (0..70).fold(json!("x"), |value, _| json!([value]));
    let content = json!({"Name": "T", "ActionType": "Octopus.Script", "Properties": {"a": deep}});
    assert_eq!(reason(manager.write(KIND, &content).await), "BAD_CONTENT");
    assert!(node.edit(KIND, EditBase::Running, &content).is_err(), "the node says so at once");
    // A node that does not look sends it all the same.
    let loaded = manager.loaded(KIND, "T").await;
    let head = loaded.shown().unwrap();
    let before = loaded.body(&manager.services.store, head).await.unwrap();
    let revision = Revision::child(loaded.record.id, KIND, [head].into(), before.as_ref(), &content);
    let said = node.send_revision(&manager, &revision, content).await;
    assert!(matches!(&said, Outcome::Rejected(reason) if reason.contains("deeper than")), "{said:?}");
    node.sync(&manager).await;
    assert!(!manager.loaded(KIND, "T").await.history.contains(revision.id));
}

/// Whether the newest proposal can be declined with the effect that its node runs what is released.
async fn decline(manager: &TestManager, node: &mut TestNode) {
    let waiting: Vec<_> = manager.forks().await.into_iter().filter(|fork| !fork.state.is_decided()).collect();
    assert_eq!(waiting.len(), 1, "{waiting:?}");
    manager.decide(&waiting[0], false, false).await.unwrap();
    node.sync(manager).await;
    assert_eq!(node.content("T"), manager.released(KIND, "T").await, "what was declined runs no longer");
    manager.written(KIND, &template("later", "later")).await;
    node.sync(manager).await;
    assert_eq!(node.content("T"), template("later", "later"), "and what is released reaches it");
}

#[tokio::test]
async fn an_edit_that_its_node_and_its_manager_have_both_lost_is_decided_with_effect() {
    let (manager, mut node) = farm(EditMode::Propose).await;
    let (on_node, at_manager) = (node.written(), manager.backup());
    node.edit(KIND, EditBase::Running, &template("2", "1")).unwrap();
    node.sync(&manager).await;
    manager.written(KIND, &template("1", "3")).await;
    node.sync(&manager).await;
    // Its data goes back, and it gets what it ran from the manager; then the manager goes back.
    node.put_back(on_node);
    node.pull_some(&manager, usize::MAX, true).await;
    node.sync(&manager).await;
    assert_eq!(node.content("T"), template("2", "3"));
    let manager = TestManager::restored(&at_manager).await;
    node.sync(&manager).await;
    assert_eq!(node.content("T"), template("2", "3"));
    let undecided = node.written();
    decline(&manager, &mut node).await;
    // The node's data goes back once more: what it tells of its edit by then opens nothing again.
    node.put_back(undecided);
    node.pull_some(&manager, usize::MAX, true).await;
    node.sync(&manager).await;
    assert!(manager.forks().await.iter().all(|fork| fork.state.is_decided()));
    assert_eq!(node.content("T"), template("later", "later"));
}

#[tokio::test]
async fn an_edit_that_cannot_be_held_against_anything_is_kept_where_people_look() {
    let manager = TestManager::start().await;
    let set = |password: &str, a: &str, b: &str| {
        json!({"Name": "db", "Variables": [
            {"Id": "p", "Name": "Password", "Type": "Sensitive", "Scope": {}, "Value": password},
            {"Id": "a", "Name": "A", "Value": a}, {"Id": "b", "Name": "B", "Value": b}]})
    };
    manager.written(SET, &set("first", "1", "1")).await;
    manager.publish("all", "/", 0, EditMode::Propose, &[(SET, "db", None)]).await;
    let mut node = manager.node("one", "/", &[]).await;
    node.sync(&manager).await;
    let backup = manager.backup();
    // What it edits is a release that nobody holds later, and the password is replaced meanwhile.
    manager.written(SET, &set("second", "1", "2")).await;
    node.sync(&manager).await;
    let mut content = node.content("db");
    content["Variables"][1]["Value"] = json!("mine");
    let edit = node.edit(SET, EditBase::Running, &content).unwrap().unwrap();
    node.sync(&manager).await;
    manager.written(SET, &set("third", "theirs", "3")).await;
    node.sync(&manager).await;
    let manager = TestManager::restored(&backup).await;
    node.sync(&manager).await;
    assert!(manager.loaded(SET, "db").await.history.contains(edit), "it was said to be stored, and is");
    let fork = manager.forks().await.into_iter().find(|fork| fork.node_head == edit).unwrap();
    assert!(fork.state == ForkState::Rejected || !fork.state.is_decided(), "{fork:?}");
}

#[tokio::test]
async fn a_manager_that_is_restored_again_and_again_knows_its_nodes_edit_each_time() {
    let (manager, mut node) = farm(EditMode::Propose).await;
    let before = manager.backup();
    node.edit(KIND, EditBase::Running, &template("2", "1")).unwrap();
    node.sync(&manager).await;
    manager.written(KIND, &template("1", "3")).await;
    node.sync(&manager).await;
    let after = manager.backup();
    let mut manager = manager;
    for backup in [&before, &after, &before] {
        manager = TestManager::restored(backup).await;
        node.sync(&manager).await;
        node.pull_some(&manager, usize::MAX, true).await;
        node.sync(&manager).await;
        assert_eq!(node.content("T"), template("2", "3"));
    }
    decline(&manager, &mut node).await;
}

#[tokio::test]
async fn an_edit_without_a_base_stays_a_question_when_its_node_tells_an_older_one_again() {
    let (manager, mut node) = farm(EditMode::Propose).await;
    node.edit(KIND, EditBase::Running, &template("2", "1")).unwrap();
    node.sync(&manager).await;
    // Its author had a file that nobody knows any more. It waits, and the one that was delivered goes on running.
    node.edit(KIND, EditBase::Unknown, &template("2", "3")).unwrap();
    let proposed = manager.forks().await.remove(0);
    manager.decide(&proposed, true, true).await.unwrap();

    // The node has not heard of that when the manager is restored, and says all that it holds.
    let manager = TestManager::restored(&manager.backup()).await;
    node.pull_some(&manager, usize::MAX, true).await;
    node.sync(&manager).await;
    let open: Vec<_> = manager.forks().await.into_iter().filter(|fork| !fork.state.is_closed()).collect();
    assert_eq!(open.iter().map(|fork| fork.state).collect::<Vec<_>>(), [ForkState::Unapplied]);
    assert_eq!(node.content("T"), template("2", "1"), "what was accepted");
}

#[tokio::test]
async fn a_release_comes_back_though_its_resource_was_deleted_and_another_has_its_name() {
    let (manager, mut node) = farm(EditMode::Propose).await;
    let before = manager.backup();
    manager.written(KIND, &template("2", "1")).await;
    node.sync(&manager).await;
    // The backup knows nothing of that release. There the template is deleted, and another one takes its name.
    let manager = TestManager::restored(&before).await;
    manager.delete(KIND, "T").await;
    manager.written(KIND, &template("9", "9")).await;
    let said = node.push(&manager).await;
    node.sync(&manager).await;
    assert!(node.rejected().is_empty(), "{said:?}");
    let conflict = manager.conflicts().await.remove(0);
    let kept = manager.loaded(KIND, &conflict.resource.to_string()).await;
    let mut bodies = Vec::new();
    for head in &conflict.heads {
        bodies.extend(kept.body(&manager.services.store, *head).await.unwrap());
    }
    assert_eq!(bodies.len(), 1, "it is asked about beside its deletion");
    assert_eq!(KIND.export(&bodies[0], &json!({})), template("2", "1"));
}
