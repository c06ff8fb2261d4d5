//! What was broken on trial: names that collide, versions that nodes go back to, drafts of others, and words that are needed.

use std::collections::BTreeSet;

use atoll_domain::kind::Kind;
use atoll_domain::link::replica::EditBase;
use atoll_domain::sharing::offer::EditMode;
use atoll_domain::sharing::revision::Revision;
use serde_json::{Value, json};

use crate::service::fleet::act::Act;
use crate::service::fleet::node::{SyncState, act as act_on, view};
use crate::service::sharing::conflict::{Take, get};
use crate::service::sharing::receive::Outcome;
use crate::service::sharing::{publication, required, save};
use crate::store::fleet::node_named;
use crate::testing::{TestManager, TestNode};

const SET: Kind = Kind::VariableSet;
const TEMPLATE: Kind = Kind::StepTemplate;

fn template(name: &str, script: &str, notes: &str) -> Value {
    json!({"Name": name, "ActionType": "Octopus.Script", "Properties": {"Script": script}, "Notes": notes})
}

fn edit(node: &mut TestNode, name: &str, change: impl Fn(&mut Value)) {
    let running = node.runs(name).unwrap();
    let mut content = node.content(name);
    change(&mut content);
    node.edit_of(Some(running.resource), running.kind, EditBase::Revision(running.revision), &content).unwrap();
}

async fn move_to(manager: &TestManager, group: &str) {
    let act = Act::Move { group: group.parse().unwrap() };
    act_on(&manager.services, &manager.caller, "node", &act).await.unwrap();
    manager.work().await;
}

/// A node to which two templates are published, whose edits are everybody's at once.
async fn a_node_that_writes_through(names: [&str; 2]) -> (TestManager, TestNode) {
    let manager = TestManager::start().await;
    for (name, script) in names.into_iter().zip(["1", "2"]) {
        manager.written(TEMPLATE, &template(name, script, "n")).await;
    }
    let items = names.map(|name| (TEMPLATE, name, None));
    manager.publish("all", "/", 0, EditMode::WriteThrough, &items).await;
    let mut node = manager.node("node", "/", &[]).await;
    node.sync(&manager).await;
    (manager, node)
}

/// Otherwise servers that join anew would read another resource under the name, or neither.
#[tokio::test]
async fn a_node_gives_no_resource_a_name_that_looks_like_anothers() {
    let (manager, mut node) = a_node_that_writes_through(["Deploy a", "Other"]).await;
    edit(&mut node, "Other", |content| content["Name"] = json!("Deploy/A"));
    node.sync(&manager).await;
    assert_eq!(manager.released(TEMPLATE, "Other").await["Name"], "Other");
    let conflict = manager.conflicts().await.remove(0);
    let shown = get(&manager.services, &conflict.id.to_string()).await.unwrap();
    let said = shown.places[0].conflict.message.clone().unwrap();
    assert!(
        said.contains("another step template is named \"Deploy a\", and their files would have one name"),
        "{said}"
    );
}

#[tokio::test]
async fn a_name_that_is_taken_holds_up_nothing_else_that_a_node_says() {
    let (manager, mut node) = a_node_that_writes_through(["One", "Two"]).await;
    edit(&mut node, "One", |content| content["Name"] = json!("Two"));
    edit(&mut node, "Two", |content| content["Notes"] = json!("good"));
    node.sync(&manager).await;
    assert_eq!(manager.released(TEMPLATE, "Two").await["Notes"], "good");
    assert_eq!(manager.released(TEMPLATE, "One").await["Name"], "One", "nobody else's name changes");
    let conflict = manager.conflicts().await.remove(0);
    let shown = get(&manager.services, &conflict.id.to_string()).await.unwrap();
    let place = &shown.places[0];
    assert_eq!((place.readable.to_string().as_str(), shown.places.len()), ("/Name", 1));
    assert!(place.conflict.message.as_ref().unwrap().contains("another step template is named \"Two\""));
    node.runs_what_it_should(&manager);

    // Once the other has made way, it goes where it was meant to go.
    let away = template("Three", "2", "good");
    let head = manager.loaded(TEMPLATE, "Two").await;
    let wish = save::Save {
        kind: TEMPLATE,
        resource: Some(head.record.id.to_string()),
        content: away.to_string().into_bytes(),
        base: Some(head.shown().unwrap().to_string()),
        message: String::new(),
        imported: false,
        request_id: None,
    };
    save::save(&manager.services, &manager.caller, wish).await.unwrap();
    manager.work().await;
    node.sync(&manager).await;
    assert_eq!(manager.conflicts().await.len(), 0);
    let one = manager.loaded(TEMPLATE, &conflict.resource.to_string()).await;
    assert_eq!(one.record.name, "Two");
    node.runs_what_it_should(&manager);
}

