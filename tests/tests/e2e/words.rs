//! What is refused until somebody says that it is meant, act by act as an administrator does it: the word that is left out is
//! taken for given at no place between the command and the database.

use atoll_proto::v1;
use atoll_proto::v1::act_on_nodes_request::Act;
use atoll_tests::{Fleet, eventually};
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::samples::template;

const REFUSED: i32 = 6;

/// A set whose password is for production, and another one each for a group and a server.
fn secrets(scope: &Value) -> Value {
    json!({"Name": "db", "Variables": [
        {"Id": "p", "Name": "Password", "Type": "Sensitive", "Scope": scope, "Value": "first"},
        {"Id": "g", "Name": "Grouped", "Type": "Sensitive", "Scope": {"Group": ["/eu/prod"]}, "Value": "second"},
        {"Id": "t", "Name": "Targeted", "Type": "Sensitive", "Scope": {"Machine": ["db-1"]}, "Value": "third"}]})
}

/// An act without the word is refused and changes nothing for anybody; with the word it is done.
fn needs_the_word(fleet: &Fleet, act: &[&str]) {
    fleet.cli.attempt(act).refused(REFUSED, "--widen");
    let meant: Vec<&str> = act.iter().copied().chain(["--widen"]).collect();
    fleet.cli.run(&meant);
}

fn exported(fleet: &Fleet) -> Value {
    fleet.cli.run(&["vars", "export", "db"]).parse().unwrap()
}

#[test]
fn letting_more_nodes_read_a_value_needs_the_word_at_every_act() {
    let fleet = Fleet::start();
    fleet.cli.run(&["group", "create", "/eu/prod"]);
    let _out = fleet.join("out", "/eu/test", &["environment=test"]);
    let production = json!({"Environment": ["production"]});
    fleet.publish("vars", &secrets(&production));
    fleet.cli.run(&["publication", "set", "all", "--vars", "db"]);

    // Of nodes: by label, group and name, one by one and many at once.
    let browser = Browser::signed_in(&fleet);
    let wish = v1::FreezeNodesRequest { nodes: vec!["out".to_owned()], filter: String::new() };
    let frozen: v1::FreezeNodesResponse = browser.call("Fleet/FreezeNodes", &wish).unwrap();
    let production_label = [("environment".to_owned(), "production".to_owned())].into();
    let bulk = v1::ActOnNodesRequest {
        selection_id: frozen.selection_id,
        expected_count: 1,
        act: Some(Act::Label(v1::LabelChange { set: production_label, remove: Vec::new() })),
        widen: false,
    };
    let outcome: v1::ActOnNodesResponse = browser.call("Fleet/ActOnNodes", &bulk).unwrap();
    assert_eq!((outcome.done, outcome.failures.len()), (0, 1), "{outcome:?}");
    for act in [
        &["node", "label", "out", "environment=production"][..],
        &["node", "move", "out", "/eu/prod"],
        &["node", "rename", "out", "db-1"],
    ] {
        let tried: Vec<&str> = act.iter().copied().chain(["--dry-run"]).collect();
        fleet.cli.attempt(&tried).refused(1, "this would be refused");
    }
    needs_the_word(&fleet, &["node", "label", "out", "environment=production"]);
    fleet.cli.run(&["node", "label", "out", "environment=test"]);
    needs_the_word(&fleet, &["node", "move", "out", "/eu/prod"]);
    needs_the_word(&fleet, &["node", "rename", "out", "db-1"]);

    // Of content: by an edit, an older version that comes back, and the answer to a conflict.
    let narrow = exported(&fleet);
    let scoped = |scope: Value| {
        let mut document = narrow.clone();
        document["Variables"][0]["Scope"] = scope;
        document
    };
    let wide = fleet.write("wide.json", &scoped(json!({"Environment": ["production", "test"]})));
    needs_the_word(&fleet, &["vars", "edit", "db", "--file", &wide, "--base", "head"]);
    fleet.cli.run(&["vars", "publish", "db"]);
    let other = fleet.write("other.json", &scoped(json!({"Environment": ["production"], "Role": ["web"]})));
    fleet.cli.run(&["vars", "edit", "db", "--file", &other, "--base", "head"]);
    fleet.cli.run(&["vars", "publish", "db"]);
    needs_the_word(&fleet, &["vars", "rollback", "db", "1.0.1"]);
    fleet.cli.run(&["vars", "edit", "db", "--file", &other, "--base", "head"]);
    fleet.cli.run(&["vars", "publish", "db"]);
    needs_the_word(&fleet, &["vars", "import", &wide, "--base", "head"]);

    // Of publications: a pin to the version that was for more nodes.
    fleet.cli.run(&["vars", "edit", "db", "--file", &other, "--base", "head"]);
    fleet.cli.run(&["vars", "publish", "db"]);
    needs_the_word(&fleet, &["publication", "set", "pinned", "--priority", "9", "--vars", "db@1.0.1"]);
}

