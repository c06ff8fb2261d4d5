//! Editors that do not reload, reports that are rejected, and nodes that say again what is known.

use atoll_domain::kind::Kind;
use atoll_domain::link::replica::{EditBase, EditError};
use atoll_domain::sharing::fork::ForkState;
use atoll_domain::sharing::offer::EditMode;
use serde_json::{Value, json};

use crate::service::sharing::receive::Outcome;
use crate::testing::{TestManager, TestNode};

const KIND: Kind = Kind::StepTemplate;

fn template(a: &str, b: &str, script: &str) -> Value {
    json!({"Name": "T", "ActionType": "Octopus.Script", "Properties": {"a": a, "b": b, "Octopus.Action.Script.ScriptBody": script}})
}

async fn farm(mode: EditMode) -> (TestManager, TestNode, TestNode) {
    let manager = TestManager::start().await;
    manager.written(KIND, &template("1", "1", "one\ntwo\nthree\n")).await;
    manager.publish("all", "/", 0, mode, &[(KIND, "T", None)]).await;
    let (mut one, mut other) = (manager.node("one", "/", &[]).await, manager.node("other", "/", &[]).await);
    one.sync(&manager).await;
    other.sync(&manager).await;
    (manager, one, other)
}

fn opened(node: &TestNode) -> EditBase {
    EditBase::Revision(node.runs("T").unwrap().revision)
}

/// One editor saves, and then a second one a buffer that has never seen that: a hunk of the script stands again as before.
async fn takes_back(manager: &TestManager, node: &mut TestNode) {
    let base = opened(node);
    for script in ["one\n2\nthree\n", "one\ntwo\nthree\nfour\n"] {
        node.edit(KIND, base, &template("2", "1", script)).unwrap();
        node.sync(manager).await;
    }
}

#[tokio::test]
async fn a_person_who_saves_several_times_never_conflicts_with_themself() {
    for mode in [EditMode::WriteThrough, EditMode::Propose, EditMode::Fork] {
        let (manager, mut one, _) = farm(mode).await;
        let base = opened(&one);
        for (a, script) in [("2", "one\ntwo\nthree\n"), ("3", "one\n2\nthree\n"), ("4", "one\n2\n3\n")] {
            one.edit(KIND, base, &template(a, "1", script)).unwrap();
            one.sync(&manager).await;
            assert_eq!(one.content("T"), template(a, "1", script), "{mode}: the node runs what was saved");
        }
        assert!(manager.conflicts().await.is_empty(), "{mode}");
        let open = manager.forks().await.into_iter().filter(|fork| !fork.state.is_closed()).count();
        assert_eq!(open, usize::from(mode != EditMode::WriteThrough), "{mode}: one proposal and no siblings");
        if mode == EditMode::WriteThrough {
            assert_eq!(manager.released(KIND, "T").await, template("4", "1", "one\n2\n3\n"));
        }
    }
}

#[tokio::test]
async fn a_save_over_a_release_that_came_in_between_keeps_both() {
    for mode in [EditMode::WriteThrough, EditMode::Propose] {
        let (manager, mut one, _) = farm(mode).await;
        let base = opened(&one);
        one.edit(KIND, base, &template("2", "1", "one\ntwo\nthree\n")).unwrap();
        one.sync(&manager).await;
        // Somebody else releases something; the editor has not reloaded.
        let mut newest = manager.newest(KIND, "T").await;
        newest["Properties"]["b"] = json!("5");
        manager.written(KIND, &newest).await;
        one.sync(&manager).await;
        assert_eq!(one.content("T"), template("2", "5", "one\ntwo\nthree\n"));
        one.edit(KIND, base, &template("3", "1", "one\ntwo\nthree\n")).unwrap().expect("an edit");
        assert_eq!(
            one.content("T"),
            template("3", "5", "one\ntwo\nthree\n"),
            "{mode}: at once, before anybody answers"
        );
        one.sync(&manager).await;
        assert_eq!(one.content("T"), template("3", "5", "one\ntwo\nthree\n"), "{mode}: and after");
        assert!(manager.conflicts().await.is_empty(), "{mode}");
        let unknown = manager.forks().await.into_iter().filter(|fork| fork.state == ForkState::Unapplied).count();
        assert_eq!(unknown, 0, "{mode}: its base is known");
    }
}

