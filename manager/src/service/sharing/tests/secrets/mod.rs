//! No sealed value reaches a node that nobody has let read it.

mod back;
mod lineage;
mod typed;

use std::collections::BTreeSet;

use atoll_domain::kind::Kind;
use atoll_domain::link::replica::EditBase;
use atoll_domain::sharing::offer::EditMode;
use serde_json::{Value, json};

use crate::service::sharing::conflict::Take;
use crate::service::sharing::{conflict, publication, release, save};
use crate::testing::{TestManager, TestNode, reason};

const SET: Kind = Kind::VariableSet;

/// A set with one password and something else.
fn set(scope: &Value, password: &Value, other: &str) -> Value {
    json!({"Name": "db", "Variables": [
        {"Id": "p", "Name": "Password", "Type": if password.is_string() && password != "plain" { "Sensitive" } else { "String" },
         "Scope": scope, "Value": password},
        {"Id": "o", "Name": "Other", "Value": other},
    ]})
}

fn production() -> Value {
    json!({"Environment": ["production"]})
}

/// A manager with a node in production and one outside of it, who both get the set.
async fn farm(mode: EditMode, first: &Value) -> (TestManager, TestNode, TestNode) {
    let manager = TestManager::start().await;
    manager.written(SET, first).await;
    manager.publish("all", "/", 0, mode, &[(SET, "db", None)]).await;
    let mut inside = manager.node("inside", "/", &[("environment", "production")]).await;
    let mut outside = manager.node("outside", "/", &[("environment", "staging")]).await;
    inside.sync(&manager).await;
    outside.sync(&manager).await;
    (manager, inside, outside)
}

/// Somebody on a node changes what is beside the password.
fn edit_other(node: &mut TestNode, value: &str) {
    let mut content = node.content("db");
    content["Variables"][1]["Value"] = json!(value);
    let claimed = node.runs("db").unwrap().revision;
    node.edit(SET, EditBase::Revision(claimed), &content).unwrap();
}

/// The values that a node can read.
fn reads(node: &TestNode) -> BTreeSet<String> {
    node.plaintexts().into_iter().collect()
}

#[tokio::test]
async fn a_scope_from_one_side_and_a_value_from_the_other_are_a_question_and_leak_nothing() {
    // The value is plain and for production only; one person lets everybody have it while another seals it.
    let (manager, mut inside, mut outside) = farm(EditMode::Propose, &set(&production(), &json!("plain"), "1")).await;
    let base = manager.loaded(SET, "db").await.shown().unwrap().to_string();
    let widened = set(&json!({}), &json!("plain"), "1");
    manager.write_from(SET, &widened, Some(base.clone()), false).await.unwrap();
    let sealed = set(&production(), &json!("hunter2"), "1");
    let saved = manager.write_from(SET, &sealed, Some(base), false).await.unwrap();
    assert!(saved.conflict.is_some(), "a clean merge would show the sealed value to everybody");
    assert_eq!(reason(manager.release(SET, "db").await), "IN_CONFLICT");

    // Whoever decides for the sealed value with its scope needs no word, and the other node cannot read it.
    let conflict = manager.conflicts().await.remove(0);
    let sealed_side = if conflict.heads.first() == Some(&saved.revision) { Take::Ours } else { Take::Theirs };
    manager.resolve(&conflict, sealed_side, false).await.unwrap();
    manager.release(SET, "db").await.unwrap();
    inside.sync(&manager).await;
    outside.sync(&manager).await;
    assert!(inside.reads_any());
    assert!(!outside.reads_any());
}

