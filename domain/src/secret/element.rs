//! Elements that hold sensitive values: what of them decides who reads a value, and where that would change unsaid.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::place::{element_paths, may_hold_sensitive, placed_references, scope_of_element};
use super::{reference, references};
use crate::id::SecretId;
use crate::kind::Kind;
use crate::kind::variable_set::is_sensitive;
use crate::kind::variable_set::scope::Scope;
use crate::sharing::path::Path;

/// What decides who reads an element's value. Taken from one side of a merge as a whole, or not at all: a scope of one
/// side and a value of the other make a reach that nobody has meant.
#[derive(Debug, Clone, PartialEq)]
struct Element<'a> {
    is_sensitive: bool,
    scope: Scope,
    value: Option<&'a Value>,
    /// Every reference in the element, wherever it stands in it.
    references: Vec<(Path, SecretId)>,
}

fn element_at<'a>(kind: Kind, body: &'a Value, path: &Path) -> Option<Element<'a>> {
    let element = path.get(body)?;
    let value = match kind {
        Kind::VariableSet if reference(element).is_none() => element.get("Value"),
        _ => Some(element),
    };
    let references = references(element);
    let is_sensitive = is_sensitive(element) || element.get("HasValue").is_some() || !references.is_empty();
    Some(Element { is_sensitive, scope: scope_of_element(kind, element), value, references })
}

/// The elements of a merged body that are sensitive on a side or in the result, and whose sensitivity, scope and value
/// do not stand together in one of the sides.
#[must_use]
pub fn stray_elements(kind: Kind, sides: [&Value; 2], merged: &Value) -> Vec<Path> {
    let bodies = [sides[0], sides[1], merged];
    if !bodies.iter().any(|body| may_hold_sensitive(body)) {
        return Vec::new();
    }
    let paths: BTreeSet<Path> = bodies.iter().flat_map(|body| element_paths(kind, body)).collect();
    paths
        .into_iter()
        .filter(|path| {
            let [left, right, result] = bodies.map(|body| element_at(kind, body, path));
            let Some(result) = result else { return false };
            let one_is_sensitive = [&left, &right].into_iter().flatten().chain([&result]).any(|one| one.is_sensitive);
            one_is_sensitive && left.as_ref() != Some(&result) && right.as_ref() != Some(&result)
        })
        .collect()
}

/// Whether every element that holds a sealed value stands in `after` as it does in `before`, or is gone. Whoever may not
/// decide who reads a value may change everything else.
#[must_use]
pub fn keeps_sealed(kind: Kind, before: &Value, after: &Value) -> bool {
    element_paths(kind, after).iter().all(|path| {
        let element = element_at(kind, after, path);
        let holds = path.get(after).is_some_and(|element| !references(element).is_empty());
        !holds || element == element_at(kind, before, path)
    })
}

/// The same for the answer to a conflict: an element that is open stands as in one of the two sides, and reaches no further
/// than in either of them that has the value. A side may be an old state with a wider reach, and whoever answers chose it.
#[must_use]
pub fn answer_keeps_sealed(kind: Kind, sides: [&Value; 2], merged: &Value, open: &[&Path], answer: &Value) -> bool {
    let placed = |body: &Value| placed_references(kind, body);
    let reaches: [Vec<(Path, Scope, SecretId)>; 2] = sides.map(placed);
    let is_within = |after: &Scope, version: SecretId| {
        reaches.iter().all(|side| {
            let mut known = side.iter().filter(|(_, _, one)| *one == version).peekable();
            known.peek().is_none() || known.any(|(_, scope, _)| scope.includes(after))
        })
    };
    element_paths(kind, answer).iter().all(|path| {
        let element = element_at(kind, answer, path);
        let sealed: Vec<SecretId> =
            element.iter().flat_map(|one| &one.references).map(|(_, version)| *version).collect();
        if sealed.is_empty() {
            return true;
        }
        if !open.iter().any(|place| place.0.starts_with(&path.0) || path.0.starts_with(&place.0)) {
            return element == element_at(kind, merged, path);
        }
        sides.iter().any(|side| element == element_at(kind, side, path))
            && element.iter().all(|one| sealed.iter().all(|version| is_within(&one.scope, *version)))
    })
}

/// Whether a body holds a sensitive value as plain text.
#[must_use]
pub fn is_in_the_clear(kind: Kind, body: &Value) -> bool {
    element_paths(kind, body).iter().filter_map(|path| path.get(body)).any(|element| match kind {
        Kind::StepTemplate => element.get("NewValue").is_some_and(|value| !value.is_null() && value != ""),
        Kind::VariableSet => is_sensitive(element) && element.get("Value").is_some_and(Value::is_string),
    })
}

