//! Proposals, pins, write-through, and what one conflict may stop.

use atoll_domain::kind::Kind;
use atoll_domain::link::replica::EditBase;
use atoll_domain::sharing::fork::ForkState;
use atoll_domain::sharing::offer::EditMode;
use serde_json::{Value, json};

use crate::service::fleet::group;
use crate::service::list::Options;
use crate::service::sharing::conflict::{Answer, Take, get, resolve};
use crate::service::sharing::fork::decide::{Decision, decide};
use crate::service::sharing::fork::list;
use crate::service::sharing::{release, save};
use crate::testing::{TestManager, TestNode, reason};

const KIND: Kind = Kind::StepTemplate;

fn template(a: &str, b: &str, c: &str) -> Value {
    json!({"Name": "T", "ActionType": "Octopus.Script", "Properties": {"a": a, "b": b, "c": c}})
}

async fn farm(mode: EditMode) -> (TestManager, TestNode, TestNode) {
    let manager = TestManager::start().await;
    manager.written(KIND, &template("1", "1", "1")).await;
    manager.publish("all", "/", 0, mode, &[(KIND, "T", None)]).await;
    let (mut one, mut other) = (manager.node("one", "/", &[]).await, manager.node("other", "/", &[]).await);
    one.sync(&manager).await;
    other.sync(&manager).await;
    (manager, one, other)
}

#[tokio::test]
async fn an_older_proposal_outlives_a_later_edit_that_does_not_contain_it() {
    let (manager, mut one, _) = farm(EditMode::Propose).await;
    let base = one.runs("T").unwrap().revision;
    one.edit(KIND, EditBase::Running, &template("2", "1", "1")).unwrap();
    one.sync(&manager).await;
    let first = manager.forks().await.remove(0);
    manager.publish("all", "/", 0, EditMode::WriteThrough, &[(KIND, "T", None)]).await;
    // An edit beside it, from a program that knows of neither: the trail of another process.
    let mut beside = manager.node("beside", "/", &[]).await;
    (beside.id, beside.identity) = (one.id, one.identity.clone());
    beside.pull(&manager).await;
    beside.edit(KIND, EditBase::Revision(base), &template("1", "1", "3")).unwrap();
    beside.push(&manager).await;
    assert_eq!(manager.released(KIND, "T").await, template("1", "1", "3"));
    let kept = manager.forks().await.into_iter().find(|fork| fork.id == first.id).unwrap();
    assert_eq!(kept.state, ForkState::Proposed, "nobody has accepted it");
    manager.decide(&kept, true, true).await.unwrap();
    assert_eq!(manager.released(KIND, "T").await, template("2", "1", "3"), "and it is not lost");
}

#[tokio::test]
async fn accepted_is_a_state_of_its_own_until_the_release() {
    let (manager, mut one, mut other) = farm(EditMode::Propose).await;
    one.edit(KIND, EditBase::Running, &template("2", "1", "1")).unwrap();
    one.sync(&manager).await;
    let fork = manager.forks().await.remove(0);
    manager.decide(&fork, true, false).await.unwrap();
    let fork = manager.forks().await.remove(0);
    assert_eq!(fork.state, ForkState::Accepted);
    one.sync(&manager).await;
    other.sync(&manager).await;
    assert_eq!((one.content("T"), other.content("T")), (template("2", "1", "1"), template("1", "1", "1")));
    manager.release(KIND, "T").await.unwrap();
    one.sync(&manager).await;
    other.sync(&manager).await;
    assert_eq!((one.content("T"), other.content("T")), (template("2", "1", "1"), template("2", "1", "1")));
    assert_eq!(manager.forks().await[0].state, ForkState::Absorbed);
    assert_eq!(reason(manager.decide(&fork, false, false).await), "DECIDED_ALREADY");
}

