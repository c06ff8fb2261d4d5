//! What is said beforehand of what an act changes.

use atoll_domain::kind::Kind;
use atoll_domain::link::replica::EditBase;
use atoll_domain::sharing::offer::EditMode;
use serde_json::json;

use crate::service::fleet::act::Act;
use crate::service::fleet::selection::{freeze, preview};
use crate::service::fleet::{group, node};
use crate::service::sharing::gets::Got;
use crate::service::sharing::preview::values::{Change, ValueChanges};
use crate::service::sharing::preview::{Planned, foresee, publication};
use crate::service::sharing::release;
use crate::service::sharing::variable::{self, WishedScope};
use crate::testing::TestManager;

const SET: Kind = Kind::VariableSet;

#[tokio::test]
async fn a_label_says_beforehand_which_values_and_secrets_it_brings() {
    let manager = TestManager::start().await;
    manager
        .written(
            SET,
            &json!({"Name": "web", "Variables": [
                {"Id": "p", "Name": "Password", "Type": "Sensitive", "Scope": {"Environment": ["production"]}, "Value": "hunter2"},
                {"Id": "a", "Name": "Url", "Scope": {"Environment": ["production"]}, "Value": "https://production"},
                {"Id": "b", "Name": "Url", "Scope": {"Environment": ["staging"]}, "Value": "https://staging"},
                {"Id": "c", "Name": "Debug", "Scope": {"Environment": ["staging"]}, "Value": "yes"},
                {"Id": "d", "Name": "Region", "Value": "eu"}]}),
        )
        .await;
    manager.publish("all", "/", 0, EditMode::Propose, &[(SET, "web", None)]).await;
    manager.node("one", "/", &[("environment", "staging")]).await;
    let services = &manager.services;
    let frozen = freeze(services, &manager.caller, &["one".to_owned()], "").await.unwrap();
    let asked = async |act: Act| preview(services, &manager.caller, frozen.record.id, 1, &act).await.unwrap();
    let label = Act::Label { set: [("environment".to_owned(), "production".to_owned())].into(), remove: Vec::new() };
    let seen = asked(label).await;
    assert!(seen.reaches.is_empty(), "no publication reaches other nodes than before");
    assert_eq!(
        words(&seen.values),
        [
            "one Debug: yes -> nothing",
            "one Password: nothing -> (sealed)",
            "one Url: https://staging -> https://production"
        ]
    );
    let seen = asked(Act::Remove).await;
    assert_eq!((seen.values.total, seen.values.listed.iter().all(|change| change.after.is_none())), (3, true));
}

#[tokio::test]
async fn a_move_says_beforehand_which_nodes_stop_running_an_edit() {
    let manager = a_fleet().await;
    for group in ["/eu", "/us"] {
        group::create(&manager.services, &manager.caller, group.parse().unwrap(), "").await.unwrap();
    }
    manager.publish("eu", "/eu", 9, EditMode::Propose, &[(SET, "web", None)]).await;
    let mut edited = manager.node("edited", "/eu", &[]).await;
    manager.node("plain", "/eu", &[]).await;
    edited.sync(&manager).await;
    let own = json!({"Name": "web", "Variables": [{"Id": "r", "Name": "Region", "Value": "here"}]});
    edited.edit(SET, EditBase::Running, &own).unwrap();
    edited.sync(&manager).await;
    let services = &manager.services;
    let frozen = freeze(services, &manager.caller, &["edited".to_owned(), "plain".to_owned()], "").await.unwrap();
    let stopped =
        async |act: &Act| preview(services, &manager.caller, frozen.record.id, 2, act).await.unwrap().stopped_edits;
    let moved = |group: &str| Act::Move { group: group.parse().unwrap() };
    assert_eq!(stopped(&moved("/us")).await, 1, "nothing is published there");
    assert_eq!((stopped(&moved("/eu")).await, stopped(&Act::Remove).await), (0, 0), "its files stay with it");
    manager.publish("all", "/", 0, EditMode::Locked, &[(SET, "web", None)]).await;
    assert_eq!(stopped(&moved("/us")).await, 1, "it is locked there");
    manager.publish("all", "/", 0, EditMode::Fork, &[(SET, "web", None)]).await;
    assert_eq!(stopped(&moved("/us")).await, 0);
    manager.publish("all", "/", 0, EditMode::Locked, &[(SET, "web", None)]).await;
    node::act(services, &manager.caller, "edited", &moved("/us")).await.unwrap();
    edited.sync(&manager).await;
    assert_eq!(stopped(&moved("/")).await, 0, "it has stopped already");
}

