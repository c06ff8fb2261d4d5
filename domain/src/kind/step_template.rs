//! Step templates: the JSON of Octopus action templates, as exported and as its community library publishes them.

use std::collections::BTreeSet;

use serde_json::Value;

use super::outside::Outside;
use super::{KindRules, Problem};
use crate::sharing::keyed_list::{self, Identity, text_mark};
use crate::sharing::merge::Strategy;
use crate::sharing::path::Path;
use crate::sharing::places::{Enter, places};
use crate::sharing::text::TextMode;

pub(super) struct StepTemplate;

/// Volatile are counters, time stamps, ids of one server and export notes. List elements are found again by id, then by
/// name; an empty name is one too: it is how Octopus calls the primary package of a step.
static OUTSIDE: Outside = Outside {
    expected: "a step template is a JSON object with Name, ActionType and Properties",
    volatile: &["$Meta", "Id", "LastModifiedAt", "LastModifiedBy", "LastModifiedOn", "Links", "SpaceId", "Version"],
    lists: &["Parameters", "Packages", "GitDependencies"],
    identity: Identity { marks: &[|element| text_mark(element, "Id"), name_of], seed: name_of },
};

fn name_of(element: &Value) -> Option<String> {
    element.get("Name").and_then(Value::as_str).map(str::to_owned)
}

impl Strategy for StepTemplate {
    /// Scripts and manifests (any property), descriptions, help texts and select options: all are written in lines.
    fn is_text(&self, path: &Path) -> bool {
        let segments: Vec<&str> = path.0.iter().map(String::as_str).collect();
        matches!(
            segments.as_slice(),
            ["Description"]
                | ["Properties", _]
                | ["Parameters", _, _, "HelpText" | "DefaultValue"]
                | ["Parameters", _, _, "DisplaySettings", "Octopus.SelectOptions"]
        )
    }
}

impl KindRules for StepTemplate {
    fn name(&self) -> &'static str {
        "step_template"
    }

    fn schema_version(&self) -> u32 {
        1
    }

    /// A script whose merged lines nobody has looked at is not run.
    fn default_text_mode(&self) -> TextMode {
        TextMode::Review
    }

    fn outside(&self) -> &'static Outside {
        &OUTSIDE
    }

    fn check(&self, body: &Value) -> Vec<Problem> {
        let mut problems = Vec::new();
        for field in ["Name", "ActionType"] {
            if body.get(field).and_then(Value::as_str).is_none_or(|text| text.trim().is_empty()) {
                problems.push(problem(&[field], format!("{field} must be a text that is not empty")));
            }
        }
        match body.get("Properties") {
            Some(Value::Object(properties)) => {
                for (name, value) in properties {
                    if !is_property_value(value) {
                        problems.push(problem(&["Properties", name], wrong_value(name)));
                    }
                    if is_in_the_clear(value) {
                        problems.push(problem(&["Properties", name], not_sealed(name)));
                    }
                }
            }
            _ => problems.push(problem(&["Properties"], "Properties must be an object".to_owned())),
        }
        check_parameters(body.get("Parameters"), &mut problems);
        let mut elsewhere = in_the_clear(body);
        let told: BTreeSet<&Path> =
            problems.iter().map(|problem| &problem.path).filter(|path| !path.0.is_empty()).collect();
        elsewhere.retain(|path| !path.is_within(&told));
        problems.extend(elsewhere.into_iter().map(|path| Problem { message: not_sealed(&path.to_string()), path }));
        problems
    }
}

/// Sensitive values whose text still stands there, wherever they are, in lists too: elements that have no name cannot be
/// addressed, so nothing in them can be sealed.
fn in_the_clear(body: &Value) -> Vec<Path> {
    places(body, Enter::ObjectsAndLists, is_in_the_clear)
}