#[tokio::test]
async fn a_pinned_node_keeps_its_pin_whatever_it_edits() {
    let manager = TestManager::start().await;
    manager.written(KIND, &template("1", "1", "1")).await;
    manager.written(KIND, &template("1", "2", "1")).await;
    manager.publish("pinned", "/", 0, EditMode::Propose, &[(KIND, "T", Some("1.0.0"))]).await;
    let mut one = manager.node("one", "/", &[]).await;
    one.sync(&manager).await;
    one.edit(KIND, EditBase::Running, &template("5", "1", "1")).unwrap();
    one.sync(&manager).await;
    assert_eq!(one.content("T"), template("5", "1", "1"), "the newest release does not come in through the edit");
    manager.written(KIND, &template("1", "3", "1")).await;
    one.sync(&manager).await;
    assert_eq!(one.content("T"), template("5", "1", "1"));
    let fork = manager.forks().await.remove(0);
    manager.decide(&fork, true, true).await.unwrap();
    one.sync(&manager).await;
    assert_eq!(manager.released(KIND, "T").await, template("5", "3", "1"));
    assert_eq!(one.content("T"), template("5", "1", "1"), "nor does the release that contains the edit");
    assert_eq!(manager.forks().await[0].state, ForkState::Accepted, "what it is offered does not contain it yet");
    manager.publish("pinned", "/", 0, EditMode::Propose, &[(KIND, "T", None)]).await;
    manager.written(KIND, &template("5", "3", "9")).await;
    one.sync(&manager).await;
    assert_eq!(one.content("T"), template("5", "3", "9"));
}

#[tokio::test]
async fn a_pinned_node_that_writes_through_keeps_its_pin_too() {
    let manager = TestManager::start().await;
    manager.written(KIND, &template("1", "1", "1")).await;
    manager.written(KIND, &template("1", "2", "1")).await;
    manager.written(KIND, &template("9", "2", "1")).await;
    manager.publish("pinned", "/", 0, EditMode::WriteThrough, &[(KIND, "T", Some("1.0.0"))]).await;
    let mut one = manager.node("one", "/", &[]).await;
    one.sync(&manager).await;
    // It clashes with the newest release, and nothing of that or of what was released in between comes in with it.
    one.edit(KIND, EditBase::Running, &template("5", "1", "1")).unwrap();
    one.sync(&manager).await;
    assert_eq!(manager.forks().await[0].state, ForkState::Conflict);
    assert_eq!(one.content("T"), template("5", "1", "1"));
    manager.written(KIND, &template("9", "3", "1")).await;
    one.sync(&manager).await;
    assert_eq!(one.content("T"), template("5", "1", "1"));
    // One that merges is released, and goes on where it was made.
    let mut two = manager.node("two", "/", &[]).await;
    two.sync(&manager).await;
    two.edit(KIND, EditBase::Running, &template("1", "1", "5")).unwrap();
    two.sync(&manager).await;
    assert_eq!(manager.released(KIND, "T").await, template("9", "3", "5"));
    assert_eq!(two.content("T"), template("1", "1", "5"));
    manager.written(KIND, &template("9", "4", "5")).await;
    two.sync(&manager).await;
    assert_eq!(two.content("T"), template("1", "1", "5"));
    assert_eq!(manager.forks().await[1].state, ForkState::Accepted, "what it is offered does not contain it yet");
    manager.publish("pinned", "/", 0, EditMode::WriteThrough, &[(KIND, "T", None)]).await;
    two.sync(&manager).await;
    assert_eq!(two.content("T"), template("9", "4", "5"));
}

#[tokio::test]
async fn a_node_to_which_nothing_is_published_hears_nothing_of_what_others_write() {
    let (manager, mut one, _) = farm(EditMode::Propose).await;
    group::create(&manager.services, &manager.caller, "/away".parse().unwrap(), "").await.unwrap();
    group::create(&manager.services, &manager.caller, "/here".parse().unwrap(), "").await.unwrap();
    one.edit(KIND, EditBase::Running, &template("2", "1", "1")).unwrap();
    one.push(&manager).await;
    manager.written(KIND, &template("3", "1", "1")).await;
    assert_eq!(manager.forks().await[0].state, ForkState::Conflict);
    manager.publish("all", "/here", 0, EditMode::Propose, &[(KIND, "T", None)]).await;
    one.sync(&manager).await;
    assert!(one.runs("T").is_none());
    // A draft that merges with its edit, and then a release; it asks again, and is only told where it stands.
    let heard = |node: &TestNode| format!("{:?}", node.replica);
    manager.write(KIND, &template("2", "1", "a draft")).await.unwrap();
    one.tell_again();
    one.sync(&manager).await;
    assert!(!heard(&one).contains("a draft"));
    manager.release(KIND, "T").await.unwrap();
    manager.work().await;
    one.tell_again();
    one.sync(&manager).await;
    assert!(!heard(&one).contains("a draft"));
    assert!(one.runs("T").is_none());
}

