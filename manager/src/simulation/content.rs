//! What people write. Every edit brings a word that nobody else ever writes, so that it can be found again.

use std::collections::BTreeSet;

use atoll_domain::kind::Kind;
use rand::Rng;
use rand::rngs::StdRng;
use serde_json::{Value, json};

/// The shared things of the simulated fleet.
pub const RESOURCES: [(Kind, &str); 3] =
    [(Kind::StepTemplate, "deploy"), (Kind::StepTemplate, "notify"), (Kind::VariableSet, "database")];

/// Environments that a variable can be for, and nodes can be in.
pub const ENVIRONMENTS: [&str; 3] = ["production", "staging", "test"];

/// Lines of a script stand apart, as functions do: neighbours' lines do not touch.
const LINES: usize = 4;

pub fn beginning(kind: Kind, name: &str) -> Value {
    match kind {
        Kind::StepTemplate => json!({"Name": name, "ActionType": "Octopus.Script", "Properties": {
            "p0": "begin", "p1": "begin", "p2": "begin", "Octopus.Action.Script.ScriptBody": script(&["begin"; LINES])}}),
        Kind::VariableSet => json!({"Name": name, "Variables": [
            {"Id": "v0", "Name": "Plain", "Type": "String", "Scope": {}, "Value": "begin"},
            {"Id": "v1", "Name": "Url", "Type": "String", "Scope": {"Environment": ["production"]}, "Value": "begin"},
            {"Id": "v2", "Name": "Password", "Type": "Sensitive", "Scope": {"Environment": ["production"]},
             "Value": secret("production", 0)},
            {"Id": "v3", "Name": "Key", "Type": "Sensitive", "Scope": {"Environment": ["staging"]},
             "Value": secret("staging", 0)},
        ]}),
    }
}

fn script(lines: &[&str]) -> String {
    lines.iter().map(|line| format!("step\n\n\nrun {line}\n\n\nend\n\n\n")).collect()
}

/// A sensitive value says itself who may read it.
pub fn secret(environment: &str, number: usize) -> String {
    format!("only-{environment}-{number}")
}

/// The environment that a sensitive value is for.
pub fn meant_for(plaintext: &str) -> Option<&'static str> {
    ENVIRONMENTS.into_iter().find(|environment| plaintext.starts_with(&format!("only-{environment}-")))
}

/// Changes one place to a word. What cannot be changed there stays, and nothing is written then.
pub fn change(kind: Kind, content: &mut Value, word: &str, random: &mut StdRng) {
    match kind {
        Kind::StepTemplate => change_template(content, word, random),
        Kind::VariableSet => {
            let plain = random.random_range(0..2);
            if let Some(variable) = content["Variables"].get_mut(plain).filter(|variable| variable["Type"] == "String")
            {
                variable["Value"] = json!(word);
            }
        }
    }
}

fn change_template(content: &mut Value, word: &str, random: &mut StdRng) {
    match random.random_range(0..6) {
        0 | 1 => {
            let text =
                content["Properties"]["Octopus.Action.Script.ScriptBody"].as_str().unwrap_or_default().to_owned();
            let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
            let runs: Vec<usize> = (0..lines.len()).filter(|at| lines[*at].starts_with("run ")).collect();
            let Some(at) = runs.get(random.random_range(0..runs.len().max(1))) else { return };
            lines[*at] = format!("run {word}");
            content["Properties"]["Octopus.Action.Script.ScriptBody"] = json!(lines.join("\n") + "\n");
        }
        2 => content["Properties"][format!("extra{}", random.random_range(0..3))] = json!(word),
        _ => content["Properties"][format!("p{}", random.random_range(0..3))] = json!(word),
    }
}

/// Gives a variable another scope: any of them, sealed ones too.
pub fn rescope(content: &mut Value, random: &mut StdRng) {
    let Some(variables) = content["Variables"].as_array_mut() else { return };
    let at = random.random_range(0..variables.len());
    let mut scope: Vec<&str> = ENVIRONMENTS.into_iter().filter(|_| random.random_bool(0.5)).collect();
    scope.sort_unstable();
    variables[at]["Scope"] = if scope.is_empty() { json!({}) } else { json!({ "Environment": scope }) };
}

/// Seals a new value, for exactly whom its variable is for now. A variable that is for several stays as it is.
pub fn reseal(content: &mut Value, number: usize, random: &mut StdRng) {
    let Some(variables) = content["Variables"].as_array_mut() else { return };
    let at = random.random_range(0..variables.len());
    let scope = variables[at]["Scope"]["Environment"].as_array().cloned().unwrap_or_default();
    if let [Value::String(environment)] = &scope[..] {
        variables[at]["Value"] = json!(secret(environment, number));
        variables[at]["Type"] = json!("Sensitive");
    }
}

/// The words that stand in a content.
pub fn words(content: &Value) -> BTreeSet<String> {
    fn collect(value: &Value, words: &mut BTreeSet<String>) {
        match value {
            Value::String(text) => {
                let tokens = text.split_whitespace().filter(|token| is_word(token));
                words.extend(tokens.map(str::to_owned));
            }
            Value::Array(items) => items.iter().for_each(|item| collect(item, words)),
            Value::Object(fields) => fields.values().for_each(|field| collect(field, words)),
            _ => {}
        }
    }
    let mut words = BTreeSet::new();
    collect(content, &mut words);
    words
}

fn is_word(token: &str) -> bool {
    token.strip_prefix("edit").is_some_and(|number| number.parse::<usize>().is_ok())
}
