//! Touched-path merge of two bodies.
//!
//! A place touched on one side only is taken from that side; touched on both with equal values is equal; touched on
//! both with different values is a conflict; touched on neither and yet different (two texts merged in another order)
//! is a conflict. No base is needed for this, so forgetting old bodies never breaks a merge, and a value that was
//! changed and changed back counts as changed. The base serves to merge texts line by line and to show what was there.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::keyed_list::{ITEMS, ORDER, is_keyed_list, order_of};
use super::order::{OrderSide, merge_orders};
use super::path::{Path, TouchedPaths};
use super::text::{TextMode, merge_lines};
use super::touched::keys_of_both;

/// One of the two states that meet.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    pub body: &'a Value,
    /// Every place written on this side since the two parted.
    pub touched: &'a TouchedPaths,
}

/// How the values of a kind merge.
pub trait Strategy {
    /// Whether this text merges line by line.
    fn is_text(&self, path: &Path) -> bool;
}

/// Why a place needs a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConflictReason {
    /// Both sides wrote different values.
    BothChanged,
    /// One side took away what the other changed.
    EditAndDelete,
    /// Both sides moved elements of a list into different orders.
    Order,
    /// Lines of a text were changed on both sides and do not merge.
    Text,
    /// The lines merge cleanly, and the resource asks for a look before that is taken.
    TextReview,
    /// The places merge, and together they break a rule of the kind.
    Semantic,
}

/// One place that needs a person, with everything needed to decide it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conflict {
    pub path: Path,
    pub reason: ConflictReason,
    /// Absent where the value did not exist, or where the two sides have no single common origin.
    pub base: Option<Value>,
    pub left: Option<Value>,
    pub right: Option<Value>,
    /// A merge that a person may simply confirm.
    pub proposal: Option<Value>,
    /// What is wrong, in words, where the values do not say it.
    pub message: Option<String>,
}

/// The outcome of a merge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merged {
    /// Everything that merges; at a conflicting place the base value, or nothing where there was none.
    pub body: Value,
    pub conflicts: Vec<Conflict>,
}

/// Merges two states of one resource.
#[must_use]
pub fn merge(base: Option<&Value>, left: Side<'_>, right: Side<'_>, text: TextMode, strategy: &dyn Strategy) -> Merged {
    let mut merger = Merger { base, left, right, text, strategy, conflicts: Vec::new() };
    let body = merger.value(&Path::root(), Some(left.body), Some(right.body)).unwrap_or(Value::Null);
    Merged { body, conflicts: merger.conflicts }
}

/// Whether a side took away an element that both now have: it put it back, perhaps at another place.
fn put_back(list: &Path, touched: &TouchedPaths, orders: &[Vec<String>; 2]) -> bool {
    let items = list.child(ITEMS);
    orders[0].iter().any(|key| orders[1].contains(key) && touched.covers(&items.child(key)))
}

struct Merger<'a> {
    base: Option<&'a Value>,
    left: Side<'a>,
    right: Side<'a>,
    text: TextMode,
    strategy: &'a dyn Strategy,
    conflicts: Vec<Conflict>,
}