#[tokio::test]
async fn releases_leave_no_merges_behind_for_open_proposals() {
    let (manager, mut one, _) = farm(EditMode::Propose).await;
    one.edit(KIND, EditBase::Running, &template("2", "1", "1")).unwrap();
    one.sync(&manager).await;
    for number in 2..6 {
        manager.written(KIND, &template("1", &number.to_string(), "1")).await;
        one.sync(&manager).await;
        assert_eq!(one.content("T"), template("2", &number.to_string(), "1"));
    }
    let before = manager.loaded(KIND, "T").await.history.len();
    assert_eq!(before, 6, "five releases and one edit");
    // Something is built on what runs: now it belongs to the history.
    one.edit(KIND, EditBase::Running, &template("2", "5", "7")).unwrap();
    one.sync(&manager).await;
    assert_eq!(manager.loaded(KIND, "T").await.history.len(), 8);
    assert_eq!(one.content("T"), template("2", "5", "7"));
    assert!(manager.conflicts().await.is_empty());
}

#[tokio::test]
async fn a_conflict_of_one_node_stops_nobody_else() {
    let (manager, mut one, mut other) = farm(EditMode::WriteThrough).await;
    let mut third = manager.node("third", "/", &[]).await;
    third.sync(&manager).await;
    one.edit(KIND, EditBase::Running, &template("2", "1", "1")).unwrap();
    other.edit(KIND, EditBase::Running, &template("3", "1", "1")).unwrap();
    one.sync(&manager).await;
    other.sync(&manager).await;
    assert_eq!(manager.loaded(KIND, "T").await.record.heads.len(), 1, "never a second head");
    assert_eq!(manager.released(KIND, "T").await, template("2", "1", "1"));
    let conflict = manager.conflicts().await.remove(0);
    assert_eq!(conflict.node, Some(other.id), "the edit waits as its node's own conflict");
    assert_eq!(other.content("T"), template("3", "1", "1"));
    // Everybody else goes on.
    third.sync(&manager).await;
    third.edit(KIND, EditBase::Running, &template("2", "9", "1")).unwrap();
    third.sync(&manager).await;
    assert_eq!(manager.released(KIND, "T").await, template("2", "9", "1"));
    // What it clashed with is taken back: then it goes to everybody by itself.
    manager.written(KIND, &template("3", "9", "1")).await;
    other.sync(&manager).await;
    one.sync(&manager).await;
    assert!(manager.conflicts().await.is_empty());
    assert_eq!(one.content("T"), other.content("T"));
}

#[tokio::test]
async fn a_node_releases_its_edit_and_never_somebodys_draft() {
    let (manager, mut one, mut other) = farm(EditMode::WriteThrough).await;
    manager.write(KIND, &template("1", "draft", "1")).await.unwrap();
    one.edit(KIND, EditBase::Running, &template("2", "1", "1")).unwrap();
    one.sync(&manager).await;
    other.sync(&manager).await;
    assert_eq!(manager.released(KIND, "T").await, template("2", "1", "1"));
    assert_eq!(other.content("T"), template("2", "1", "1"));
    assert_eq!(manager.newest(KIND, "T").await, template("2", "draft", "1"), "the draft goes on with the edit in it");
    // One that clashes with the draft waits, and says with what.
    other.edit(KIND, EditBase::Running, &template("2", "mine", "1")).unwrap();
    other.sync(&manager).await;
    assert_eq!(manager.released(KIND, "T").await, template("2", "1", "1"));
    let fork = manager.forks().await.pop().unwrap();
    assert!(fork.state == ForkState::Conflict && fork.message.contains("draft"), "{fork:?}");
}

