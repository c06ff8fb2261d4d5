//! Required variables.

use atoll_domain::kind::Kind;
use atoll_domain::link::replica::EditBase;
use atoll_domain::sharing::offer::EditMode;
use serde_json::{Value, json};

use crate::service::fleet::act::Act;
use crate::service::fleet::selection::{freeze, preview};
use crate::service::fleet::{detail, node};
use crate::service::sharing::preview::{self, Planned, foresee};
use crate::service::sharing::publication;
use crate::service::sharing::required::{Lack, refresh, warnings};
use crate::store::sharing::body_lost;
use crate::testing::TestManager;

const SET: Kind = Kind::VariableSet;

fn set(values: &[(&str, &str)]) -> Value {
    let mut variables = vec![json!({"Id": "d", "Name": "Url", "Required": true})];
    variables.extend(values.iter().map(|(environment, value)| {
        json!({"Id": environment, "Name": "Url", "Value": value, "Scope": {"Environment": [environment]}})
    }));
    json!({"Name": "web", "Variables": variables})
}

#[tokio::test]
async fn a_node_without_a_required_value_is_named_at_the_release_and_is_not_green() {
    let manager = TestManager::start().await;
    let services = &manager.services;
    // Nobody lacks anything while nothing is published, whoever is there and whoever comes.
    let inside = manager.node("inside", "/", &[("environment", "production")]).await;
    refresh(services).await.unwrap();
    let outside = manager.node("outside", "/", &[("environment", "staging")]).await;
    refresh(services).await.unwrap();
    assert!(!services.required.is_missing(inside.id) && !services.required.is_missing(outside.id));
    manager.written(SET, &set(&[("production", "https://one")])).await;
    manager.publish("all", "/", 0, EditMode::Propose, &[(SET, "web", None)]).await;
    let loaded = manager.loaded(SET, "web").await;
    assert_eq!(warnings(services, loaded).await.unwrap(), ["Url is required and has no value for outside"]);
    services.hub.refresh(&services.store).await.unwrap();
    refresh(services).await.unwrap();
    assert!(!services.required.is_missing(inside.id));
    let missing = services.required.missing(outside.id);
    assert_eq!(missing.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["Url"]);

    // Whichever way it gets a value, nothing is missing then.
    manager.label(&outside, "environment", "production", false).await.unwrap();
    services.hub.refresh(&services.store).await.unwrap();
    refresh(services).await.unwrap();
    assert!(!services.required.is_missing(outside.id), "it is another place now");
    manager.label(&outside, "environment", "staging", false).await.unwrap();
    manager.written(SET, &set(&[("production", "https://one"), ("staging", "https://two")])).await;
    services.hub.refresh(&services.store).await.unwrap();
    refresh(services).await.unwrap();
    assert!(!services.required.is_missing(outside.id));
    assert!(warnings(services, manager.loaded(SET, "web").await).await.unwrap().is_empty());
    let late = manager.node("late", "/", &[("environment", "test")]).await;
    refresh(services).await.unwrap();
    assert!(services.required.is_missing(late.id), "who joins is looked at, though nothing was published since");
    publication::delete(services, &manager.caller, "all", "*").await.unwrap();
    services.hub.refresh(&services.store).await.unwrap();
    refresh(services).await.unwrap();
    assert!(!services.required.is_missing(late.id), "it is offered nothing any more");
    manager.publish("again", "/", 0, EditMode::Propose, &[(SET, "web", None)]).await;
    services.hub.refresh(&services.store).await.unwrap();
    refresh(services).await.unwrap();
    assert!(services.required.is_missing(late.id), "and lacks it again where it is");
}

/// Whatever is about to be done: what is said to be missing then is what is missing afterwards.
#[tokio::test]
async fn it_is_said_beforehand_that_a_required_value_will_be_missing_and_who_is_cordoned() {
    let manager = TestManager::start().await;
    let services = &manager.services;
    let seen = manager.node("n", "/", &[("environment", "production")]).await;
    manager.written(SET, &set(&[("production", "https://one")])).await;
    let lacks = async || {
        services.hub.refresh(&services.store).await.unwrap();
        refresh(services).await.unwrap();
        services.required.is_missing(seen.id)
    };
    let label =
        |value: &str| Act::Label { set: [("environment".to_owned(), value.to_owned())].into(), remove: Vec::new() };
    let foreseen = async |act: &Act| {
        let frozen = freeze(services, &manager.caller, &["n".to_owned()], "").await.unwrap();
        let seen = preview(services, &manager.caller, frozen.record.id, 1, act).await.unwrap();
        (seen.values.listed.iter().filter(|change| change.is_missing).count(), seen.cordoned)
    };
    manager.publish("all", "/", 0, EditMode::Propose, &[(SET, "web", None)]).await;
    assert!(!lacks().await);
    assert_eq!(foreseen(&label("staging")).await, (1, 0));
    assert_eq!(foreseen(&label("production")).await, (0, 0), "nothing changes");
    node::act(services, &manager.caller, "n", &Act::Cordon { cordoned: true, reason: String::new() }).await.unwrap();
    assert_eq!(foreseen(&label("staging")).await, (1, 1));
    assert_eq!(foreseen(&label("production")).await, (0, 0), "nothing changes for it later either");
    node::act(services, &manager.caller, "n", &label("staging")).await.unwrap();
    assert!(lacks().await);

    // It lacks it by what is published, and by what is released.
    publication::delete(services, &manager.caller, "all", "*").await.unwrap();
    let wish = manager.wish("again", "/", 0, EditMode::Propose, &[(SET, "web", None)]);
    let said = preview::publication::preview(services, &manager.caller, &wish).await.unwrap().foreseen.values;
    assert_eq!(said.listed.iter().filter(|change| change.is_missing).count(), 1, "there was nothing before, either");
    manager.written(SET, &set(&[("staging", "https://two")])).await;
    manager.publish("again", "/", 0, EditMode::Propose, &[(SET, "web", None)]).await;
    assert!(!lacks().await);
    manager.write(SET, &set(&[("production", "https://one")])).await.unwrap();
    let planned = Planned::Release { kind: SET, resource: "web".to_owned(), revision: None, version: None };
    let said = foresee(services, &manager.caller, &planned).await.unwrap().values;
    assert_eq!(said.listed.iter().filter(|change| change.is_missing).count(), 1);
    manager.release(SET, "web").await.unwrap();
    assert!(lacks().await);
}

