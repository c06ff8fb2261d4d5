//! Nodes: labels and groups while they are away, certificates that run out, standing.

use atoll_domain::fleet::enrolment::JoinToken;
use atoll_node::{JoinOptions, NodeError};
use atoll_tests::{Agent, Fleet, FleetOptions, copy, eventually};
use serde_json::json;

use crate::samples::template;

#[test]
fn labels_and_moves_bring_and_take_documents_also_while_the_node_is_off() {
    let fleet = Fleet::start();
    let mut node = fleet.join("n", "/eu/test", &[]);
    fleet.cli.run(&["group", "create", "/eu/prod"]);
    for name in ["ByGroup", "ByLabel"] {
        fleet.publish("template", &template(name));
    }
    fleet.cli.run(&["publication", "set", "group", "--group", "/eu/prod", "--template", "ByGroup"]);
    fleet.cli.run(&["publication", "set", "label", "--label", "role=web", "--template", "ByLabel"]);
    fleet.cli.run(&["node", "label", "n", "role=web"]);
    node.sees("step_template", "ByLabel", "it", |_| true);

    node.process.stop();
    fleet.cli.run(&["node", "wait", "n", "--for", "offline"]);
    fleet.cli.run(&["node", "label", "n", "role-"]);
    fleet.cli.run(&["node", "move", "n", "/eu/prod"]);
    node.restart();
    node.sees("step_template", "ByGroup", "it", |_| true);
    node.sees_no("step_template", "ByLabel");
    // A resource that two publications bring goes only with the last of them.
    fleet.cli.run(&["publication", "set", "both", "--group", "/eu", "--priority", "1", "--template", "ByGroup"]);
    fleet.cli.run(&["publication", "delete", "group", "--yes"]);
    fleet.synced();
    assert!(node.document("step_template", "ByGroup").is_some());
    fleet.cli.run(&["publication", "delete", "both", "--yes"]);
    node.sees_no("step_template", "ByGroup");
}

#[test]
fn a_node_whose_certificate_ran_out_comes_back_with_its_edits() {
    let flags = vec!["--certificate-lifetime".to_owned(), "8s".to_owned()];
    let fleet = Fleet::start_with(FleetOptions { flags, ..FleetOptions::default() });
    let mut node = fleet.join("n", "/eu", &[]);
    fleet.publish("template", &template("T"));
    fleet.cli.run(&["publication", "set", "all", "--template", "T"]);
    node.sees("step_template", "T", "it", |_| true);

    // While it is on it renews by itself, well before the eight seconds are over.
    eventually("the certificate is renewed", || {
        let renewed = fleet.cli.json(&["audit", "list", "--filter", "action=node.certificate.renew"]);
        (!renewed.as_array()?.is_empty()).then_some(())
    });
    node.process.stop();
    node.edit("step_template", "T", |document| document["Description"] = json!("while it was off"));
    let expires: i64 =
        fleet.cli.json(&["node", "get", "n"])["node"]["certificateExpiresMs"].as_str().unwrap().parse().unwrap();
    eventually("the certificate has run out", || {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
        (now > u128::try_from(expires).unwrap() + 500).then_some(())
    });
    node.restart();
    eventually("the edit is delivered", || {
        let proposals = fleet.cli.json(&["proposal", "list"]);
        (proposals[0]["node"] == "n").then_some(())
    });
    let recovered = fleet.cli.json(&["audit", "list", "--filter", "action=node.certificate.recover"]);
    assert!(!recovered.as_array().unwrap().is_empty());
}

