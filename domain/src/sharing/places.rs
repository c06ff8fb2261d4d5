//! Finding places in a document.

use serde_json::Value;

use super::path::Path;

/// What a walk through a document enters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enter {
    Objects,
    /// Lists too; their elements are named by their position.
    ObjectsAndLists,
}

#[derive(Clone, Copy)]
enum Segment<'a> {
    Name(&'a str),
    Position(usize),
}

/// The places at which something stands, from the root on. What lies inside of such a place is not looked at.
///
/// Paths are put together for what is found only: most of a document is none of it. The depth of the recursion is that of
/// the document, which is bounded where it comes in.
pub fn places(body: &Value, enter: Enter, mut is: impl FnMut(&Value) -> bool) -> Vec<Path> {
    let (mut at, mut found) = (Vec::new(), Vec::new());
    walk(body, enter, &mut is, &mut at, &mut found);
    found
}

fn walk<'a>(
    value: &'a Value,
    enter: Enter,
    is: &mut dyn FnMut(&Value) -> bool,
    at: &mut Vec<Segment<'a>>,
    found: &mut Vec<Path>,
) {
    if is(value) {
        found.push(path(at));
        return;
    }
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                at.push(Segment::Name(name));
                walk(field, enter, is, at, found);
                at.pop();
            }
        }
        Value::Array(items) if enter == Enter::ObjectsAndLists => {
            for (position, item) in items.iter().enumerate() {
                at.push(Segment::Position(position));
                walk(item, enter, is, at, found);
                at.pop();
            }
        }
        _ => {}
    }
}

fn path(at: &[Segment<'_>]) -> Path {
    let segments = at.iter().map(|segment| match segment {
        Segment::Name(name) => (*name).to_owned(),
        Segment::Position(position) => position.to_string(),
    });
    Path(segments.collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_lies_inside_of_a_place_is_not_looked_at_and_lists_only_where_they_are_asked_for() {
        let body = json!({"a": {"x": 1, "b": {"x": 2}}, "list": [{"x": 3}, [{"x": 4}]], "c": {"d": {"x": 5}}});
        let found = |enter| {
            let places = places(&body, enter, |value| value.get("x").is_some());
            places.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(found(Enter::Objects), ["/a", "/c/d"]);
        assert_eq!(found(Enter::ObjectsAndLists), ["/a", "/c/d", "/list/0", "/list/1/0"]);
        assert_eq!(places(&body, Enter::Objects, |_| true), [Path::root()]);
    }
}
