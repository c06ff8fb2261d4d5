//! Bad input gets a clear error and loses nothing.

use std::fs;
use std::io::Read as _;
use std::net::{Ipv4Addr, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use atoll_tests::{Agent, Fleet, FleetOptions, eventually};
use serde_json::json;

use crate::samples::template;
use crate::story::fresh_postgresql;

#[test]
fn documents_that_are_none_are_refused_with_the_place() {
    let fleet = Fleet::start();
    let large =
        format!("{{\"Name\":\"x\",\"ActionType\":\"y\",\"Properties\":{{\"a\":\"{}\"}}}}", "z".repeat(1_100_000));
    let cases: [(&str, Vec<u8>, &str); 7] = [
        ("duplicate key", br#"{"Name":"a","Name":"b"}"#.to_vec(), "a key appears twice at /Name"),
        ("float", br#"{"Name":"a","Version":1.5}"#.to_vec(), "not an integer"),
        ("integer out of range", br#"{"Name":"a","Version":9007199254740993}"#.to_vec(), "outside"),
        ("too large", large.into_bytes(), "the limit is 1048576"),
        ("invalid UTF-8", b"{\"Name\":\"\xff\"}".to_vec(), "not valid UTF-8"),
        ("not a template", br#"{"Name":"a"}"#.to_vec(), "ActionType must be a text"),
        ("cut off", br#"{"Name":"a""#.to_vec(), "EOF"),
    ];
    for (what, bytes, says) in cases {
        let path = fleet.path("bad.json");
        fs::write(&path, bytes).unwrap();
        let answer = fleet.cli.attempt(&["template", "import", path.to_str().unwrap()]);
        assert_eq!(answer.code, 2, "{what}: {answer:?}");
        assert!(answer.stderr.contains(says), "{what}: {answer:?}");
    }
    assert_eq!(fleet.cli.json(&["template", "list"]), json!([]));
}

#[test]
fn importing_over_something_newer_asks_what_it_was_edited_from() {
    let fleet = Fleet::start();
    fleet.publish("template", &template("T"));
    let mut other = template("T");
    other["Description"] = json!("other");
    let file = fleet.write("other.json", &other);
    fleet.cli.attempt(&["template", "import", &file]).refused(6, "the revision this content was edited from");
    fleet.cli.run(&["template", "import", &file, "--base", "head"]);
}

#[test]
fn what_was_done_before_a_refusal_is_said_and_what_can_be_known_beforehand_is_asked_first() {
    let fleet = Fleet::start();
    fleet.publish("template", &template("T"));
    let versions = || fleet.cli.json(&["template", "get", "T"])["resource"]["version"].as_str().unwrap().to_owned();
    let before = versions();
    let mut edited = template("T");
    edited["Description"] = json!("edited");
    let file = fleet.write("edited.json", &edited);
    // A publication that is not there is asked for before anything is released for it.
    let import = ["template", "import", &*file, "--base", "head", "--publish", "--to", "nowhere"];
    fleet.cli.attempt(&import).refused(3, "nowhere");
    fleet.cli.run(&["template", "import", &file, "--base", "head"]);
    fleet.cli.attempt(&["template", "publish", "T", "--to", "nowhere"]).refused(3, "nowhere");
    assert_eq!(versions(), before);

    // Somebody else's draft is in the way of the release, and not of what is written.
    let alice = fleet.path("alice.token");
    fs::write(&alice, fleet.cli.run(&["token", "create", "alice"])).unwrap();
    edited["Notes"] = json!("by alice");
    let file = fleet.write("alice.json", &edited);
    let import = ["template", "import", &*file, "--base", "head", "--publish", "--token-file", alice.to_str().unwrap()];
    let refused = fleet.cli.attempt(&import);
    assert!(refused.stderr.contains("saved as a draft"), "{refused:?}");
    assert_eq!((refused.code, versions()), (6, before));
    let done = fleet.cli.attempt(&["template", "import", &file, "--base", "head", "--publish", "--with-drafts"]);
    assert!(done.stderr.contains("1 unchanged, 1 released, 0 failed"), "{done:?}");
}

#[test]
fn join_tokens_that_are_not_good_are_refused_and_say_why() {
    let fleet = Fleet::start();
    let _first = fleet.join("taken", "/eu", &[]);
    let refused = |name: &str, token: &str, says: &str| {
        let directory = fleet.path(&format!("strangers-{name}"));
        fs::create_dir_all(&directory).unwrap();
        let agent = Agent::start(&directory, name, Some(token));
        eventually(says, || {
            let output = agent.process.output();
            output.contains(says).then_some(())
        });
    };
    let once = fleet.cli.run(&["enroll", "token", "create", "--group", "/eu"]);
    let _second = Agent::start(fleet.directory.path(), "second", Some(&once));
    fleet.cli.run(&["node", "wait", "second"]);
    refused("third", &once, "was good for 1 nodes");
    let short = fleet.cli.run(&["enroll", "token", "create", "--group", "/eu", "--expires", "1ms"]);
    refused("fourth", &short, "ran out at");
    let revoked = fleet.cli.run(&["enroll", "token", "create", "--group", "/eu"]);
    let tokens = fleet.cli.json(&["enroll", "token", "list"]);
    fleet.cli.run(&["enroll", "token", "revoke", tokens[0]["id"].as_str().unwrap()]);
    refused("fifth", &revoked, "revoked");
    let good = fleet.cli.run(&["enroll", "token", "create", "--group", "/eu"]);
    refused("taken", &good, "is in the fleet already");
    // A token of another manager pins another root: the secret is not even sent.
    let elsewhere = Fleet::start();
    let foreign = elsewhere.join_token("/x", &[]);
    let mut parts: Vec<&str> = foreign.split('.').collect();
    let here: Vec<&str> = good.split('.').collect();
    parts[1] = here[1];
    refused("sixth", &parts.join("."), "root");
}

#[test]
fn a_killed_manager_has_lost_nothing_that_it_answered_for() {
    let mut fleet = Fleet::start();
    let node = fleet.join("n", "/eu", &[]);
    fleet.publish("template", &template("T"));
    fleet.cli.run(&["publication", "set", "all", "--template", "T"]);
    for round in 0..5 {
        let mut newer = template("T");
        newer["Description"] = json!(format!("round {round}"));
        let file = fleet.write("newer.json", &newer);
        fleet.cli.run(&["template", "edit", "T", "--file", &file, "--base", "head"]);
        fleet.cli.run(&["template", "publish", "T"]);
        fleet.manager.kill();
        fleet.restart_manager();
        let content = fleet.cli.json(&["template", "get", "T"]);
        assert!(content["content"].as_str().unwrap().contains(&format!("round {round}")));
        assert_eq!(content["resource"]["version"], format!("1.0.{}", round + 1));
        node.sees("step_template", "T", "this round", |document| document["Description"] == format!("round {round}"));
    }
}

#[test]
fn a_full_disk_is_said_and_loses_nothing() {
    // The shell limits how large a file the manager may write, which the database meets as a disk that is full.
    let limit = "trap '' XFSZ; ulimit -f 4000; exec \"$0\" \"$@\"";
    let wrapper = ["sh", "-c", limit].map(str::to_owned).to_vec();
    let mut fleet = Fleet::start_with(FleetOptions { wrapper, ..FleetOptions::default() });
    let mut written = Vec::new();
    let refused = (0..40).find_map(|number| {
        let mut large = template(&format!("T{number}"));
        large["Description"] = json!(format!("{number} ").repeat(60_000));
        let file = fleet.write("large.json", &large);
        let answer = fleet.cli.attempt(&["template", "import", &file]);
        if answer.code == 0 {
            written.push(format!("T{number}"));
            return None;
        }
        Some(answer)
    });
    let refused = refused.expect("the disk fills up");
    assert!(refused.stderr.contains("disk is full or failing"), "{refused:?}");
    assert!(!written.is_empty());
    fleet.manager.stop();
    let mut fleet = fleet;
    fleet.lift_limits();
    fleet.restart_manager();
    let names = fleet.cli.run(&["template", "list", "-o", "name"]);
    for name in written {
        assert!(names.lines().any(|line| line == name), "{name} was answered for and is not in {names}");
    }
}

#[test]
fn a_wrong_master_key_is_named_and_a_wrong_setting_too() {
    let mut fleet = Fleet::start();
    fleet.manager.stop();
    let key = fleet.path("manager/master.key");
    let good = fs::read_to_string(&key).unwrap();
    fs::write(&key, "0".repeat(64)).unwrap();
    let manager = Command::new(atoll_tests::program("atoll-manager"))
        .args(["serve", "--data-directory"])
        .arg(fleet.path("manager"))
        .output()
        .unwrap();
    assert_eq!(manager.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&manager.stderr).contains("master key"));
    fs::write(&key, good).unwrap();
    fleet.restart_manager();
    let checked = Command::new(atoll_tests::program("atoll-manager"))
        .args(["check-config", "--certificate-lifetime", "soon"])
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&checked.stderr).contains("certificate_lifetime"));
    // The arguments of a process are for all to read.
    let checked = Command::new(atoll_tests::program("atoll-manager"))
        .args(["check-config", "--database-url", "postgres://atoll:hunter2@127.0.0.1/atoll"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&checked.stderr);
    assert_eq!(checked.status.code(), Some(2));
    assert!(said.contains("ATOLL_DATABASE_URL") && !said.contains("hunter2"), "{said}");
}

#[test]
fn a_flood_of_joins_is_slowed_down_and_says_so() {
    let flags = ["--joins-per-minute", "2"].map(str::to_owned).to_vec();
    let fleet = Fleet::start_with(FleetOptions { flags, ..FleetOptions::default() });
    let token = fleet.join_token("/eu", &[]);
    let agents: Vec<Agent> =
        (0..4).map(|number| Agent::start(fleet.directory.path(), &format!("n{number}"), Some(&token))).collect();
    eventually("one of them is told to wait", || {
        agents.iter().any(|agent| agent.process.output().contains("too many joins")).then_some(())
    });
    eventually("the first two are in", || (fleet.cli.json(&["node", "list"]).as_array()?.len() == 2).then_some(()));
}

#[test]
fn callers_who_say_nothing_keep_nobody_else_out() {
    let fleet = Fleet::start();
    let port = fleet.node_port;
    // More than there are places in a handshake, so that a place which silence may take would leave none.
    let silent: Vec<TcpStream> =
        (0..700).map(|_| TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("a socket")).collect();
    let begun = Instant::now();
    let _node = fleet.join("in-time", "/eu", &[]);
    assert!(begun.elapsed() < Duration::from_secs(9), "the join waited for the silent: {:?}", begun.elapsed());
    for mut socket in silent.into_iter().take(20) {
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        assert_eq!(socket.read(&mut [0; 1]).expect("an end within bounds"), 0, "nobody stays for saying nothing");
    }
}

/// What is wrong with one resource is wrong with that one.
#[test]
fn a_resource_that_cannot_be_read_holds_up_no_edit_of_another() {
    let Some(url) = fresh_postgresql() else { return };
    let mut fleet = Fleet::start_with(FleetOptions { database_url: Some(url.clone()), ..FleetOptions::default() });
    let node = fleet.join("n", "/eu", &[]);
    for name in ["Damaged", "Sound"] {
        fleet.publish("template", &template(name));
        let mut newer = template(name);
        newer["Description"] = json!("newer");
        let file = fleet.write("newer.json", &newer);
        fleet.cli.run(&["template", "edit", name, "--file", &file, "--base", "head"]);
        fleet.cli.run(&["template", "publish", name]);
        fleet.cli.run(&["publication", "set", &name.to_lowercase(), "--template", name]);
    }
    fleet.synced();
    fleet.manager.stop();
    let damage = "SET session_replication_role = replica; DELETE FROM revision WHERE id = \
                  (SELECT revision.id FROM revision JOIN resource ON resource.id = revision.resource \
                   WHERE resource.name = 'Damaged' ORDER BY position LIMIT 1)";
    assert!(Command::new("psql").args([&url, "-qc", damage]).status().unwrap().success());
    node.edit("step_template", "Damaged", |document| document["Description"] = json!("first"));
    node.edit("step_template", "Sound", |document| document["Description"] = json!("second"));
    fleet.restart_manager();
    eventually("the edit of the other one arrives", || {
        fleet.cli.run(&["proposal", "list"]).contains("Sound").then_some(())
    });
    eventually("it is said that one does not", || {
        fleet.cli.run(&["node", "get", "n"]).contains("REPORT_FAILED").then_some(())
    });
}
