//! What is said of an edit is what became of it.

use atoll_domain::kind::Kind;
use atoll_domain::link::replica::EditBase;
use atoll_domain::sharing::fork::ForkState;
use atoll_domain::sharing::offer::EditMode;
use serde_json::{Value, json};

use crate::service::list::Options;
use crate::service::sharing::conflict::{self, Answer, Take};
use crate::service::sharing::fork::{ProposalView, list};
use crate::store::sharing::{ConflictRecord, ForkRecord};
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

async fn edited(manager: &TestManager, node: &mut TestNode, values: [&str; 3]) {
    node.edit(KIND, EditBase::Running, &template(values)).unwrap();
    node.sync(manager).await;
}

async fn of(manager: &TestManager, node: &TestNode) -> ForkRecord {
    manager.forks().await.into_iter().filter(|fork| fork.node == node.id).max_by_key(|fork| fork.edit).unwrap()
}

async fn shown(manager: &TestManager, node: &TestNode) -> ProposalView {
    let page = list(&manager.services, &Options::default()).await.unwrap();
    let id = of(manager, node).await.id;
    page.items.into_iter().find(|proposal| proposal.record.id == id).unwrap()
}

fn places(proposal: &ProposalView) -> Vec<String> {
    proposal.differences.iter().map(|one| one.path.to_string()).collect()
}

async fn question(manager: &TestManager, node: &TestNode) -> ConflictRecord {
    manager.conflicts().await.into_iter().find(|one| one.node == Some(node.id) && one.closed_by.is_none()).unwrap()
}

#[tokio::test]
async fn the_same_edit_on_two_nodes_is_two_questions_and_one_answer_is_for_one_of_them() {
    let (manager, mut one, mut other) = farm(EditMode::Propose).await;
    for node in [&mut one, &mut other] {
        node.edit(KIND, EditBase::Running, &template(["1", "mine", "1"])).unwrap();
    }
    manager.written(KIND, &template(["1", "theirs", "1"])).await;
    one.sync(&manager).await;
    other.sync(&manager).await;
    for node in [&one, &other] {
        let proposal = shown(&manager, node).await;
        assert_eq!(places(&proposal), ["/Properties/b"], "each one's own change");
        assert_eq!(proposal.revision.provenance.node, Some(node.id));
        let record = question(&manager, node).await;
        let view = conflict::get(&manager.services, &record.id.to_string()).await.unwrap();
        let side = view.node_side.expect("it is about a node's edit");
        let by = if side == 0 { &view.places[0].left_by } else { &view.places[0].right_by };
        assert_eq!(by.as_ref().unwrap().provenance.node, Some(node.id));
        assert_eq!(view.revisions[side].provenance.node, Some(node.id));
    }
    let record = question(&manager, &other).await;
    manager.resolve(&record, Take::Value(Some(json!("theirs"))), false).await.unwrap();
    manager.release(KIND, "T").await.unwrap();
    manager.work().await;
    assert_eq!(of(&manager, &other).await.state, ForkState::Declined);
    let twin = of(&manager, &one).await;
    assert_eq!((twin.state, twin.message.as_str()), (ForkState::Declined, "taken back before it was released"));
    one.sync(&manager).await;
    assert_eq!(one.content("T"), template(["1", "theirs", "1"]));
    // Declining is about the one as well, and nothing of it was accepted from that node.
    edited(&manager, &mut one, ["2", "theirs", "1"]).await;
    edited(&manager, &mut other, ["2", "theirs", "1"]).await;
    manager.decide(&of(&manager, &one).await, true, false).await.unwrap();
    let second = of(&manager, &other).await;
    if !second.state.is_decided() {
        manager.decide(&second, false, false).await.unwrap();
        assert_eq!(of(&manager, &other).await.message, format!("declined by {}", manager.caller.name));
    }
}

#[tokio::test]
async fn what_a_draft_took_back_before_the_release_is_not_released() {
    for is_rolled_back in [false, true] {
        let (manager, mut one, _other) = farm(EditMode::Propose).await;
        let before = manager.loaded(KIND, "T").await.shown().unwrap();
        edited(&manager, &mut one, ["mine", "1", "1"]).await;
        manager.decide(&of(&manager, &one).await, true, false).await.unwrap();
        match is_rolled_back {
            true => manager.roll_back(KIND, "T", before).await.unwrap(),
            false => manager.write(KIND, &template(["1", "1", "1"])).await.unwrap(),
        };
        manager.release(KIND, "T").await.unwrap();
        manager.work().await;
        let fork = of(&manager, &one).await;
        assert_eq!((fork.state, fork.message.as_str()), (ForkState::Declined, "taken back before it was released"));
        assert!(fork.since_ms > fork.made_ms.unwrap(), "since the decision, and not since the edit");
        one.sync(&manager).await;
        assert_eq!(one.content("T"), template(["1", "1", "1"]));
    }
}

