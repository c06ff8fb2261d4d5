//! The outside form that the kinds share: an object of which some fields are volatile and some lists have keyed elements.

use serde_json::{Map, Value};

use super::Imported;
use crate::sharing::keyed_list::{self, Identity};
use crate::sharing::path::Path;
use crate::sharing::places::{Enter, places};

/// What differs between the kinds.
pub(crate) struct Outside {
    /// What the document must be, in words.
    pub expected: &'static str,
    /// Fields that change without the content changing.
    pub volatile: &'static [&'static str],
    /// Lists whose elements are found again by their identity.
    pub lists: &'static [&'static str],
    pub identity: Identity,
}

/// Brings the outside form into normal form, with list keys taken over from `parent`.
pub(super) fn import(outside: &Value, parent: Option<&Value>, form: &Outside) -> Result<Imported, String> {
    let Value::Object(fields) = outside else { return Err(form.expected.to_owned()) };
    let (mut body, mut metadata) = (Map::new(), Map::new());
    for (key, value) in fields {
        if key == REVISION {
            continue;
        }
        if form.volatile.contains(&key.as_str()) {
            metadata.insert(key.clone(), value.clone());
            continue;
        }
        let value = match value {
            Value::Array(elements) if form.lists.contains(&key.as_str()) => {
                keyed_list::normalise(elements, parent.and_then(|body| body.get(key)), form.identity)
            }
            _ => value.clone(),
        };
        body.insert(key.clone(), value);
    }
    Ok(Imported { body: Value::Object(body), metadata: Value::Object(metadata) })
}

/// Which revision a file was made from: said beside its content, and none of it.
const REVISION: &str = "$revision";

/// A list that does not name each of its elements once in its order: what one reader leaves out another would show.
pub(super) fn misshapen_list(body: &Value, form: &Outside) -> Option<Path> {
    let is_odd = |field: &str| body.get(field).is_some_and(|list| list.is_object() && !keyed_list::is_keyed_list(list));
    if let Some(field) = form.lists.iter().find(|field| is_odd(field)) {
        return Some(Path(vec![(*field).to_owned()]));
    }
    let is_misshapen = |value: &Value| keyed_list::is_keyed_list(value) && !keyed_list::is_whole(value);
    places(body, Enter::ObjectsAndLists, is_misshapen).into_iter().next()
}

/// Largest volatile fields of a revision together, as JSON.
const VOLATILE_LIMIT_BYTES: usize = 16 * 1024;

/// What of some metadata are volatile fields of the kind. Metadata is outside of what a revision's id, its touched paths and
/// its checks cover: anything else in it would be content that nobody was shown. What is larger than such fields ever are is
/// dropped.
pub(super) fn volatile(metadata: &Value, form: &Outside) -> Value {
    let kept: Map<String, Value> =
        volatile_fields(metadata, form).map(|(key, value)| (key.clone(), value.clone())).collect();
    match serde_json::to_vec(&kept) {
        Ok(bytes) if bytes.len() <= VOLATILE_LIMIT_BYTES => Value::Object(kept),
        _ => Value::Object(Map::new()),
    }
}

fn volatile_fields<'a>(metadata: &'a Value, form: &'a Outside) -> impl Iterator<Item = (&'a String, &'a Value)> {
    metadata.as_object().into_iter().flatten().filter(|(key, _)| form.volatile.contains(&key.as_str()))
}

/// The outside form again, with the volatile fields, and nothing else of the metadata, among the others.
pub(super) fn export(body: &Value, metadata: &Value, form: &Outside) -> Value {
    let mut out = Map::new();
    for (key, value) in body.as_object().into_iter().flatten().chain(volatile_fields(metadata, form)) {
        let is_list = keyed_list::is_keyed_list(value);
        let value = if is_list { Value::Array(keyed_list::denormalise(value)) } else { value.clone() };
        out.insert(key.clone(), value);
    }
    Value::Object(out)
}