fn words(values: &ValueChanges) -> Vec<String> {
    let shown = |got: &Option<Got>| got.as_ref().map_or_else(|| "nothing".to_owned(), Got::shown);
    let word = |change: &Change| {
        format!("{} {}: {} -> {}", change.node, change.name, shown(&change.before), shown(&change.after))
    };
    values.listed.iter().map(word).collect()
}

/// A password for production, another for one server by its name, and what everybody gets.
async fn a_fleet() -> TestManager {
    let manager = TestManager::start().await;
    let web = json!({"Name": "web", "Variables": [
        {"Id": "p", "Name": "Password", "Type": "Sensitive", "Scope": {"Environment": ["production"]}, "Value": "hunter2"},
        {"Id": "t", "Name": "Key", "Type": "Sensitive", "Scope": {"Target": ["db-1"]}, "Value": "sesame"},
        {"Id": "n", "Name": "Port", "Scope": {"Target": ["db-1"]}, "Value": "5432"},
        {"Id": "r", "Name": "Region", "Value": "eu"}]});
    manager.written(SET, &web).await;
    manager
}

async fn foreseen(manager: &TestManager, planned: Planned) -> (usize, Vec<String>) {
    let seen = foresee(&manager.services, &manager.caller, &planned).await.unwrap();
    assert_eq!((seen.values.total, seen.values.not_looked_at), (seen.values.listed.len() as u64, 0));
    (seen.nodes, words(&seen.values))
}