#[tokio::test]
async fn edits_that_waited_for_a_conflict_go_through_in_their_order() {
    let (manager, mut one, mut other) = farm(EditMode::WriteThrough).await;
    let base = manager.loaded(KIND, "T").await.shown().unwrap().to_string();
    manager.write_from(KIND, &template("x", "1", "1"), Some(base.clone()), false).await.unwrap();
    manager.write_from(KIND, &template("y", "1", "1"), Some(base), false).await.unwrap();
    one.edit(KIND, EditBase::Running, &template("1", "2", "1")).unwrap();
    one.sync(&manager).await;
    other.edit(KIND, EditBase::Running, &template("1", "1", "2")).unwrap();
    other.sync(&manager).await;
    assert_eq!(
        manager.released(KIND, "T").await,
        template("1", "1", "1"),
        "what is released stays until it is decided"
    );
    let conflict = manager.conflicts().await.into_iter().find(|conflict| conflict.node.is_none()).unwrap();
    manager.resolve(&conflict, Take::Ours, false).await.unwrap();
    one.sync(&manager).await;
    other.sync(&manager).await;
    one.sync(&manager).await;
    assert_eq!(manager.released(KIND, "T").await, template("1", "2", "2"), "the edits, and not the resolved draft");
    assert_eq!((one.content("T"), other.content("T")), (template("1", "2", "2"), template("1", "2", "2")));
}

#[tokio::test]
async fn publishing_a_decision_does_not_publish_drafts_unsaid() {
    let (manager, mut one, _) = farm(EditMode::Propose).await;
    manager.write(KIND, &template("1", "draft", "1")).await.unwrap();
    one.edit(KIND, EditBase::Running, &template("2", "1", "1")).unwrap();
    one.sync(&manager).await;
    let fork = manager.forks().await.remove(0);
    let error = manager.decide(&fork, true, true).await.unwrap_err();
    assert_eq!(error.reason, "RELEASES_DRAFTS");
    assert!(error.text.contains("root"), "says whose draft: {}", error.text);
    assert_eq!(manager.released(KIND, "T").await, template("1", "1", "1"));
    let decision = Decision { accept: true, message: String::new(), release: true, expected: "*".to_owned() };
    let caller = manager.caller.clone().releasing_drafts(true);
    decide(&manager.services, &caller, &fork.id.to_string(), &decision).await.unwrap();
    assert_eq!(manager.released(KIND, "T").await, template("2", "draft", "1"));
}

#[tokio::test]
async fn an_act_on_something_that_has_moved_on_does_nothing() {
    let (manager, mut one, _) = farm(EditMode::Propose).await;
    one.edit(KIND, EditBase::Running, &template("2", "1", "1")).unwrap();
    one.sync(&manager).await;
    let seen = manager.forks().await.remove(0);
    one.edit(KIND, EditBase::Running, &template("3", "1", "1")).unwrap();
    one.sync(&manager).await;
    let error = manager.decide(&seen, true, true).await.unwrap_err();
    assert_eq!(error.reason, "CHANGED_MEANWHILE");
    assert!(error.text.contains("operator"), "says by whom: {}", error.text);
    assert_eq!(manager.released(KIND, "T").await, template("1", "1", "1"));
    let said = |expected: &'static str| {
        let wish = release::Wish { expected, ..Default::default() };
        release::release(&manager.services, &manager.caller, KIND, "T", wish)
    };
    assert_eq!(reason(said("").await), "PRECONDITION_NEEDED");
    assert_eq!(reason(said("00000000").await), "CHANGED_MEANWHILE");
    let gone = crate::service::sharing::publication::delete(&manager.services, &manager.caller, "all", "").await;
    assert_eq!(reason(gone), "PRECONDITION_NEEDED");
    let (services, caller) = (&manager.services, &manager.caller);
    manager.publish("all", "/", 0, EditMode::Propose, &[(KIND, "T", None)]).await;
    for (expected, refusal) in [("", "PRECONDITION_NEEDED"), ("00000000", "CHANGED_MEANWHILE")] {
        let deleted = save::delete(services, caller, KIND, "T", "", expected).await;
        assert_eq!(reason(deleted), refusal, "a deletion");
        let rolled_back = save::roll_back(services, caller, KIND, "T", "1.0.0", "", expected).await;
        assert_eq!(reason(rolled_back), refusal, "a rollback");
    }
}

#[tokio::test]
async fn declining_an_edit_in_conflict_closes_its_question() {
    let (manager, mut one, _) = farm(EditMode::Propose).await;
    one.edit(KIND, EditBase::Running, &template("2", "1", "1")).unwrap();
    one.push(&manager).await;
    manager.written(KIND, &template("3", "1", "1")).await;
    let fork = manager.forks().await.remove(0);
    assert_eq!((fork.state, manager.conflicts().await.len()), (ForkState::Conflict, 1));
    manager.decide(&fork, false, false).await.unwrap();
    assert!(manager.conflicts().await.iter().all(|conflict| conflict.closed_by.is_some()));
    one.sync(&manager).await;
    assert_eq!(one.content("T"), template("3", "1", "1"));
}