#[tokio::test]
async fn who_was_decided_for_goes_on_editing_without_a_question() {
    let manager = TestManager::start().await;
    manager.written(TEMPLATE, &template("T", "1", "n")).await;
    manager.publish("all", "/", 0, EditMode::Propose, &[(TEMPLATE, "T", None)]).await;
    let mut node = manager.node("node", "/", &[]).await;
    node.sync(&manager).await;
    let opened = EditBase::Revision(node.runs("T").unwrap().revision);
    node.edit(TEMPLATE, opened, &template("T", "1", "the node's")).unwrap();
    node.sync(&manager).await;
    manager.written(TEMPLATE, &template("T", "1", "the manager's")).await;
    let conflict = manager.conflicts().await.remove(0);
    manager.resolve(&conflict, Take::Value(Some(json!("the node's"))), false).await.unwrap();
    manager.release(TEMPLATE, "T").await.unwrap();
    node.sync(&manager).await;
    // The file holds just that already and was not rewritten, so it still names the revision that was opened.
    node.edit(TEMPLATE, opened, &template("T", "1", "the node's, once more")).unwrap();
    node.sync(&manager).await;
    assert!(manager.conflicts().await.is_empty(), "nobody else has changed anything");
    assert_eq!(node.content("T")["Notes"], "the node's, once more");
}

#[tokio::test]
async fn a_proposal_that_takes_a_used_name_is_a_question_about_the_name() {
    let manager = TestManager::start().await;
    manager.written(TEMPLATE, &template("One", "1", "n")).await;
    manager.publish("all", "/", 0, EditMode::Propose, &[(TEMPLATE, "One", None)]).await;
    let mut node = manager.node("node", "/", &[]).await;
    node.sync(&manager).await;
    edit(&mut node, "One", |content| {
        content["Name"] = json!("Two");
        content["Notes"] = json!("better");
    });
    node.sync(&manager).await;
    let fork = manager.forks().await.remove(0);
    manager.written(TEMPLATE, &template("Two", "2", "n")).await;
    manager.decide(&fork, true, true).await.unwrap();
    let conflict = manager.conflicts().await.remove(0);
    let keep = Take::Value(Some(json!("Three")));
    manager.resolve(&conflict, keep, false).await.unwrap();
    manager.release(TEMPLATE, "Three").await.unwrap();
    node.sync(&manager).await;
    let one = manager.released(TEMPLATE, "Three").await;
    assert_eq!((&one["Notes"], &one["Properties"]["Script"]), (&json!("better"), &json!("1")));
    node.runs_what_it_should(&manager);
}

#[tokio::test]
async fn what_comes_back_after_a_restore_under_a_name_that_is_taken_is_kept_beside_it() {
    let manager = TestManager::start().await;
    let mut node = manager.node("node", "/", &[]).await;
    let backup = manager.backup();
    manager.written(TEMPLATE, &template("Late", "first", "n")).await;
    manager.publish("all", "/", 0, EditMode::Propose, &[(TEMPLATE, "Late", None)]).await;
    node.sync(&manager).await;
    let id = node.runs("Late").unwrap().resource;

    let manager = TestManager::restored(&backup).await;
    manager.written(TEMPLATE, &template("Late", "another", "n")).await;
    node.sync(&manager).await;
    node.sync(&manager).await;
    let mut contents = Vec::new();
    for record in crate::store::sharing::resource_list(&manager.services.store).await.unwrap() {
        let loaded = manager.loaded(TEMPLATE, &record.id.to_string()).await;
        let body = loaded.body(&manager.services.store, loaded.shown().unwrap()).await.unwrap().unwrap();
        contents.push((record.id == id, body["Properties"]["Script"].clone()));
    }
    contents.sort_by_key(|(is_first, _)| *is_first);
    assert_eq!(contents, [(false, json!("another")), (true, json!("first"))]);
}