#[tokio::test]
async fn who_goes_on_with_its_own_edit_goes_on_with_the_value_that_it_refers_to_and_nobody_else_does() {
    let (manager, mut inside, _) = farm(EditMode::Propose, &set(&production(), &json!("old"), "1")).await;
    let mut other = manager.node("other", "/", &[("environment", "production")]).await;
    other.sync(&manager).await;
    // It changes what a release changes too, and what it runs refers to the password of before.
    edit_other(&mut inside, "mine");
    inside.sync(&manager).await;
    manager.written(SET, &set(&production(), &json!("new"), "theirs")).await;
    inside.sync(&manager).await;
    other.sync(&manager).await;
    assert_eq!(manager.conflicts().await.len(), 1);
    assert!(reads(&inside).contains("old"), "what it runs needs the value");
    assert_eq!(reads(&other), ["new".to_owned()].into());

    // An edit on top of it needs the value as well.
    edit_other(&mut inside, "mine again");
    inside.sync(&manager).await;
    assert!(reads(&inside).contains("old"));

    // It goes elsewhere, and reads nothing of production any more; what is lost does not come back with the label.
    manager.label(&inside, "environment", "staging", false).await.unwrap();
    inside.pull(&manager).await;
    assert!(reads(&inside).is_empty(), "at once, and not when its edits are looked at again");
    manager.label(&inside, "environment", "production", true).await.unwrap();
    inside.sync(&manager).await;
    assert_eq!(reads(&inside), ["new".to_owned()].into());
}

#[tokio::test]
async fn an_edit_that_comes_after_its_value_was_replaced_still_gets_it() {
    let (manager, mut inside, mut outside) = farm(EditMode::Propose, &set(&production(), &json!("old"), "1")).await;
    // Both are cut off and go on working while the value is replaced.
    edit_other(&mut inside, "mine");
    edit_other(&mut outside, "mine");
    manager.written(SET, &set(&production(), &json!("new"), "theirs")).await;
    // One comes to production only now: what was sealed before is nothing to it.
    manager.label(&outside, "environment", "production", true).await.unwrap();
    inside.sync(&manager).await;
    outside.sync(&manager).await;
    assert_eq!(manager.conflicts().await.len(), 2);
    assert_eq!(reads(&inside), ["new".to_owned(), "old".to_owned()].into());
    assert_eq!(reads(&outside), ["new".to_owned()].into(), "it could not read the old one before, and cannot now");
}

#[tokio::test]
async fn the_value_of_an_edit_outlives_the_publication_that_brought_it() {
    let (manager, mut inside, _) = farm(EditMode::Propose, &set(&production(), &json!("old"), "1")).await;
    manager.publish("strong", "/", 9, EditMode::Propose, &[(SET, "db", Some("1.0.0"))]).await;
    inside.sync(&manager).await;
    edit_other(&mut inside, "mine");
    inside.sync(&manager).await;
    manager.written(SET, &set(&production(), &json!("new"), "theirs")).await;
    inside.sync(&manager).await;
    // The pin goes with its publication, and the edit clashes with what comes instead.
    publication::delete(&manager.services, &manager.caller, "strong", "*").await.unwrap();
    manager.work().await;
    inside.sync(&manager).await;
    assert_eq!(manager.conflicts().await.len(), 1);
    assert!(inside.plaintexts().contains(&"old".to_owned()), "what it runs needs the value");
}

#[tokio::test]
async fn the_value_of_an_edit_goes_with_it() {
    let (manager, mut inside, _) = farm(EditMode::Propose, &set(&production(), &json!("old"), "1")).await;
    edit_other(&mut inside, "mine");
    inside.sync(&manager).await;
    manager.written(SET, &set(&production(), &json!("new"), "theirs")).await;
    inside.sync(&manager).await;
    assert_eq!(inside.plaintexts().len(), 2, "that of its edit, and that of the release");
    let fork = manager.forks().await.remove(0);
    manager.decide(&fork, false, false).await.unwrap();
    inside.sync(&manager).await;
    assert_eq!(inside.plaintexts(), ["new"]);

    // One that merges runs with the new value, and keeps nothing of the old one.
    edit_other(&mut inside, "mine");
    inside.sync(&manager).await;
    manager.written(SET, &set(&production(), &json!("newest"), "theirs")).await;
    inside.sync(&manager).await;
    assert_eq!(inside.plaintexts(), ["newest"]);
}

