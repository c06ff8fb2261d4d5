//! Where sensitive values stand in the bodies of each kind.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Plaintext, REFERENCE, reference, reference_to, references};
use crate::id::SecretId;
use crate::kind::Kind;
use crate::kind::variable_set::scope::Scope;
use crate::kind::variable_set::{VARIABLES, is_sensitive};
use crate::sharing::keyed_list::ITEMS;
use crate::sharing::path::Path;
use crate::sharing::places::{Enter, places};

/// Replaces every sensitive value that a body holds in the clear by a reference to a new version. A sensitive value
/// that the writer left out (an API never gives it back, so an edited export lacks it) is taken over from `parent`.
pub fn seal_sensitive(
    kind: Kind,
    mut body: Value,
    parent: Option<&Value>,
    seal: &mut dyn FnMut(Plaintext) -> SecretId,
) -> Value {
    match kind {
        Kind::StepTemplate => {
            if let Some(parent) = parent {
                body = typed_over(kind, body, parent);
            }
            for path in sensitive_objects(&body) {
                let before = parent.and_then(|parent| path.get(parent)).and_then(reference);
                if let Some(value) = path.get(&body).cloned() {
                    path.put(&mut body, Some(sealed_object(value, before, seal)));
                }
            }
        }
        Kind::VariableSet => seal_variables(&mut body, parent, seal),
    }
    body
}

/// Places at which a plain text was written that is meant to be sensitive: in a template where a sealed value stood, or over the
/// default of a parameter that is a password. Somebody who types a password over a sealed one does not mean it for everybody.
/// What a template comes with is left as it is: a default that was published with it is no secret any more.
#[must_use]
pub fn newly_in_the_clear(kind: Kind, before: Option<&Value>, after: &Value) -> Vec<Path> {
    let before = match kind {
        Kind::StepTemplate => before,
        // A variable says itself that it is sensitive.
        Kind::VariableSet => None,
    };
    let Some(before) = before else { return Vec::new() };
    let mut paths: BTreeSet<Path> = password_defaults(before).into_iter().chain(password_defaults(after)).collect();
    paths.extend(sensitive_objects(before));
    let is_text = |path: &Path| path.get(after).and_then(Value::as_str).is_some_and(|text| !text.is_empty());
    paths.into_iter().filter(|path| is_text(path) && path.get(before) != path.get(after)).collect()
}

/// Makes a sensitive value of each plain text that stands where another body has a sensitive one.
#[must_use]
pub fn typed_over(kind: Kind, mut body: Value, other: &Value) -> Value {
    for path in newly_in_the_clear(kind, Some(other), &body) {
        let text = path.get(&body).cloned();
        path.put(&mut body, Some(json!({ "HasValue": true, "NewValue": text })));
    }
    body
}

/// The places of defaults of parameters that are typed as passwords.
fn password_defaults(body: &Value) -> Vec<Path> {
    let list = Path(["Parameters", ITEMS].map(str::to_owned).to_vec());
    let items = list.get(body).and_then(Value::as_object).into_iter().flatten();
    let is_password = |parameter: &Value| {
        let control = parameter.get("DisplaySettings").and_then(|settings| settings.get("Octopus.ControlType"));
        control.and_then(Value::as_str).is_some_and(|control| control.trim().eq_ignore_ascii_case("Sensitive"))
    };
    items.filter(|(_, item)| is_password(item)).map(|(key, _)| list.child(key).child("DefaultValue")).collect()
}

/// Octopus writes a sensitive property or default as `{"HasValue": bool, "NewValue": text or null}`.
fn sensitive_objects(body: &Value) -> Vec<Path> {
    places(body, Enter::Objects, |value| value.get("HasValue").is_some())
}

fn sealed_object(value: Value, before: Option<SecretId>, seal: &mut dyn FnMut(Plaintext) -> SecretId) -> Value {
    let Value::Object(mut fields) = value else { return value };
    // What is not written as Octopus writes it stays as it is, and the rules of the kind refuse it with its text in the
    // clear: guessing would throw the text away or keep it readable.
    let Some(has_value) = fields.get("HasValue").and_then(Value::as_bool) else { return Value::Object(fields) };
    let is_written_otherwise = match fields.get("NewValue") {
        None | Some(Value::Null) => false,
        Some(Value::String(text)) => !has_value && !text.is_empty(),
        Some(_) => true,
    };
    if is_written_otherwise {
        return Value::Object(fields);
    }
    let version = match fields.get("NewValue") {
        Some(Value::String(text)) if has_value => Some(seal(Plaintext::new(text.clone()))),
        _ if has_value => reference(&Value::Object(fields.clone())).or(before),
        _ => None,
    };
    if fields.contains_key("NewValue") {
        fields.insert("NewValue".to_owned(), Value::Null);
    }
    fields.remove(REFERENCE);
    if let Some(version) = version {
        fields.insert(REFERENCE.to_owned(), json!({ "version": version }));
    }
    Value::Object(fields)
}