/// Otherwise nodes are green that lack what another set should bring.
#[tokio::test]
async fn a_set_that_cannot_be_read_hides_nothing_that_nodes_lack_of_another() {
    let manager = TestManager::start().await;
    let services = &manager.services;
    let node = manager.node("n", "/", &[("environment", "test")]).await;
    for name in ["damaged", "web"] {
        let mut content = set(&[("test", "https://one")]);
        content["Name"] = json!(name);
        manager.written(SET, &content).await;
    }
    manager.publish("all", "/", 0, EditMode::Propose, &[(SET, "damaged", None), (SET, "web", None)]).await;
    services.hub.refresh(&services.store).await.unwrap();
    refresh(services).await.unwrap();
    assert!(!services.required.is_missing(node.id));

    let damaged = manager.loaded(SET, "damaged").await;
    let body = damaged.history.get(damaged.shown().unwrap()).unwrap().header.body;
    let tx = services.store.begin().await.unwrap();
    body_lost(&tx, body).await.unwrap();
    tx.commit().await.unwrap();
    manager.written(SET, &set(&[("production", "https://one")])).await;
    services.hub.refresh(&services.store).await.unwrap();
    assert!(refresh(services).await.is_err(), "it is said in the log for as long as it is so");
    let missing = services.required.missing(node.id);
    assert_eq!(missing.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["Url"]);
}

/// What a server lacks by its name alone looks like any other value that is not there.
#[tokio::test]
async fn a_node_from_which_values_are_held_back_is_not_green() {
    let manager = TestManager::start().await;
    let services = &manager.services;
    let secret = |value: &str| {
        json!({"Name": "web", "Variables": [
            {"Id": "s", "Name": "Key", "Type": "Sensitive", "Value": value, "Scope": {"Target": ["n"]}},
            {"Id": "d", "Name": "Key", "Value": "default"}]})
    };
    manager.written(SET, &secret("sealed")).await;
    manager.publish("all", "/", 0, EditMode::Propose, &[(SET, "web", None)]).await;
    let (node, other) = (manager.unconfirmed("n", "/").await, manager.unconfirmed("other", "/").await);
    services.hub.refresh(&services.store).await.unwrap();
    refresh(services).await.unwrap();
    assert!(!services.required.is_missing(other.id), "it is for another");
    let detail = detail::get(services, "n").await.unwrap();
    let [exception] = detail.exceptions.as_slice() else { panic!("{:?}", detail.exceptions) };
    assert_eq!((exception.resource.as_str(), exception.code.as_str()), ("web", "UNCONFIRMED"));
    assert!(exception.text.contains("atoll node confirm n"), "{}", exception.text);
    node::confirm(services, &manager.caller.clone().widening(true), "n").await.unwrap();
    assert!(detail::get(services, "n").await.unwrap().exceptions.is_empty());
    assert!(!services.required.is_missing(node.id));
}

#[tokio::test]
async fn a_required_variable_that_a_node_takes_out_of_its_own_edit_is_missing() {
    let manager = TestManager::start().await;
    let services = &manager.services;
    let content = |variables: Value| json!({"Name": "web", "Variables": variables});
    let url = json!({"Id": "d", "Name": "Url", "Required": true, "Value": "https://one"});
    let other = json!({"Id": "o", "Name": "Other", "Value": "1"});
    manager.written(SET, &content(json!([url, other]))).await;
    for (group, mode) in [("/fork", EditMode::Fork), ("/propose", EditMode::Propose)] {
        manager.publish(group.trim_start_matches('/'), group, 0, mode, &[(SET, "web", None)]).await;
        let mut node = manager.node(&format!("n-{}", group.trim_start_matches('/')), group, &[]).await;
        node.sync(&manager).await;
        node.edit(SET, EditBase::Running, &content(json!([other]))).unwrap();
        node.sync(&manager).await;
        services.hub.refresh(&services.store).await.unwrap();
        refresh(services).await.unwrap();
        let missing = services.required.missing(node.id);
        let missing: Vec<_> = missing.iter().map(|one| (one.name.as_str(), one.why)).collect();
        assert_eq!(missing, [("Url", Lack::Required)], "{mode}");
        // By another name it is the same, in whatever case it is written.
        node.edit(SET, EditBase::Running, &content(json!([other, {"Id": "u", "Name": "URL", "Value": "here"}])))
            .unwrap();
        node.sync(&manager).await;
        refresh(services).await.unwrap();
        assert_eq!(services.required.missing(node.id), [], "{mode}");
    }
}