#[tokio::test]
async fn a_save_takes_no_name_that_another_resource_has() {
    let (manager, ..) = farm(EditMode::Propose).await;
    let other = json!({"Name": "Other", "ActionType": "Octopus.Script", "Properties": {}});
    manager.written(KIND, &other).await;
    let base = manager.loaded(KIND, "Other").await.shown().unwrap();
    let taken = json!({"Name": " t ", "ActionType": "Octopus.Script", "Properties": {}});
    assert_eq!(
        reason(manager.write_to(KIND, Some("Other".to_owned()), &taken, Some(base.to_string()), false).await),
        "ALREADY_EXISTS"
    );
    assert_eq!(manager.newest(KIND, "Other").await["Name"], "Other");
}

#[tokio::test]
async fn what_was_declined_stays_declined_when_a_node_tells_all_of_it_again() {
    let (manager, mut one, _) = farm(EditMode::Propose).await;
    one.edit(KIND, EditBase::Running, &template("2", "1", "1")).unwrap();
    one.sync(&manager).await;
    manager.decide(&manager.forks().await.remove(0), false, false).await.unwrap();
    one.sync(&manager).await;
    // By now it would go through to everybody, if it were a new wish.
    manager.publish("all", "/", 0, EditMode::WriteThrough, &[(KIND, "T", None)]).await;
    one.sync(&manager).await;
    for _ in 0..2 {
        one.tell_again();
        one.sync(&manager).await;
    }
    let states: Vec<ForkState> = manager.forks().await.iter().map(|fork| fork.state).collect();
    assert_eq!(states, [ForkState::Declined]);
    assert_eq!(
        (one.content("T"), manager.released(KIND, "T").await),
        (template("1", "1", "1"), template("1", "1", "1"))
    );
    // Made once more by a person, it is a new wish; whether it is one, or an editor that was open since, is asked.
    one.edit(KIND, EditBase::Running, &template("2", "1", "1")).unwrap();
    one.sync(&manager).await;
    assert_eq!(manager.released(KIND, "T").await, template("1", "1", "1"));
    let states: Vec<ForkState> = manager.forks().await.iter().map(|fork| fork.state).collect();
    assert_eq!(states, [ForkState::Declined, ForkState::Proposed]);
}

#[tokio::test]
async fn a_proposal_is_decided_once() {
    let (manager, mut one, _) = farm(EditMode::Propose).await;
    one.edit(KIND, EditBase::Running, &template("2", "1", "1")).unwrap();
    one.sync(&manager).await;
    manager.decide(&manager.forks().await.remove(0), true, false).await.unwrap();
    let accepted = manager.forks().await.remove(0);
    assert_eq!(reason(manager.decide(&accepted, false, false).await), "DECIDED_ALREADY");
    assert_eq!(reason(manager.decide(&accepted, true, true).await), "DECIDED_ALREADY");
    manager.release(KIND, "T").await.unwrap();
    assert_eq!(manager.forks().await[0].state, ForkState::Absorbed);
}

#[tokio::test]
async fn what_takes_something_back_says_so_again_when_it_is_told_again() {
    let (manager, mut one, _) = farm(EditMode::Propose).await;
    let base = one.runs("T").unwrap().revision;
    one.edit(KIND, EditBase::Running, &template("2", "1", "1")).unwrap();
    one.edit(KIND, EditBase::Revision(base), &template("1", "2", "1")).unwrap();
    let told = |one: &TestNode| one.takes_back();
    let first = told(&one);
    assert!(!first.is_empty(), "the second one takes the first one's place back");
    one.sync(&manager).await;
    one.tell_again();
    assert_eq!(told(&one), first);
}

