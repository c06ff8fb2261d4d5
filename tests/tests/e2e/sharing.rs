//! Edit modes, policies, deletion, rollback, and variable sets.

use atoll_tests::{Fleet, eventually};
use serde_json::json;

use crate::samples::{template, variables};

fn set_description(text: &'static str) -> impl FnOnce(&mut serde_json::Value) {
    move |document| document["Description"] = json!(text)
}

#[test]
fn a_locked_resource_is_refused_at_the_node_and_a_fork_stays_there() {
    let fleet = Fleet::start();
    let node = fleet.join("n", "/eu", &[]);
    let other = fleet.join("m", "/eu", &[]);
    fleet.publish("template", &template("Locked"));
    fleet.publish("template", &template("Forked"));
    fleet.cli.run(&["publication", "set", "locked", "--template", "Locked", "--mode", "locked"]);
    fleet.cli.run(&["publication", "set", "forked", "--template", "Forked", "--mode", "fork"]);
    node.sees("step_template", "Locked", "it", |_| true);
    node.sees("step_template", "Forked", "it", |_| true);

    node.edit("step_template", "Locked", set_description("mine"));
    eventually("the node says that it is locked", || node.process.output().contains("locked").then_some(()));
    node.edit("step_template", "Forked", set_description("mine"));
    eventually("the fork is seen", || {
        let forks = fleet.cli.json(&["proposal", "list", "--filter", "state=forked"]);
        (forks.as_array()?.len() == 1).then_some(())
    });
    assert_eq!(other.document("step_template", "Forked").unwrap()["Description"], template("x")["Description"]);
    assert_eq!(fleet.cli.json(&["proposal", "list", "--filter", "resource=Locked"]), json!([]));

    // What is released later is put together with the fork, and the fork stays.
    let mut newer = template("Forked");
    newer["Parameters"][0]["Label"] = json!("newer");
    let file = fleet.write("newer.json", &newer);
    fleet.cli.run(&["template", "edit", "Forked", "--file", &file, "--base", "head"]);
    fleet.cli.run(&["template", "publish", "Forked"]);
    node.sees("step_template", "Forked", "both", |document| {
        document["Description"] == "mine" && document["Parameters"][0]["Label"] == "newer"
    });
}

#[test]
fn with_write_through_an_edit_on_one_node_is_everybodys() {
    let fleet = Fleet::start();
    let (one, other) = (fleet.join("one", "/eu", &[]), fleet.join("other", "/eu", &[]));
    fleet.publish("template", &template("Shared"));
    fleet.cli.run(&["publication", "set", "through", "--template", "Shared", "--mode", "write-through"]);
    one.sees("step_template", "Shared", "it", |_| true);
    one.edit("step_template", "Shared", set_description("from one"));
    other.sees("step_template", "Shared", "the edit", |document| document["Description"] == "from one");
    assert_eq!(fleet.cli.json(&["template", "get", "Shared"])["resource"]["version"], "1.0.1");
}

#[test]
fn a_declined_edit_goes_from_its_node_and_stays_in_the_history() {
    let fleet = Fleet::start();
    let node = fleet.join("n", "/eu", &[]);
    fleet.publish("template", &template("T"));
    fleet.cli.run(&["publication", "set", "all", "--template", "T"]);
    node.sees("step_template", "T", "it", |_| true);
    node.edit("step_template", "T", set_description("no good"));
    let proposals = || fleet.cli.json(&["proposal", "list"]);
    let id = eventually("it is proposed", || proposals()[0]["id"].as_str().map(str::to_owned));
    fleet.cli.run(&["proposal", "decline", &id, "--expect", "*", "-m", "please do not"]);
    node.sees("step_template", "T", "what is released", |document| {
        document["Description"] == template("T")["Description"]
    });
    assert_eq!(proposals()[0]["state"], "declined");
    assert!(fleet.cli.run(&["template", "versions", "T"]).contains("file:"));
    assert!(fleet.cli.run(&["node", "get", "n"]).contains("please do not"));
    // The same edit made again is a new wish, although it is the same revision.
    node.edit("step_template", "T", set_description("no good"));
    eventually("it is proposed again", || (proposals()[0]["state"] == "proposed").then_some(()));
    node.sees("step_template", "T", "the edit again", |document| document["Description"] == "no good");
}

