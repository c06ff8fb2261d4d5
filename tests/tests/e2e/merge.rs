//! `atoll merge` on real cases.

use std::fs;
use std::path::Path;
use std::process::Command;

use atoll_tests::{program, real_data};
use serde_json::{Value, json};

use crate::samples::template;

fn merge(directory: &Path, case: &Value, text: &str) -> (i32, Value) {
    for side in ["base", "ours", "theirs"] {
        fs::write(directory.join(side), case[side].to_string()).unwrap();
    }
    let done = Command::new(program("atoll"))
        .current_dir(directory)
        .args(["merge", "base", "ours", "theirs", "--text", text, "-o", "json"])
        .output()
        .unwrap();
    let answer = serde_json::from_slice(&done.stdout).unwrap_or(Value::Null);
    (done.status.code().unwrap(), answer)
}

fn cases(name: &str) -> Option<Vec<Value>> {
    let text = fs::read_to_string(real_data()?.join("merge-cases").join(name)).unwrap();
    Some(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

#[test]
fn replayed_edits_merge_to_what_they_were() {
    let Some(cases) = cases("replayed.jsonl") else { return };
    let directory = tempfile::tempdir().unwrap();
    assert!(cases.len() > 200);
    for (number, case) in cases.iter().enumerate() {
        let (code, answer) = merge(directory.path(), case, "auto");
        assert_eq!(code, 0, "case {number} is settled: {}", answer["conflicts"]);
        assert_eq!(answer["merged"], case["expected"], "case {number}");
    }
}

/// Leaves of a document by their places; list elements by their names.
fn leaves(value: &Value, path: &str, out: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(key, field)| leaves(field, &format!("{path}/{key}"), out)),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let name = item.get("Name").and_then(Value::as_str).map_or(index.to_string(), str::to_owned);
                leaves(item, &format!("{path}/{name}"), out);
            }
        }
        leaf => out.push((path.to_owned(), leaf.clone())),
    }
}

#[test]
fn edits_that_people_really_made_at_once_are_mostly_settled_and_never_lost() {
    let Some(cases) = cases("real.jsonl") else { return };
    let directory = tempfile::tempdir().unwrap();
    let mut settled = 0;
    for (number, case) in cases.iter().enumerate() {
        let (code, answer) = merge(directory.path(), case, "auto");
        assert!(code < 2, "case {number}");
        if code == 1 {
            assert!(!answer["conflicts"].as_array().unwrap().is_empty());
            continue;
        }
        settled += 1;
        let mut sides = ["base", "ours", "theirs"].map(|_| Vec::new());
        for (side, name) in sides.iter_mut().zip(["base", "ours", "theirs"]) {
            leaves(&case[name], "", side);
        }
        let mut merged = Vec::new();
        leaves(&answer["merged"], "", &mut merged);
        // A leaf that one side alone changed, and that is no text merged by lines, stands in the result as it was written.
        let [base, ours, theirs] = &sides;
        for (mine, other) in [(ours, theirs), (theirs, ours)] {
            for leaf in mine.iter().filter(|leaf| !base.contains(leaf)) {
                let touched_by_other = other.iter().any(|(path, value)| {
                    *path == leaf.0 && !base.contains(&(path.clone(), value.clone())) && *value != leaf.1
                });
                assert!(touched_by_other || merged.contains(leaf), "case {number} lost {leaf:?}");
            }
        }
    }
    // git merge-file settles 13 to 16 of them on pretty-printed JSON.
    assert!(settled >= 19, "{settled} of {} are settled", cases.len());
}

#[test]
fn the_verdict_does_not_depend_on_the_direction() {
    let Some(cases) = cases("real.jsonl") else { return };
    let directory = tempfile::tempdir().unwrap();
    for case in &cases {
        let turned = json!({ "base": case["base"], "ours": case["theirs"], "theirs": case["ours"] });
        let (one, other) = (merge(directory.path(), case, "auto"), merge(directory.path(), &turned, "auto"));
        assert_eq!(one.0, other.0);
        assert_eq!(one.1["merged"], other.1["merged"]);
    }
}

#[test]
fn a_conflict_names_the_place_and_the_three_values() {
    let directory = tempfile::tempdir().unwrap();
    let (mut ours, mut theirs) = (template("T"), template("T"));
    ours["Parameters"][1]["DefaultValue"] = json!("81");
    theirs["Parameters"][1]["DefaultValue"] = json!("82");
    let case = json!({ "base": template("T"), "ours": ours, "theirs": theirs });
    let (code, answer) = merge(directory.path(), &case, "auto");
    assert_eq!((code, &answer["status"]), (1, &json!("conflict")));
    let conflict = &answer["conflicts"][0];
    assert_eq!(conflict["path"], "/Parameters/Port/DefaultValue");
    assert_eq!((&conflict["base"], &conflict["ours"], &conflict["theirs"]), (&json!("80"), &json!("81"), &json!("82")));
}

#[test]
fn a_file_that_is_no_document_is_an_error_and_not_a_verdict() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("bad"), r#"{"a":1,"a":2}"#).unwrap();
    let done = Command::new(program("atoll"))
        .current_dir(directory.path())
        .args(["merge", "bad", "bad", "bad"])
        .output()
        .unwrap();
    assert_eq!(done.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&done.stderr).contains("a key appears twice at /a"));
}