fn check_parameters(list: Option<&Value>, problems: &mut Vec<Problem>) {
    let Some(list) = list.filter(|list| !list.is_null()) else { return };
    let Some(items) = list.get(keyed_list::ITEMS).and_then(Value::as_object) else {
        problems.push(problem(&["Parameters"], "Parameters must be a list".to_owned()));
        return;
    };
    let mut seen = std::collections::BTreeMap::new();
    for (key, parameter) in items {
        let path = ["Parameters", keyed_list::ITEMS, key];
        let Some(name) = parameter.get("Name").and_then(Value::as_str).filter(|name| !name.trim().is_empty()) else {
            problems.push(problem(&path, "a parameter needs a Name".to_owned()));
            continue;
        };
        // Octopus compares variable names without regard to case, so two such parameters would shadow each other.
        if seen.insert(name.to_lowercase(), key).is_some() {
            problems.push(problem(&path, format!("two parameters are named {name}; rename or remove one")));
        }
        if parameter.get("DefaultValue").is_some_and(is_in_the_clear) {
            problems.push(problem(&path, not_sealed(&format!("the default value of {name}"))));
        }
        if parameter.get("DefaultValue").is_some_and(|value| !is_property_value(value)) {
            problems.push(problem(&path, wrong_value(&format!("the default value of {name}"))));
        }
    }
}

/// A text, nothing, a sensitive value; numbers and flags occur in the wild as defaults and are left as they are.
fn is_property_value(value: &Value) -> bool {
    match value {
        Value::Null | Value::String(_) | Value::Number(_) | Value::Bool(_) => true,
        Value::Object(fields) => fields.contains_key("HasValue") || fields.contains_key(crate::secret::REFERENCE),
        Value::Array(_) => false,
    }
}

/// A sensitive value whose text still stands there. The manager seals what administrators write before it checks; from a
/// node, or through any other door, it is refused.
fn is_in_the_clear(value: &Value) -> bool {
    value.get("HasValue").is_some() && value.get("NewValue").is_some_and(|text| !text.is_null() && text != "")
}

fn not_sealed(what: &str) -> String {
    format!("{what} is sensitive and its value was not sealed; set it at the manager")
}

fn wrong_value(what: &str) -> String {
    format!("{what} must be a text, a number, a flag, null or a sensitive value")
}

fn problem(path: &[&str], message: String) -> Problem {
    Problem { path: Path(path.iter().map(|segment| (*segment).to_owned()).collect()), message }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kind::Kind;
    use crate::secret::seal_sensitive;

    #[test]
    fn what_cannot_be_sealed_is_refused_wherever_it_stands() {
        let refused = |extra: Value| {
            let mut template = json!({"Name": "T", "ActionType": "Octopus.Script", "Properties": {}});
            template.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            let body = Kind::StepTemplate.import(&template, None).unwrap().body;
            let mut number = 0;
            let body = seal_sensitive(Kind::StepTemplate, body, None, &mut |_| {
                number += 1;
                crate::id::SecretId(uuid::Uuid::from_u128(number))
            });
            StepTemplate.check(&body).into_iter().map(|problem| problem.path.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(refused(json!({"Inputs": [{"HasValue": true, "NewValue": "s3cret"}]})), ["/Inputs/0"]);
        assert_eq!(refused(json!({"Inputs": [[{"a": {"HasValue": true, "NewValue": "s3cret"}}]]})), ["/Inputs/0/0/a"]);
        assert_eq!(
            refused(json!({"Properties": {"p": {"HasValue": "true", "NewValue": "s3cret"}}})),
            ["/Properties/p"]
        );
        assert_eq!(
            refused(json!({"Properties": {"p": {"HasValue": true, "NewValue": ["s3cret"]}}})),
            ["/Properties/p"]
        );
        assert_eq!(refused(json!({"Properties": {"p": {"HasValue": false, "NewValue": "s3cret"}}})), ["/Properties/p"]);
        assert!(refused(json!({"Inputs": {"a": {"HasValue": true, "NewValue": "s3cret"}}})).is_empty(), "sealed");
        assert!(refused(json!({"Inputs": [{"HasValue": false, "NewValue": null}]})).is_empty(), "nothing to seal");
    }
}