#[tokio::test]
async fn what_an_answer_takes_in_part_is_said_to_be_released_in_part() {
    let (manager, mut one, _other) = farm(EditMode::Propose).await;
    one.edit(KIND, EditBase::Running, &template(["mine", "mine", "1"])).unwrap();
    manager.written(KIND, &template(["theirs", "theirs", "1"])).await;
    one.sync(&manager).await;
    let record = question(&manager, &one).await;
    let answer = Answer {
        take: Some(Take::Value(Some(json!("mine")))),
        choices: vec![("/Properties/b".to_owned(), Take::Value(Some(json!("theirs"))))],
        expected: conflict::etag(&record),
        ..Answer::default()
    };
    conflict::resolve(&manager.services, &manager.caller, &record.id.to_string(), answer).await.unwrap();
    manager.work().await;
    manager.release(KIND, "T").await.unwrap();
    manager.work().await;
    assert_eq!(manager.released(KIND, "T").await, template(["mine", "theirs", "1"]));
    let fork = of(&manager, &one).await;
    assert_eq!((fork.state, fork.message.as_str()), (ForkState::Absorbed, "released in part: /Properties/b differs"));
    // What comes after is what a later edit is made from, and none of its changes.
    one.sync(&manager).await;
    edited(&manager, &mut one, ["mine", "theirs", "later"]).await;
    assert_eq!(places(&shown(&manager, &one).await), ["/Properties/c"]);
    manager.decide(&of(&manager, &one).await, false, false).await.unwrap();
    assert_eq!(places(&shown(&manager, &one).await), ["/Properties/c"], "also once it is decided");
}

/// Looking at it again answers no question.
#[tokio::test]
async fn a_question_about_a_draft_stays_when_its_node_is_offered_everything_again() {
    for mode in [EditMode::WriteThrough, EditMode::Propose] {
        let (manager, mut one, _other) = farm(mode).await;
        manager.write(KIND, &template(["draft", "1", "1"])).await.unwrap();
        edited(&manager, &mut one, ["mine", "1", "1"]).await;
        if mode == EditMode::Propose {
            manager.decide(&of(&manager, &one).await, true, false).await.unwrap();
        }
        let asked = question(&manager, &one).await;
        one.pull_some(&manager, usize::MAX, true).await;
        one.tell_again();
        one.sync(&manager).await;
        assert_eq!(question(&manager, &one).await.id, asked.id);
        let fork = of(&manager, &one).await;
        assert_eq!((fork.state, fork.conflict), (ForkState::Conflict, Some(asked.id)));
        assert_eq!(one.content("T"), template(["mine", "1", "1"]));
        manager.resolve(&asked, Take::Value(Some(json!("mine"))), false).await.unwrap();
        one.tell_again();
        one.sync(&manager).await;
        assert_eq!(of(&manager, &one).await.state, ForkState::Accepted, "the answer closes it");
    }
}

#[tokio::test]
async fn an_edit_that_its_node_takes_back_asks_nobody_and_holds_nothing_back() {
    let (manager, mut one, _other) = farm(EditMode::WriteThrough).await;
    let opened = EditBase::Revision(one.runs("T").unwrap().revision);
    one.edit(KIND, opened, &template(["2", "1", "1"])).unwrap();
    one.sync(&manager).await;
    one.edit(KIND, opened, &template(["1", "1", "1"])).unwrap();
    one.sync(&manager).await;
    let undo = of(&manager, &one).await;
    assert_eq!((undo.state, undo.takes_back.len()), (ForkState::Proposed, 1), "an undo is asked about");
    one.edit(KIND, opened, &template(["2", "1", "1"])).unwrap();
    one.sync(&manager).await;
    let redo = of(&manager, &one).await;
    assert_eq!((redo.state, redo.message.as_str()), (ForkState::Absorbed, "undone on its node; nothing of it is left"));
    one.edit(KIND, opened, &template(["2", "1", "new"])).unwrap();
    one.sync(&manager).await;
    assert_eq!(manager.released(KIND, "T").await, template(["2", "1", "new"]));
}