/// A sealed value that more nodes could read than before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Widened {
    /// The element, by its path in the body.
    pub path: Path,
    pub version: SecretId,
    /// Who could read it before: none of these scopes includes the new one. Empty for a value that was out of use.
    pub before: Vec<Scope>,
    pub after: Scope,
}

/// The sealed values of `after` whose reach no body of `before` includes. `fresh` values have just been given together
/// with their scope, and so have no reach that could widen.
#[must_use]
pub fn widened(kind: Kind, before: &[&Value], after: &Value, fresh: &BTreeSet<SecretId>) -> Vec<Widened> {
    let mut known: BTreeMap<SecretId, Vec<Scope>> = BTreeMap::new();
    for (_, scope, version) in before.iter().flat_map(|body| placed_references(kind, body)) {
        known.entry(version).or_default().push(scope);
    }
    placed_references(kind, after)
        .into_iter()
        .filter(|(_, _, version)| !fresh.contains(version))
        .filter_map(|(path, after, version)| {
            let before = known.get(&version).cloned().unwrap_or_default();
            let is_included = before.iter().any(|scope| scope.includes(&after));
            (!is_included).then_some(Widened { path, version, before, after })
        })
        .collect()
}

/// References in `after` that do not stand at the same element in one of `own`, nor come from an element that is gone: a
/// sealed value belongs to its resource and element, and a reference to it is worth nothing elsewhere.
#[must_use]
pub fn foreign_references(own: &[&Value], after: &Value, fresh: &BTreeSet<SecretId>) -> Vec<Path> {
    let standing: BTreeSet<Path> = references(after).into_iter().map(|(path, _)| path).collect();
    let (mut known, mut gone) = (BTreeSet::new(), BTreeSet::new());
    for (path, version) in own.iter().flat_map(|body| references(body)) {
        if !standing.contains(&path) {
            gone.insert(version);
        }
        known.insert((path, version));
    }
    references(after)
        .into_iter()
        .filter(|(_, version)| !fresh.contains(version))
        .filter(|place| !known.contains(place) && !gone.contains(&place.1))
        .map(|(path, _)| path)
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::secret::reference_to;

    fn id(number: u128) -> SecretId {
        SecretId(uuid::Uuid::from_u128(number))
    }

    fn set(scope: Value, version: u128) -> Value {
        let variable = json!({"Name": "A", "Type": "Sensitive", "Scope": scope, "Value": reference_to(id(version))});
        Kind::VariableSet.import(&json!({"Name": "s", "Variables": [variable]}), None).unwrap().body
    }

    #[test]
    fn a_reach_widens_where_no_known_scope_includes_the_new_one() {
        let narrow = set(json!({"Environment": ["production"]}), 1);
        let none = BTreeSet::new();
        let count = |before: &[&Value], after: &Value| widened(Kind::VariableSet, before, after, &none).len();
        assert_eq!(count(&[&narrow], &narrow), 0);
        assert_eq!(count(&[&narrow], &set(json!({"Environment": ["production"], "Role": ["web"]}), 1)), 0, "narrower");
        assert_eq!(count(&[&narrow], &set(json!({"Environment": ["production", "staging"]}), 1)), 1);
        assert_eq!(count(&[&narrow], &set(json!({}), 1)), 1);
        assert_eq!(count(&[&set(json!({}), 1), &narrow], &set(json!({}), 1)), 0, "it is so somewhere already");
        assert_eq!(
            count(&[&narrow], &set(json!({"Environment": ["production"]}), 2)),
            1,
            "a value out of use comes back"
        );
        assert_eq!(widened(Kind::VariableSet, &[], &narrow, &BTreeSet::from([id(1)])).len(), 0, "just given");
    }

    #[test]
    fn an_answer_lends_no_sealed_value_the_wider_reach_of_one_side() {
        let old = set(json!({"Environment": ["production", "staging"]}), 1);
        let path = element_paths(Kind::VariableSet, &old).remove(0);
        let scoped = |scope: Value| {
            let mut body = old.clone();
            path.child("Scope").put(&mut body, Some(scope));
            body
        };
        let narrow = scoped(json!({"Environment": ["production"]}));
        let none = Kind::VariableSet.import(&json!({"Name": "s", "Variables": []}), None).unwrap().body;
        let keeps = |sides: [&Value; 2], merged: &Value, answer: &Value| {
            answer_keeps_sealed(Kind::VariableSet, sides, merged, &[&path], answer)
        };
        assert!(keeps([&none, &narrow], &old, &narrow) && keeps([&old, &narrow], &old, &narrow));
        assert!(!keeps([&none, &narrow], &old, &old), "neither side has it so");
        assert!(!keeps([&old, &narrow], &old, &old), "one side has it so, and the other has narrowed it");
        assert!(!keeps([&none, &narrow], &narrow, &scoped(json!({}))));
        // What is not open stands as rules have put it together.
        let closed = |answer: &Value| answer_keeps_sealed(Kind::VariableSet, [&old, &narrow], &narrow, &[], answer);
        assert!(closed(&narrow) && !closed(&old));
    }

    proptest::proptest! {
        /// Whoever may not decide who reads a value gains nothing, whatever he makes of a body that passes as one which
        /// leaves sealed values alone.
        #[test]
        fn what_keeps_sealed_values_widens_none(changes in proptest::collection::vec((0..40_usize, 0..40_usize, 0..4_u8), 1..6)) {
            let before = {
                let variable = |name: &str, environment: &str, version: u128| json!({
                    "Name": name, "Type": "Sensitive", "Scope": {"Environment": [environment]},
                    "Value": reference_to(id(version))
                });
                let list = json!([variable("A", "staging", 1), variable("B", "production", 2), {"Name": "C", "Value": "x"}]);
                Kind::VariableSet.import(&json!({"Name": "s", "Variables": list}), None).unwrap().body
            };
            let mut after = before.clone();
            for (from, to, act) in changes {
                let (from, mut to) = (nth_place(&after, from), nth_place(&after, to));
                let value = from.get(&after).cloned();
                match act {
                    // A copy, beside something, in place of something; or something goes.
                    0 => to.0.push("Note".to_owned()),
                    1 => {}
                    2 => { to.0.pop(); to.0.push("New".to_owned()); }
                    _ => { if !to.0.is_empty() { to.put(&mut after, None); } continue; }
                }
                if !to.0.is_empty() {
                    to.put(&mut after, value);
                }
            }
            if keeps_sealed(Kind::VariableSet, &before, &after) {
                let reach = |body: &Value| crate::secret::scoped_references(Kind::VariableSet, body);
                let known = reach(&before);
                for (scope, version) in reach(&after) {
                    let is_known = known.iter().any(|(wide, own)| *own == version && wide.includes(&scope));
                    proptest::prop_assert!(is_known, "{version} is for {scope} in {after}");
                }
            }
        }
    }

    /// Where nothing looks sensitive, nothing is: the shortcut of each merge passes over no element.
    #[test]
    fn what_does_not_look_sensitive_holds_nothing_that_is() {
        let plain =
            json!({"Name": "T", "Properties": {"Type": "Text", "a": {"b": "HasValue"}}, "Parameters": {"$items": {}}});
        assert!(!may_hold_sensitive(&plain));
        let held = [
            json!({"HasValue": true, "NewValue": null}),
            json!({"Type": " sensitive ", "Value": "x"}),
            json!({"IsSensitive": true, "Value": "x"}),
            reference_to(id(1)),
        ];
        for value in held {
            for place in 0..4 {
                let mut body = plain.clone();
                object(place).child("held").put(&mut body, Some(value.clone()));
                assert!(may_hold_sensitive(&body), "{body}");
            }
        }
    }

    fn object(number: usize) -> Path {
        let all = ["", "Properties", "Properties/a", "Parameters/$items"];
        Path(all[number].split('/').filter(|name| !name.is_empty()).map(str::to_owned).collect())
    }

    /// Every place of a body, counted through.
    fn nth_place(body: &Value, number: usize) -> Path {
        let (mut found, mut open) = (Vec::new(), vec![(Path::root(), body)]);
        while let Some((path, value)) = open.pop() {
            if let Value::Object(fields) = value {
                open.extend(fields.iter().map(|(key, field)| (path.child(key), field)));
            }
            found.push(path);
        }
        found.swap_remove(number % found.len())
    }

    #[test]
    fn a_reference_counts_in_its_own_resource_and_element_only() {
        let (own, none) = (set(json!({}), 1), BTreeSet::new());
        assert_eq!(foreign_references(&[&own], &own, &none).len(), 0);
        assert_eq!(foreign_references(&[], &own, &none).len(), 1);
        assert_eq!(foreign_references(&[&own], &set(json!({}), 2), &none).len(), 1);
        assert_eq!(foreign_references(&[&own], &set(json!({}), 2), &BTreeSet::from([id(2)])).len(), 0);
        // The same value under a second name, and a rename.
        let named = |name: &str| json!({"Name": name, "Type": "Sensitive", "Value": reference_to(id(1))});
        let import =
            |list: Value| Kind::VariableSet.import(&json!({"Name": "s", "Variables": list}), Some(&own)).unwrap().body;
        assert_eq!(foreign_references(&[&own], &import(json!([named("A"), named("B")])), &none).len(), 1);
        assert_eq!(foreign_references(&[&own], &import(json!([named("B")])), &none).len(), 0);
    }
}