#[tokio::test]
async fn a_proposal_shows_its_own_changes_and_none_that_others_released() {
    let (manager, mut node, _) = farm(EditMode::Propose).await;
    let shown = || async {
        let page = list(&manager.services, &Options::default()).await.unwrap();
        let paths = page.items[0].differences.iter().map(|one| one.path.to_string());
        paths.collect::<Vec<_>>()
    };
    let mut content = node.content("T");
    content["Properties"]["a"] = json!("mine");
    node.edit(KIND, EditBase::Running, &content).unwrap();
    node.sync(&manager).await;
    assert_eq!(shown().await, ["/Properties/a"]);
    let mut released = manager.newest(KIND, "T").await;
    released["Properties"]["b"] = json!("theirs");
    manager.written(KIND, &released).await;
    assert_eq!(shown().await, ["/Properties/a"], "what was released beside it is none of its changes");

    // It is accepted, and everybody goes on.
    let fork = manager.forks().await.remove(0);
    manager.decide(&fork, true, true).await.unwrap();
    let mut released = manager.newest(KIND, "T").await;
    released["Properties"]["b"] = json!("theirs again");
    manager.written(KIND, &released).await;
    assert_eq!(shown().await, ["/Properties/a"], "and neither is what was released after it");
}

#[tokio::test]
async fn a_proposal_stays_what_its_node_made_when_a_conflict_about_it_is_resolved() {
    let (manager, mut node, _) = farm(EditMode::Propose).await;
    node.edit(KIND, EditBase::Running, &template("mine", "1", "1")).unwrap();
    manager.written(KIND, &template("theirs", "1", "1")).await;
    node.sync(&manager).await;
    manager.written(KIND, &template("theirs", "released", "1")).await;
    let conflict = manager.conflicts().await.remove(0);
    let fork = manager.forks().await.remove(0);
    // The sides are in the order of their ids.
    let take = if Some(&fork.head) == conflict.heads.first() { Take::Ours } else { Take::Theirs };
    manager.resolve(&conflict, take, false).await.unwrap();
    manager.release(KIND, "T").await.unwrap();
    manager.work().await;
    assert_eq!(manager.released(KIND, "T").await, template("mine", "released", "1"));
    let page = list(&manager.services, &Options::default()).await.unwrap();
    let paths: Vec<String> = page.items[0].differences.iter().map(|one| one.path.to_string()).collect();
    assert_eq!(paths, ["/Properties/a"], "what others released is none of it");
    assert_eq!(page.items[0].revision.provenance.node, Some(node.id), "nor is it the work of whoever answered");
}

#[tokio::test]
async fn an_answer_that_takes_nothing_of_an_edit_turns_it_down() {
    for mode in [EditMode::Propose, EditMode::WriteThrough, EditMode::Fork] {
        let (manager, mut one, mut other) = farm(mode).await;
        one.edit(KIND, EditBase::Running, &template("2", "1", "1")).unwrap();
        manager.written(KIND, &template("3", "1", "1")).await;
        one.sync(&manager).await;
        let conflict = manager.conflicts().await.remove(0);
        let fork = manager.forks().await.pop().unwrap();
        let sides: Vec<_> = conflict.heads.iter().copied().collect();
        let take = if sides[0] == fork.head { Take::Theirs } else { Take::Ours };
        manager.resolve(&conflict, take, false).await.unwrap();
        one.sync(&manager).await;
        other.sync(&manager).await;
        let fork = manager.forks().await.pop().unwrap();
        assert_eq!(fork.state, ForkState::Declined, "{mode}: nobody took it");
        assert!(fork.message.contains("declined by"), "{mode}: {}", fork.message);
        assert_eq!((one.content("T"), other.content("T")), (template("3", "1", "1"), template("3", "1", "1")));
    }
}

/// Nobody is told that an edit is part of what is released of which nothing is; what somebody put together is not turned down.
#[tokio::test]
async fn an_answer_that_takes_neither_side_turns_the_edit_down_too() {
    for (take, state) in [(Take::Base, ForkState::Declined), (Take::Value(Some(json!("2 and 3"))), ForkState::Accepted)]
    {
        let (manager, mut one, mut other) = farm(EditMode::Propose).await;
        one.edit(KIND, EditBase::Running, &template("2", "1", "1")).unwrap();
        manager.written(KIND, &template("3", "1", "1")).await;
        one.sync(&manager).await;
        manager.resolve(&manager.conflicts().await.remove(0), take.clone(), false).await.unwrap();
        assert_eq!(manager.forks().await.pop().unwrap().state, state, "{take:?}");
        manager.release(KIND, "T").await.unwrap();
        one.sync(&manager).await;
        other.sync(&manager).await;
        assert_eq!(one.content("T"), other.content("T"));
        // What was answered beside it is kept: another place of the edit makes it accepted.
        one.edit(KIND, EditBase::Running, &template("5", "mine", "1")).unwrap();
        manager.written(KIND, &template("6", "1", "1")).await;
        one.sync(&manager).await;
        manager.resolve(&manager.conflicts().await.remove(0), take.clone(), false).await.unwrap();
        assert_eq!(manager.forks().await.pop().unwrap().state, ForkState::Accepted, "{take:?}");
    }
}

