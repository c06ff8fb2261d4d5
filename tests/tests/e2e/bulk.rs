//! Acting on many nodes at once, and what is told about single ones.

use std::collections::HashMap;

use atoll_proto::v1;
use atoll_proto::v1::act_on_nodes_request::Act;
use atoll_tests::{Agent, Fleet, eventually};
use serde_json::Value;

use crate::browser::{Browser, Refused};
use crate::samples::template;

const INVALID: Refused = Refused(3);
const DENIED: Refused = Refused(7);
const PRECONDITION: Refused = Refused(9);

fn freeze(browser: &Browser, nodes: &[&str], filter: &str) -> Result<v1::FreezeNodesResponse, Refused> {
    let nodes = nodes.iter().map(|node| (*node).to_owned()).collect();
    browser.call("Fleet/FreezeNodes", &v1::FreezeNodesRequest { nodes, filter: filter.to_owned() })
}

fn act(
    browser: &Browser,
    frozen: &v1::FreezeNodesResponse,
    expected_count: u64,
    act: Option<Act>,
) -> Result<v1::ActOnNodesResponse, Refused> {
    let selection_id = frozen.selection_id.clone();
    browser.call("Fleet/ActOnNodes", &v1::ActOnNodesRequest { selection_id, expected_count, act, widen: false })
}

fn label(pairs: &[(&str, &str)]) -> Option<Act> {
    let set: HashMap<String, String> = pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
    Some(Act::Label(v1::LabelChange { set, remove: Vec::new() }))
}

fn fleet_of_three() -> (Fleet, [Agent; 3]) {
    let fleet = Fleet::start();
    let nodes = [fleet.join("a", "/eu", &[]), fleet.join("b", "/eu", &[]), fleet.join("c", "/us", &[])];
    (fleet, nodes)
}