fn seal_variables(body: &mut Value, parent: Option<&Value>, seal: &mut dyn FnMut(Plaintext) -> SecretId) {
    let Some(items) = body.get_mut(VARIABLES).and_then(|list| list.get_mut(ITEMS)).and_then(Value::as_object_mut)
    else {
        return;
    };
    for (key, variable) in items {
        if !is_sensitive(variable) {
            continue;
        }
        let before = parent
            .and_then(|parent| Path([VARIABLES, ITEMS, key, "Value"].map(str::to_owned).to_vec()).get(parent))
            .and_then(reference);
        let version = match variable.get("Value") {
            Some(Value::String(text)) => Some(seal(Plaintext::new(text.clone()))),
            Some(Value::Null) => before,
            _ => None,
        };
        if let (Some(version), Some(fields)) = (version, variable.as_object_mut()) {
            fields.insert("Value".to_owned(), reference_to(version));
        }
    }
}

/// Every sealed value of a body with the scope of those who may see it. What a template holds has no scope. A reference
/// that stands where no sealed value can is worth nothing to anybody.
#[must_use]
pub fn scoped_references(kind: Kind, body: &Value) -> Vec<(Scope, SecretId)> {
    placed_references(kind, body).into_iter().map(|(_, scope, version)| (scope, version)).collect()
}

/// The same with the place of each.
pub fn placed_references(kind: Kind, body: &Value) -> Vec<(Path, Scope, SecretId)> {
    let scope = |path: &Path| match kind {
        Kind::StepTemplate => Some(Scope::default()),
        Kind::VariableSet => {
            let element = Path(variable_of(path)?.to_vec());
            Some(scope_of_element(kind, element.get(body)?))
        }
    };
    let all = references(body).into_iter();
    all.filter_map(|(path, version)| scope(&path).map(|scope| (path, scope, version))).collect()
}

/// The references of a body that stand where no sealed value can. A variable's scope speaks of its `Value` and of nothing
/// else, so a reference beside it would be read by whoever reads that variable.
#[must_use]
pub fn misplaced_references(kind: Kind, body: &Value) -> Vec<Path> {
    let places = references(body).into_iter().map(|(path, _)| path);
    places.filter(|path| kind == Kind::VariableSet && variable_of(path).is_none()).collect()
}

/// The variable whose value stands at a path.
fn variable_of(path: &Path) -> Option<&[String]> {
    match path.0.as_slice() {
        [list, items, _, value] if list == VARIABLES && items == ITEMS && value == "Value" => Some(&path.0[..3]),
        _ => None,
    }
}

/// The scope of those who may see an element's value.
pub(super) fn scope_of_element(kind: Kind, element: &Value) -> Scope {
    match kind {
        Kind::StepTemplate => Scope::default(),
        // A scope that cannot be read was refused at save; whoever slips through widens nothing: no node fits it.
        Kind::VariableSet => Scope::of(element)
            .unwrap_or_else(|_| Scope { target: BTreeSet::from(["\u{0}".to_owned()]), ..Scope::default() }),
    }
}

/// Whether anything in a body looks as if it were sensitive. Most bodies hold nothing of the kind, and each merge asks.
pub(super) fn may_hold_sensitive(body: &Value) -> bool {
    let Value::Object(fields) = body else { return false };
    fields.iter().any(|(name, field)| match name.as_str() {
        "HasValue" | "IsSensitive" | REFERENCE => true,
        "Type" if is_sensitive(body) => true,
        _ => may_hold_sensitive(field),
    })
}

/// The places of everything that may be sensitive: each variable of a set; each sensitive object of a template, and
/// whatever else holds a reference.
pub(super) fn element_paths(kind: Kind, body: &Value) -> Vec<Path> {
    let list = Path([VARIABLES, ITEMS].map(str::to_owned).to_vec());
    let mut paths: Vec<Path> = match kind {
        Kind::StepTemplate => sensitive_objects(body),
        Kind::VariableSet => {
            let keys = list.get(body).and_then(Value::as_object).into_iter().flat_map(|items| items.keys());
            keys.map(|key| list.child(key)).collect()
        }
    };
    let mut elsewhere: Vec<Path> = references(body).into_iter().map(|(path, _)| path).collect();
    let covered: BTreeSet<&Path> = paths.iter().collect();
    elsewhere.retain(|path| !path.is_within(&covered));
    paths.extend(elsewhere);
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_over_the_default_of_a_sensitive_parameter_is_seen_however_its_control_is_written() {
        for control in ["Sensitive", "sensitive", " SENSITIVE "] {
            let template = |default: &str| {
                let display = json!({"Octopus.ControlType": control});
                let parameter = json!({"Id": "p", "Name": "P", "DefaultValue": default, "DisplaySettings": display});
                let content = json!({"Name": "T", "ActionType": "A", "Properties": {}, "Parameters": [parameter]});
                Kind::StepTemplate.import(&content, None).unwrap().body
            };
            let found = newly_in_the_clear(Kind::StepTemplate, Some(&template("guest")), &template("typed"));
            assert_eq!(found.len(), 1, "{control:?}");
        }
    }
}
