//! Variable sets: named values, each with a scope that says where it applies.

mod check;
pub mod effective;
pub mod scope;

use serde_json::{Map, Value};

use super::{Imported, KindRules, Problem};
use crate::sharing::keyed_list::{self, Identity, text_mark};
use crate::sharing::merge::Strategy;
use crate::sharing::path::Path;
use crate::sharing::text::TextMode;

pub(super) struct VariableSet;

pub(crate) const VARIABLES: &str = "Variables";

/// Fields that change without the content changing.
const VOLATILE: [&str; 8] =
    ["$revision", "Id", "LastModifiedBy", "LastModifiedOn", "Links", "SpaceId", "VariableSetId", "Version"];

/// A variable is found again by its id; one without is known by its name and scope, since a name may occur often.
const BY_ID_THEN_NAME_AND_SCOPE: Identity = Identity {
    marks: &[|element| text_mark(element, "Id"), name_and_scope, |element| text_mark(element, "Name")],
    seed: name_and_scope,
};

fn name_and_scope(variable: &Value) -> Option<String> {
    let name = text_mark(variable, "Name")?.to_lowercase();
    let scope = scope::Scope::of(variable).ok()?;
    Some(format!("{name}\n{scope}"))
}

impl Strategy for VariableSet {
    fn is_text(&self, path: &Path) -> bool {
        let segments: Vec<&str> = path.0.iter().map(String::as_str).collect();
        matches!(segments.as_slice(), ["Description"] | [VARIABLES, _, _, "Value" | "Description"])
    }
}

impl KindRules for VariableSet {
    fn name(&self) -> &'static str {
        "variable_set"
    }

    fn schema_version(&self) -> u32 {
        1
    }

    /// A value merged from two people's lines may be one that neither meant.
    fn default_text_mode(&self) -> TextMode {
        TextMode::Review
    }

    fn import(&self, outside: &Value, parent: Option<&Value>) -> Result<Imported, String> {
        let Value::Object(fields) = outside else {
            return Err("a variable set is an object with Name and Variables".to_owned());
        };
        let (mut body, mut metadata) = (Map::new(), Map::new());
        for (key, value) in fields {
            if VOLATILE.contains(&key.as_str()) {
                metadata.insert(key.clone(), value.clone());
                continue;
            }
            let value = match value {
                Value::Array(elements) if key == VARIABLES => {
                    let known = parent.and_then(|body| body.get(VARIABLES));
                    keyed_list::normalise(elements, known, BY_ID_THEN_NAME_AND_SCOPE)
                }
                _ => value.clone(),
            };
            body.insert(key.clone(), value);
        }
        Ok(Imported { body: Value::Object(body), metadata: Value::Object(metadata) })
    }

    fn export(&self, body: &Value, metadata: &Value) -> Value {
        let mut out = Map::new();
        for (key, value) in body.as_object().into_iter().chain(metadata.as_object()).flatten() {
            let value = if keyed_list::is_keyed_list(value) {
                Value::Array(keyed_list::denormalise(value))
            } else {
                value.clone()
            };
            out.insert(key.clone(), value);
        }
        Value::Object(out)
    }

    fn check(&self, body: &Value) -> Vec<Problem> {
        check::check(body)
    }
}

/// The variables of a body with their keys, in order.
pub(crate) fn variables(body: &Value) -> Vec<(String, &Value)> {
    let Some(list) = body.get(VARIABLES) else { return Vec::new() };
    let items = list.get(keyed_list::ITEMS).and_then(Value::as_object);
    keyed_list::order_of(list)
        .into_iter()
        .filter_map(|key| items.and_then(|items| items.get(&key)).map(|variable| (key, variable)))
        .collect()
}

/// Whether a variable is declared sensitive.
#[must_use]
pub fn is_sensitive(variable: &Value) -> bool {
    variable.get("IsSensitive").and_then(Value::as_bool) == Some(true)
        || variable.get("Type").and_then(Value::as_str) == Some("Sensitive")
}
