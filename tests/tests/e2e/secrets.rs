//! Sensitive values: on the nodes in their scope, and nowhere else in the clear.

use std::fs;
use std::path::Path;
use std::process::Command;

use atoll_tests::process::Process;
use atoll_tests::{Fleet, eventually, program};
use serde_json::json;

use crate::samples::variables;

const PLAIN: &str = "correct-horse-battery-staple-7431";

/// Files below a directory that contain a text, as it is or in hexadecimal digits or base64.
fn files_with(directory: &Path, text: &str) -> Vec<String> {
    let hexadecimal: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    let mut found = Vec::new();
    let mut open = vec![directory.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            let bytes = fs::read(&path).unwrap_or_default();
            let holds = |needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
            if holds(text.as_bytes()) || holds(hexadecimal.as_bytes()) {
                found.push(path.display().to_string());
            }
        }
    }
    found
}

fn agent_with_env_files(fleet: &Fleet, name: &str, labels: &[&str]) -> Process {
    let token = fleet.join_token("/eu", labels);
    let mut command = Command::new(program("atoll-agent"));
    command
        .args(["run", "--name", name, "--token", &token, "--files-format", "env", "--data-dir"])
        .arg(fleet.path(name))
        .arg("--files-dir")
        .arg(fleet.path(&format!("{name}-files")));
    let process = Process::start(command, &fleet.path(&format!("{name}.log")));
    fleet.cli.run(&["node", "wait", name, "--timeout", "30s"]);
    process
}

fn env_file(fleet: &Fleet, name: &str) -> Option<String> {
    let directory = fleet.path(&format!("{name}-files")).join("variable_set");
    let path = fs::read_dir(directory)
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|extension| extension == "env"))?;
    fs::read_to_string(path).ok()
}

#[test]
fn a_sensitive_value_reaches_the_nodes_in_its_scope_and_nobody_else() {
    let fleet = Fleet::start();
    let cli = &fleet.cli;
    let _inside = agent_with_env_files(&fleet, "inside", &["environment=production"]);
    let _outside = agent_with_env_files(&fleet, "outside", &["environment=test"]);
    fleet.publish("vars", &variables("Database"));
    cli.run(&["publication", "set", "everywhere", "--vars", "Database"]);
    let set = ["vars", "set", "Database", "Db.Password", "--sensitive", "--environment", "production", "--publish"];
    let answer = cli.attempt_with_input(&set, &format!("{PLAIN}\n"));
    assert_eq!(answer.code, 0, "{answer:?}");
    fleet.synced();

    eventually("the node in scope has the value", || env_file(&fleet, "inside").filter(|text| text.contains(PLAIN)));
    // The other node knows that there is such a value, and not what it is.
    eventually("the node outside has the set", || {
        env_file(&fleet, "outside").filter(|text| text.contains("localhost"))
    });
    assert_eq!(files_with(&fleet.path("outside"), PLAIN), Vec::<String>::new());
    assert_eq!(files_with(&fleet.path("outside-files"), PLAIN), Vec::<String>::new());
    assert_eq!(files_with(&fleet.path("inside"), PLAIN), Vec::<String>::new(), "at rest on the node it is sealed");
    // Nor does it stand in the manager's database or log, in an answer, or in the audit record.
    assert_eq!(files_with(&fleet.path("manager"), PLAIN), Vec::<String>::new());
    assert!(!fleet.manager.output().contains(PLAIN));
    for answer in [
        cli.run(&["vars", "get", "Database"]),
        cli.run(&["vars", "export", "Database"]),
        cli.run(&["vars", "effective", "--node", "inside", "--explain"]),
        cli.run(&["audit", "list", "-o", "json"]),
    ] {
        assert!(!answer.contains(PLAIN), "{answer}");
    }

    // Export and import again: the value that cannot be read is kept.
    let file = fleet.path("again.json");
    let mut exported: serde_json::Value = cli.run(&["vars", "export", "Database"]).parse().unwrap();
    exported["Description"] = json!("edited");
    fs::write(&file, exported.to_string()).unwrap();
    cli.run(&["vars", "import", file.to_str().unwrap(), "--publish"]);
    fleet.synced();
    assert!(env_file(&fleet, "inside").unwrap().contains(PLAIN));
}

#[test]
fn a_node_that_comes_into_the_scope_gets_the_value_and_one_that_leaves_it_gets_no_newer_one() {
    let fleet = Fleet::start();
    let cli = &fleet.cli;
    let _node = agent_with_env_files(&fleet, "mover", &[]);
    fleet.publish("vars", &variables("Database"));
    cli.run(&["publication", "set", "everywhere", "--vars", "Database"]);
    let set = ["vars", "set", "Database", "Db.Password", "--sensitive", "--environment", "production", "--publish"];
    assert_eq!(cli.attempt_with_input(&set, PLAIN).code, 0);
    fleet.synced();
    eventually("the set is there", || env_file(&fleet, "mover"));
    assert!(!env_file(&fleet, "mover").unwrap().contains(PLAIN));

    cli.attempt(&["node", "label", "mover", "environment=production"]).refused(6, "to more nodes: mover");
    cli.run(&["node", "label", "mover", "environment=production", "--widen"]);
    eventually("the value arrives", || env_file(&fleet, "mover").filter(|text| text.contains(PLAIN)));
    cli.run(&["node", "label", "mover", "environment-"]);
    eventually("the value goes", || env_file(&fleet, "mover").filter(|text| !text.contains(PLAIN)));
}

