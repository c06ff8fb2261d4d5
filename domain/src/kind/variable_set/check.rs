//! What must hold of a variable set, whoever wrote it and however it was merged.

use std::collections::BTreeMap;

use serde_json::Value;

use super::scope::Scope;
use super::{VARIABLES, is_sensitive, variables};
use crate::kind::{Problem, has_controls};
use crate::secret;
use crate::sharing::keyed_list::ITEMS;
use crate::sharing::path::Path;

pub(super) fn check(body: &Value) -> Vec<Problem> {
    let mut problems = Vec::new();
    if body.get("Name").and_then(Value::as_str).is_none_or(|name| name.trim().is_empty()) {
        problems.push(at(&["Name"], "Name must be a text that is not empty".to_owned()));
    }
    if body.get(VARIABLES).is_some_and(|list| list.get(ITEMS).is_none()) {
        problems.push(at(&[VARIABLES], "Variables must be a list".to_owned()));
    }
    let mut by_name: BTreeMap<String, Vec<(String, Scope)>> = BTreeMap::new();
    for (key, variable) in variables(body) {
        check_variable(&key, variable, &mut by_name, &mut problems);
    }
    check_ties(&by_name, &mut problems);
    problems
}

fn check_variable(
    key: &str,
    variable: &Value,
    by_name: &mut BTreeMap<String, Vec<(String, Scope)>>,
    problems: &mut Vec<Problem>,
) {
    let path = [VARIABLES, ITEMS, key];
    let Some(name) = variable.get("Name").and_then(Value::as_str).filter(|name| !name.trim().is_empty()) else {
        problems.push(at(&path, "a variable needs a Name".to_owned()));
        return;
    };
    if has_controls(name) {
        problems.push(at(&path, "the name of a variable holds control characters; write it without them".to_owned()));
    }
    match variable.get("Value") {
        None | Some(Value::Null) => {}
        Some(Value::String(_)) if is_sensitive(variable) => problems.push(at(
            &path,
            format!("{name} is sensitive and its value was not sealed; set it with `atoll vars set --sensitive`"),
        )),
        Some(Value::String(_)) => {}
        Some(value) if is_sensitive(variable) && secret::reference(value).is_some() => {}
        Some(_) => problems.push(at(&path, format!("the value of {name} must be a text, null or a sealed value"))),
    }
    if variable.get("Required").is_some_and(|required| !required.is_boolean()) {
        problems.push(at(&path, format!("Required of {name} must be true or false")));
    }
    match Scope::of(variable) {
        // A declaration without a value never applies, and so it never ties.
        Ok(scope) if variable.get("Value").is_some() => {
            by_name.entry(name.to_lowercase()).or_default().push((key.to_owned(), scope));
        }
        Ok(_) => {}
        Err(problem) => problems.push(at(&path, format!("{name}: {problem}"))),
    }
}

fn check_ties(by_name: &BTreeMap<String, Vec<(String, Scope)>>, problems: &mut Vec<Problem>) {
    for (name, values) in by_name {
        for (index, (key, scope)) in values.iter().enumerate() {
            if let Some((_, other)) = values[..index].iter().find(|(_, other)| other.ties_with(scope)) {
                let message = format!(
                    "two values of {name} can apply at the same place with equal rank ({other}; {scope}); \
                     make one more specific or remove it"
                );
                problems.push(at(&[VARIABLES, ITEMS, key], message));
            }
        }
    }
}

fn at(path: &[&str], message: String) -> Problem {
    Problem { path: Path(path.iter().map(|segment| (*segment).to_owned()).collect()), message }
}