#[tokio::test]
async fn a_pin_that_is_moved_reaches_every_node_and_says_where_an_edit_goes_on_with_what_is_newer() {
    let manager = TestManager::start().await;
    manager.written(TEMPLATE, &template("T", "good", "n")).await;
    manager.publish("all", "/", 0, EditMode::Fork, &[(TEMPLATE, "T", Some("1.0.0"))]).await;
    let mut node = manager.node("node", "/", &[]).await;
    node.sync(&manager).await;
    edit(&mut node, "T", |content| content["Notes"] = json!("mine"));
    node.sync(&manager).await;
    let runs =
        |node: &TestNode| (node.content("T")["Properties"]["Script"].clone(), node.content("T")["Notes"].clone());
    manager.written(TEMPLATE, &template("T", "fixed", "n")).await;
    manager.publish("all", "/", 0, EditMode::Fork, &[(TEMPLATE, "T", Some("1.0.1"))]).await;
    node.sync(&manager).await;
    assert_eq!(runs(&node), (json!("fixed"), json!("mine")), "the pin that moves on takes the edit along");

    edit(&mut node, "T", |content| content["Notes"] = json!("mine again"));
    node.sync(&manager).await;
    manager.publish("all", "/", 0, EditMode::Fork, &[(TEMPLATE, "T", Some("1.0.0"))]).await;
    node.sync(&manager).await;
    assert_eq!(runs(&node), (json!("fixed"), json!("mine again")));
    let fork = manager.forks().await.into_iter().find(|fork| !fork.state.is_closed()).unwrap();
    assert!(fork.message.contains("contains 1.0.1") && fork.message.contains("the older 1.0.0"), "{}", fork.message);
    manager.decide(&fork, false, false).await.unwrap();
    node.sync(&manager).await;
    assert_eq!(runs(&node), (json!("good"), json!("n")), "declined, it goes back");
    node.runs_what_it_should(&manager);
}

#[tokio::test]
async fn a_required_value_counts_as_long_as_it_can_be_read_and_not_where_it_exists_no_more() {
    let manager = TestManager::start().await;
    let set = |host: &str, value: Value| {
        json!({"Name": "db", "Variables": [
            {"Id": "h", "Name": "Host", "Value": host},
            {"Id": "p", "Name": "Password", "Required": true, "Type": "Sensitive", "Value": value}]})
    };
    manager.written(SET, &set("h1", json!("one"))).await;
    manager.publish("all", "/", 0, EditMode::Propose, &[(SET, "db", None)]).await;
    let mut node = manager.node("node", "/", &[]).await;
    node.sync(&manager).await;
    let mut other = manager.node("other", "/", &[]).await;
    other.sync(&manager).await;
    let backup = manager.backup();
    edit(&mut node, "db", |content| content["Variables"][0]["Value"] = json!("mine"));
    node.sync(&manager).await;
    let id = node.id;
    let lacks = async || {
        manager.services.hub.refresh(&manager.services.store).await.unwrap();
        required::refresh(&manager.services).await.unwrap();
        manager.services.required.missing(id).len()
    };
    assert_eq!(lacks().await, 0);
    // Its edit and the release clash, so it goes on with the old value, which it keeps.
    manager.written(SET, &set("h2", json!("two"))).await;
    manager.work().await;
    other.sync(&manager).await;
    node.sync(&manager).await;
    assert_eq!(lacks().await, 0);

    // The manager goes back: its nodes bring the release again, and nobody has the value that it refers to.
    let manager = TestManager::restored(&backup).await;
    node.sync(&manager).await;
    other.sync(&manager).await;
    manager.services.hub.refresh(&manager.services.store).await.unwrap();
    required::refresh(&manager.services).await.unwrap();
    assert_eq!(manager.services.required.missing(other.id).len(), 1);
}