/// The file stands as it should, and its server still lacks something.
#[test]
fn a_required_value_that_cannot_stand_in_an_environment_file_is_told_of() {
    let fleet = Fleet::start();
    let _node = agent_with_env_files(&fleet, "n", &[]);
    let set = |value: &str| json!({"Name": "web", "Variables": [{"Name": "Banner", "Value": value, "Required": true}]});
    fleet.publish("vars", &set("one\ntwo"));
    fleet.cli.run(&["publication", "set", "all", "--vars", "web"]);
    eventually("it is told of", || {
        let told = fleet.cli.run(&["node", "get", "n"]);
        (told.contains("APPLY_FAILED") && told.contains("Banner: it has several lines")).then_some(())
    });
    let file = fleet.write("web.json", &set("one"));
    fleet.cli.run(&["vars", "import", &file, "--base", "head", "--publish"]);
    eventually("nothing is wrong any more", || {
        (!fleet.cli.run(&["node", "get", "n"]).contains("Banner")).then_some(())
    });
    assert!(env_file(&fleet, "n").unwrap().contains("Banner"));
}

/// The set is the same wherever the node stands, so that nothing is sent but where it stands.
#[test]
fn a_value_in_the_clear_follows_the_label_of_its_node() {
    let fleet = Fleet::start();
    let _node = agent_with_env_files(&fleet, "mover", &["environment=test"]);
    fleet.publish("vars", &variables("Database"));
    for (environment, value) in [("test", "at-test"), ("production", "at-production")] {
        fleet.cli.run(&["vars", "set", "Database", "Place", value, "--environment", environment, "--publish"]);
    }
    fleet.cli.run(&["publication", "set", "everywhere", "--vars", "Database"]);
    eventually("the value of the label", || env_file(&fleet, "mover").filter(|text| text.contains("at-test")));
    fleet.cli.run(&["node", "label", "mover", "environment=production"]);
    eventually("the value of the other", || env_file(&fleet, "mover").filter(|text| text.contains("at-production")));
}

#[test]
fn a_sensitive_value_is_never_taken_from_an_argument_or_overwritten_in_the_clear() {
    let fleet = Fleet::start();
    fleet.publish("vars", &variables("Database"));
    let argument = fleet.cli.attempt(&["vars", "set", "Database", "Key", "value", "--sensitive"]);
    argument.refused(2, "standard input");
    assert_eq!(fleet.cli.attempt_with_input(&["vars", "set", "Database", "Key", "--sensitive"], "x").code, 0);
    fleet.cli.attempt(&["vars", "set", "Database", "Key", "open"]).refused(6, "as sensitive too");
}

#[test]
fn a_sensitive_default_of_a_template_is_sealed_at_the_manager_and_refused_in_the_clear_on_a_node() {
    let fleet = Fleet::start();
    let node = fleet.join("n", "/eu", &[]);
    let mut template = crate::samples::template("T");
    template["Parameters"][0]["DefaultValue"] = json!({ "HasValue": true, "NewValue": PLAIN });
    fleet.publish("template", &template);
    fleet.cli.run(&["publication", "set", "all", "--template", "T"]);
    let seen = node.sees("step_template", "T", "it", |_| true);
    assert_eq!(seen["Parameters"][0]["DefaultValue"]["NewValue"], serde_json::Value::Null);
    assert_eq!(files_with(&fleet.path("manager"), PLAIN), Vec::<String>::new());

    node.edit("step_template", "T", |document| {
        document["Parameters"][1]["DefaultValue"] = json!({ "HasValue": true, "NewValue": "typed here" })
    });
    eventually("the node says why not", || node.process.output().contains("was not sealed").then_some(()));
    assert_eq!(fleet.cli.json(&["proposal", "list"]), json!([]));
}

#[test]
fn an_edit_on_a_node_cannot_bring_a_value_into_its_own_scope() {
    let fleet = Fleet::start();
    let node = fleet.join("n", "/eu", &["environment=test"]);
    fleet.publish("vars", &variables("Database"));
    fleet.cli.run(&["publication", "set", "all", "--vars", "Database", "--mode", "write-through"]);
    let set = ["vars", "set", "Database", "Db.Password", "--sensitive", "--environment", "production", "--publish"];
    assert_eq!(fleet.cli.attempt_with_input(&set, PLAIN).code, 0);
    node.sees("variable_set", "Database", "the reference", |document| document.to_string().contains("$secret"));
    node.edit("variable_set", "Database", |document| {
        let variables = document["Variables"].as_array_mut().unwrap();
        variables.iter_mut().filter(|variable| variable["Name"] == "Db.Password").for_each(|variable| {
            variable.as_object_mut().unwrap().remove("Scope");
        });
    });
    eventually("it is kept aside", || {
        fleet.cli.run(&["node", "get", "n"]).contains("cannot move a sealed value").then_some(())
    });
    assert_eq!(fleet.cli.json(&["vars", "get", "Database"])["resource"]["version"], "1.0.1");
}
