//! A node says what its edits were made from, and nobody has to believe it.

use atoll_domain::document::RevisionReport;
use atoll_domain::id::{Digest, RevisionId};
use atoll_domain::sharing::fork::{Delivery, ForkState};
use atoll_domain::sharing::path::{Path, TouchedPaths};
use atoll_domain::sharing::revision::{Origin, Provenance, Revision};

use super::*;
use crate::clock;
use crate::service::sharing::fork::write_through;
use crate::service::sharing::receive::Outcome;
use crate::store::fleet::node_get;
use crate::store::sharing::{ForkRecord, fork_put};

/// The password in a body of the set: its key among the elements.
fn password(body: &Value) -> String {
    let items = body["Variables"]["$items"].as_object().unwrap();
    items.iter().find(|(_, item)| item["Name"] == "Password").unwrap().0.clone()
}

fn places(places: &[&str]) -> TouchedPaths {
    places.iter().map(|place| place.parse::<Path>().unwrap()).collect()
}

/// Somebody's edit on a node.
fn by(node: &TestNode) -> Provenance {
    Provenance {
        author: "operator".to_owned(),
        node: Some(node.id),
        at: clock::now(),
        origin: Origin::Edit,
        message: String::new(),
        metadata: Value::Null,
    }
}

/// Says that a revision was made from some others.
async fn say(
    manager: &TestManager,
    node: &TestNode,
    parents: &[RevisionId],
    body: &Value,
    touched: TouchedPaths,
    lost_parents: bool,
) -> (RevisionId, Outcome) {
    let resource = manager.loaded(SET, "db").await.record.id;
    let revision = Revision::writing(resource, SET, parents.iter().copied().collect(), Some(body), touched);
    let report = RevisionReport {
        id: revision.id,
        header: revision.header.clone(),
        provenance: by(node),
        body: Some(body.clone()),
        base_unknown: false,
        lost_parents,
        claimed: None,
        takes_back: Vec::new(),
    };
    (revision.id, node.send(manager, report).await)
}

/// Whatever of it waits is accepted and released by somebody who does not say that anything is widened.
async fn accept_all(manager: &TestManager) {
    for fork in manager.forks().await {
        let _ = manager.decide(&fork, true, true).await;
    }
}

#[tokio::test]
async fn a_state_that_was_held_against_nothing_lends_no_scope_to_what_is_built_on_it() {
    for mode in [EditMode::WriteThrough, EditMode::Propose, EditMode::Fork] {
        let (manager, _, mut hostile) = farm(mode, &set(&production(), &json!("secret"), "1")).await;
        let offered = hostile.runs("db").unwrap();
        let mut wide = offered.body.clone().unwrap();
        let key = password(&wide);
        wide["Variables"]["$items"][&key]["Scope"] = json!({});
        let element = format!("/Variables/$items/{key}");
        let scope = format!("{element}/Scope/Environment");
        let (lost, first) = say(&manager, &hostile, &[Digest::of(b"lost")], &wide, places(&[""]), true).await;
        assert!(format!("{first:?}").contains("cannot move a sealed value"), "{mode:?} {first:?}");
        // Beside the release, and alone with something else changed; and once more on top of that.
        let (_, beside) =
            say(&manager, &hostile, &[lost, offered.revision], &wide, places(&[&element, &scope]), false).await;
        assert!(format!("{beside:?}").contains("cannot move a sealed value"), "{mode:?} {beside:?}");
        let mut changed = wide.clone();
        changed["Note"] = json!("2");
        let (above, alone) = say(&manager, &hostile, &[lost], &changed, places(&["/Note"]), false).await;
        assert!(format!("{alone:?}").contains("cannot move a sealed value"), "{mode:?} {alone:?}");
        changed["Note"] = json!("3");
        let (_, alone) = say(&manager, &hostile, &[above], &changed, places(&["/Note"]), false).await;
        assert!(format!("{alone:?}").contains("cannot move a sealed value"), "{mode:?} {alone:?}");
        accept_all(&manager).await;
        hostile.sync(&manager).await;
        assert!(!hostile.reads_any(), "{mode:?}");
        assert_eq!(manager.newest(SET, "db").await["Variables"][0]["Scope"], production());
    }
}

#[tokio::test]
async fn what_is_edited_on_top_of_a_lost_state_is_taken_as_ever() {
    let (manager, mut inside, _) = farm(EditMode::WriteThrough, &set(&production(), &json!("secret"), "1")).await;
    let mut body = inside.runs("db").unwrap().body.unwrap();
    body["Note"] = json!("1");
    let (first, said) = say(&manager, &inside, &[Digest::of(b"lost")], &body, places(&["/Note"]), true).await;
    assert!(matches!(said, Outcome::Stored(_)), "{said:?}");
    body["Note"] = json!("2");
    let (_, said) = say(&manager, &inside, &[first], &body, places(&["/Note"]), false).await;
    assert!(matches!(said, Outcome::Stored(_)), "{said:?}");
    let fork = manager.forks().await.remove(0);
    manager.decide(&fork, true, true).await.unwrap();
    inside.sync(&manager).await;
    assert_eq!(reads(&inside), ["secret".to_owned()].into());
}

