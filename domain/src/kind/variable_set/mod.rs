//! Variable sets: named values, each with a scope that says where it applies.

mod check;
pub mod effective;
pub mod scope;

use std::collections::BTreeSet;

use serde_json::Value;

use super::outside::Outside;
use super::{KindRules, Problem};
use crate::sharing::keyed_list::{self, Identity, text_mark};
use crate::sharing::merge::Strategy;
use crate::sharing::path::Path;
use crate::sharing::text::TextMode;

pub(super) struct VariableSet;

pub(crate) const VARIABLES: &str = "Variables";

/// A variable is found again by its id; one without is known by its name and scope, since a name may occur often.
static OUTSIDE: Outside = Outside {
    expected: "a variable set is an object with Name and Variables",
    volatile: &["Id", "LastModifiedBy", "LastModifiedOn", "Links", "SpaceId", "VariableSetId", "Version"],
    lists: &[VARIABLES],
    identity: Identity {
        marks: &[|element| text_mark(element, "Id"), name_and_scope, |element| text_mark(element, "Name")],
        seed: name_and_scope,
    },
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

    fn outside(&self) -> &'static Outside {
        &OUTSIDE
    }

    fn check(&self, body: &Value) -> Vec<Problem> {
        check::check(body)
    }
}

/// The variables of a set with their keys, in order.
#[must_use]
pub fn variables(body: &Value) -> Vec<(String, &Value)> {
    let Some(list) = body.get(VARIABLES) else { return Vec::new() };
    let items = list.get(keyed_list::ITEMS).and_then(Value::as_object);
    keyed_list::order_of(list)
        .into_iter()
        .filter_map(|key| items.and_then(|items| items.get(&key)).map(|variable| (key, variable)))
        .collect()
}

/// The names of the variables that are required, as they are written.
#[must_use]
pub fn required_names(body: &Value) -> BTreeSet<String> {
    let all = variables(body).into_iter().map(|(_, variable)| variable);
    let required = all.filter(|variable| variable.get("Required").and_then(Value::as_bool) == Some(true));
    required.filter_map(|variable| variable.get("Name")?.as_str().map(str::to_owned)).collect()
}

/// Whether a variable is declared sensitive.
#[must_use]
pub fn is_sensitive(variable: &Value) -> bool {
    variable.get("IsSensitive").and_then(Value::as_bool) == Some(true)
        // However it is written: what is meant to be secret must not depend on a capital letter.
        || variable.get("Type").and_then(Value::as_str).is_some_and(|kind| kind.trim().eq_ignore_ascii_case("Sensitive"))
}