/// It is said that it applies there, so it does.
#[tokio::test]
async fn an_answer_that_stays_on_a_node_is_what_that_node_runs() {
    for (take, a) in [(Take::Base, "1"), (Take::Value(Some(json!("2 and 3"))), "2 and 3")] {
        let (manager, mut one, mut other) = farm(EditMode::Fork).await;
        one.edit(KIND, EditBase::Running, &template("2", "1", "1")).unwrap();
        manager.written(KIND, &template("3", "1", "1")).await;
        one.sync(&manager).await;
        manager.resolve(&manager.conflicts().await.remove(0), take, false).await.unwrap();
        one.sync(&manager).await;
        other.sync(&manager).await;
        assert_eq!(one.content("T"), template(a, "1", "1"));
        assert_eq!(other.content("T"), template("3", "1", "1"));
    }
}

#[tokio::test]
async fn an_answer_names_open_places_only() {
    let (manager, mut one, _) = farm(EditMode::Propose).await;
    one.edit(KIND, EditBase::Running, &template("2", "mine", "1")).unwrap();
    manager.written(KIND, &template("3", "1", "1")).await;
    one.sync(&manager).await;
    let record = manager.conflicts().await.remove(0);
    let answer = Answer {
        take: Some(Take::Ours),
        choices: vec![("/Properties/b".to_owned(), Take::Ours)],
        expected: "*".to_owned(),
        ..Answer::default()
    };
    let refused = resolve(&manager.services, &manager.caller, &record.id.to_string(), answer).await;
    assert_eq!(reason(refused), "NO_SUCH_PLACE");
}

#[tokio::test]
async fn an_edit_that_waits_says_where_it_does_not_run() {
    let (manager, mut one, _) = farm(EditMode::Propose).await;
    one.edit(KIND, EditBase::Running, &template("2", "1", "1")).unwrap();
    one.sync(&manager).await;
    let said = async |manager: &TestManager| manager.forks().await.remove(0).message;
    let runs =
        async |manager: &TestManager| list(&manager.services, &Options::default()).await.unwrap().items.remove(0).runs;
    assert!(runs(&manager).await && said(&manager).await.starts_with("runs here"));
    manager.publish("all", "/", 0, EditMode::Locked, &[(KIND, "T", None)]).await;
    manager.work().await;
    one.sync(&manager).await;
    assert_eq!(one.content("T"), template("1", "1", "1"));
    assert!(said(&manager).await.contains("does not run here"), "{}", said(&manager).await);
    assert!(!runs(&manager).await);
    manager.publish("all", "/", 0, EditMode::Propose, &[]).await;
    manager.work().await;
    one.sync(&manager).await;
    assert!(one.runs("T").is_none());
    assert!(said(&manager).await.contains("this resource is not published to this node"), "{}", said(&manager).await);
    assert!(!runs(&manager).await);
    manager.publish("all", "/", 0, EditMode::Propose, &[(KIND, "T", None)]).await;
    manager.work().await;
    one.sync(&manager).await;
    assert_eq!(one.content("T"), template("2", "1", "1"));
    assert!(runs(&manager).await && said(&manager).await.starts_with("runs here"), "{}", said(&manager).await);
    // What is deleted runs nowhere, though a person is asked about the edit.
    manager.delete(KIND, "T").await;
    manager.work().await;
    one.sync(&manager).await;
    assert!(one.runs("T").is_none() && !runs(&manager).await);
}

