//! The merge as a tool of its own: three documents in their outside form, no history.

use serde_json::{Value, json};

use super::history::merge_checked;
use super::keyed_list::ITEMS;
use super::merge::{Conflict, Side};
use super::path::Path;
use super::text::TextMode;
use super::touched::difference;
use crate::kind::{Imported, Kind};

/// What became of three documents.
#[derive(Debug, Clone, PartialEq)]
pub struct ThreeWay {
    /// In the outside form. Where a place is open it holds the base value.
    pub merged: Value,
    pub conflicts: Vec<Conflict>,
}

impl ThreeWay {
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.conflicts.is_empty()
    }
}

/// Merges two edits of one document. The outcome does not depend on which edit is called ours.
///
/// # Errors
/// Says which of the three is not a document of this kind, and why.
pub fn three_way(kind: Kind, base: &Value, ours: &Value, theirs: &Value, text: TextMode) -> Result<ThreeWay, String> {
    let import = |name: &str, document: &Value, parent: Option<&Value>| {
        kind.import(document, parent).map_err(|problem| format!("{name}: {problem}"))
    };
    let base = import("base", base, None)?;
    let ours = import("ours", ours, Some(&base.body))?;
    let theirs = import("theirs", theirs, Some(&base.body))?;
    let touched = [&ours, &theirs].map(|side| difference(Some(&base.body), Some(&side.body)));
    let merged = merge_checked(
        kind,
        Some(&base.body),
        Side { body: &ours.body, touched: &touched[0] },
        Side { body: &theirs.body, touched: &touched[1] },
        text,
    );
    // The name that both know; for an element that only the sides have, a side that does not depend on the direction.
    let mut bodies = [&base.body, &ours.body, &theirs.body];
    if !merged.conflicts.is_empty() {
        bodies[1..].sort_by_cached_key(|body| crate::canonical::to_bytes(body));
    }
    let conflicts = merged
        .conflicts
        .into_iter()
        .map(|conflict| Conflict { path: readable(&conflict.path, &bodies), ..conflict })
        .collect();
    let metadata = newer(&base, &ours, &theirs);
    Ok(ThreeWay { merged: kind.export(&merged.body, &metadata), conflicts })
}

/// Volatile fields come from the newer generation: a side that changed them over one that did not, then the higher
/// version counter, then canonical order, so that the choice does not depend on the direction.
fn newer(base: &Imported, ours: &Imported, theirs: &Imported) -> Value {
    if theirs.metadata == base.metadata {
        return ours.metadata.clone();
    }
    if ours.metadata == base.metadata {
        return theirs.metadata.clone();
    }
    newer_metadata(&ours.metadata, &theirs.metadata).clone()
}

/// The volatile fields with the higher version counter; equal counters are told apart by their canonical bytes.
#[must_use]
pub fn newer_metadata<'a>(one: &'a Value, other: &'a Value) -> &'a Value {
    let generation = |metadata: &Value| {
        (metadata.get("Version").and_then(Value::as_i64).unwrap_or(0), crate::canonical::to_bytes(metadata))
    };
    if generation(one) >= generation(other) { one } else { other }
}

/// A path as people know it: the elements of a keyed list by their names instead of by Atoll's keys.
#[must_use]
pub fn readable(path: &Path, bodies: &[&Value]) -> Path {
    let mut out = Vec::new();
    for (index, segment) in path.0.iter().enumerate() {
        if segment == ITEMS && index + 1 < path.0.len() {
            continue;
        }
        let is_key = index > 0 && path.0[index - 1] == ITEMS;
        let element = Path(path.0[..=index].to_vec());
        let name = bodies
            .iter()
            .filter(|_| is_key)
            .find_map(|body| element.get(body)?.get("Name")?.as_str())
            .filter(|name| !name.is_empty());
        out.push(name.unwrap_or(segment).to_owned());
    }
    Path(out)
}

/// One open place as the command line and the contract show it.
#[must_use]
pub fn conflict_summary(conflict: &Conflict) -> Value {
    let mut out = json!({
        "path": conflict.path,
        "reason": conflict.reason,
        "base": conflict.base,
        "ours": conflict.left,
        "theirs": conflict.right,
    });
    if let (Some(fields), Some(proposal)) = (out.as_object_mut(), &conflict.proposal) {
        fields.insert("proposal".to_owned(), proposal.clone());
    }
    if let (Some(fields), Some(message)) = (out.as_object_mut(), &conflict.message) {
        fields.insert("message".to_owned(), Value::String(message.clone()));
    }
    out
}