#[test]
fn a_cordoned_node_is_held_back_and_a_removed_one_is_refused() {
    let fleet = Fleet::start();
    let node = fleet.join("n", "/eu", &[]);
    fleet.publish("template", &template("T"));
    fleet.cli.run(&["publication", "set", "all", "--template", "T"]);
    node.sees("step_template", "T", "it", |_| true);

    fleet.cli.run(&["node", "cordon", "n", "--reason", "audit week"]);
    assert!(fleet.cli.run(&["node", "get", "n"]).contains("audit week"));
    let mut newer = template("T");
    newer["Description"] = json!("newer");
    let file = fleet.write("newer.json", &newer);
    fleet.cli.run(&["template", "edit", "T", "--file", &file, "--base", "head"]);
    fleet.cli.run(&["template", "publish", "T"]);
    // Its own edits still arrive.
    node.edit("step_template", "T", |document| document["Parameters"][0]["Label"] = json!("mine"));
    eventually("the edit arrives", || (fleet.cli.json(&["proposal", "list"])[0]["node"] == "n").then_some(()));
    assert_ne!(node.document("step_template", "T").unwrap()["Description"], "newer");
    fleet.cli.run(&["node", "uncordon", "n"]);
    node.sees("step_template", "T", "what was held back", |document| document["Description"] == "newer");

    fleet.cli.run(&["node", "remove", "n", "--yes"]);
    eventually("the node knows that it was removed", || {
        let status = node.status().to_string().to_lowercase();
        status.contains("removed").then_some(())
    });
    fleet.cli.attempt(&["node", "get", "n"]).refused(3, "no node");
    assert!(node.document("step_template", "T").is_some(), "what it has stays: nothing is deleted behind its back");
}

/// A connection that is still there says nothing of who is at its other end.
#[test]
fn a_node_that_says_nothing_any_more_was_seen_when_it_said_something() {
    let fleet = Fleet::start();
    let node = fleet.join("n", "/eu", &[]);
    let now_ms = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    let seen_ms =
        || -> u128 { fleet.cli.json(&["node", "get", "n"])["node"]["lastSeenMs"].as_str().unwrap().parse().unwrap() };
    node.process.signal("STOP");
    let frozen_ms = now_ms();
    eventually("a while has passed", || (now_ms() > frozen_ms + 2_000).then_some(()));
    let seen_ms = seen_ms();
    node.process.signal("CONT");
    assert!(seen_ms <= frozen_ms + 100, "seen {} ms after it was frozen", seen_ms - frozen_ms);
}

#[test]
fn reports_that_wait_are_counted_until_they_have_arrived() {
    let mut fleet = Fleet::start();
    let node = fleet.join("n", "/eu", &[]);
    fleet.publish("template", &template("T"));
    fleet.cli.run(&["publication", "set", "all", "--template", "T"]);
    fleet.synced();
    fleet.manager.stop();
    node.edit("step_template", "T", |document| document["Description"] = json!("while it was cut off"));
    let waiting = || node.status()["status"]["node"]["outbox_length"].as_u64();
    eventually("the edit waits", || waiting().filter(|count| *count > 0));
    fleet.restart_manager();
    eventually("the edit is delivered", || (fleet.cli.json(&["proposal", "list"])[0]["node"] == "n").then_some(()));
    eventually("nothing waits any more", || {
        let waiting = fleet.cli.json(&["node", "get", "n"])["node"]["outboxLength"].as_str().map(str::to_owned);
        (waiting.as_deref().unwrap_or("0") == "0").then_some(())
    });
}

#[test]
fn nodes_are_listed_with_filters_order_pages_and_state() {
    let fleet = Fleet::start();
    let _nodes = [fleet.join("b", "/eu/prod", &["role=web"]), fleet.join("a", "/us", &["role=db"])];
    assert_eq!(fleet.cli.run(&["node", "list", "-o", "name"]), "a\nb");
    assert_eq!(fleet.cli.run(&["node", "list", "-o", "name", "--order-by", "name desc"]), "b\na");
    assert_eq!(fleet.cli.run(&["node", "list", "-o", "name", "--filter", "group=/eu"]), "b");
    assert_eq!(fleet.cli.run(&["node", "list", "-o", "name", "--filter", "role=db state=online"]), "a");
    fleet.cli.run(&["node", "rename", "a", "z"]);
    assert_eq!(fleet.cli.run(&["node", "list", "-o", "name"]), "b\nz");
    fleet.cli.attempt(&["node", "rename", "b", "z"]).refused(6, "already exists");
    fleet.cli.attempt(&["group", "delete", "/eu"]).refused(6, "move or remove them first");
}

