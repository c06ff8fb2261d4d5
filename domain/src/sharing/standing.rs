//! How much of an edit is left in a content that others have changed since.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::carried::carries;

/// How much of what an edit changed at one place stands in another content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Whole,
    InPart,
    Nothing,
}

/// How much of what `edit` made of `base` stands in `other`, which may have been changed further: of a text each line, of a list
/// each member, of anything else the value.
#[must_use]
pub fn stands((base, edit): (Option<&Value>, Option<&Value>), other: Option<&Value>) -> Standing {
    if edit == other {
        return Standing::Whole;
    }
    let (base_members, members, present) = match (edit, other) {
        (Some(Value::String(edit)), Some(Value::String(other))) if edit.contains('\n') || other.contains('\n') => {
            (lines_of(base.and_then(Value::as_str).unwrap_or("")), lines_of(edit), lines_of(other))
        }
        (Some(Value::Array(edit)), Some(Value::Array(other))) => {
            let of = |list: &[Value]| counted(list.iter().map(Value::to_string));
            (of(base.and_then(Value::as_array).map_or(&[], Vec::as_slice)), of(edit), of(other))
        }
        _ => return Standing::Nothing,
    };
    let is_text = edit.is_some_and(Value::is_string);
    let changed = changed(&base_members, &members);
    let standing = changed.iter().filter(|(one, by)| {
        let (wanted, present) = (count(&members, one), count(&present, one));
        if **by > 0 { present >= wanted } else { present <= wanted }
    });
    match standing.count() {
        // Nothing came or went: it was put in another order.
        _ if changed.is_empty() && carries((base, edit), (base, other)) => Standing::Whole,
        _ if changed.is_empty() && is_text && base != other => Standing::InPart,
        0 => Standing::Nothing,
        all if all == changed.len() => Standing::Whole,
        _ => Standing::InPart,
    }
}

/// What there is, and how often.
pub(super) type Counted = BTreeMap<String, i64>;

fn counted(all: impl Iterator<Item = String>) -> Counted {
    let mut counted = Counted::new();
    for one in all {
        *counted.entry(one).or_default() += 1;
    }
    counted
}

pub(super) fn lines_of(text: &str) -> Counted {
    counted(text.split('\n').map(str::to_owned))
}

pub(super) fn count(all: &Counted, one: &str) -> i64 {
    all.get(one).copied().unwrap_or(0)
}

/// What there is more of than before, or less, and by how many.
pub(super) fn changed(from: &Counted, to: &Counted) -> Counted {
    let all: BTreeSet<&String> = from.keys().chain(to.keys()).collect();
    let by = |one: &&String| count(to, one) - count(from, one);
    all.into_iter().filter(|one| by(one) != 0).map(|one| (one.clone(), by(&one))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn of_a_text_each_line_stands_and_of_a_list_each_member() {
        let stands = |base: Value, edit: Value, other: Value| stands((Some(&base), Some(&edit)), Some(&other));
        assert_eq!(stands(json!("1"), json!("2"), json!("2")), Standing::Whole);
        assert_eq!(stands(json!("1"), json!("2"), json!("1")), Standing::Nothing);
        assert_eq!(stands(json!("1"), json!("2"), json!("3")), Standing::Nothing);
        let text = |other: &str| stands(json!("a\nb\n"), json!("a\nx\ny\n"), json!(other));
        assert_eq!((text("z\na\nx\ny\n"), text("a\nb\nz\n")), (Standing::Whole, Standing::Nothing));
        assert_eq!((text("a\nx\n"), text("a\nb\nx\ny\n")), (Standing::InPart, Standing::InPart));
        // Lines that say little count as well, and how often one is there.
        let short = |base: &str, edit: &str, other: &str| stands(json!(base), json!(edit), json!(other));
        assert_eq!(short("a=1\nb\n", "a=9\nb\n", "a=9\nc\n"), Standing::Whole);
        assert_eq!(short("w\nx\nw\n", "w\nx\n", "w\ny\n"), Standing::Whole);
        assert_eq!(short("w\nx\nw\n", "w\nx\n", "w\ny\nw\n"), Standing::Nothing);
        assert_eq!(short("a\nb\n", "a\n\nb\n", "a\n\nc\n"), Standing::Whole);
        assert_eq!(short("a\nb\n", "a\r\nb\r\n", "a\r\nc\r\n"), Standing::InPart);
        let list = |other: Value| stands(json!(["p"]), json!(["p", "q", "r"]), other);
        assert_eq!(list(json!(["p", "r", "q", "s"])), Standing::Whole);
        assert_eq!((list(json!(["p", "q"])), list(json!(["p"]))), (Standing::InPart, Standing::Nothing));
        let order = |other: Value| stands(json!(["p", "q"]), json!(["q", "p"]), other);
        assert_eq!(
            (order(json!(["q", "n", "p"])), order(json!(["p", "q", "n"]))),
            (Standing::Whole, Standing::Nothing)
        );
    }
}
