//! Whether something of one edit stands in another content, however much was changed around it.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde_json::{Map, Value};

use super::standing::{changed, count, lines_of};

/// Whether `merged` brings anything over `shared` that `edit` had brought over `base`.
///
/// Told apart are values, by their places; the members of lists and whether they stand in another order; and the lines of texts,
/// wherever they stand. So neither another letter beside it nor what others changed since makes something new of it.
#[must_use]
pub fn carries(
    (base, edit): (Option<&Value>, Option<&Value>),
    (shared, merged): (Option<&Value>, Option<&Value>),
) -> bool {
    if edit == base || merged == shared {
        return false;
    }
    match (edit, merged) {
        // Both took it away.
        (None, None) => true,
        (Some(Value::Object(edit)), Some(Value::Object(merged))) => {
            in_objects((object(base), edit), (object(shared), merged))
        }
        (Some(Value::Array(edit)), Some(Value::Array(merged))) => {
            let (base, shared) = (list(base), list(shared));
            edit == merged || members((base, edit), (shared, merged)) || order((base, edit), (shared, merged))
        }
        (Some(Value::String(edit)), Some(Value::String(merged))) => {
            edit == merged || lines((text(base), edit), (text(shared), merged))
        }
        (Some(edit), Some(merged)) => edit == merged,
        (Some(_), None) | (None, Some(_)) => false,
    }
}

/// Whether a text is changed by all lines by which another was, be they ever so short.
fn says_all((base, edit): (&str, &str), (shared, merged): (&str, &str)) -> bool {
    let (once, now) = (changed(&lines_of(base), &lines_of(edit)), changed(&lines_of(shared), &lines_of(merged)));
    let is_again = |(one, by): (&String, &i64)| {
        let now = count(&now, one);
        if *by > 0 { now >= *by } else { now <= *by }
    };
    !once.is_empty() && once.iter().all(is_again)
}

fn object(value: Option<&Value>) -> Option<&Map<String, Value>> {
    value.and_then(Value::as_object)
}

fn list(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn text(value: Option<&Value>) -> &str {
    value.and_then(Value::as_str).unwrap_or("")
}

type Fields<'a> = &'a Map<String, Value>;

fn in_objects((base, edit): (Option<Fields>, Fields), (shared, merged): (Option<Fields>, Fields)) -> bool {
    let keys: BTreeSet<&String> = edit.keys().chain(base.into_iter().flat_map(Map::keys)).collect();
    // An element is the same under another key and id, which may follow from the case of its name.
    let content = |element: &Map<String, Value>| -> String {
        let fields = element.iter().filter(|(name, _)| *name != "Id");
        fields.map(|(name, value)| format!("{name}:{value},")).collect::<String>().to_lowercase()
    };
    let added = |from: Option<Fields>, to: Fields| -> BTreeSet<String> {
        let is_new = |key: &str| from.is_none_or(|from| !from.contains_key(key));
        let elements = to.iter().filter(|(key, _)| is_new(key)).filter_map(|(_, value)| value.as_object());
        elements.map(content).collect()
    };
    if !added(base, edit).is_disjoint(&added(shared, merged)) {
        return true;
    }
    keys.into_iter().any(|key| {
        let [base, shared] = [base, shared].map(|fields| fields.and_then(|fields| fields.get(key)));
        carries((base, edit.get(key)), (shared, merged.get(key)))
    })
}

/// Members that both brought, or that both took out.
fn members((base, edit): (&[Value], &[Value]), (shared, merged): (&[Value], &[Value])) -> bool {
    let of = |list: &[Value]| -> BTreeSet<String> { list.iter().map(Value::to_string).collect() };
    let [base, edit, shared, merged] = [base, edit, shared, merged].map(of);
    let brought = edit.iter().any(|one| !base.contains(one) && merged.contains(one) && !shared.contains(one));
    brought || base.iter().any(|one| !edit.contains(one) && shared.contains(one) && !merged.contains(one))
}

/// Whether two that the edit put in another order stand in that order, and did not in what is shared.
fn order((base, edit): (&[Value], &[Value]), (shared, merged): (&[Value], &[Value])) -> bool {
    let places = |list: &[Value]| -> BTreeMap<String, usize> {
        list.iter().enumerate().filter_map(|(at, one)| Some((one.as_str()?.to_owned(), at))).collect()
    };
    let [before, now, then] = [base, shared, merged].map(places);
    let common: Vec<&str> = edit.iter().filter_map(Value::as_str).filter(|one| before.contains_key(*one)).collect();
    let is_behind = |places: &BTreeMap<String, usize>, one: &str, other: &str| {
        places.get(one).zip(places.get(other)).is_some_and(|(one, other)| one > other)
    };
    common.windows(2).any(|pair| {
        let [one, other] = pair else { return false };
        is_behind(&before, one, other) && is_behind(&now, one, other) && is_behind(&then, other, one)
    })
}

/// Lines that both brought and that stand nowhere in what is shared, that both put beside each other, or that both took out of
/// it altogether.
fn lines((base, edit): (&str, &str), (shared, merged): (&str, &str)) -> bool {
    if ![base, edit, shared, merged].iter().any(|text| text.contains('\n')) {
        return false;
    }
    if says_all((base, edit), (shared, merged)) {
        return true;
    }
    let brought_now = brought(shared, merged);
    if !brought_now.is_empty() && !brought_now.is_disjoint(&brought(base, edit)) {
        return true;
    }
    // A line that is replaced by another is gone too, and whoever replaces it by a third does something else.
    let taken = lines_gone(shared, merged);
    let brings_none = || brought(base, edit).into_iter().all(|feature| matches!(feature, Feature::Pair(..)));
    !taken.is_empty() && brings_none() && !taken.is_disjoint(&lines_gone(base, edit))
}

fn lines_gone<'a>(from: &'a str, to: &str) -> HashSet<&'a str> {
    let known: HashSet<&str> = to.lines().collect();
    from.lines().filter(|line| says_something(line) && !known.contains(line)).collect()
}

