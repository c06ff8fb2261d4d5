//! Whatever an administrator does stands in the audit log, under who did it.

use atoll_tests::Fleet;
use serde_json::{Value, json};

use crate::samples::template;

/// The newest entry's number, action and actor.
fn newest(fleet: &Fleet) -> (u64, String, String) {
    let all = fleet.cli.json(&["audit", "list", "--limit", "1"]);
    let text = |name: &str| all[0][name].as_str().unwrap_or_default().to_owned();
    (text("number").parse().unwrap_or_default(), text("action"), text("actor"))
}

#[test]
fn whatever_an_administrator_does_is_in_the_audit_log() {
    let fleet = Fleet::start();
    let _node = fleet.join("n", "/eu", &[]);
    let second = {
        let mut second = template("T");
        second["Description"] = json!("second");
        fleet.write("second.json", &second)
    };
    let (file, name) = (fleet.write("first.json", &template("T")), "T");
    let (_, _, me) = {
        fleet.cli.run(&["group", "create", "/first"]);
        newest(&fleet)
    };
    let does = |action: &str, command: &[&str]| -> String {
        let (before, ..) = newest(&fleet);
        let output = fleet.cli.run(command);
        let (after, done, actor) = newest(&fleet);
        assert!(after > before, "{command:?} left no trace");
        assert_eq!((done.as_str(), &actor), (action, &me), "{command:?}");
        output
    };
    does("group.create", &["group", "create", "/us"]);
    does("group.delete", &["group", "delete", "/us"]);
    does("join_token.create", &["enroll", "token", "create", "--group", "/eu"]);
    let tokens = fleet.cli.json(&["enroll", "token", "list"]);
    let id = |all: &Value| all[0]["id"].as_str().unwrap().to_owned();
    does("join_token.revoke", &["enroll", "token", "revoke", &id(&tokens)]);
    does("node.confirm", &["node", "confirm", "n"]);
    does("node.label", &["node", "label", "n", "role=web"]);
    does("node.move", &["node", "move", "n", "/first"]);
    does("node.cordon", &["node", "cordon", "n"]);
    does("node.uncordon", &["node", "uncordon", "n"]);
    does("node.rename", &["node", "rename", "n", "m"]);
    does("resource.create", &["template", "import", &file]);
    does("resource.release", &["template", "publish", name]);
    does("resource.write", &["template", "edit", name, "--file", &second, "--base", "head"]);
    does("resource.text_mode", &["template", "text-mode", name, "off"]);
    does("publication.save", &["publication", "set", "all", "--template", name]);
    let asked_first = [["publication", "delete", "all"], ["template", "delete", name], ["node", "remove", "m"]];
    for command in asked_first {
        let (before, ..) = newest(&fleet);
        fleet.cli.attempt(&command).refused(2, "pass --yes");
        assert_eq!(newest(&fleet).0, before, "{command:?} without an answer does nothing");
    }
    does("publication.delete", &["publication", "delete", "all", "--yes"]);
    does("resource.roll_back", &["template", "rollback", name, "1.0.0"]);
    does("resource.delete", &["template", "delete", name, "--yes"]);
    does("token.create", &["token", "create", "robot"]);
    does("token.revoke", &["token", "revoke", "robot"]);
    does("node.remove", &["node", "remove", "m", "--yes"]);
}
