//! What is said beforehand of what an act changes.

use atoll_domain::kind::Kind;
use atoll_domain::sharing::offer::EditMode;
use serde_json::json;

use crate::service::fleet::act::Act;
use crate::service::fleet::selection::{freeze, preview};
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
    let words: Vec<String> = seen
        .values
        .iter()
        .map(|change| {
            let shown = |got: &Option<crate::service::sharing::gets::Got>| {
                got.as_ref().map_or_else(|| "nothing".to_owned(), |got| got.shown())
            };
            format!("{} {}: {} -> {}", change.node, change.name, shown(&change.before), shown(&change.after))
        })
        .collect();
    assert_eq!(
        words,
        [
            "one Debug: yes -> nothing",
            "one Password: nothing -> (sealed)",
            "one Url: https://staging -> https://production"
        ]
    );
    let seen = asked(Act::Remove).await;
    assert_eq!((seen.values_total, seen.values.iter().all(|change| change.after.is_none())), (3, true));
}