#[tokio::test]
async fn an_edit_of_what_was_put_together_on_the_node_is_the_edit_alone() {
    let (manager, mut one, _) = farm(EditMode::Propose).await;
    let base = opened(&one);
    one.edit(KIND, base, &template("2", "1", "one\ntwo\nthree\n")).unwrap();
    one.sync(&manager).await;
    let mut newest = manager.newest(KIND, "T").await;
    newest["Properties"]["b"] = json!("5");
    manager.written(KIND, &newest).await;
    one.sync(&manager).await;
    // Cut off: saved from the old buffer, so the node puts it together for the meantime, and somebody edits that.
    one.edit(KIND, base, &template("3", "1", "one\ntwo\nthree\n")).unwrap();
    let meantime = opened(&one);
    assert_eq!(one.content("T"), template("3", "5", "one\ntwo\nthree\n"));
    one.edit(KIND, meantime, &template("3", "5", "one\ntwo\n3\n")).unwrap();
    assert_eq!(one.content("T"), template("3", "5", "one\ntwo\n3\n"));
    one.sync(&manager).await;
    assert_eq!(one.content("T"), template("3", "5", "one\ntwo\n3\n"));
    let fork = manager.forks().await.pop().unwrap();
    let loaded = manager.loaded(KIND, "T").await;
    let own = loaded.body(&manager.services.store, fork.node_head).await.unwrap().unwrap();
    assert_eq!(
        own,
        template("3", "1", "one\ntwo\n3\n"),
        "the revision holds what was edited, and not what ran beside it"
    );
}

#[tokio::test]
async fn what_takes_an_earlier_save_back_runs_here_and_asks_before_it_is_everybodys() {
    let (manager, mut one, mut other) = farm(EditMode::WriteThrough).await;
    takes_back(&manager, &mut one).await;
    other.sync(&manager).await;
    assert_eq!(one.content("T"), template("2", "1", "one\ntwo\nthree\nfour\n"));
    assert_eq!(other.content("T"), template("2", "1", "one\n2\nthree\n"));
    let fork = manager.forks().await.pop().unwrap();
    assert_eq!((fork.state, fork.takes_back.len(), fork.claimed.is_some()), (ForkState::Proposed, 1, true));
    assert!(fork.message.contains("reverts the previous save"), "{}", fork.message);
    // The next edit on top of it does not carry it through.
    let next = opened(&one);
    one.edit(KIND, next, &template("2", "9", "one\ntwo\nthree\nfour\n")).unwrap();
    one.sync(&manager).await;
    other.sync(&manager).await;
    assert_eq!(other.content("T"), template("2", "1", "one\n2\nthree\n"));
    let fork = manager.forks().await.pop().unwrap();
    manager.decide(&fork, true, true).await.unwrap();
    other.sync(&manager).await;
    one.sync(&manager).await;
    assert_eq!(other.content("T"), template("2", "9", "one\ntwo\nthree\nfour\n"));
}

/// A node that has not heard of a decision goes on from what was decided about.
#[tokio::test]
async fn what_was_declined_reaches_nobody_with_the_next_edit_on_top_of_it() {
    // What takes something back, and what waited when its publication became write-through.
    for mode in [EditMode::WriteThrough, EditMode::Propose] {
        let (manager, mut one, mut other) = farm(mode).await;
        if mode == EditMode::WriteThrough {
            takes_back(&manager, &mut one).await;
        } else {
            let base = opened(&one);
            one.edit(KIND, base, &template("2", "1", "one\n2\nthree\n")).unwrap();
            one.sync(&manager).await;
        }
        let fork = manager.forks().await.into_iter().find(|fork| fork.state == ForkState::Proposed).unwrap();
        other.sync(&manager).await;
        let shared = other.content("T");
        manager.decide(&fork, false, false).await.unwrap();
        manager.publish("all", "/", 0, EditMode::WriteThrough, &[(KIND, "T", None)]).await;
        let mut content = one.content("T");
        content["Properties"]["b"] = json!("after");
        one.edit(KIND, EditBase::Running, &content).unwrap();
        one.push(&manager).await;
        one.sync(&manager).await;
        other.sync(&manager).await;
        assert_eq!(other.content("T"), shared, "{mode}: nothing that was declined");
        assert_eq!(manager.released(KIND, "T").await, shared, "{mode}");
        let waits = manager.forks().await.into_iter().find(|fork| fork.state == ForkState::Proposed).unwrap();
        assert!(waits.message.contains("made from an edit that was declined"), "{mode}: {}", waits.message);
        assert_eq!(one.content("T")["Properties"]["b"], "after", "{mode}: it runs here");
    }
}

