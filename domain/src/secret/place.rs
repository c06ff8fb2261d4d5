//! Where sensitive values stand in the bodies of each kind.

use serde_json::{Value, json};

use super::{Plaintext, REFERENCE, reference, reference_to, references};
use crate::id::SecretId;
use crate::kind::Kind;
use crate::kind::variable_set::scope::Scope;
use crate::kind::variable_set::{VARIABLES, is_sensitive};
use crate::sharing::keyed_list::ITEMS;
use crate::sharing::path::Path;

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

/// Octopus writes a sensitive property or default as `{"HasValue": bool, "NewValue": text or null}`.
fn sensitive_objects(body: &Value) -> Vec<Path> {
    let mut found = Vec::new();
    let mut open = vec![(Path::root(), body)];
    while let Some((path, value)) = open.pop() {
        let Value::Object(fields) = value else { continue };
        if fields.contains_key("HasValue") {
            found.push(path);
        } else {
            open.extend(fields.iter().map(|(key, field)| (path.child(key), field)));
        }
    }
    found
}

fn sealed_object(value: Value, before: Option<SecretId>, seal: &mut dyn FnMut(Plaintext) -> SecretId) -> Value {
    let Value::Object(mut fields) = value else { return value };
    // What is not written as Octopus writes it stays as it is, and the rules of the kind refuse it with its text in the
    // clear: guessing would throw the text away or keep it readable.
    let Some(has_value) = fields.get("HasValue").and_then(Value::as_bool) else { return Value::Object(fields) };
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

/// Every sealed value of a body with the scope of those who may see it. What a template holds has no scope.
#[must_use]
pub fn scoped_references(kind: Kind, body: &Value) -> Vec<(Scope, SecretId)> {
    references(body)
        .into_iter()
        .map(|(path, version)| {
            let variable = match (kind, path.0.as_slice()) {
                (Kind::VariableSet, [list, items, key, ..]) if list == VARIABLES && items == ITEMS => {
                    Path(vec![list.clone(), items.clone(), key.clone()]).get(body)
                }
                _ => None,
            };
            let scope = variable.map_or_else(Scope::default, |variable| scope_of_element(kind, variable));
            (scope, version)
        })
        .collect()
}

/// The scope of those who may see an element's value.
pub(super) fn scope_of_element(kind: Kind, element: &Value) -> Scope {
    match kind {
        Kind::StepTemplate => Scope::default(),
        // A scope that cannot be read was refused at save; whoever slips through widens nothing: no node fits it.
        Kind::VariableSet => Scope::of(element).unwrap_or_else(|_| Scope {
            target: std::collections::BTreeSet::from(["\u{0}".to_owned()]),
            ..Scope::default()
        }),
    }
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
    let elsewhere = references(body).into_iter().map(|(path, _)| path);
    let uncovered: Vec<Path> =
        elsewhere.filter(|path| !paths.iter().any(|covered| path.0.starts_with(&covered.0))).collect();
    paths.extend(uncovered);
    paths
}