#[tokio::test]
async fn a_replaced_value_does_not_travel_with_a_scope_that_another_has_widened() {
    let (manager, mut inside, mut outside) =
        farm(EditMode::WriteThrough, &set(&production(), &json!("old"), "1")).await;
    assert!(inside.reads_any() && !outside.reads_any());
    let base = manager.loaded(SET, "db").await.shown().unwrap().to_string();
    // One says that everybody may read it, and has to say so; another replaces the value for production.
    let wide = set(&json!({}), &Value::Null, "1");
    let wide = json!({"Name": "db", "Variables": [
        {"Id": "p", "Name": "Password", "Type": "Sensitive", "Scope": {}, "Value": null}, wide["Variables"][1]]});
    assert_eq!(reason(manager.write_from(SET, &wide, Some(base.clone()), false).await), "WIDENS_SECRET");
    manager.write_from(SET, &wide, Some(base.clone()), true).await.unwrap();
    let replaced = manager.write_from(SET, &set(&production(), &json!("new"), "1"), Some(base), false).await.unwrap();
    assert!(replaced.conflict.is_some());
    inside.sync(&manager).await;
    outside.sync(&manager).await;
    assert!(!outside.reads_any());
}

#[tokio::test]
async fn a_node_cannot_borrow_the_wider_scope_of_an_old_state() {
    let (manager, _, mut hostile) = farm(EditMode::WriteThrough, &set(&json!({}), &json!("first"), "1")).await;
    let wide = hostile.runs("db").unwrap();
    // The administrator narrows the scope and replaces the value.
    manager.written(SET, &set(&production(), &json!("second"), "1")).await;
    hostile.sync(&manager).await;
    assert!(!hostile.reads_any());
    // From the old state it may change what is no secret, and gains nothing by it.
    let mut content = wide.kind.export(&wide.body.clone().unwrap(), &json!({}));
    content["Variables"][1]["Value"] = json!("2");
    hostile.edit(SET, EditBase::Revision(wide.revision), &content).unwrap();
    hostile.sync(&manager).await;
    assert_eq!(manager.newest(SET, "db").await["Variables"][1]["Value"], "2");
    assert!(!hostile.reads_any());
    // A revision with both states as parents does not lend it the wider one.
    let loaded = manager.loaded(SET, "db").await;
    let head = loaded.shown().unwrap();
    let body = wide.body.unwrap();
    let parents = [head, wide.revision].into_iter().collect();
    let touched = std::iter::once(atoll_domain::sharing::path::Path::root()).collect();
    let forged =
        atoll_domain::sharing::revision::Revision::writing(loaded.record.id, SET, parents, Some(&body), touched);
    let outcome = hostile.send_revision(&manager, &forged, body).await;
    assert!(format!("{outcome:?}").contains("cannot move a sealed value"), "{outcome:?}");
    hostile.sync(&manager).await;
    assert!(!hostile.reads_any());
}