#[tokio::test]
async fn a_node_answers_no_question_by_an_old_scope() {
    let both = json!({"Environment": ["production", "staging"]});
    for mode in [EditMode::WriteThrough, EditMode::Propose] {
        let (manager, _, hostile) = farm(mode, &set(&both, &json!("secret"), "1")).await;
        let mut late = manager.node("late", "/", &[("environment", "test")]).await;
        late.sync(&manager).await;
        let old = late.runs("db").unwrap();
        let old_body = old.body.clone().unwrap();
        let mut content = manager.newest(SET, "db").await;
        content["Variables"][0]["Scope"] = production();
        manager.written(SET, &content).await;
        let now = manager.loaded(SET, "db").await.shown().unwrap();
        // It takes the password out of the old state, and answers what that makes of it with the old state as it was.
        let key = password(&old_body);
        let element = format!("/Variables/$items/{key}");
        let scope = format!("{element}/Scope/Environment");
        let mut without = old_body.clone();
        without["Variables"]["$items"].as_object_mut().unwrap().remove(&key);
        without["Variables"]["$order"].as_array_mut().unwrap().retain(|one| *one != json!(key));
        let (removed, _) = say(&manager, &late, &[old.revision], &without, places(&[&element]), false).await;
        for touched in [&[element.as_str()][..], &[&element, &scope], &[""]] {
            let (_, said) = say(&manager, &late, &[removed, now], &old_body, places(touched), false).await;
            assert!(matches!(said, Outcome::Rejected(_)), "{mode:?} {touched:?} {said:?}");
        }
        accept_all(&manager).await;
        let mut newcomer = manager.node("newcomer", "/", &[("environment", "staging")]).await;
        newcomer.sync(&manager).await;
        assert!(!newcomer.reads_any(), "{mode:?}");
        drop(hostile);
    }
}

/// An edit that lets everybody read the password, however it came to be there.
async fn wide_edit(manager: &TestManager, node: &TestNode, through: bool) -> ForkRecord {
    let mut loaded = manager.loaded(SET, "db").await;
    let head = loaded.shown().unwrap();
    let before = loaded.body(&manager.services.store, head).await.unwrap().unwrap();
    let mut wide = before.clone();
    wide["Variables"]["$items"][password(&before)]["Scope"] = json!({});
    let revision = Revision::child(loaded.record.id, SET, [head].into(), Some(&before), &wide);
    let fork = ForkRecord {
        id: clock::new_id(),
        resource: loaded.record.id,
        node: node.id,
        head: revision.id,
        node_head: revision.id,
        state: ForkState::Proposed,
        message: String::new(),
        since_ms: 0,
        conflict: None,
        delivery: Delivery::Proposed,
        through,
        claimed: None,
        takes_back: Vec::new(),
        edit: clock::new_id(),
        made_ms: None,
    };
    let tx = manager.services.store.begin_ordered().await.unwrap();
    loaded.add(&tx, revision, by(node), Some(&wide), None, clock::now()).await.unwrap();
    fork_put(&tx, &fork).await.unwrap();
    tx.commit().await.unwrap();
    fork
}

#[tokio::test]
async fn accepting_what_lets_more_nodes_read_a_value_needs_the_word() {
    let (mut manager, _, mut outside) = farm(EditMode::Propose, &set(&production(), &json!("secret"), "1")).await;
    let fork = wide_edit(&manager, &outside, false).await;
    for release in [false, true] {
        let refused = manager.decide(&fork, true, release).await.unwrap_err();
        assert_eq!(refused.reason, "WIDENS_SECRET");
        assert!(refused.text.contains("outside"), "it names who gains the value: {}", refused.text);
    }
    manager.release(SET, "db").await.unwrap();
    outside.sync(&manager).await;
    assert!(!outside.reads_any());
    manager.caller = manager.caller.clone().widening(true);
    manager.decide(&fork, true, true).await.unwrap();
    outside.sync(&manager).await;
    assert_eq!(reads(&outside), ["secret".to_owned()].into());
}

#[tokio::test]
async fn no_edit_of_a_node_is_released_at_once_that_lets_more_nodes_read_a_value() {
    let (manager, _, mut outside) = farm(EditMode::WriteThrough, &set(&production(), &json!("secret"), "1")).await;
    let fork = wide_edit(&manager, &outside, true).await;
    let (services, node) = (&manager.services, outside.id);
    let mut loaded = manager.loaded(SET, "db").await;
    let before = loaded.record.released;
    let mut tx = services.store.begin_ordered().await.unwrap();
    let record = node_get(&tx, node).await.unwrap().unwrap();
    let said = write_through(services, &mut tx, &mut loaded, fork, &record, &manager.caller).await.unwrap();
    tx.commit().await.unwrap();
    assert!(said.contains("awaits approval"), "{said}");
    assert!(!said.contains("inside"), "it names no other node to a node: {said}");
    assert_eq!(manager.loaded(SET, "db").await.record.released, before);
    let fork = manager.forks().await.remove(0);
    assert_eq!((fork.state, fork.through), (ForkState::Proposed, false));
    assert_eq!(manager.decide(&fork, true, true).await.unwrap_err().reason, "WIDENS_SECRET");
    outside.pull(&manager).await;
    assert!(!outside.reads_any());
}