/// Data that was put back, or a copy of it, makes edits beside the one that waits, from the same beginning.
#[tokio::test]
async fn what_waits_for_a_person_reaches_nobody_with_an_edit_beside_it() {
    let (manager, mut one, mut other) = farm(EditMode::WriteThrough).await;
    takes_back(&manager, &mut one).await;
    other.sync(&manager).await;
    let shared = other.content("T");
    let written = one.written();
    let next = opened(&one);
    one.edit(KIND, next, &template("2", "9", "one\ntwo\nthree\nfour\n")).unwrap();
    one.sync(&manager).await;
    one.put_back(written);
    let next = opened(&one);
    one.edit(KIND, next, &template("3", "1", "one\ntwo\nthree\nfour\n")).unwrap();
    one.push(&manager).await;
    one.sync(&manager).await;
    other.sync(&manager).await;
    assert_eq!(other.content("T"), shared);
    assert_eq!(manager.released(KIND, "T").await, shared);
    let waits = manager.forks().await;
    assert!(waits.iter().any(|fork| fork.message.contains("made from an edit that awaits approval")), "{waits:?}");
}

#[tokio::test]
async fn an_unchanged_old_buffer_changes_nothing() {
    for mode in [EditMode::WriteThrough, EditMode::Propose] {
        let (manager, mut one, _) = farm(mode).await;
        let (base, saved) = (opened(&one), template("2", "1", "one\ntwo\nthree\n"));
        one.edit(KIND, base, &saved).unwrap();
        one.sync(&manager).await;
        if mode == EditMode::Propose {
            let fork = manager.forks().await.remove(0);
            manager.decide(&fork, true, true).await.unwrap();
        }
        let mut newest = manager.newest(KIND, "T").await;
        newest["Properties"]["a"] = json!("7");
        manager.written(KIND, &newest).await;
        one.sync(&manager).await;
        assert_eq!(one.edit(KIND, base, &saved).unwrap(), None, "{mode}");
        one.sync(&manager).await;
        assert_eq!(one.content("T"), template("7", "1", "one\ntwo\nthree\n"), "{mode}: nothing old comes back");
    }
}

#[tokio::test]
async fn a_rejected_edit_stops_running_and_stays_in_the_history() {
    let (manager, mut one, _) = farm(EditMode::Propose).await;
    let base = opened(&one);
    // It was published when it was made, and is not when it comes in.
    one.edit(KIND, base, &template("2", "1", "one\ntwo\nthree\n")).unwrap();
    let edit = one.runs("T").unwrap().revision;
    manager.publish("all", "/eu", 0, EditMode::Propose, &[(KIND, "T", None)]).await;
    let outcomes = one.push(&manager).await;
    assert!(matches!(&outcomes[0], Outcome::Rejected(reason) if reason.contains("not published")), "{outcomes:?}");
    assert_eq!(one.replica.forks().next().unwrap().state, ForkState::Rejected);
    manager.publish("all", "/", 0, EditMode::Propose, &[(KIND, "T", None)]).await;
    one.sync(&manager).await;
    assert_eq!(one.content("T"), template("1", "1", "one\ntwo\nthree\n"), "what was rejected does not run");
    assert!(manager.loaded(KIND, "T").await.history.contains(edit), "and is not lost");
    assert_eq!(manager.forks().await[0].state, ForkState::Rejected, "and is listed");
    // Made again, knowingly, it is a new proposal.
    one.edit(KIND, EditBase::Running, &template("2", "1", "one\ntwo\nthree\n")).unwrap().expect("an edit");
    one.sync(&manager).await;
    assert_eq!(one.content("T"), template("2", "1", "one\ntwo\nthree\n"));
}

