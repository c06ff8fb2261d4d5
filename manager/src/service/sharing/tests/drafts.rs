//! What others have drafted is released by nobody unsaid.

use atoll_domain::kind::Kind;
use serde_json::{Value, json};

use crate::service::Caller;
use crate::service::sharing::conflict::Take;
use crate::service::sharing::{conflict, release, save};
use crate::testing::TestManager;

const TEMPLATE: Kind = Kind::StepTemplate;

fn template(script: &str, notes: &str) -> Value {
    json!({"Name": "T", "ActionType": "Octopus.Script", "Properties": {"Script": script}, "Notes": notes})
}

async fn write_as(manager: &TestManager, who: &str, content: &Value, base: &str) -> (Caller, String) {
    let caller = Caller { name: who.to_owned(), ..manager.caller.clone() };
    let wish = save::Save {
        kind: TEMPLATE,
        resource: None,
        content: content.to_string().into_bytes(),
        base: Some(base.to_owned()),
        message: String::new(),
        imported: false,
        request_id: None,
    };
    let saved = save::save(&manager.services, &caller, wish).await.unwrap();
    (caller, saved.revision.to_string())
}

#[tokio::test]
async fn what_is_written_for_a_release_releases_nobody_elses_draft_unsaid() {
    let manager = TestManager::start().await;
    manager.written(TEMPLATE, &template("1", "n")).await;
    let head = async || manager.loaded(TEMPLATE, "T").await.shown().unwrap().to_string();
    let first = head().await;
    write_as(&manager, "alice", &template("1", "a draft of alice"), &first).await;
    let (bob, written) = write_as(&manager, "bob", &template("2", "n"), &first).await;
    let wish = || release::Wish { expected: "*", written: Some(&written), ..Default::default() };
    let refused = release::release(&manager.services, &bob, TEMPLATE, "T", wish()).await.unwrap_err();
    assert_eq!(refused.reason, "RELEASES_DRAFTS");
    assert!(refused.text.contains("alice"), "{}", refused.text);
    let meant = bob.clone().releasing_drafts(true);
    release::release(&manager.services, &meant, TEMPLATE, "T", wish()).await.unwrap();
    // One's own drafts are one's own matter.
    write_as(&manager, "bob", &template("3", "n"), &head().await).await;
    let (_, written) = write_as(&manager, "bob", &template("4", "n"), &head().await).await;
    let wish = release::Wish { expected: "*", written: Some(&written), ..Default::default() };
    release::release(&manager.services, &bob, TEMPLATE, "T", wish).await.unwrap();
}

#[tokio::test]
async fn what_was_there_already_and_is_somebody_elses_draft_is_not_released_unsaid() {
    let manager = TestManager::start().await;
    manager.written(TEMPLATE, &template("1", "n")).await;
    let head = manager.loaded(TEMPLATE, "T").await.shown().unwrap().to_string();
    // Bob writes what alice has drafted: nothing changes, and the draft stays hers.
    let (_, drafted) = write_as(&manager, "alice", &template("1", "a draft of alice"), &head).await;
    let (bob, written) = write_as(&manager, "bob", &template("1", "a draft of alice"), &drafted).await;
    assert_eq!(written, drafted);
    let wish = release::Wish { expected: "*", written: Some(&written), ..Default::default() };
    let refused = release::release(&manager.services, &bob, TEMPLATE, "T", wish).await.unwrap_err();
    assert_eq!(refused.reason, "RELEASES_DRAFTS");
}

#[tokio::test]
async fn the_answer_to_a_conflict_releases_no_draft_that_it_did_not_show() {
    let manager = TestManager::start().await;
    manager.written(TEMPLATE, &template("1", "n")).await;
    let first = manager.loaded(TEMPLATE, "T").await.shown().unwrap().to_string();
    let answer = async |with_drafts: bool| {
        let record = manager.conflicts().await.into_iter().find(|conflict| conflict.closed_by.is_none()).unwrap();
        let answer = conflict::Answer {
            take: Some(Take::Ours),
            expected: conflict::etag(&record),
            release: true,
            ..Default::default()
        };
        let caller = manager.caller.clone().releasing_drafts(with_drafts);
        conflict::resolve(&manager.services, &caller, &record.id.to_string(), answer).await.map(|_| ())
    };
    // The conflict is about the script alone, and alice has drafted notes below her side of it.
    let (_, notes) = write_as(&manager, "alice", &template("1", "not reviewed"), &first).await;
    write_as(&manager, "alice", &template("2", "not reviewed"), &notes).await;
    write_as(&manager, &manager.caller.name, &template("3", "n"), &first).await;
    let refused = answer(false).await.unwrap_err();
    assert_eq!(refused.reason, "RELEASES_DRAFTS");
    assert!(refused.text.contains("alice"), "{}", refused.text);
    answer(true).await.unwrap();

    // What was shown needs no word: a side that changes nothing but the open place.
    let base = manager.loaded(TEMPLATE, "T").await.shown().unwrap().to_string();
    let notes = manager.released(TEMPLATE, "T").await["Notes"].as_str().unwrap().to_owned();
    write_as(&manager, "alice", &template("4", &notes), &base).await;
    write_as(&manager, &manager.caller.name, &template("5", &notes), &base).await;
    answer(false).await.unwrap();
}