#[test]
fn the_answer_to_a_conflict_needs_the_word_to_let_more_nodes_read_a_value() {
    let fleet = Fleet::start();
    fleet.publish("vars", &secrets(&json!({"Environment": ["production"]})));
    fleet.cli.run(&["publication", "set", "all", "--vars", "db"]);
    let base = exported(&fleet);
    let scoped = |name: &str, scope: Value| {
        let mut document = base.clone();
        document["Variables"][0]["Scope"] = scope;
        fleet.write(name, &document)
    };
    let [web, jobs] = ["web", "jobs"]
        .map(|role| scoped(&format!("{role}.json"), json!({"Environment": ["production"], "Role": [role]})));
    fleet.cli.run(&["vars", "edit", "db", "--file", &web]);
    fleet.cli.attempt(&["vars", "edit", "db", "--file", &jobs]).refused(REFUSED, "conflicts with a newer one");
    let conflict = fleet.cli.json(&["conflict", "list"])[0]["id"].as_str().unwrap().to_owned();
    let wide = scoped("wide.json", json!({}));
    needs_the_word(&fleet, &["conflict", "resolve", &conflict, "--file", &wide, "--expect", "*"]);
}

#[test]
fn what_others_have_drafted_is_released_with_a_decision_only_where_that_is_said() {
    let fleet = Fleet::start();
    let node = fleet.join("n", "/eu", &[]);
    fleet.publish("template", &template("T"));
    fleet.cli.run(&["publication", "set", "all", "--template", "T"]);
    node.sees("step_template", "T", "it", |_| true);
    let mut draft: Value = fleet.cli.run(&["template", "export", "T"]).parse().unwrap();
    draft["Author"] = json!("a draft");
    fleet.cli.run(&["template", "edit", "T", "--file", &fleet.write("draft.json", &draft)]);
    node.edit("step_template", "T", |document| document["Description"] = json!("from the node"));
    let id =
        eventually("it is proposed", || fleet.cli.json(&["proposal", "list"])[0]["id"].as_str().map(str::to_owned));
    let accept = ["proposal", "accept", &id, "--publish", "--expect", "*"];
    fleet.cli.attempt(&accept).refused(REFUSED, "--with-drafts");
    let meant: Vec<&str> = accept.iter().copied().chain(["--with-drafts"]).collect();
    fleet.cli.run(&meant);
    node.sees("step_template", "T", "both", |document| {
        document["Author"] == "a draft" && document["Description"] == "from the node"
    });
}

#[test]
fn a_file_that_is_edited_for_a_while_takes_nothing_back_that_others_have_written_since() {
    let fleet = Fleet::start();
    fleet.publish("template", &template("T"));
    let mut mine: Value = fleet.cli.run(&["template", "export", "T"]).parse().unwrap();
    let mut theirs = mine.clone();
    theirs["Author"] = json!("somebody else");
    fleet.cli.run(&["template", "edit", "T", "--file", &fleet.write("theirs.json", &theirs)]);
    mine["Description"] = json!("mine");
    fleet.cli.run(&["template", "edit", "T", "--file", &fleet.write("mine.json", &mine)]);
    let both: Value = fleet.cli.run(&["template", "export", "T"]).parse().unwrap();
    assert_eq!((&both["Author"], &both["Description"]), (&json!("somebody else"), &json!("mine")));
    // What a file was made from is said beside it, and is none of what is shared.
    assert_eq!(both["$revision"], fleet.cli.json(&["template", "get", "T"])["revision"]["id"]);
    let plain: Value = fleet.cli.run(&["template", "export", "T", "--without-revision"]).parse().unwrap();
    assert_eq!(plain.get("$revision"), None);
    let plain = fleet.write("plain.json", &plain);
    fleet.cli.attempt(&["template", "edit", "T", "--file", &plain]).refused(2, "--base head");
    fleet.cli.run(&["template", "edit", "T", "--file", &plain, "--base", "head"]);
}