#[tokio::test]
async fn a_reference_reads_nothing_wherever_a_node_puts_it() {
    let secret = |id: &str, name: &str, environment: &str, value: &str| json!({"Id": id, "Name": name, "Type": "Sensitive", "Scope": {"Environment": [environment]}, "Value": value});
    let both = json!({"Name": "db", "Variables": [
        secret("s", "Stag", "staging", "for staging"), secret("p", "Prod", "production", "for production"),
        {"Id": "o", "Name": "Other", "Value": "1"}]});
    for mode in [EditMode::WriteThrough, EditMode::Propose] {
        let (manager, _, mut hostile) = farm(mode, &both).await;
        let offered = hostile.runs("db").unwrap();
        let body = offered.body.clone().unwrap();
        let items = body["Variables"]["$items"].as_object().unwrap();
        let key = |name: &str| items.iter().find(|(_, item)| item["Name"] == name).unwrap().0.clone();
        let prod = body["Variables"]["$items"][key("Prod")]["Value"].clone();
        let (stag, other) = (key("Stag"), key("Other"));
        let item = |key: &str, rest: &str| format!("/Variables/$items/{key}{rest}");
        let places = [
            "/Note".to_owned(),
            "/Variables/Note".to_owned(),
            item(&stag, "/Note"),
            item(&stag, "/Value"),
            item(&stag, "/Value/Note"),
            item(&stag, "/Scope/Note"),
            item(&stag, "/$secret"),
            item(&other, "/Value"),
            item(&other, "/Note"),
            item("new", ""),
        ];
        for place in places {
            let place: atoll_domain::sharing::path::Path = place.parse().unwrap();
            let mut forged = body.clone();
            let value = if place.0.last().unwrap() == "$secret" { prod["$secret"].clone() } else { prod.clone() };
            place.put(&mut forged, Some(value));
            let loaded = manager.loaded(SET, "db").await;
            let head = [loaded.shown().unwrap()].into_iter().collect();
            let revision =
                atoll_domain::sharing::revision::Revision::child(loaded.record.id, SET, head, Some(&body), &forged);
            let outcome = hostile.send_revision(&manager, &revision, forged).await;
            // Were it taken in spite of all, whoever releases it would not look at where a reference stands.
            for fork in manager.forks().await {
                let _ = manager.decide(&fork, true, true).await;
            }
            hostile.sync(&manager).await;
            assert_eq!(hostile.plaintexts(), ["for staging"], "{mode:?} {place}: {outcome:?}");
            assert!(format!("{outcome:?}").contains("cannot move a sealed value"), "{mode:?} {place}: {outcome:?}");
        }
    }
}

#[tokio::test]
async fn bringing_an_old_scope_or_value_back_needs_the_word() {
    let (manager, _, mut outside) = farm(EditMode::Propose, &set(&json!({}), &json!("first"), "1")).await;
    let first = manager.loaded(SET, "db").await.shown().unwrap().to_string();
    let keeping = json!({"Name": "db", "Variables": [
        {"Id": "p", "Name": "Password", "Type": "Sensitive", "Scope": production(), "Value": null},
        {"Id": "o", "Name": "Other", "Value": "1"}]});
    manager.written(SET, &keeping).await;
    outside.sync(&manager).await;
    assert!(!outside.reads_any());

    let caller = manager.caller.clone();
    let refused = save::roll_back(&manager.services, &caller, SET, "db", &first, "", "*").await;
    let error = refused.unwrap_err();
    assert_eq!(error.reason, "WIDENS_SECRET");
    assert!(error.text.contains("outside") && !error.text.contains("inside"), "names who gains it: {}", error.text);
    let wish = release::Wish { revision: Some(&first), expected: "*", ..Default::default() };
    let again = release::release(&manager.services, &caller, SET, "db", wish).await;
    assert_eq!(reason(again), "WIDENS_SECRET");
    outside.sync(&manager).await;
    assert!(!outside.reads_any());
    save::roll_back(&manager.services, &caller.widening(true), SET, "db", &first, "", "*").await.unwrap();
    manager.release(SET, "db").await.unwrap();
    outside.sync(&manager).await;
    assert!(outside.reads_any());
}

#[tokio::test]
async fn labelling_moving_or_renaming_a_node_into_a_scope_needs_the_word() {
    let (manager, _, mut outside) = farm(EditMode::Propose, &set(&production(), &json!("first"), "1")).await;
    let error = manager.label(&outside, "environment", "production", false).await.unwrap_err();
    assert_eq!(error.reason, "WIDENS_SECRET");
    assert!(error.text.contains("outside"), "{}", error.text);
    outside.sync(&manager).await;
    assert!(!outside.reads_any());
    manager.label(&outside, "colour", "red", false).await.unwrap();
    manager.label(&outside, "environment", "production", true).await.unwrap();
    outside.sync(&manager).await;
    assert!(outside.reads_any());

    let targeted = set(&json!({"Target": ["db-1"], "Environment": ["production"]}), &json!("second"), "1");
    manager.written(SET, &targeted).await;
    let rename = crate::service::fleet::node::rename;
    let renamed = rename(&manager.services, &manager.caller, "outside", "db-1".parse().unwrap()).await;
    assert_eq!(reason(renamed), "WIDENS_SECRET");
}

