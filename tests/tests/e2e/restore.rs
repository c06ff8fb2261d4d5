//! A manager whose database was put back to an earlier moment: the fleet has what it lost.

use atoll_tests::{Fleet, eventually};
use serde_json::{Value, json};

use crate::samples::template;

fn description(text: &'static str) -> impl FnOnce(&mut Value) {
    move |document| document["Description"] = json!(text)
}

/// Waits for the one proposal that waits, and gives its id.
fn proposed(fleet: &Fleet) -> String {
    eventually("an edit is proposed", || {
        let proposals = fleet.cli.json(&["proposal", "list", "--filter", "state=proposed"]);
        proposals[0]["id"].as_str().map(str::to_owned)
    })
}

fn edit_at_manager(fleet: &Fleet, name: &str, change: impl FnOnce(&mut Value)) {
    let content = fleet.cli.json(&["template", "get", name])["content"].as_str().unwrap().to_owned();
    let mut content: Value = serde_json::from_str(&content).unwrap();
    change(&mut content);
    let file = fleet.write("edited.json", &content);
    fleet.cli.run(&["template", "edit", name, "--file", &file, "--base", "head"]);
}

fn content(fleet: &Fleet, name: &str) -> Value {
    serde_json::from_str(&fleet.cli.run(&["template", "export", name, "--without-revision"])).unwrap_or_default()
}

fn nothing_is_kept_aside(fleet: &Fleet, nodes: &[&str]) {
    for node in nodes {
        let shown = fleet.cli.run(&["node", "get", node]);
        assert!(!shown.contains("REJECTED"), "{shown}");
    }
}

#[test]
fn a_manager_that_was_put_back_gets_from_its_nodes_what_it_lost() {
    let mut fleet = Fleet::start();
    let (one, two) = (fleet.join("one", "/eu", &[]), fleet.join("two", "/eu", &[]));
    let name = fleet.publish("template", &template("Deploy"));
    fleet.cli.run(&["publication", "set", "all", "--template", &name]);
    one.sees("step_template", "Deploy", "the first release", |_| true);
    two.sees("step_template", "Deploy", "the first release", |_| true);
    fleet.back_up();

    // An edit on a node is accepted.
    one.edit("step_template", "Deploy", description("from one"));
    fleet.cli.run(&["proposal", "accept", &proposed(&fleet), "--expect", "*", "--publish"]);
    two.sees("step_template", "Deploy", "what was accepted", |document| document["Description"] == "from one");
    // Another one and an administrator's do not merge, and are settled.
    two.edit("step_template", "Deploy", |document| document["Parameters"][1]["DefaultValue"] = json!("8080"));
    proposed(&fleet);
    edit_at_manager(&fleet, "Deploy", |document| document["Parameters"][1]["DefaultValue"] = json!("9090"));
    fleet.cli.run(&["template", "publish", "Deploy"]);
    let conflict = eventually("the conflict is listed", || {
        fleet.cli.json(&["conflict", "list"])[0]["id"].as_str().map(str::to_owned)
    });
    fleet.cli.run(&[
        "conflict",
        "resolve",
        &conflict,
        "--expect",
        "*",
        "--take",
        "node",
        "--publish",
        "-m",
        "the node is right",
    ]);
    for node in [&one, &two] {
        node.sees("step_template", "Deploy", "the answer", |document| {
            document["Parameters"][1]["DefaultValue"] == "8080" && document["Description"] == "from one"
        });
    }
    // A template is made, and an edit still waits for its administrator when something else is released.
    fleet.publish("template", &template("Later"));
    fleet.cli.run(&["publication", "set", "later", "--template", "Later"]);
    one.sees("step_template", "Later", "it", |_| true);
    two.edit("step_template", "Deploy", |document| document["Parameters"][0]["DefaultValue"] = json!("two.example"));
    proposed(&fleet);
    edit_at_manager(&fleet, "Deploy", |document| document["Parameters"][0]["Label"] = json!("Machine"));
    fleet.cli.run(&["template", "publish", "Deploy"]);
    let both = |document: &Value| {
        document["Parameters"][0]["DefaultValue"] == "two.example" && document["Parameters"][0]["Label"] == "Machine"
    };
    two.sees("step_template", "Deploy", "both", both);
    let released = content(&fleet, "Deploy");

    fleet.put_back();
    fleet.restart_manager();
    eventually("what was released is released again", || {
        (fleet.cli.json(&["template", "get", "Deploy"])["resource"]["version"] == "1.0.4").then_some(())
    });
    assert_eq!(content(&fleet, "Deploy"), released);
    assert!(fleet.cli.run(&["template", "versions", "Deploy"]).contains("1.0.4"));
    eventually("the template that was made since is there", || {
        (fleet.cli.attempt(&["template", "export", "Later"]).code == 0).then_some(())
    });
    // The edit that waited waits again, and its node has not lost it.
    two.sees("step_template", "Deploy", "its own edit", both);
    let proposal = proposed(&fleet);
    nothing_is_kept_aside(&fleet, &["one", "two"]);
    fleet.cli.run(&["proposal", "accept", &proposal, "--expect", "*", "--publish"]);
    one.sees("step_template", "Deploy", "everything", both);
    one.sees("step_template", "Deploy", "everything", |document| {
        document["Description"] == "from one" && document["Parameters"][1]["DefaultValue"] == "8080"
    });
}

#[test]
fn what_was_written_after_the_restore_is_not_replaced_by_what_comes_back() {
    let mut fleet = Fleet::start();
    let mut node = fleet.join("n", "/eu", &[]);
    let name = fleet.publish("template", &template("Deploy"));
    fleet.cli.run(&["publication", "set", "all", "--template", &name]);
    node.sees("step_template", "Deploy", "the first release", |_| true);
    fleet.back_up();
    for text in ["one", "two", "three"] {
        edit_at_manager(&fleet, "Deploy", description(text));
        fleet.cli.run(&["template", "publish", "Deploy"]);
        node.sees("step_template", "Deploy", text, |document| document["Description"] == text);
    }
    node.process.stop();

    fleet.put_back();
    fleet.restart_manager();
    edit_at_manager(&fleet, "Deploy", description("after the restore"));
    fleet.cli.run(&["template", "publish", "Deploy"]);
    node.restart();
    let conflict = eventually("an administrator is asked", || {
        fleet.cli.json(&["conflict", "list"])[0]["id"].as_str().map(str::to_owned)
    });
    node.sees("step_template", "Deploy", "what is released", |document| document["Description"] == "after the restore");
    let shown = fleet.cli.run(&["conflict", "show", &conflict]);
    assert!(shown.contains("three") && shown.contains("after the restore"), "{shown}");
    nothing_is_kept_aside(&fleet, &["n"]);
    fleet.cli.run(&[
        "conflict",
        "resolve",
        &conflict,
        "--expect",
        "*",
        "--choose",
        "/Description=value:\"three\"",
        "--publish",
    ]);
    node.sees("step_template", "Deploy", "the answer", |document| document["Description"] == "three");
}