/// What of a text is told apart: a line, and two that follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Feature<'a> {
    Line(&'a str),
    Pair(&'a str, &'a str),
}

/// The end of a block, or a bracket, stands in half of all texts.
fn says_something(line: &str) -> bool {
    const WORDS: [&str; 10] = ["begin", "break", "done", "else", "end", "endif", "esac", "finally", "then", "try"];
    let word = line.trim_matches(|c: char| !c.is_alphanumeric());
    line.chars().filter(|c| c.is_alphanumeric()).count() > 2
        && !WORDS.iter().any(|known| word.eq_ignore_ascii_case(known))
}

fn features(text: &str) -> HashSet<Feature<'_>> {
    let mut all = HashSet::new();
    let mut before = "";
    for line in text.lines().filter(|line| !line.trim().is_empty()).chain([""]) {
        if says_something(line) {
            all.insert(Feature::Line(line));
        }
        if says_something(before) || says_something(line) {
            all.insert(Feature::Pair(before, line));
        }
        before = line;
    }
    all
}

/// What of a text is nowhere in another.
fn brought<'a>(from: &str, to: &'a str) -> HashSet<Feature<'a>> {
    let known = features(from);
    let mut brought = features(to);
    brought.retain(|feature| !known.contains(feature));
    brought
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn carried(base: Value, edit: Value, shared: Value, merged: Value) -> bool {
        carries((Some(&base), Some(&edit)), (Some(&shared), Some(&merged)))
    }

    #[test]
    fn a_value_is_carried_where_it_stands_and_no_other_is() {
        let (base, edit) = (json!({"a": "1", "b": "1", "c": "1"}), json!({"a": "2", "b": "1", "c": "1"}));
        let of = |shared: Value, merged: Value| carried(base.clone(), edit.clone(), shared, merged);
        assert!(of(base.clone(), json!({"a": "2", "b": "9", "c": "1"})));
        assert!(!of(base.clone(), json!({"a": "3", "b": "9", "c": "1"})));
        assert!(
            !of(json!({"a": "2", "b": "1", "c": "1"}), json!({"a": "2", "b": "9", "c": "1"})),
            "it is shared by now"
        );
        // Others have changed the second since, and it is put back to what it was.
        assert!(!of(json!({"a": "1", "b": "7", "c": "1"}), json!({"a": "1", "b": "1", "c": "1"})));
    }

    #[test]
    fn so_is_an_element_that_was_changed_a_little_and_one_that_was_taken_out() {
        let (base, edit) = (json!({"list": {}}), json!({"list": {"p": {"label": "x", "value": "evil"}}}));
        assert!(carried(base.clone(), edit, base.clone(), json!({"list": {"p": {"label": "y", "value": "evil"}}})));
        let (edit, other) =
            (json!({"list": {"p": {"Id": "1", "name": "N"}}}), json!({"list": {"q": {"Id": "2", "name": "n"}}}));
        assert!(carried(base.clone(), edit, base.clone(), other), "under another key");
        let full = json!({"list": {"p": {"label": "x"}}});
        assert!(carried(full.clone(), base.clone(), full.clone(), base.clone()));
        assert!(!carried(full.clone(), base, full, json!({"list": {"p": {"label": "z"}}})));
    }

    #[test]
    fn so_are_lines_wherever_they_stand_and_whatever_is_beside_them() {
        let text = |text: &str| json!({ "script": text });
        let (base, edit) = (text("a\nb\nc\n"), text("a\nevil 1\nevil 2\nb\nc\n"));
        let of = |shared: &str, merged: &str| carried(base.clone(), edit.clone(), text(shared), text(merged));
        assert!(of("a\nb\nc\n", "a\nevil 1\nevil 3\nb\nc\n"));
        assert!(of("z\nb\nc\n", "z\nb\nevil 2\nc\n"));
        assert!(!of("a\nb\nc\n", "a\nb\nc\nd\n"));
        // What says little is told where all of it is said again.
        let short = |merged: &str| carried(text("a=1\nb=2\n"), text("a=9\nb=2\n"), text("a=1\nb=2\n"), text(merged));
        assert!(short("a=9\nb=2\ne=5\n") && !short("a=8\nb=2\ne=5\n"));
        // What was to be replaced is replaced by something else.
        let replaced =
            |merged: &str| carried(text("a\nbefore\n"), text("a\nnot this\n"), text("a\nbefore\n"), text(merged));
        assert!(!replaced("a\nbut this\n") && replaced("x\nnot this\n"));
        // Lines that were moved, or are there once more, or stand deeper.
        let moved = |merged: &str| {
            carried(
                text("a line\nb line\nc line\n"),
                text("c line\na line\nb line\n"),
                text("a line\nb line\nc line\n"),
                text(merged),
            )
        };
        assert!(moved("c line\na line\nb line\nnote\n") && !moved("a line\nb line\nc line\nnote\n"));
        let deeper = |merged: &str| {
            carried(
                text("if x\n  exit 1\nfi\n"),
                text("if x\nexit 1\nfi\n"),
                text("if x\n  exit 1\nfi\n"),
                text(merged),
            )
        };
        assert!(deeper("# note\nif x\nexit 1\nfi\n") && !deeper("# note\nif x\n  exit 1\nfi\n"));
        let beside =
            |merged: &str| carried(text("login\nrun\n"), text("run\nlog 1\n"), text("login\nrun\n"), text(merged));
        assert!(beside("run\nlog 2\n") && !beside("login\nrun\nlog 2\n"));
        // The end of a block is nobody's.
        assert!(!carried(text("start\n"), text("start\nif no\nfi\n"), text("start\n"), text("start\nif yes\nfi\n")));
        // And what was to go is gone.
        let gone = |merged: &str| carried(text("a\nlogin\n"), text("a\n"), text("a\nlogin\n"), text(merged));
        assert!(gone("a\nother\n") && !gone("z\nlogin\n"));
    }

    #[test]
    fn so_is_an_order_and_a_member_of_a_list() {
        let of = |base: Value, edit: Value, shared: Value, merged: Value| {
            carried(json!({ "o": base }), json!({ "o": edit }), json!({ "o": shared }), json!({ "o": merged }))
        };
        let (abc, cab) = (json!(["a", "b", "c"]), json!(["c", "a", "b"]));
        assert!(of(abc.clone(), cab.clone(), abc.clone(), json!(["c", "a", "b", "d"])));
        assert!(!of(abc.clone(), cab.clone(), abc.clone(), json!(["a", "b", "c", "d"])));
        assert!(!of(abc.clone(), cab.clone(), cab, json!(["c", "a", "b", "d"])));
        assert!(of(json!(["x"]), json!(["x", "y"]), json!(["x"]), json!(["x", "y", "z"])));
        assert!(!of(json!(["x"]), json!(["x", "y"]), json!(["x"]), json!(["x", "z"])));
    }
}
