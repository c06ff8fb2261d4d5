//! What a revision has written: the difference between a body and its parent, as places.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::keyed_list::{ORDER, is_keyed_list, order_of};
use super::path::{Path, TouchedPaths};

/// The places at which `child` differs from `parent`.
///
/// A change inside an object is its changed leaves; what is new is named leaf by leaf, so that two people who add the
/// same element only meet where they differ; what is gone is named once, at its top, so that a deletion meets every
/// edit inside. The order of a keyed list counts only where elements that both have stand in another order.
#[must_use]
pub fn difference(parent: Option<&Value>, child: Option<&Value>) -> TouchedPaths {
    let mut touched = TouchedPaths::default();
    compare(&Path::root(), parent, child, &mut touched);
    touched
}

fn compare(path: &Path, parent: Option<&Value>, child: Option<&Value>, touched: &mut TouchedPaths) {
    match (parent, child) {
        (Some(parent), Some(child)) if parent == child => {}
        (Some(parent), Some(child)) => compare_present(path, parent, child, touched),
        (None, Some(child)) => added(path, child, touched),
        (Some(_), None) => touched.insert(path.clone()),
        (None, None) => {}
    }
}

fn compare_present(path: &Path, parent: &Value, child: &Value, touched: &mut TouchedPaths) {
    let (Value::Object(before), Value::Object(after)) = (parent, child) else {
        touched.insert(path.clone());
        return;
    };
    // A list that becomes an object, or the other way round, is one change of shape.
    if is_keyed_list(parent) != is_keyed_list(child) {
        touched.insert(path.clone());
        return;
    }
    let keyed = is_keyed_list(parent);
    for key in keys_of_both(before, after) {
        let place = path.child(key);
        if keyed && key == ORDER {
            if reordered(&order_of(parent), &order_of(child)) {
                touched.insert(place);
            }
        } else {
            compare(&place, before.get(key), after.get(key), touched);
        }
    }
}

fn added(path: &Path, child: &Value, touched: &mut TouchedPaths) {
    match child {
        Value::Object(fields) if !fields.is_empty() => {
            for (key, field) in fields {
                // The order of a new list follows from its members; saying it was touched would only make conflicts.
                if !(key == ORDER && is_keyed_list(child)) || fields.len() == 1 {
                    added(&path.child(key), field, touched);
                }
            }
        }
        _ => touched.insert(path.clone()),
    }
}

pub(super) fn keys_of_both<'a>(left: &'a Map<String, Value>, right: &'a Map<String, Value>) -> BTreeSet<&'a String> {
    left.keys().chain(right.keys()).collect()
}

/// Whether elements that both lists have stand in another order.
pub(super) fn reordered(left: &[String], right: &[String]) -> bool {
    let in_left: BTreeSet<&String> = left.iter().collect();
    let in_right: BTreeSet<&String> = right.iter().collect();
    let common_left = left.iter().filter(|key| in_right.contains(key));
    let common_right = right.iter().filter(|key| in_left.contains(key));
    !common_left.eq(common_right)
}