#[tokio::test]
async fn a_reference_to_another_resources_value_is_worth_nothing() {
    let (manager, _, mut outside) = farm(EditMode::Propose, &set(&production(), &json!("first"), "1")).await;
    let loaded = manager.loaded(SET, "db").await;
    let body = loaded.body(&manager.services.store, loaded.shown().unwrap()).await.unwrap().unwrap();
    let mut copy = SET.export(&body, &json!({}));
    copy["Name"] = json!("copy");
    copy["Variables"][0]["Scope"] = json!({});
    assert_eq!(reason(manager.write(SET, &copy).await), "FOREIGN_SECRET");
    // Nor under another name in its own set.
    let mut twice = SET.export(&body, &json!({}));
    let mut second = twice["Variables"][0].clone();
    (second["Id"], second["Name"]) = (json!("q"), json!("Second"));
    twice["Variables"].as_array_mut().unwrap().push(second);
    assert_eq!(reason(manager.write(SET, &twice).await), "FOREIGN_SECRET");
    outside.sync(&manager).await;
    assert!(!outside.reads_any());
}

#[tokio::test]
async fn a_value_for_one_server_waits_until_somebody_says_that_it_is_that_server() {
    let manager = TestManager::start().await;
    manager.written(SET, &set(&json!({"Target": ["db-1"]}), &json!("first"), "1")).await;
    manager.publish("all", "/", 0, EditMode::Propose, &[(SET, "db", None)]).await;
    let mut stranger = manager.unconfirmed("db-1", "/").await;
    stranger.sync(&manager).await;
    assert!(!stranger.reads_any(), "anybody with a token may take a free name");
    crate::service::fleet::node::confirm(&manager.services, &manager.caller, "db-1").await.unwrap();
    stranger.sync(&manager).await;
    assert!(stranger.reads_any());
    // The same name in another writing is the same name.
    let renamed = manager.node("other", "/", &[]).await;
    let rename = crate::service::fleet::node::rename;
    for alike in ["DB-1", "ｄｂ-1"] {
        let taken = rename(&manager.services, &manager.caller, &renamed.id.to_string(), alike.parse().unwrap()).await;
        assert_eq!(reason(taken), "ALREADY_EXISTS", "{alike}");
    }
    let mixed = rename(&manager.services, &manager.caller, &renamed.id.to_string(), "раypal".parse().unwrap()).await;
    assert_eq!(reason(mixed), "CONFUSABLE_NAME");
    let twin = manager.write_from(SET, &json!({"Name": "DB", "Variables": []}), None, false).await;
    assert_eq!(reason(twin), "BASE_REVISION_NEEDED", "a resource of another writing is the same resource");
}

#[tokio::test]
async fn a_node_to_which_nothing_can_be_sealed_fails_nobody_elses_release() {
    let (manager, mut inside, _) = farm(EditMode::Propose, &set(&production(), &json!("first"), "1")).await;
    manager.broken("broken", "/", &[("environment", "production")]).await;
    manager.written(SET, &set(&production(), &json!("second"), "2")).await;
    inside.sync(&manager).await;
    assert!(inside.reads_any());
    let exceptions = crate::store::sharing::exception_list(&manager.services.store).await.unwrap();
    assert_eq!(exceptions[0].code, "BAD_SEALING_KEY");
    assert!(atoll_domain::secret::public_sealing_key(&[0; 32]).is_err(), "and it is refused at the join");
}
