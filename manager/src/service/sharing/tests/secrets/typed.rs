//! A password that somebody types over a sealed one is for nobody to read.

use atoll_domain::id::RevisionId;
use atoll_domain::sharing::path::TouchedPaths;
use atoll_domain::sharing::revision::Revision;

use super::*;

#[tokio::test]
async fn a_password_that_is_typed_over_a_sealed_one_is_nobodys_to_read() {
    const TEMPLATE: Kind = Kind::StepTemplate;
    let template = |token: &Value, default: &Value, notes: &str| {
        json!({"Name": "T", "ActionType": "Octopus.Script", "Notes": notes, "Properties": {"Token": token}, "Parameters": [
            {"Id": "p", "Name": "Password", "DefaultValue": default, "DisplaySettings": {"Octopus.ControlType": "Sensitive"}}]})
    };
    let sealed = |text: &str| json!({"HasValue": true, "NewValue": text});
    let manager = TestManager::start().await;
    // What a template comes with is as public as it was. Who writes over it means a password.
    manager.written(TEMPLATE, &template(&sealed("hunter1"), &json!("guest"), "1")).await;
    assert_eq!(manager.released(TEMPLATE, "T").await["Parameters"][0]["DefaultValue"], "guest");
    manager.written(TEMPLATE, &template(&sealed("hunter1"), &json!("guest"), "0")).await;
    assert_eq!(manager.released(TEMPLATE, "T").await["Parameters"][0]["DefaultValue"], "guest");
    manager.written(TEMPLATE, &template(&sealed("hunter1"), &json!("hunter2"), "1")).await;
    manager.publish("all", "/", 0, EditMode::WriteThrough, &[(TEMPLATE, "T", None)]).await;
    let (mut one, mut other) = (manager.node("one", "/", &[]).await, manager.node("other", "/", &[]).await);
    one.sync(&manager).await;
    other.sync(&manager).await;
    assert_eq!(reads(&other), ["hunter1".to_owned(), "hunter2".to_owned()].into());
    assert!(!other.content("T").to_string().contains("hunter"));
    // And so does one who types over a sealed one.
    let base = other.content("T");
    manager.written(TEMPLATE, &template(&json!("hunter3"), &base["Parameters"][0]["DefaultValue"], "1")).await;
    one.sync(&manager).await;
    other.sync(&manager).await;
    assert_eq!(reads(&other), ["hunter2".to_owned(), "hunter3".to_owned()].into());
    // On a node nobody can seal it.
    for (token, default) in [("typed", None), ("", Some("typed"))] {
        let mut content = one.content("T");
        if !token.is_empty() {
            content["Properties"]["Token"] = json!(token);
        }
        if let Some(default) = default {
            content["Parameters"][0]["DefaultValue"] = json!(default);
            content["Parameters"][0]["DisplaySettings"] = json!({});
        }
        one.edit(TEMPLATE, EditBase::Running, &content).unwrap();
        let said = format!("{:?}", one.push(&manager).await);
        assert!(said.contains("sensitive value in the clear"), "{said}");
        other.sync(&manager).await;
        assert!(!other.content("T").to_string().contains("typed"));
        assert!(!manager.loaded(TEMPLATE, "T").await.provenance.values().any(|it| it.provenance.node.is_some()));
        one.sync(&manager).await;
    }
    // What is beside it can be edited as ever.
    let mut content = one.content("T");
    content["Notes"] = json!("2");
    one.edit(TEMPLATE, EditBase::Running, &content).unwrap();
    one.sync(&manager).await;
    assert_eq!(manager.released(TEMPLATE, "T").await["Notes"], "2");
}

#[tokio::test]
async fn the_answer_to_a_conflict_takes_no_value_out_of_its_seal() {
    const TEMPLATE: Kind = Kind::StepTemplate;
    let template = |token: &Value| json!({"Name": "T", "ActionType": "x", "Properties": {"Token": token}});
    for answer in ["the node", "typed"] {
        let manager = TestManager::start().await;
        manager.written(TEMPLATE, &template(&json!("plain"))).await;
        manager.publish("all", "/", 0, EditMode::Propose, &[(TEMPLATE, "T", None)]).await;
        let (mut one, mut other) = (manager.node("one", "/", &[]).await, manager.node("other", "/", &[]).await);
        one.sync(&manager).await;
        one.edit(TEMPLATE, EditBase::Running, &template(&json!("hunter1"))).unwrap();
        manager.written(TEMPLATE, &template(&json!({"HasValue": true, "NewValue": "sesame"}))).await;
        one.sync(&manager).await;
        let record = manager.conflicts().await.remove(0);
        let node_side = conflict::get(&manager.services, &record.id.to_string()).await.unwrap().node_side.unwrap();
        let take = match answer {
            "typed" => Take::Value(Some(json!("hunter1"))),
            _ => [Take::Ours, Take::Theirs][node_side].clone(),
        };
        manager.resolve(&record, take, false).await.unwrap();
        manager.release(TEMPLATE, "T").await.unwrap();
        other.sync(&manager).await;
        assert!(!other.content("T").to_string().contains("hunter1"), "{answer}");
        assert!(reads(&other).contains("hunter1"), "{answer}: it is sealed");
    }
}

#[tokio::test]
async fn a_node_types_no_password_by_way_of_an_edit_that_takes_the_sealed_one_out() {
    const TEMPLATE: Kind = Kind::StepTemplate;
    let template = |token: &Value| json!({"Name": "T", "ActionType": "Octopus.Script", "Properties": {"Token": token}});
    let sealed = |text: &str| json!({"HasValue": true, "NewValue": text});
    let manager = TestManager::start().await;
    manager.written(TEMPLATE, &template(&sealed("first"))).await;
    manager.publish("all", "/", 0, EditMode::WriteThrough, &[(TEMPLATE, "T", None)]).await;
    let mut hostile = manager.node("hostile", "/", &[]).await;
    hostile.sync(&manager).await;
    let old = hostile.runs("T").unwrap();
    manager.written(TEMPLATE, &template(&sealed("second"))).await;
    let loaded = manager.loaded(TEMPLATE, "T").await;
    let now = loaded.shown().unwrap();
    let token = || -> TouchedPaths { std::iter::once("/Properties/Token".parse().unwrap()).collect() };
    let writing = |parents: &[RevisionId], body: &Value| {
        Revision::writing(loaded.record.id, TEMPLATE, parents.iter().copied().collect(), Some(body), token())
    };
    let mut body = old.body.clone().unwrap();
    body["Properties"].as_object_mut().unwrap().remove("Token");
    let removed = writing(&[old.revision], &body);
    hostile.send_revision(&manager, &removed, body.clone()).await;
    body["Properties"]["Token"] = json!("typed");
    let typed = writing(&[removed.id, now], &body);
    let said = format!("{:?}", hostile.send_revision(&manager, &typed, body).await);
    assert!(said.contains("sensitive value in the clear"), "{said}");
    assert_eq!(manager.released(TEMPLATE, "T").await["Properties"]["Token"]["HasValue"], true);
}