#[tokio::test]
async fn a_value_that_a_restored_manager_has_lost_is_missed_whether_it_is_required_or_not() {
    let manager = TestManager::start().await;
    let set = |value: &str| json!({"Name": "db", "Variables": [{"Id": "p", "Name": "Password", "Type": "Sensitive", "Value": value}]});
    manager.written(SET, &set("one")).await;
    manager.publish("all", "/", 0, EditMode::Propose, &[(SET, "db", None)]).await;
    let mut node = manager.node("node", "/", &[]).await;
    node.sync(&manager).await;
    let backup = manager.backup();
    manager.written(SET, &set("two")).await;
    node.sync(&manager).await;
    assert_eq!(node.plaintexts(), ["two"]);

    // The node brings the release again, and nobody brings the value that it refers to.
    let manager = TestManager::restored(&backup).await;
    node.sync(&manager).await;
    manager.services.hub.refresh(&manager.services.store).await.unwrap();
    required::refresh(&manager.services).await.unwrap();
    let missing = manager.services.required.missing(node.id);
    assert_eq!(
        missing.iter().map(|one| (one.name.as_str(), one.why)).collect::<Vec<_>>(),
        [("Password", required::Lack::Lost)]
    );

    // Set again, nothing is missed any more.
    manager.written(SET, &set("three")).await;
    node.sync(&manager).await;
    manager.services.hub.refresh(&manager.services.store).await.unwrap();
    required::refresh(&manager.services).await.unwrap();
    assert_eq!(manager.services.required.missing(node.id), []);
    assert_eq!(node.plaintexts(), ["three"]);
}

#[tokio::test]
async fn a_node_that_comes_back_into_a_publication_gets_what_was_released_meanwhile() {
    let manager = TestManager::start().await;
    manager.written(TEMPLATE, &template("T", "old", "n")).await;
    manager.publish("eu", "/eu", 0, EditMode::Fork, &[(TEMPLATE, "T", None)]).await;
    let mut node = manager.node("node", "/eu", &[]).await;
    node.sync(&manager).await;
    edit(&mut node, "T", |content| content["Notes"] = json!("mine"));
    node.sync(&manager).await;
    move_to(&manager, "/").await;
    node.sync(&manager).await;
    manager.written(TEMPLATE, &template("T", "security fix", "n")).await;
    move_to(&manager, "/eu").await;
    node.sync(&manager).await;
    let content = node.content("T");
    assert_eq!((&content["Properties"]["Script"], &content["Notes"]), (&json!("security fix"), &json!("mine")));
    node.runs_what_it_should(&manager);
}

#[tokio::test]
async fn a_pin_to_an_old_version_needs_the_word_to_bring_a_wider_scope_back() {
    let manager = TestManager::start().await;
    let set = |scope: Value, value: Value| json!({"Name": "db", "Variables": [{"Id": "p", "Name": "Password", "Type": "Sensitive", "Scope": scope, "Value": value}]});
    manager.written(SET, &set(json!({}), json!("hunter2"))).await;
    manager.written(SET, &set(json!({"Environment": ["production"]}), Value::Null)).await;
    manager.publish("all", "/", 0, EditMode::Propose, &[(SET, "db", None)]).await;
    let mut outside = manager.node("outside", "/", &[("environment", "staging")]).await;
    outside.sync(&manager).await;
    assert!(!outside.reads_any());
    let pinned = || manager.wish("old", "/", 5, EditMode::Propose, &[(SET, "db", Some("1.0.0"))]);
    let refused = publication::save(&manager.services, &manager.caller, pinned()).await.unwrap_err();
    assert_eq!(refused.reason, "WIDENS_SECRET");
    assert!(refused.text.contains("outside"), "{}", refused.text);
    outside.sync(&manager).await;
    assert!(!outside.reads_any());
    // Nor does it come in through a pin that stands elsewhere already.
    let elsewhere = manager.wish("old", "/eu", 5, EditMode::Propose, &[(SET, "db", Some("1.0.0"))]);
    let meant = manager.caller.clone().widening(true);
    publication::save(&manager.services, &meant, elsewhere).await.unwrap();
    let refused = publication::save(&manager.services, &manager.caller, pinned()).await.unwrap_err();
    assert_eq!(refused.reason, "WIDENS_SECRET");
    publication::save(&manager.services, &meant, pinned()).await.unwrap();
    outside.sync(&manager).await;
    assert!(outside.reads_any());
}