#[test]
fn a_pinned_version_stays_and_the_higher_priority_wins() {
    let fleet = Fleet::start();
    let (pinned, latest) = (fleet.join("pinned", "/eu/prod", &[]), fleet.join("latest", "/eu/test", &[]));
    fleet.publish("template", &template("T"));
    fleet.cli.run(&["publication", "set", "all", "--template", "T"]);
    fleet
        .cli
        .attempt(&["publication", "set", "prod", "--group", "/eu/prod", "--template", "T@1.0.0"])
        .refused(6, "a higher or lower priority");
    // No node has both labels, so neither of them wins over the other.
    fleet.cli.run(&["publication", "set", "web", "--label", "role=web", "--priority", "5", "--template", "T"]);
    fleet.cli.run(&["publication", "set", "db", "--label", "role=db", "--priority", "5", "--template", "T@1.0.0"]);
    fleet
        .cli
        .attempt(&["publication", "set", "blue", "--label", "color=blue", "--priority", "5", "--template", "T"])
        .refused(6, "a higher or lower priority");
    fleet.cli.run(&["publication", "set", "prod", "--group", "/eu/prod", "--priority", "10", "--template", "T@1.0.0"]);
    let mut newer = template("T");
    newer["Description"] = json!("newer");
    let file = fleet.write("newer.json", &newer);
    fleet.cli.run(&["template", "edit", "T", "--file", &file, "--base", "head"]);
    fleet.cli.run(&["template", "publish", "T", "--version", "2.0.0"]);
    latest.sees("step_template", "T", "2.0.0", |document| document["Description"] == "newer");
    fleet.synced();
    assert_eq!(pinned.document("step_template", "T").unwrap()["Description"], template("T")["Description"]);
    fleet.cli.attempt(&["template", "publish", "T", "--version", "1.5.0"]).refused(6, "not higher");
}

/// More than one message to the manager may hold.
#[test]
fn edits_that_were_made_offline_arrive_however_much_they_are_together() {
    let mut fleet = Fleet::start();
    let node = fleet.join("n", "/eu", &[]);
    let names: Vec<String> = (0..8).map(|number| format!("T{number}")).collect();
    for name in &names {
        fleet.publish("template", &template(name));
        fleet.cli.run(&["publication", "set", &name.to_lowercase(), "--template", name]);
    }
    fleet.synced();
    fleet.manager.stop();
    let line = "echo 'as long as it is here'\n";
    for (number, name) in names.iter().enumerate() {
        let script = format!("echo {number}\n{}", line.repeat(900 * 1024 / line.len()));
        node.edit("step_template", name, |document| document["Description"] = json!(script));
    }
    let waiting = || node.status()["status"]["node"]["outbox_length"].as_u64().unwrap();
    eventually("all of them wait", || (waiting() >= names.len() as u64).then_some(()));
    fleet.restart_manager();
    eventually("all of them are listed", || {
        let listed = fleet.cli.run(&["proposal", "list"]);
        names.iter().all(|name| listed.contains(name.as_str())).then_some(())
    });
    eventually("nothing waits any more", || (waiting() == 0).then_some(()));
}

