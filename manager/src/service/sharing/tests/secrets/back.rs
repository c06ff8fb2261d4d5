//! What a publication brings again, after a time in which there was nothing to read.

use super::*;

#[tokio::test]
async fn what_comes_back_after_its_deletion_comes_to_those_who_could_read_it_and_to_others_with_the_word() {
    // Nobody but production can read the password, and an older release lets everybody.
    let (manager, mut inside, mut outside) = farm(EditMode::Propose, &set(&json!({}), &json!("old"), "1")).await;
    manager.written(SET, &set(&production(), &json!("hunter2"), "1")).await;
    let newest = manager.loaded(SET, "db").await.shown().unwrap();
    let mut bystander = manager.node("bystander", "/eu", &[("environment", "staging")]).await;
    let back = async |manager: &TestManager, widen: bool| {
        let wish = release::Wish { expected: "*", ..Default::default() };
        let caller = manager.caller.clone().widening(widen);
        release::release(&manager.services, &caller, SET, "db", wish).await.map(|_| ())
    };
    // Deleted and brought back: nobody is asked anything.
    manager.delete(SET, "db").await;
    manager.roll_back(SET, "db", newest).await.unwrap();
    back(&manager, false).await.unwrap();
    for node in [&mut inside, &mut outside, &mut bystander] {
        node.sync(&manager).await;
    }
    assert_eq!((reads(&inside), reads(&bystander)), (["hunter2".to_owned()].into(), BTreeSet::new()));

    // Meanwhile somebody labels a node, and pins others to the older release: there is nothing to ask about yet.
    manager.delete(SET, "db").await;
    for node in [&mut inside, &mut outside, &mut bystander] {
        node.sync(&manager).await;
    }
    manager.label(&outside, "environment", "production", false).await.unwrap();
    manager.publish("pin", "/eu", 9, EditMode::Propose, &[(SET, "db", Some("1.0.0"))]).await;
    manager.roll_back(SET, "db", newest).await.unwrap();
    let refused = back(&manager, false).await.unwrap_err();
    assert_eq!(refused.reason, "WIDENS_SECRET");
    assert!(refused.text.contains("bystander, outside") && !refused.text.contains("inside"), "{}", refused.text);
    for node in [&mut inside, &mut outside, &mut bystander] {
        node.sync(&manager).await;
        assert!(!node.reads_any());
    }
    back(&manager, true).await.unwrap();
    for node in [&mut inside, &mut outside, &mut bystander] {
        node.sync(&manager).await;
    }
    assert_eq!((reads(&inside), reads(&outside)), (["hunter2".to_owned()].into(), ["hunter2".to_owned()].into()));
    assert!(reads(&bystander).contains("old"));
    // A value that is given together with its scope asks nobody, whatever came before.
    publication::delete(&manager.services, &manager.caller, "pin", "*").await.unwrap();
    manager.delete(SET, "db").await;
    manager.roll_back(SET, "db", newest).await.unwrap();
    let shown = manager.loaded(SET, "db").await.shown().unwrap().to_string();
    manager.write_from(SET, &set(&json!({}), &json!("fresh"), "1"), Some(shown), false).await.unwrap();
    back(&manager, false).await.unwrap();
    bystander.sync(&manager).await;
    assert_eq!(reads(&bystander), ["fresh".to_owned()].into());
}

#[tokio::test]
async fn what_a_publication_ceased_to_bring_comes_back_to_those_who_could_read_it_and_to_others_with_the_word() {
    // A release without the password, one with it, and the first one again: a bad release is taken back.
    let without = json!({"Name": "db", "Variables": [{"Id": "o", "Name": "Other", "Value": "1"}]});
    let (manager, mut inside, mut outside) = farm(EditMode::Propose, &without).await;
    let first = manager.loaded(SET, "db").await.shown().unwrap().to_string();
    manager.written(SET, &set(&production(), &json!("hunter2"), "1")).await;
    let publish = async |revision: Option<&str>| {
        let wish = release::Wish { expected: "*", revision, ..Default::default() };
        release::release(&manager.services, &manager.caller, SET, "db", wish).await.map(|_| ())
    };
    let again = |version: &str| format!("1.0.{version}").parse().unwrap();
    let wish = release::Wish { expected: "*", revision: Some(&first), version: Some(again("2")), ..Default::default() };
    release::release(&manager.services, &manager.caller, SET, "db", wish).await.unwrap();
    // Nobody reads it, so the label asks nobody; the release that brings it back does.
    manager.label(&outside, "environment", "production", false).await.unwrap();
    let refused = publish(None).await.unwrap_err();
    assert_eq!(refused.reason, "WIDENS_SECRET");
    assert!(refused.text.contains("outside") && !refused.text.contains("inside"), "{}", refused.text);
    manager.label(&outside, "environment", "staging", false).await.unwrap();
    publish(None).await.unwrap();
    inside.sync(&manager).await;
    outside.sync(&manager).await;
    assert!(inside.reads_any() && !outside.reads_any());

    // The same where a publication goes to an older release and comes back.
    manager.publish("all", "/", 0, EditMode::Propose, &[(SET, "db", Some("1.0.0"))]).await;
    manager.label(&outside, "environment", "production", false).await.unwrap();
    let wish = || manager.wish("all", "/", 0, EditMode::Propose, &[(SET, "db", None)]);
    assert_eq!(reason(publication::save(&manager.services, &manager.caller, wish()).await), "WIDENS_SECRET");
    manager.label(&outside, "environment", "staging", false).await.unwrap();
    publication::save(&manager.services, &manager.caller, wish()).await.unwrap();
}