/// What was accepted is everybody's with the next release, so taking it back is an edit as any other.
#[tokio::test]
async fn an_edit_that_takes_back_what_was_accepted_is_kept() {
    for mode in [EditMode::Propose, EditMode::WriteThrough] {
        let (manager, mut one, mut other) = farm(EditMode::Propose).await;
        edited(&manager, &mut one, ["later", "1", "1"]).await;
        manager.decide(&of(&manager, &one).await, true, false).await.unwrap();
        manager.publish("all", "/", 0, mode, &[(KIND, "T", None)]).await;
        one.sync(&manager).await;
        edited(&manager, &mut one, ["1", "1", "1"]).await;
        let undo = of(&manager, &one).await;
        assert!(!undo.state.is_closed(), "{mode}: {}", undo.message);
        manager.release(KIND, "T").await.unwrap();
        manager.work().await;
        one.sync(&manager).await;
        other.sync(&manager).await;
        assert_eq!(one.content("T"), template(["1", "1", "1"]), "{mode}: its node goes on with it");
    }
}

/// An edit that equals an older release is somebody's edit all the same.
#[tokio::test]
async fn a_pin_to_what_an_edit_puts_back_closes_no_edit() {
    for mode in [EditMode::Propose, EditMode::Fork] {
        let (manager, mut one, _other) = farm(mode).await;
        manager.written(KIND, &template(["1", "2", "1"])).await;
        one.sync(&manager).await;
        edited(&manager, &mut one, ["1", "1", "1"]).await;
        let state = of(&manager, &one).await.state;
        manager.publish("pin", "/", 9, mode, &[(KIND, "T", Some("1.0.0"))]).await;
        manager.work().await;
        one.sync(&manager).await;
        assert_eq!(of(&manager, &one).await.state, state);
        crate::service::sharing::publication::delete(&manager.services, &manager.caller, "pin", "*").await.unwrap();
        manager.work().await;
        one.sync(&manager).await;
        assert_eq!((of(&manager, &one).await.state, one.content("T")), (state, template(["1", "1", "1"])));
    }
}

#[tokio::test]
async fn of_edits_beside_each_other_each_is_looked_at() {
    for (draft, said) in [
        (["1", "mine", "1"], "released in part: /Properties/a differs"),
        (["mine", "1", "1"], "released in part: /Properties/b differs"),
    ] {
        let (manager, mut one, _other) = farm(EditMode::Propose).await;
        let before = one.written();
        edited(&manager, &mut one, ["mine", "1", "1"]).await;
        one.put_back(before);
        edited(&manager, &mut one, ["1", "mine", "1"]).await;
        assert_eq!(manager.forks().await.len(), 1);
        manager.decide(&of(&manager, &one).await, true, false).await.unwrap();
        let mut shown = places(&shown(&manager, &one).await);
        shown.sort();
        assert_eq!(shown, ["/Properties/a", "/Properties/b"], "also once it is decided");
        manager.write(KIND, &template(draft)).await.unwrap();
        manager.release(KIND, "T").await.unwrap();
        manager.work().await;
        let fork = of(&manager, &one).await;
        assert_eq!((fork.state, fork.message.as_str()), (ForkState::Absorbed, said));
    }
}

#[tokio::test]
async fn a_line_that_a_draft_took_out_is_not_released_and_comes_back_from_no_old_editor() {
    let (manager, mut one, _other) = farm(EditMode::Propose).await;
    let opened = EditBase::Revision(one.runs("T").unwrap().revision);
    edited(&manager, &mut one, ["rm everything\nlog it\n", "1", "1"]).await;
    manager.decide(&of(&manager, &one).await, true, false).await.unwrap();
    manager.write(KIND, &template(["log it\n", "1", "1"])).await.unwrap();
    manager.release(KIND, "T").await.unwrap();
    manager.work().await;
    assert_eq!(of(&manager, &one).await.message, "released in part: /Properties/a differs");
    manager.publish("all", "/", 0, EditMode::WriteThrough, &[(KIND, "T", None)]).await;
    one.sync(&manager).await;
    for base in [EditBase::Running, opened] {
        let _ = one.edit(KIND, base, &template(["rm everything\nlog it\n", "1", "new"]));
        one.sync(&manager).await;
        assert_eq!(manager.released(KIND, "T").await, template(["log it\n", "1", "1"]));
    }
}