#[test]
fn a_label_can_be_tried_before_it_is_set() {
    let fleet = Fleet::start();
    let _node = fleet.join("one", "/eu", &["environment=staging"]);
    let url = |environment: &str| {
        let scope = serde_json::json!({"Environment": [environment]});
        serde_json::json!({"Name": "Url", "Value": format!("https://{environment}"), "Scope": scope})
    };
    fleet.publish("vars", &serde_json::json!({"Name": "web", "Variables": [url("staging"), url("production")]}));
    fleet.cli.run(&["publication", "set", "web", "--vars", "web"]);
    let values = fleet.cli.json(&["node", "label", "one", "environment=production", "--dry-run"]);
    assert_eq!(
        (values[0]["before"].as_str(), values[0]["after"].as_str()),
        (Some("https://staging"), Some("https://production"))
    );
    assert_eq!(fleet.cli.json(&["node", "get", "one"])["node"]["labels"]["environment"], "staging");
    // The same for whatever else brings values or takes them, and none of it happens.
    let said = |command: &[&str]| {
        let rows = fleet.cli.json(&[command, &["--dry-run"]].concat());
        let row = |row: &Value| format!("{} {} {} {}", row["node"], row["name"], row["before"], row["after"]);
        rows.as_array().unwrap().iter().map(row).collect::<Vec<_>>()
    };
    let lost = [r#""one" "Url" "https://staging" null"#];
    assert_eq!(said(&["vars", "delete", "web"]), lost);
    assert_eq!(said(&["publication", "delete", "web"]), lost);
    let gained = [r#""a node that joins" "Url" null "https://production""#];
    assert_eq!(said(&["enroll", "token", "create", "--label", "environment=production"]), gained);
    fleet.cli.run(&["vars", "set", "web", "Url", "https://new", "--environment", "staging"]);
    let changed = [r#""one" "Url" "https://staging" "https://new""#];
    assert_eq!(said(&["vars", "publish", "web"]), changed);
    assert_eq!(said(&["vars", "publish", "web"]), changed, "nothing was released by asking");
    assert_eq!(said(&["node", "rename", "one", "uno"]), [] as [String; 0]);
}

#[test]
fn what_was_confirmed_is_what_is_acted_on() {
    let (fleet, nodes) = fleet_of_three();
    fleet.publish("template", &template("T"));
    fleet.cli.run(&["publication", "set", "web", "--label", "role=web", "--template", "T"]);
    let browser = Browser::signed_in(&fleet);

    let frozen = freeze(&browser, &[], "group=/eu").unwrap();
    assert_eq!(frozen.count, 2);
    assert_eq!((frozen.states[0].value.as_str(), frozen.states[0].count), ("online", 2));
    // Whoever joins afterwards is not among those that were confirmed.
    let _late = fleet.join("late", "/eu", &[]);
    assert_eq!(act(&browser, &frozen, 3, label(&[("role", "web")])).unwrap_err(), PRECONDITION);
    // What it would bring is said before it is done, and asking changes nothing.
    let wished = |act| v1::PreviewNodesRequest {
        act: Some(v1::ActOnNodesRequest {
            selection_id: frozen.selection_id.clone(),
            expected_count: 2,
            act,
            widen: false,
        }),
    };
    let preview = |act| browser.call::<v1::PreviewNodesResponse>("Fleet/PreviewNodes", &wished(act)).unwrap().changes;
    let brought = preview(label(&[("role", "web")]));
    assert_eq!((brought.len(), brought[0].publication.as_str(), brought[0].gained, brought[0].lost), (1, "web", 2, 0));
    assert_eq!(preview(label(&[("role", "db")])), []);
    assert_eq!(nodes[0].document("step_template", "T"), None);
    assert_eq!(act(&browser, &frozen, 2, None).unwrap_err(), INVALID);
    assert_eq!(act(&browser, &frozen, 2, Some(Act::Remove(false))).unwrap_err(), INVALID);
    let outcome = act(&browser, &frozen, 2, label(&[("role", "web")])).unwrap();
    assert_eq!((outcome.done, outcome.failures.len()), (2, 0));
    for node in &nodes[..2] {
        node.sees("step_template", "T", "it", |_| true);
    }
    assert_eq!(fleet.cli.run(&["node", "list", "-o", "name", "--filter", "role=web"]), "a\nb");
    let acts = fleet.cli.json(&["audit", "list", "--filter", "action=node.label"]);
    let subjects: Vec<&str> = acts.as_array().unwrap().iter().filter_map(|event| event["subject"].as_str()).collect();
    assert_eq!(subjects.len(), 2, "each node is recorded as if it were the only one: {acts}");

    let other = fleet.cli.run(&["token", "create", "other"]);
    let other = Browser::at(&fleet).with("authorization", Some(&format!("Bearer {other}")));
    assert_eq!(act(&other, &frozen, 2, Some(Act::Remove(true))).unwrap_err(), DENIED);
    assert_eq!(freeze(&browser, &["nobody"], "").unwrap_err(), Refused(5));
    assert_eq!(freeze(&browser, &["a"], "group=/eu").unwrap_err(), INVALID);
}

#[test]
fn a_node_to_which_it_cannot_be_done_is_named_and_holds_up_nobody() {
    let (fleet, _nodes) = fleet_of_three();
    let browser = Browser::signed_in(&fleet);
    let frozen = freeze(&browser, &["a", "b", "c"], "").unwrap();
    fleet.cli.run(&["node", "remove", "b", "--yes"]);
    let many: Vec<String> = (0..64).map(|number| format!("key-{number}=x")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    fleet.cli.run(&[&["node", "label", "c"], many.as_slice()].concat());

    let outcome = act(&browser, &frozen, 3, label(&[("role", "web")])).unwrap();
    assert_eq!(outcome.done, 1);
    let mut failures: Vec<(String, String)> =
        outcome.failures.into_iter().map(|failure| (failure.node, failure.text)).collect();
    failures.sort();
    assert_eq!((failures[0].0.as_str(), failures[1].0.as_str()), ("b", "c"));
    assert!(failures[0].1.contains("removed") && failures[1].1.contains("64 labels"), "{failures:?}");
    assert_eq!(fleet.cli.json(&["node", "get", "a"])["node"]["labels"]["role"], "web");

    let nowhere = Some(Act::MoveToGroup("/nowhere".to_owned()));
    assert_eq!(act(&browser, &frozen, 3, nowhere).unwrap_err(), Refused(5), "no node is to blame for that");
    act(&browser, &frozen, 3, Some(Act::CordonReason("audit week".to_owned()))).unwrap();
    assert!(fleet.cli.run(&["node", "get", "a"]).contains("audit week"));
    act(&browser, &frozen, 3, Some(Act::Uncordon(true))).unwrap();
    act(&browser, &frozen, 3, Some(Act::MoveToGroup("/us".to_owned()))).unwrap();
    assert_eq!(fleet.cli.run(&["node", "list", "-o", "name", "--filter", "group=/us"]), "a\nc");
    let outcome = act(&browser, &frozen, 3, Some(Act::Remove(true))).unwrap();
    assert_eq!(outcome.done, 3, "removing what is removed changes nothing: {:?}", outcome.failures);
    assert_eq!(fleet.cli.run(&["node", "list", "-o", "name"]), "");
}

#[test]
fn what_happened_to_a_node_is_told_in_one_row_of_time() {
    let fleet = Fleet::start();
    let mut node = fleet.join("n", "/eu", &[]);
    fleet.publish("template", &template("T"));
    fleet.cli.run(&["publication", "set", "all", "--template", "T"]);
    node.sees("step_template", "T", "it", |_| true);
    fleet.cli.run(&["node", "label", "n", "role=web"]);
    node.edit("step_template", "T", |document| document["Description"] = "mine".into());
    node.process.stop();
    let events = eventually("everything is told", || {
        let events = fleet.cli.json(&["node", "events", "n"]);
        let actions: Vec<String> =
            events.as_array()?.iter().filter_map(|event| event["action"].as_str().map(str::to_owned)).collect();
        let wanted = ["connected", "disconnected", "node.join", "node.label"];
        wanted.iter().all(|action| actions.iter().any(|seen| seen == action)).then_some(events)
    });
    let find =
        |action: &str| events.as_array().unwrap().iter().find(|event| event["action"] == action).unwrap().clone();
    assert_eq!(
        (find("node.label")["source"].as_str(), find("node.label")["actor"].as_str()),
        (Some("administrator"), Some("admin"))
    );
    assert!(find("node.label")["text"].as_str().unwrap().contains("role=web"));
    assert_eq!(find("connected")["source"], "connection");
    assert_eq!(find("node.join")["source"], "node");
    let at = |event: &Value| event["atMs"].as_str().unwrap().parse::<i64>().unwrap();
    let times: Vec<i64> = events.as_array().unwrap().iter().map(at).collect();
    assert!(times.is_sorted_by(|newer, older| newer >= older), "newest first: {times:?}");
    let filtered = fleet.cli.json(&["node", "events", "n", "--filter", "source=connection action=connected"]);
    assert_eq!(filtered.as_array().unwrap().len(), 1);
    fleet.cli.attempt(&["node", "events", "nobody"]).refused(3, "no node");
}

#[test]
fn a_server_that_does_not_appear_is_found_among_the_attempts_to_join() {
    let fleet = Fleet::start();
    let token = fleet.join_token("/eu", &[]);
    let id = fleet.cli.run(&["enroll", "token", "list", "-o", "name"]);
    let _node = Agent::start(fleet.directory.path(), "good", Some(&token));
    fleet.cli.run(&["node", "wait", "good"]);
    fleet.cli.run(&["enroll", "token", "revoke", &id]);
    let _late = Agent::start(fleet.directory.path(), "late", Some(&token));
    let attempts = eventually("the refusal is kept", || {
        let attempts = fleet.cli.json(&["enroll", "token", "attempts"]);
        (attempts[0]["name"] == "late").then_some(attempts)
    });
    assert_eq!((&attempts[0]["outcome"], &attempts[0]["token"]), (&"BAD_JOIN_TOKEN".into(), &id.clone().into()));
    assert!(attempts[0]["text"].as_str().unwrap().contains("create a new one"));
    assert_eq!(attempts[0]["address"], "127.0.0.1");
    let joined = fleet.cli.json(&["enroll", "token", "attempts", "--filter", "outcome=joined"]);
    assert_eq!((joined.as_array().unwrap().len(), &joined[0]["name"]), (1, &"good".into()));
}

#[test]
fn a_preview_says_what_would_change_and_changes_nothing() {
    let (fleet, _nodes) = fleet_of_three();
    fleet.publish("template", &template("T"));
    let preview =
        |arguments: &[&str]| fleet.cli.attempt(&[&["publication", "preview"], arguments, &["-o", "json"]].concat());
    let seen = preview(&["p", "--group", "/eu", "--template", "T"]).json();
    assert_eq!((&seen["nodes"], &seen["gained"], &seen["lost"]), (&"2".into(), &"2".into(), &"0".into()));
    assert_eq!(fleet.cli.json(&["publication", "list"]), serde_json::json!([]), "nothing was written");
    fleet.cli.run(&["publication", "set", "p", "--group", "/eu", "--template", "T"]);
    let seen = preview(&["p", "--group", "/us", "--template", "T"]).json();
    assert_eq!((&seen["gainedNodes"], &seen["lostNodes"]), (&serde_json::json!(["c"]), &serde_json::json!(["a", "b"])));
    // What could not be saved says why, with the words that saving would have used.
    let tie = preview(&["other", "--group", "/eu", "--template", "T"]);
    assert_eq!(tie.code, 1);
    assert!(tie.json()["problem"].as_str().unwrap().contains("a higher or lower priority"), "{tie:?}");
    assert!(preview(&["p", "--template", "Nothing"]).json()["problem"].as_str().unwrap().contains("Nothing"));
    // Adding is tried as setting is, and keeps what is there.
    fleet.publish("vars", &serde_json::json!({"Name": "S", "Variables": [{"Name": "Url", "Value": "1"}]}));
    let tried = ["publication", "add", "p", "--vars", "S", "--dry-run", "-o", "json"];
    let seen = fleet.cli.attempt(&tried).json();
    assert_eq!((&seen["nodes"], seen["values"].as_array().unwrap().len()), (&"2".into(), 2), "{seen}");
    let brought = || fleet.cli.json(&["publication", "get", "p"])["items"].clone();
    assert_eq!(brought().as_array().unwrap().len(), 1, "nothing was written");
    // What was deleted is not for want of a release.
    fleet.cli.run(&["template", "delete", "T", "--yes"]);
    let got = fleet.cli.attempt(&["publication", "get", "p"]);
    assert!(got.stderr.contains("T is deleted: nodes do not get it until it is restored"), "{got:?}");
    assert_eq!(brought()[0]["deleted"], true);
}

#[test]
fn usages_say_which_node_should_have_what_and_whether_it_has() {
    let (fleet, nodes) = fleet_of_three();
    fleet.publish("template", &template("T"));
    fleet.cli.run(&["publication", "set", "all", "--template", "T"]);
    fleet.cli.run(&["publication", "set", "us", "--group", "/us", "--priority", "5", "--template", "T@1.0.0"]);
    fleet.synced();
    let mut newer = template("T");
    newer["Parameters"][0]["Label"] = "newer".into();
    let file = fleet.write("newer.json", &newer);
    fleet.cli.run(&["template", "edit", "T", "--file", &file, "--base", "head"]);
    fleet.cli.run(&["template", "publish", "T", "--wait"]);
    nodes[0].edit("step_template", "T", |document| document["Description"] = "mine".into());
    let usages = eventually("the edit is seen", || {
        let usages = fleet.cli.json(&["template", "usages", "T"]);
        (usages[0]["state"] == "proposed").then_some(usages)
    });
    let row = |index: usize| {
        let usage = &usages[index];
        ["node", "publication", "policy", "version", "state"].map(|field| usage[field].as_str().unwrap().to_owned())
    };
    assert_eq!(row(0), ["a", "all", "latest", "1.0.1", "proposed"]);
    assert_eq!(row(1), ["b", "all", "latest", "1.0.1", "in_sync"]);
    assert_eq!(row(2), ["c", "us", "pin", "1.0.0", "in_sync"]);
    assert_eq!((&usages[1]["newest"], &usages[2]["newest"]), (&true.into(), &false.into()));
    assert_eq!(fleet.cli.run(&["template", "usages", "T", "-o", "name", "--filter", "version=1.0.0"]), "c");
}

#[test]
fn whoever_goes_on_with_something_else_is_not_counted_as_having_a_release() {
    let (fleet, nodes) = fleet_of_three();
    fleet.publish("template", &template("T"));
    fleet.cli.run(&["publication", "set", "all", "--template", "T"]);
    fleet.cli.run(&["publication", "set", "us", "--group", "/us", "--priority", "5", "--template", "T@1.0.0"]);
    fleet.synced();
    nodes[0].edit("step_template", "T", |document| document["Description"] = "mine".into());
    eventually("the edit is seen", || {
        (fleet.cli.json(&["template", "usages", "T"])[0]["state"] == "proposed").then_some(())
    });
    fleet.cli.run(&["node", "cordon", "b"]);
    let mut newer = template("T");
    newer["Parameters"][0]["Label"] = "newer".into();
    let file = fleet.write("newer.json", &newer);
    fleet.cli.run(&["template", "edit", "T", "--file", &file, "--base", "head"]);

    // Nobody waits for who is cordoned or goes on with something else.
    let said = fleet.cli.attempt(&["template", "publish", "T", "--wait"]);
    assert_eq!(said.code, 0, "{said:?}");
    let expected = "0 of 3 have it, 1 cordoned, 1 runs a local edit, 1 is pinned to another release";
    assert!(said.stderr.contains(expected), "{said:?}");
    let status = fleet.cli.json(&["sync", "status", "--template", "T", "--wait"]);
    let behind: Vec<[&str; 2]> = status["behind"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| ["node", "state"].map(|field| one[field].as_str().unwrap()))
        .collect();
    assert_eq!(behind, [["a", "proposed"], ["b", "cordoned"], ["c", "pinned"]]);
    assert_ne!(status["behind"][1]["outstanding"], "0", "{status}");
    assert_eq!(fleet.cli.json(&["template", "usages", "T"])[1]["state"], "cordoned");

    fleet.cli.run(&["node", "uncordon", "b"]);
    let status = fleet.cli.json(&["sync", "status", "--template", "T", "--wait"]);
    assert_eq!((&status["have"], &status["behind"][0]["node"]), (&"1".into(), &"a".into()), "{status}");
}