#[tokio::test]
async fn a_required_value_that_is_held_back_or_taken_out_by_the_node_itself_is_missing() {
    let manager = TestManager::start().await;
    let set = json!({"Name": "db", "Variables": [
        {"Id": "k", "Name": "Key", "Required": true, "Type": "Sensitive", "Scope": {"Target": ["db-1"]}, "Value": "sesame"},
        {"Id": "m", "Name": "Must", "Required": true, "Scope": {"Target": ["db-2"]}, "Value": "x"},
        {"Id": "k2", "Name": "Key", "Value": "for others", "Type": "String"},
        {"Id": "m2", "Name": "Must", "Value": "for others", "Type": "String"}]});
    manager.written(SET, &set).await;
    manager.publish("all", "/", 0, EditMode::Fork, &[(SET, "db", None)]).await;
    let mut one = manager.unconfirmed("db-1", "/").await;
    let mut two = manager.node("db-2", "/", &[]).await;
    one.sync(&manager).await;
    two.sync(&manager).await;
    required::refresh(&manager.services).await.unwrap();
    let lacks = |node: &TestNode| {
        let missing = manager.services.required.missing(node.id);
        missing.into_iter().map(|missing| missing.name).collect::<Vec<_>>()
    };
    assert_eq!((lacks(&one), lacks(&two)), (vec!["Key".to_owned()], vec![]));
    let state = async |name: &str| {
        let record = node_named(&manager.services.store, name).await.unwrap().unwrap();
        view(&manager.services, record).sync_state
    };
    assert_ne!(state("db-1").await, SyncState::InSync);
    edit(&mut two, "db", |content| {
        let variables = content["Variables"].as_array_mut().unwrap();
        variables.retain(|variable| variable["Name"] != "Must");
        variables.push(json!({"Name": "Must", "Required": true}));
    });
    two.sync(&manager).await;
    required::refresh(&manager.services).await.unwrap();
    assert_eq!(lacks(&two), ["Must"]);
}

#[tokio::test]
async fn of_two_values_that_tie_either_can_be_kept() {
    // Each is also for a role of its own, so that they are two values and not one.
    let value =
        |name: &str, value: &str| json!({"Id": value, "Name": name, "Value": value, "Scope": {"Role": ["web", value]}});
    for kept in ["one", "two"] {
        let manager = TestManager::start().await;
        manager.written(SET, &json!({"Name": "db", "Variables": [value("Host", "h")]})).await;
        let base = manager.loaded(SET, "db").await.shown().unwrap().to_string();
        for text in ["one", "two"] {
            let content = json!({"Name": "db", "Variables": [value("Host", "h"), value("Port", text)]});
            manager.write_from(SET, &content, Some(base.clone()), false).await.unwrap();
        }
        let conflict = manager.conflicts().await.remove(0);
        let shown = get(&manager.services, &conflict.id.to_string()).await.unwrap();
        assert_eq!(shown.places.len(), 2, "both are shown");
        let has = |value: &Option<Value>| value.as_ref().is_some_and(|value| value["Value"] == kept);
        let is_ours = shown.places.iter().any(|place| has(&place.conflict.left));
        manager.resolve(&conflict, if is_ours { Take::Ours } else { Take::Theirs }, false).await.unwrap();
        let newest = manager.newest(SET, "db").await;
        assert_eq!(newest["Variables"][1]["Value"], kept, "{newest}");
        assert_eq!(newest["Variables"].as_array().map(Vec::len), Some(2));
    }
}

#[tokio::test]
async fn a_node_has_so_many_edits_rejected_in_a_day_and_no_more_are_listed() {
    let manager = TestManager::start().await;
    let head = manager.written(TEMPLATE, &template("T", "1", "n")).await;
    let mut node = manager.node("evil", "/", &[]).await;
    let loaded = manager.loaded(TEMPLATE, "T").await;
    let (id, before) = (loaded.record.id, loaded.history.len());
    let parent = loaded.body(&manager.services.store, head).await.unwrap().unwrap();
    for number in 0..110 {
        let mut body = parent.clone();
        body["Properties"]["Script"] = json!(format!("forged {number}"));
        let revision = Revision::child(id, TEMPLATE, BTreeSet::from([head]), Some(&parent), &body);
        let answered = node.send_revision(&manager, &revision, body).await;
        assert!(matches!(answered, Outcome::Rejected(_)), "{answered:?}");
    }
    node.sync(&manager).await;
    let kept = manager.loaded(TEMPLATE, "T").await.history.len() - before;
    assert_eq!((manager.forks().await.len(), kept), (100, 100));
}
