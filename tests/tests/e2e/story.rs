//! The main story, as an administrator and the people beside the servers live it.

use atoll_tests::{Agent, Fleet, FleetOptions, eventually, postgresql_url};
use serde_json::json;

use crate::samples::template;

/// Creates a database of its own on the PostgreSQL that the test script started.
pub fn fresh_postgresql() -> Option<String> {
    let url = postgresql_url()?;
    let name = format!("atoll_{}", uuid::Uuid::now_v7().simple());
    let done = std::process::Command::new("psql").args([&url, "-qc", &format!("CREATE DATABASE {name}")]).status();
    assert!(done.unwrap().success(), "psql can create a database");
    let (server, _) = url.rsplit_once('/').unwrap();
    Some(format!("{server}/{name}"))
}

#[test]
fn on_sqlite_an_edit_is_proposed_a_conflict_is_asked_and_everybody_gets_the_answer() {
    the_story(FleetOptions::default());
}

#[test]
fn on_postgresql_the_same_story_holds() {
    let Some(url) = fresh_postgresql() else { return };
    the_story(FleetOptions { database_url: Some(url), ..FleetOptions::default() });
}

fn the_story(options: FleetOptions) {
    let fleet = Fleet::start_with(options);
    let cli = &fleet.cli;
    let nodes: Vec<Agent> = ["oct-1", "oct-2", "oct-3"].iter().map(|name| fleet.join(name, "/eu/prod", &[])).collect();
    let name = fleet.publish("template", &template("Deploy"));
    cli.run(&["publication", "set", "everywhere", "--template", &name]);
    fleet.synced();
    for node in &nodes {
        node.sees("step_template", "Deploy", "the first release", |document| *document == template("Deploy"));
    }

    // Somebody beside a server edits the file there: it runs there, and is proposed.
    nodes[0].edit("step_template", "Deploy", |document| document["Parameters"][1]["DefaultValue"] = json!("8080"));
    let proposal = eventually("the edit is proposed", || {
        cli.json(&["proposal", "list", "--filter", "state=proposed"]).as_array()?.first().cloned()
    });
    assert_eq!(proposal["node"], "oct-1");
    assert_eq!(proposal["differences"][0]["path"], "/Parameters/Port/DefaultValue");
    assert_eq!(
        nodes[1].document("step_template", "Deploy").unwrap(),
        template("Deploy"),
        "it runs on its own node only"
    );

    // An administrator changes another place meanwhile: both hold, without a question.
    let mut newer = template("Deploy");
    newer["Parameters"][0]["DefaultValue"] = json!("example.org");
    let file = fleet.write("newer.json", &newer);
    cli.run(&["template", "edit", "Deploy", "--file", &file, "--base", "head"]);
    cli.run(&["template", "publish", "Deploy", "--wait"]);
    nodes[0].sees("step_template", "Deploy", "both edits", |document| {
        document["Parameters"][0]["DefaultValue"] == "example.org"
            && document["Parameters"][1]["DefaultValue"] == "8080"
    });
    assert_eq!(cli.json(&["conflict", "list"]), json!([]));

    // Then the same place: a question, and what is released stays.
    newer["Parameters"][1]["DefaultValue"] = json!("9090");
    let file = fleet.write("newer.json", &newer);
    cli.run(&["template", "edit", "Deploy", "--file", &file, "--base", "head", "-m", "the new port"]);
    cli.run(&["template", "publish", "Deploy", "--wait"]);
    let conflict =
        eventually("the conflict is listed", || cli.json(&["conflict", "list"]).as_array()?.first().cloned());
    assert_eq!(conflict["node"], "oct-1");
    let sides = conflict["revisions"].as_array().unwrap();
    let on: Vec<&str> = sides.iter().filter_map(|side| side["node"].as_str()).filter(|node| !node.is_empty()).collect();
    assert_eq!(on, ["oct-1"], "where a side was made is said by name");
    let id = conflict["id"].as_str().unwrap();
    let shown = cli.run(&["conflict", "show", id]);
    for says in [
        "/Parameters/Port/DefaultValue",
        "80",
        "8080",
        "9090",
        "the new port",
        "by admin at the manager",
        "by oct-1 (claims: file:deploy.json)",
    ] {
        assert!(shown.contains(says), "{says} is not in:\n{shown}");
    }
    assert_eq!(nodes[0].document("step_template", "Deploy").unwrap()["Parameters"][1]["DefaultValue"], "8080");
    nodes[1]
        .sees("step_template", "Deploy", "the release", |document| document["Parameters"][1]["DefaultValue"] == "9090");

    cli.run(&["conflict", "resolve", id, "--expect", "*", "--take", "node", "--publish", "-m", "the node is right"]);
    fleet.synced();
    for node in &nodes {
        node.sees("step_template", "Deploy", "the answer", |document| {
            document["Parameters"][1]["DefaultValue"] == "8080"
                && document["Parameters"][0]["DefaultValue"] == "example.org"
        });
    }
    assert_eq!(cli.json(&["conflict", "list"]), json!([]));
    assert_eq!(cli.json(&["proposal", "list", "--filter", "state=proposed"]), json!([]));

    // Who did what is on record.
    let acts: Vec<String> = cli
        .json(&["audit", "list"])
        .as_array()
        .unwrap()
        .iter()
        .map(|event| format!("{} {}", event["actor"].as_str().unwrap(), event["action"].as_str().unwrap()))
        .collect();
    for act in ["admin conflict.resolve", "node:oct-1 node.edit", "admin resource.release", "node:oct-1 node.join"] {
        assert!(acts.iter().any(|done| done == act), "{act} is not in {acts:?}");
    }
}

