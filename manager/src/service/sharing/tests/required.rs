//! Required variables.

use atoll_domain::kind::Kind;
use atoll_domain::sharing::offer::EditMode;
use serde_json::{Value, json};

use crate::service::sharing::publication;
use crate::service::sharing::required::{refresh, warnings};
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
