//! Whether an edit takes an earlier one back: on purpose (an undo), or because its editor had never seen it (a stale buffer).
//! The two look the same, so it is said rather than guessed.

use diffy::{DiffOptions, Line};
use serde_json::Value;

use super::distance::is_near;
use super::path::Path;
use super::touched::difference;

/// The places at which `saved` stands again as in `claimed`, although `taken` had changed them since.
#[must_use]
pub fn taken_back(claimed: Option<&Value>, taken: Option<&Value>, saved: Option<&Value>) -> Vec<Path> {
    let at = |body: Option<&Value>, path: &Path| body.and_then(|body| path.get(body)).cloned();
    difference(claimed, taken)
        .iter()
        .filter(|path| {
            let [before, between, after] = [claimed, taken, saved].map(|body| at(body, path));
            if after == before {
                return after != between;
            }
            match (before, between, after) {
                (Some(Value::String(before)), Some(Value::String(between)), Some(Value::String(after))) => {
                    takes_lines_back(&before, &between, &after)
                }
                _ => false,
            }
        })
        .cloned()
        .collect()
}

/// One replacement of lines, by their place in the text that is replaced.
struct Replacement {
    start: usize,
    end: usize,
    lines: Vec<String>,
}

fn replacements(from: &str, to: &str) -> Vec<Replacement> {
    let mut options = DiffOptions::new();
    options.set_context_len(0);
    let patch = options.create_patch(from, to);
    patch
        .hunks()
        .iter()
        .map(|hunk| {
            let start = hunk.old_range().start();
            let lines = hunk.lines().iter().filter_map(|line| match line {
                Line::Insert(text) => Some((*text).to_owned()),
                Line::Context(_) | Line::Delete(_) => None,
            });
            Replacement { start, end: start + hunk.old_range().len(), lines: lines.collect() }
        })
        .collect()
}

/// Whether a hunk that `between` changed over `before` stands again as it was.
fn takes_lines_back(before: &str, between: &str, after: &str) -> bool {
    // Of texts that are too far apart only the whole counts.
    if !is_near(between, before) || !is_near(between, after) {
        return false;
    }
    let undone = replacements(between, before);
    let made = replacements(between, after);
    undone.iter().any(|undo| {
        made.iter().any(|edit| {
            let covers = edit.start <= undo.start && undo.end <= edit.end;
            let holds = undo.lines.is_empty() || edit.lines.windows(undo.lines.len()).any(|lines| lines == undo.lines);
            covers && holds
        })
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn back(claimed: Value, taken: Value, saved: Value) -> Vec<String> {
        taken_back(Some(&claimed), Some(&taken), Some(&saved)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_value_that_stands_again_as_it_was_is_taken_back() {
        let (claimed, taken) = (json!({"a": "1", "b": "1"}), json!({"a": "2", "b": "1"}));
        assert_eq!(back(claimed.clone(), taken.clone(), json!({"a": "1", "b": "2"})), ["/a"]);
        assert!(back(claimed.clone(), taken.clone(), json!({"a": "2", "b": "2"})).is_empty());
        assert!(back(claimed.clone(), taken, json!({"a": "3", "b": "1"})).is_empty());
        assert_eq!(back(claimed, json!({"b": "1"}), json!({"a": "1", "b": "1"})), ["/a"]);
    }

    #[test]
    fn so_is_a_hunk_of_lines_among_others() {
        let text = |text: &str| json!({ "a": text });
        let (claimed, taken) = (text("1\n2\n3\n4\n5\n"), text("1\nX\n3\n4\n5\n"));
        assert_eq!(back(claimed.clone(), taken.clone(), text("1\n2\n3\n4\nY\n")), ["/a"]);
        assert!(back(claimed.clone(), taken.clone(), text("1\nX\n3\n4\nY\n")).is_empty());
        assert!(back(claimed.clone(), taken, text("1\nZ\n3\n4\n5\n")).is_empty());
        let added = text("1\n2\nnew\n3\n4\n5\n");
        assert_eq!(
            back(claimed.clone(), added.clone(), text("1\n2\n3\n4\n5\n6\n")),
            ["/a"],
            "added lines are gone again"
        );
        assert!(back(claimed, added, text("1\n2\nnew\n3\n4\n5\n6\n")).is_empty());
    }
}