#[test]
fn a_crowd_that_joins_at_once_gets_as_many_places_as_the_token_has_and_each_name_once() {
    let fleet = Fleet::start();
    fleet.cli.run(&["group", "create", "/eu"]);
    let token = fleet.cli.run(&["enroll", "token", "create", "--group", "/eu", "--uses", "20"]);
    let token: JoinToken = token.trim().parse().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let codes = runtime.block_on(async {
        // Of 30 that come at once, two always want the same name.
        let joins: Vec<_> = (0..30)
            .map(|number| {
                let directory = fleet.path(&format!("crowd-{number}"));
                let options = JoinOptions::new(directory, token.clone(), format!("crowd-{}", number / 2));
                tokio::spawn(atoll_node::join(options))
            })
            .collect();
        let mut codes = std::collections::BTreeMap::<String, u32>::new();
        for join in joins {
            let code = match join.await.unwrap() {
                Ok(_) => "joined".to_owned(),
                Err(NodeError::Refused { code, .. }) => code,
                Err(other) => panic!("{other}"),
            };
            *codes.entry(code).or_default() += 1;
        }
        codes
    });
    assert_eq!(codes["joined"], 15, "{codes:?}");
    assert_eq!(codes["NODE_NAME_TAKEN"], 15, "{codes:?}");
    let tokens = fleet.cli.json(&["enroll", "token", "list"]);
    assert_eq!(tokens[0]["uses"], 15, "a refused node uses no place: {tokens}");

    let late = runtime.block_on(async {
        let joins: Vec<_> = (0..10)
            .map(|number| {
                let options =
                    JoinOptions::new(fleet.path(&format!("late-{number}")), token.clone(), format!("late-{number}"));
                tokio::spawn(atoll_node::join(options))
            })
            .collect();
        let mut joined = 0;
        for join in joins {
            joined += u32::from(join.await.unwrap().is_ok());
        }
        joined
    });
    assert_eq!(late, 5, "five places were left");
    assert_eq!(fleet.cli.json(&["node", "list"]).as_array().unwrap().len(), 20);
}

#[test]
fn a_data_directory_that_was_copied_is_noticed() {
    let fleet = Fleet::start();
    let mut node = fleet.join("n", "/eu", &[]);
    // A node that is merely started again is no clone.
    for _ in 0..2 {
        node.process.stop();
        node.restart();
        eventually("it is back", || (fleet.cli.json(&["status"])["nodesOnline"] == "1").then_some(()));
    }
    assert!(!fleet.cli.run(&["node", "get", "n"]).contains("CLONED"));

    node.process.stop();
    copy(&node.data, &fleet.path("twin"));
    node.restart();
    let _twin = Agent::start(fleet.directory.path(), "twin", None);
    let shown = eventually("the manager says that it runs twice", || {
        let shown = fleet.cli.run(&["node", "get", "n"]);
        shown.contains("CLONED").then_some(shown)
    });
    assert!(shown.contains("its data directory was copied") && shown.contains("join it anew"), "{shown}");
}

#[test]
fn a_fleet_that_was_in_sync_is_so_again_as_soon_as_a_manager_that_was_restarted_hears_it() {
    let mut fleet = Fleet::start();
    let name = fleet.publish("template", &template("T"));
    fleet.cli.run(&["publication", "set", "everywhere", "--template", &name]);
    let _nodes = [fleet.join("oct-1", "/eu", &[]), fleet.join("oct-2", "/eu", &[])];
    fleet.synced();
    fleet.restart_manager();
    for node in ["oct-1", "oct-2"] {
        fleet.cli.run(&["node", "wait", node]);
        // Nothing has changed and nothing is owed: what the node said when it called is all there is to hear.
        fleet.cli.run(&["node", "wait", node, "--for", "in-sync", "--timeout", "5s"]);
    }
}