#[test]
fn a_rollback_is_a_new_revision_and_a_deletion_takes_the_resource_away() {
    let fleet = Fleet::start();
    let node = fleet.join("n", "/eu", &[]);
    fleet.publish("template", &template("T"));
    fleet.cli.run(&["publication", "set", "all", "--template", "T"]);
    let mut newer = template("T");
    newer["Description"] = json!("newer");
    let file = fleet.write("newer.json", &newer);
    fleet.cli.run(&["template", "edit", "T", "--file", &file, "--base", "head"]);
    fleet.cli.run(&["template", "publish", "T"]);
    node.sees("step_template", "T", "newer", |document| document["Description"] == "newer");

    assert_eq!(fleet.cli.attempt(&["template", "diff", "T", "1.0.0", "1.0.1"]).code, 1);
    fleet.cli.run(&["template", "rollback", "T", "1.0.0", "-m", "it broke"]);
    fleet.cli.run(&["template", "publish", "T"]);
    node.sees("step_template", "T", "the old content", |document| *document == template("T"));
    let history = fleet.cli.json(&["template", "versions", "T"]);
    assert_eq!(history[0]["origin"], "rollback");
    assert_eq!(history.as_array().unwrap().len(), 3);

    fleet.cli.run(&["template", "delete", "T", "--yes"]);
    node.sees_no("step_template", "T");
    assert_eq!(fleet.cli.json(&["template", "list", "--filter", "state=deleted"])[0]["name"], "T");
}

#[test]
fn two_administrators_who_edit_the_same_revision_lose_nothing() {
    let fleet = Fleet::start();
    fleet.publish("template", &template("T"));
    let base = fleet.cli.json(&["template", "get", "T"])["revision"]["id"].as_str().unwrap().to_owned();
    let edit = |file: &str, change: &dyn Fn(&mut serde_json::Value)| {
        let mut document = template("T");
        change(&mut document);
        let file = fleet.write(file, &document);
        fleet.cli.attempt(&["template", "import", &file, "--base", &base])
    };
    assert_eq!(edit("one.json", &|document| document["Description"] = json!("one")).code, 0);
    let merged = edit("two.json", &|document| document["Parameters"][0]["Label"] = json!("two"));
    assert_eq!(merged.code, 0, "other places merge: {merged:?}");
    edit("three.json", &|document| document["Description"] = json!("three")).refused(6, "conflicts with a newer one");
    let conflicts = fleet.cli.json(&["conflict", "list"]);
    fleet.cli.attempt(&["template", "publish", "T"]).refused(6, "in conflict");
    let id = conflicts[0]["id"].as_str().unwrap();
    fleet.cli.attempt(&["conflict", "resolve", id]).refused(2, "review it first");
    fleet.cli.run(&["conflict", "show", id]);
    fleet.cli.attempt(&["conflict", "resolve", id]).refused(2, "is unresolved");
    fleet.cli.run(&[
        "conflict",
        "resolve",
        id,
        "--expect",
        "*",
        "--choose",
        "/Description=value:\"four\"",
        "--publish",
    ]);
    let content = fleet.cli.json(&["template", "get", "T"])["content"].as_str().unwrap().to_owned();
    assert!(content.contains("four") && content.contains("two"));
    fleet.cli.attempt(&["conflict", "resolve", id, "--expect", "*", "--take", "ours"]).refused(6, "already resolved");
}

#[test]
fn variables_are_explained_value_by_value() {
    let fleet = Fleet::start();
    let _node = fleet.join("oct-1", "/eu", &["environment=production"]);
    fleet.publish("vars", &variables("Database"));
    fleet.cli.run(&["publication", "set", "all", "--vars", "Database"]);
    let value = |arguments: &[&str]| {
        let rows = fleet.cli.json(&[&["vars", "effective", "Database"], arguments].concat());
        let host = rows.as_array().unwrap().iter().find(|row| row["name"] == "Db.Host").unwrap().clone();
        host["value"].as_str().unwrap().to_owned()
    };
    assert_eq!(value(&[]), "\"localhost\"");
    assert_eq!(value(&["--environment", "Production"]), "\"db.prod\"");
    assert_eq!(value(&["--node", "oct-1"]), "\"db.prod\"");
    fleet.cli.run(&["vars", "set", "Database", "Db.Host", "db.one", "--target", "oct-1", "--publish"]);
    assert_eq!(value(&["--node", "oct-1"]), "\"db.one\"");
    let explained = fleet.cli.run(&["vars", "effective", "Database", "--node", "oct-1", "--explain"]);
    for says in ["most specific", "a more specific value wins", "Db.Name: required_missing"] {
        assert!(explained.contains(says), "{says} is not in:\n{explained}");
    }
    // Two values that could both apply with equal rank are refused at save.
    let mut tied = variables("Tied");
    tied["Variables"].as_array_mut().unwrap().push(json!({ "Name": "db.host", "Value": "again" }));
    let file = fleet.write("tied.json", &tied);
    fleet.cli.attempt(&["vars", "import", &file]).refused(2, "equal rank");
}