#[tokio::test]
async fn a_node_whose_data_went_back_is_told_what_counts_now() {
    let (manager, mut one, _) = farm(EditMode::Propose).await;
    let base = opened(&one);
    one.edit(KIND, base, &template("2", "1", "one\ntwo\nthree\n")).unwrap();
    let first = one.replica.outbox().clone();
    one.sync(&manager).await;
    let next = opened(&one);
    one.edit(KIND, next, &template("3", "1", "one\ntwo\nthree\n")).unwrap();
    one.sync(&manager).await;
    // A copy of its data from before the first delivery: it sends the first edit once more, and knows of no second one.
    let fresh = manager.node("copy", "/", &[]).await;
    let mut copy = TestNode { id: one.id, identity: one.identity.clone(), sealing: one.sealing.clone(), ..fresh };
    copy.pull(&manager).await;
    copy.edit(KIND, base, &template("2", "1", "one\ntwo\nthree\n")).unwrap();
    assert_eq!(
        copy.replica.outbox().values().next().and_then(|report| report.revision()),
        first.values().next().and_then(|report| report.revision())
    );
    assert_eq!(copy.push(&manager).await, [Outcome::Duplicate]);
    copy.pull(&manager).await;
    assert_eq!(copy.content("T"), template("3", "1", "one\ntwo\nthree\n"), "its own newer edit came back");
    copy.runs_what_it_should(&manager);
}

#[tokio::test]
async fn a_buffer_from_between_two_saves_asks_before_it_takes_the_later_one_back() {
    let (manager, mut one, mut other) = farm(EditMode::WriteThrough).await;
    let base = opened(&one);
    for value in ["2", "3"] {
        one.edit(KIND, base, &template(value, "1", "one\n")).unwrap();
        one.sync(&manager).await;
    }
    // An editor that was opened between the two saves; the file names the same revision all the time.
    one.edit(KIND, base, &template("2", "9", "one\n")).unwrap();
    one.sync(&manager).await;
    other.sync(&manager).await;
    assert_eq!(one.content("T"), template("2", "9", "one\n"), "it runs where it was saved");
    assert_eq!(other.content("T"), template("3", "1", "one\n"), "and the later save is everybody's still");
    let fork = manager.forks().await.pop().unwrap();
    assert_eq!((fork.state, fork.takes_back.len()), (ForkState::Proposed, 1));
}

#[tokio::test]
async fn what_was_made_from_one_resource_is_no_edit_of_another() {
    let (manager, mut one, _) = farm(EditMode::Propose).await;
    let other = json!({"Name": "U", "ActionType": "Octopus.Script", "Properties": {"a": "other"}});
    manager.written(KIND, &other).await;
    manager.publish("more", "/", 0, EditMode::Propose, &[(KIND, "U", None)]).await;
    one.sync(&manager).await;
    let id = manager.loaded(KIND, "U").await.record.id;
    // The two names were swapped while an editor had the file of the one open: it saves under the name of the other.
    let refused = one.edit_of(Some(id), KIND, opened(&one), &template("2", "1", "one\n"));
    assert!(matches!(&refused, Err(EditError::OfAnother { other, .. }) if other == "T"), "{refused:?}");
    assert!(manager.forks().await.is_empty());
    // Nor where what it was made from is gone, and something new has its name.
    let old = opened(&one);
    manager.delete(KIND, "T").await;
    manager.written(KIND, &template("1", "1", "a new one\n")).await;
    manager.publish("all", "/", 0, EditMode::Propose, &[(KIND, "T", None)]).await;
    one.sync(&manager).await;
    let new = manager.loaded(KIND, "T").await.record.id;
    let refused = one.edit_of(Some(new), KIND, old, &template("2", "1", "one\n"));
    assert!(matches!(&refused, Err(EditError::OfAnother { other, .. }) if other == "T"), "{refused:?}");
}