#[tokio::test]
async fn a_release_that_clashes_takes_nothing_back_that_came_before() {
    for mode in [EditMode::Propose, EditMode::WriteThrough, EditMode::Fork] {
        let (manager, mut one, mut other) = farm(mode).await;
        if mode == EditMode::WriteThrough {
            manager.publish("all", "/", 0, EditMode::Propose, &[(KIND, "T", None)]).await;
        }
        one.edit(KIND, EditBase::Running, &template("mine", "1", "1")).unwrap();
        one.sync(&manager).await;
        manager.written(KIND, &template("1", "security fix", "1")).await;
        one.sync(&manager).await;
        assert_eq!(one.content("T"), template("mine", "security fix", "1"), "{mode}");
        manager.written(KIND, &template("theirs", "security fix", "2")).await;
        one.sync(&manager).await;
        other.sync(&manager).await;
        let fork = manager.forks().await.pop().unwrap();
        assert_eq!(fork.state, ForkState::Conflict, "{mode}");
        assert_eq!(one.content("T"), template("mine", "security fix", "1"), "{mode}: what it had stays");
        one.runs_what_it_should(&manager);
        assert_eq!(other.content("T"), template("theirs", "security fix", "2"));
        // A node that starts over comes to the same, and an edit on top of it is made from what runs.
        one.edit(KIND, EditBase::Running, &template("mine again", "security fix", "1")).unwrap();
        one.sync(&manager).await;
        assert_eq!(one.content("T"), template("mine again", "security fix", "1"), "{mode}");
        one.runs_what_it_should(&manager);
    }
}

#[tokio::test]
async fn what_a_conflict_says_of_its_answer_is_so() {
    for (mode, stays) in [(EditMode::Propose, false), (EditMode::WriteThrough, false), (EditMode::Fork, true)] {
        let (manager, mut one, mut other) = farm(mode).await;
        one.edit(KIND, EditBase::Running, &template("2", "1", "1")).unwrap();
        manager.written(KIND, &template("3", "1", "1")).await;
        one.sync(&manager).await;
        // Somebody else has drafted something, which is no part of the question.
        manager.write(KIND, &template("3", "1", "a draft")).await.unwrap();
        let conflict = manager.conflicts().await.remove(0);
        let shown = async || get(&manager.services, &conflict.id.to_string()).await.unwrap();
        let before = shown().await;
        assert_eq!((before.stays_on_node, before.waits_for_release), (stays, false), "{mode}");
        let take = [Take::Ours, Take::Theirs][before.node_side.unwrap()].clone();
        manager.resolve(&before.record, take, false).await.unwrap();
        assert_eq!(shown().await.waits_for_release, !stays, "{mode}: nothing is released that stays on a node");
        one.sync(&manager).await;
        other.sync(&manager).await;
        assert_eq!(one.content("T"), template("2", "1", "1"), "{mode}");
        assert_eq!(other.content("T"), template("3", "1", "1"), "{mode}");
        if !stays {
            manager.release(KIND, "T").await.unwrap();
            assert!(!shown().await.waits_for_release, "{mode}: it is released by now");
        }
    }
}

#[tokio::test]
async fn two_edits_that_are_too_large_together_are_a_question() {
    let long = |letter: &str| letter.repeat(600_000);
    for mode in [EditMode::WriteThrough, EditMode::Propose] {
        let (manager, mut one, mut other) = farm(mode).await;
        one.edit(KIND, EditBase::Running, &template(&long("a"), "1", "1")).unwrap();
        manager.written(KIND, &template("1", &long("b"), "1")).await;
        one.sync(&manager).await;
        other.sync(&manager).await;
        assert_eq!(other.content("T"), template("1", &long("b"), "1"), "{mode}: what is released stays");
        let conflict = get(&manager.services, &manager.conflicts().await[0].id.to_string()).await.unwrap();
        let said = conflict.places[0].conflict.message.clone().unwrap();
        assert!(said.contains("the limit is 1048576"), "{mode}: {said}");
        let take = [Take::Ours, Take::Theirs][conflict.node_side.unwrap()].clone();
        manager.resolve(&conflict.record, take, false).await.unwrap();
        manager.release(KIND, "T").await.unwrap();
        one.sync(&manager).await;
        other.sync(&manager).await;
        assert_eq!(other.content("T"), template(&long("a"), "1", "1"), "{mode}");
        one.runs_what_it_should(&manager);
        // And it can be edited as before.
        manager.written(KIND, &template("3", "1", "1")).await;
    }
}