#[test]
fn two_managers_over_one_database_serve_one_fleet() {
    let Some(url) = fresh_postgresql() else { return };
    let one = Fleet::start_with(FleetOptions { database_url: Some(url), ..FleetOptions::default() });
    let other = one.replica();
    let here = one.join("here", "/eu", &[]);
    let there = other.join("there", "/eu", &[]);
    let name = one.publish("template", &template("Deploy"));
    one.cli.run(&["publication", "set", "everywhere", "--template", &name]);
    here.sees("step_template", "Deploy", "the release", |_| true);
    there.sees("step_template", "Deploy", "what the other manager released", |_| true);
    there.edit("step_template", "Deploy", |document| document["Description"] = json!("from there"));
    eventually("the first manager sees the edit", || {
        (one.cli.json(&["proposal", "list"])[0]["node"] == "there").then_some(())
    });
    for fleet in [&one, &other] {
        eventually("both say that everybody is online and in sync", || {
            let status = fleet.cli.json(&["status"]);
            (status["nodesOnline"] == "2" && status["nodesInSync"] == "2").then_some(())
        });
    }
}

#[test]
fn a_node_that_is_cut_off_works_on_and_delivers_its_edit_later() {
    let mut fleet = Fleet::start();
    let node = fleet.join("island", "/eu", &[]);
    let name = fleet.publish("template", &template("Deploy"));
    fleet.cli.run(&["publication", "set", "everywhere", "--template", &name]);
    node.sees("step_template", "Deploy", "the release", |_| true);

    fleet.manager.stop();
    node.edit("step_template", "Deploy", |document| document["Description"] = json!("edited on the island"));
    eventually("the edit waits in the outbox", || node.status()["status"]["node"]["forks"].get(0).map(drop));
    // Even a power cut does not lose it.
    let mut node = node;
    node.process.kill();
    node.restart();
    node.sees("step_template", "Deploy", "its own edit", |document| document["Description"] == "edited on the island");

    fleet.restart_manager();
    let proposal =
        eventually("the edit arrives", || fleet.cli.json(&["proposal", "list"]).as_array()?.first().cloned());
    assert_eq!(proposal["differences"][0]["to"], "\"edited on the island\"");
    let id = proposal["id"].as_str().unwrap();
    fleet.cli.run(&["proposal", "accept", id, "--expect", "*", "--publish", "-m", "good"]);
    fleet.synced();
    let released = fleet.cli.json(&["template", "get", "Deploy"]);
    assert!(released["content"].as_str().unwrap().contains("edited on the island"));
}