fn lines(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[tokio::test]
async fn a_publication_says_beforehand_which_values_and_secrets_it_brings_and_takes() {
    let manager = a_fleet().await;
    manager.node("one", "/", &[("environment", "production")]).await;
    manager.node("two", "/", &[("environment", "staging")]).await;
    let wish = manager.wish("all", "/", 0, EditMode::Propose, &[(SET, "web", None)]);
    let seen = publication::preview(&manager.services, &manager.caller, &wish).await.unwrap();
    let brought = ["one Password: nothing -> (sealed)", "one Region: nothing -> eu", "two Region: nothing -> eu"];
    assert_eq!((words(&seen.foreseen.values), seen.problem), (lines(&brought), None));
    manager.publish("all", "/", 0, EditMode::Propose, &[(SET, "web", None)]).await;
    let seen = publication::preview(&manager.services, &manager.caller, &wish).await.unwrap();
    assert_eq!(words(&seen.foreseen.values), lines(&[]), "it is so already");
    let taken = ["one Password: (sealed) -> nothing", "one Region: eu -> nothing", "two Region: eu -> nothing"];
    let (nodes, words) = foreseen(&manager, Planned::DeletePublication { name: "all".to_owned() }).await;
    assert_eq!((nodes, words), (2, lines(&taken)));
}

#[tokio::test]
async fn a_release_and_a_deletion_say_beforehand_which_values_they_bring_and_take() {
    let manager = a_fleet().await;
    manager.publish("all", "/", 0, EditMode::Propose, &[(SET, "web", None)]).await;
    manager.node("one", "/", &[("environment", "production")]).await;
    let release = || Planned::Release { kind: SET, resource: "web".to_owned(), revision: None, version: None };
    assert_eq!(foreseen(&manager, release()).await, (0, lines(&[])), "released as it is");
    let value = variable::ValueWish::Text("us".to_owned());
    let new =
        variable::NewValue { name: "Region".to_owned(), scope: WishedScope::default(), value, message: String::new() };
    variable::set(&manager.services, &manager.caller, "web", new).await.unwrap();
    assert_eq!(foreseen(&manager, release()).await, (1, lines(&["one Region: eu -> us"])));
    let delete = Planned::DeleteResource { kind: SET, resource: "web".to_owned() };
    let taken = lines(&["one Password: (sealed) -> nothing", "one Region: eu -> nothing"]);
    assert_eq!(foreseen(&manager, delete).await, (1, taken));
}

#[tokio::test]
async fn a_name_says_beforehand_which_values_come_with_it() {
    let manager = a_fleet().await;
    manager.publish("all", "/", 0, EditMode::Propose, &[(SET, "web", None)]).await;
    manager.node("one", "/", &[]).await;
    let rename = Planned::Rename { node: "one".to_owned(), name: "db-1".parse().unwrap() };
    let brought = ["db-1 Key: nothing -> (sealed)", "db-1 Port: nothing -> 5432"];
    assert_eq!(foreseen(&manager, rename).await, (1, lines(&brought)));

    let join = |name: Option<&str>, environment: &str| Planned::Join {
        group: "/".parse().unwrap(),
        labels: [("environment".to_owned(), environment.to_owned())].into(),
        name: name.map(|name| name.parse().unwrap()),
    };
    let anybody = ["a node that joins Password: nothing -> (sealed)", "a node that joins Region: nothing -> eu"];
    assert_eq!(foreseen(&manager, join(None, "production")).await, (1, lines(&anybody)));
    let named = ["db-1 Key: nothing -> (sealed)", "db-1 Port: nothing -> 5432", "db-1 Region: nothing -> eu"];
    assert_eq!(foreseen(&manager, join(Some("db-1"), "staging")).await, (1, lines(&named)));
}

#[tokio::test]
async fn who_takes_it_later_or_goes_on_with_an_edit_is_counted_beforehand() {
    let manager = a_fleet().await;
    manager.publish("all", "/", 0, EditMode::Propose, &[(SET, "web", None)]).await;
    let mut nodes = Vec::new();
    for name in ["plain", "cordoned", "edited", "both"] {
        let mut node = manager.node(name, "/", &[]).await;
        node.sync(&manager).await;
        nodes.push(node);
    }
    for node in &mut nodes[2..] {
        let own = json!({"Name": "web", "Variables": [{"Id": "r", "Name": "Region", "Value": "here"}]});
        node.edit(SET, EditBase::Running, &own).unwrap();
        node.sync(&manager).await;
    }
    for name in ["cordoned", "both"] {
        let cordon = Act::Cordon { cordoned: true, reason: String::new() };
        node::act(&manager.services, &manager.caller, name, &cordon).await.unwrap();
    }
    let value = variable::ValueWish::Text("us".to_owned());
    let new =
        variable::NewValue { name: "Zone".to_owned(), scope: WishedScope::default(), value, message: String::new() };
    variable::set(&manager.services, &manager.caller, "web", new).await.unwrap();
    let counts = async |planned: &Planned| {
        let seen = foresee(&manager.services, &manager.caller, planned).await.unwrap();
        (seen.nodes, seen.cordoned, seen.own_edits, seen.stopped_edits)
    };
    let release = Planned::Release { kind: SET, resource: "web".to_owned(), revision: None, version: None };
    assert_eq!(counts(&release).await, (4, 2, 2, 0));
    // Where nothing is offered any more, no edit of it runs either.
    let delete = Planned::DeleteResource { kind: SET, resource: "web".to_owned() };
    assert_eq!(counts(&delete).await, (4, 2, 0, 2));
    // Another publication brings the same: nobody gets anything else without the first.
    manager.publish("again", "/", 9, EditMode::Propose, &[(SET, "web", None)]).await;
    for name in ["all", "again"] {
        assert_eq!(counts(&Planned::DeletePublication { name: name.to_owned() }).await, (0, 0, 0, 0), "{name}");
    }
    // And another brings an older version of it.
    manager.release(SET, "web").await.unwrap();
    manager.publish("all", "/", 0, EditMode::Propose, &[(SET, "web", Some("1.0.0"))]).await;
    let counted = counts(&Planned::DeletePublication { name: "again".to_owned() }).await;
    assert_eq!(counted, (4, 2, 2, 0), "edits are put together with that one then");
}

#[tokio::test]
async fn what_a_newcomer_is_offered_and_whom_a_name_confirms_is_said_beforehand() {
    let manager = a_fleet().await;
    let template = json!({"Name": "T", "ActionType": "Octopus.Script", "Properties": {}});
    manager.written(Kind::StepTemplate, &template).await;
    group::create(&manager.services, &manager.caller, "/eu".parse().unwrap(), "").await.unwrap();
    manager.publish("eu", "/eu", 1, EditMode::Propose, &[(SET, "web", None), (Kind::StepTemplate, "T", None)]).await;
    manager.publish("all", "/", 0, EditMode::Propose, &[(SET, "web", None)]).await;
    let joins = async |group: &str| {
        let planned = Planned::Join { group: group.parse().unwrap(), labels: Default::default(), name: None };
        foresee(&manager.services, &manager.caller, &planned).await.unwrap().offered
    };
    manager.node("one", "/eu", &[]).await;
    assert_eq!(joins("/eu").await, [(SET, 1), (Kind::StepTemplate, 1)].into());
    assert_eq!(joins("/").await, [(SET, 1)].into());

    let confirms = async |node: &str| {
        let planned = Planned::Rename { node: node.to_owned(), name: "db-1".parse().unwrap() };
        foresee(&manager.services, &manager.caller, &planned).await.unwrap().confirms
    };
    manager.unconfirmed("two", "/").await;
    assert_eq!((confirms("one").await, confirms("two").await), (false, true));
}

#[tokio::test]
async fn what_is_so_already_is_not_said_to_be_written() {
    let manager = a_fleet().await;
    let set = async |value: &str| {
        let (value, scope) = (variable::ValueWish::Text(value.to_owned()), WishedScope::default());
        let new = variable::NewValue { name: "Region".to_owned(), scope, value, message: String::new() };
        variable::set(&manager.services, &manager.caller, "web", new).await.unwrap().changed
    };
    assert_eq!((set("eu").await, set("us").await, set("us").await), (false, true, false));
    let wish = || release::Wish { expected: "*", ..Default::default() };
    let release = async || {
        let done = release::release(&manager.services, &manager.caller, SET, "web", wish()).await.unwrap();
        (done.release.version.to_string(), done.is_new)
    };
    let first = release().await;
    assert_eq!((first.1, release().await), (true, (first.0, false)));
}

#[tokio::test]
async fn a_version_that_is_released_and_a_lock_are_foreseen_too() {
    let manager = a_fleet().await;
    // A publication waits for a version that is not released yet.
    manager.publish("next", "/", 9, EditMode::Propose, &[(SET, "web", Some("8.0.0"))]).await;
    manager.node("waits", "/", &[("environment", "production")]).await;
    let release = |version: &str| Planned::Release {
        kind: SET,
        resource: "web".to_owned(),
        revision: None,
        version: (!version.is_empty()).then(|| version.parse().unwrap()),
    };
    let brought = lines(&["waits Password: nothing -> (sealed)", "waits Region: nothing -> eu"]);
    assert_eq!(foreseen(&manager, release("8.0.0")).await, (1, brought));
    assert_eq!(foreseen(&manager, release("")).await, (0, lines(&[])));
    let refused = foresee(&manager.services, &manager.caller, &release("0.0.1")).await.unwrap_err();
    assert_eq!(refused.reason, "VERSION_NOT_HIGHER");

    // A lock changes what those run who have edited it, and nobody else.
    manager.publish("next", "/", 9, EditMode::Propose, &[(SET, "web", None)]).await;
    let mut edited = manager.node("edited", "/", &[]).await;
    edited.sync(&manager).await;
    let own = json!({"Name": "web", "Variables": [{"Id": "r", "Name": "Region", "Value": "here"}]});
    edited.edit(SET, EditBase::Running, &own).unwrap();
    edited.sync(&manager).await;
    let preview = async |mode: EditMode| {
        let wish = manager.wish("next", "/", 9, mode, &[(SET, "web", None)]);
        let seen = publication::preview(&manager.services, &manager.caller, &wish).await.unwrap().foreseen;
        (seen.nodes, seen.own_edits, seen.stopped_edits, words(&seen.values))
    };
    assert_eq!(preview(EditMode::Fork).await, (0, 0, 0, lines(&[])));
    assert_eq!(preview(EditMode::Locked).await, (1, 0, 1, lines(&["edited Region: here -> eu"])));
    manager.publish("next", "/", 9, EditMode::Locked, &[(SET, "web", None)]).await;
    assert_eq!(preview(EditMode::Propose).await, (1, 1, 0, lines(&["edited Region: eu -> here"])));
}

#[tokio::test]
async fn what_applies_on_a_node_is_what_it_runs() {
    let manager = a_fleet().await;
    manager.publish("all", "/", 0, EditMode::Propose, &[(SET, "web", None)]).await;
    manager.publish("waits", "/", 9, EditMode::Propose, &[(SET, "web", Some("8.0.0"))]).await;
    let mut node = manager.node("one", "/", &[]).await;
    node.sync(&manager).await;
    let applies = async |name: &str| {
        let asked = variable::Asked { set: Some("web".to_owned()), node: Some("one".to_owned()), ..Default::default() };
        let views = variable::effective_variables(&manager.services, &asked).await.unwrap();
        let found = views.into_iter().find(|view| view.effective.name == name);
        found.map(|view| format!("{:?}", view.effective.outcome))
    };
    assert!(applies("Region").await.unwrap().contains("eu"), "the stronger publication has nothing to bring yet");
    // Its edit of another value is put together with what is released since.
    let mut own = manager.released(SET, "web").await;
    own["Variables"].as_array_mut().unwrap().push(json!({"Id": "z", "Name": "Zone", "Value": "mine"}));
    node.edit(SET, EditBase::Running, &own).unwrap();
    node.sync(&manager).await;
    let value = variable::ValueWish::Text("us".to_owned());
    let new =
        variable::NewValue { name: "Region".to_owned(), scope: WishedScope::default(), value, message: String::new() };
    variable::set(&manager.services, &manager.caller, "web", new).await.unwrap();
    manager.release(SET, "web").await.unwrap();
    assert!(applies("Region").await.unwrap().contains("us"));
    assert!(applies("Zone").await.unwrap().contains("mine"), "and it goes on with its edit");
}