#[test]
fn a_decision_is_about_what_its_person_was_shown() {
    let fleet = Fleet::start();
    let node = fleet.join("n", "/eu", &[]);
    fleet.publish("template", &template("T"));
    fleet.cli.run(&["publication", "set", "all", "--template", "T"]);
    node.sees("step_template", "T", "it", |_| true);
    let proposed = |text: &'static str| {
        node.edit("step_template", "T", set_description(text));
        eventually("it is proposed", || {
            let proposals = fleet.cli.json(&["proposal", "list", "--filter", "state=proposed"]);
            let differences = proposals[0]["differences"].to_string();
            differences.contains(text).then(|| proposals[0]["id"].as_str().unwrap().to_owned())
        })
    };
    let id = proposed("harmless");
    fleet.cli.attempt(&["proposal", "accept", &id, "--publish"]).refused(2, "review it first");
    assert!(fleet.cli.run(&["proposal", "show", &id]).contains("harmless"));
    assert_eq!(proposed("unseen"), id, "the same proposal has moved on");
    fleet.cli.attempt(&["proposal", "accept", &id, "--publish"]).refused(6, "changed since you reviewed");
    assert!(fleet.cli.run(&["proposal", "show", &id]).contains("unseen"));
    fleet.cli.run(&["proposal", "accept", &id, "--publish"]);
}

#[test]
fn the_same_edit_on_two_nodes_is_two_wishes_and_one_revision() {
    let fleet = Fleet::start();
    let nodes = [fleet.join("one", "/eu", &[]), fleet.join("two", "/eu", &[])];
    fleet.publish("template", &template("T"));
    fleet.cli.run(&["publication", "set", "all", "--template", "T"]);
    for node in &nodes {
        node.sees("step_template", "T", "it", |_| true);
        node.edit("step_template", "T", set_description("the same"));
    }
    let proposals = eventually("both are proposed", || {
        let proposals = fleet.cli.json(&["proposal", "list", "--filter", "state=proposed"]);
        (proposals.as_array()?.len() == 2).then_some(proposals)
    });
    assert_eq!(proposals[0]["revision"]["id"], proposals[1]["revision"]["id"]);
    // A proposal is accepted before it is released, not released over everybody's heads.
    let revision = proposals[0]["revision"]["id"].as_str().unwrap();
    fleet.cli.attempt(&["template", "publish", "T", "--revision", revision]).refused(6, "accept the proposal");
    let proposal = proposals[0]["id"].as_str().unwrap();
    fleet.cli.run(&["proposal", "accept", proposal, "--expect", "*", "--publish"]);
    let mut newer = template("T");
    newer["Description"] = json!("newer still");
    let base = fleet.cli.json(&["template", "get", "T"])["revision"]["id"].as_str().unwrap().to_owned();
    let file = fleet.write("newer.json", &newer);
    fleet.cli.run(&["template", "import", &file, "--base", &base, "--publish"]);
    for node in &nodes {
        node.sees("step_template", "T", "what is released later", |document| document["Description"] == "newer still");
    }
}