impl Merger<'_> {
    fn value(&mut self, path: &Path, left: Option<&Value>, right: Option<&Value>) -> Option<Value> {
        if left == right {
            return left.cloned();
        }
        if let (Some(Value::Object(left_fields)), Some(Value::Object(right_fields))) = (left, right) {
            let keyed = (left.is_some_and(is_keyed_list), right.is_some_and(is_keyed_list));
            match keyed {
                (true, true) => return Some(self.keyed_list(path, left_fields, right_fields)),
                (false, false) => return Some(Value::Object(self.fields(path, left_fields, right_fields))),
                _ => {}
            }
        }
        match (self.left.touched.overlaps(path), self.right.touched.overlaps(path)) {
            (true, false) => left.cloned(),
            (false, true) => right.cloned(),
            (true, true) | (false, false) => self.both(path, left, right),
        }
    }

    fn fields(&mut self, path: &Path, left: &Map<String, Value>, right: &Map<String, Value>) -> Map<String, Value> {
        let mut out = Map::new();
        for key in keys_of_both(left, right) {
            if let Some(value) = self.value(&path.child(key), left.get(key), right.get(key)) {
                out.insert(key.clone(), value);
            }
        }
        out
    }

    fn keyed_list(&mut self, path: &Path, left: &Map<String, Value>, right: &Map<String, Value>) -> Value {
        let empty = Map::new();
        let items_of = |side: &Map<String, Value>| side.get(ITEMS).and_then(Value::as_object).cloned();
        let (left_items, right_items) = (items_of(left), items_of(right));
        let items = self.fields(
            &path.child(ITEMS),
            left_items.as_ref().unwrap_or(&empty),
            right_items.as_ref().unwrap_or(&empty),
        );
        let members: BTreeSet<String> = items.keys().cloned().collect();
        let place = path.child(ORDER);
        let orders = [left, right].map(|side| order_of(&Value::Object(side.clone())));
        let moved = |side: Side<'_>| side.touched.covers(&place) || put_back(path, side.touched, &orders);
        let merged = merge_orders(
            OrderSide { order: &orders[0], moved: moved(self.left) },
            OrderSide { order: &orders[1], moved: moved(self.right) },
            &members,
        );
        let order = merged.unwrap_or_else(|| {
            self.conflict(&place, ConflictReason::Order, left.get(ORDER), right.get(ORDER), None);
            let base = self.base.and_then(|body| path.get(body)).map(order_of).unwrap_or_default();
            let stays = |order: &[String]| order.iter().filter(|key| members.contains(*key)).cloned().collect();
            let (kept, all): (Vec<String>, Vec<String>) = (stays(&base), members.iter().cloned().collect());
            kept.iter().cloned().chain(all.into_iter().filter(|key| !kept.contains(key))).collect()
        });
        let mut out = Map::new();
        out.insert(ITEMS.to_owned(), Value::Object(items));
        out.insert(ORDER.to_owned(), order.into_iter().map(Value::String).collect());
        Value::Object(out)
    }

    /// Both sides wrote here, or neither did and the texts were merged in another order.
    fn both(&mut self, path: &Path, left: Option<&Value>, right: Option<&Value>) -> Option<Value> {
        let base = self.base.and_then(|body| path.get(body));
        let reason = match (left, right) {
            (Some(Value::String(left_text)), Some(Value::String(right_text))) if self.strategy.is_text(path) => {
                let base_text = match base {
                    Some(Value::String(text)) => text.as_str(),
                    // A text that both sides wrote from nothing has an empty origin, if there is an origin at all.
                    _ if self.base.is_some() => "",
                    _ => return self.conflict(path, ConflictReason::Text, left, right, None),
                };
                let lines = match self.text {
                    TextMode::Off => None,
                    TextMode::Review | TextMode::Auto => merge_lines(base_text, left_text, right_text),
                };
                match lines {
                    Some(lines) if self.text == TextMode::Auto => return Some(Value::String(lines)),
                    Some(lines) => {
                        let proposal = Some(Value::String(lines));
                        return self.conflict(path, ConflictReason::TextReview, left, right, proposal);
                    }
                    None => ConflictReason::Text,
                }
            }
            (None, _) | (_, None) => ConflictReason::EditAndDelete,
            _ => ConflictReason::BothChanged,
        };
        self.conflict(path, reason, left, right, None)
    }

    fn conflict(
        &mut self,
        path: &Path,
        reason: ConflictReason,
        left: Option<&Value>,
        right: Option<&Value>,
        proposal: Option<Value>,
    ) -> Option<Value> {
        let base = self.base.and_then(|body| path.get(body)).cloned();
        self.conflicts.push(Conflict {
            path: path.clone(),
            reason,
            base: base.clone(),
            left: left.cloned(),
            right: right.cloned(),
            proposal,
            message: None,
        });
        base
    }
}
