//! Merge of two bodies: the same from both sides, nothing taken that was not written, nothing written that is lost.

use std::collections::BTreeSet;

use atoll_domain::kind::Kind;
use atoll_domain::sharing::history::merge_checked;
use atoll_domain::sharing::keyed_list::{ITEMS, ORDER, is_keyed_list, order_of};
use atoll_domain::sharing::merge::{Conflict, ConflictReason, Merged, Side};
use atoll_domain::sharing::path::{Path, TouchedPaths};
use atoll_domain::sharing::text::{TextMode, merge_lines};
use atoll_domain::sharing::three_way::three_way;
use atoll_domain::sharing::touched::difference;
use proptest::prelude::*;
use serde_json::Value;

use crate::cases;
use crate::edits::{Change, State, edits, kind, leaves, overlaid, text_mode};

const MODES: [TextMode; 3] = [TextMode::Off, TextMode::Review, TextMode::Auto];

/// A resource and two people who edit it.
#[derive(Debug, Clone)]
struct Fork {
    kind: Kind,
    base: State,
    left: State,
    right: State,
}

fn fork() -> impl Strategy<Value = Fork> {
    (kind(), edits(3), edits(4), edits(4)).prop_map(|(kind, before, left, right)| fork_of(kind, &before, &left, &right))
}

fn fork_of(kind: Kind, before: &[Vec<Change>], left: &[Vec<Change>], right: &[Vec<Change>]) -> Fork {
    let base = State::beginning(kind).edited(kind, before);
    Fork { kind, left: base.edited(kind, left), right: base.edited(kind, right), base }
}

impl Fork {
    fn merged(&self, text: TextMode) -> Merged {
        merged(self.kind, &self.base.body, side(&self.left), side(&self.right), text)
    }
}

fn side(state: &State) -> Side<'_> {
    Side { body: &state.body, touched: &state.touched }
}

fn merged(kind: Kind, base: &Value, left: Side<'_>, right: Side<'_>, text: TextMode) -> Merged {
    merge_checked(kind, Some(base), left, right, text)
}

fn swapped(conflicts: Vec<Conflict>) -> Vec<Conflict> {
    conflicts.into_iter().map(|conflict| Conflict { left: conflict.right, right: conflict.left, ..conflict }).collect()
}

/// Whether the merge asks about a place.
fn asked(merged: &Merged, place: &Path) -> bool {
    merged.conflicts.iter().any(|conflict| TouchedPaths::from_iter([conflict.path.clone()]).overlaps(place))
}

/// Elements that both lists have, in the order of the first.
fn shared_order(of: Option<&Value>, with: Option<&Value>) -> Vec<String> {
    let keys = |order: Option<&Value>| -> Vec<String> {
        order.and_then(Value::as_array).into_iter().flatten().filter_map(|key| Some(key.as_str()?.to_owned())).collect()
    };
    let others: BTreeSet<String> = keys(with).into_iter().collect();
    keys(of).into_iter().filter(|key| others.contains(key)).collect()
}

fn same_at(place: &Path, one: &Value, other: &Value) -> bool {
    let (one, other) = (place.get(one), place.get(other));
    if place.last() == Some(ORDER) {
        return shared_order(one, other) == shared_order(other, one);
    }
    one == other
}

fn lists_are_whole(value: &Value) -> bool {
    let whole = !is_keyed_list(value) || {
        let keys: BTreeSet<String> = value[ITEMS].as_object().unwrap().keys().cloned().collect();
        let order = order_of(value);
        order.len() == keys.len() && order.into_iter().collect::<BTreeSet<_>>() == keys
    };
    whole && value.as_object().is_none_or(|fields| fields.values().all(lists_are_whole))
}

proptest! {
    #![proptest_config(cases(1_500))]

    #[test]
    fn swapping_the_sides_swaps_the_conflicts_and_changes_nothing_else(fork in fork()) {
        for text in MODES {
            let one = fork.merged(text);
            let other = merged(fork.kind, &fork.base.body, side(&fork.right), side(&fork.left), text);
            prop_assert_eq!(&one.body, &other.body, "{:?}", text);
            prop_assert_eq!(one.conflicts, swapped(other.conflicts), "{:?}", text);
        }
    }

    #[test]
    fn merging_with_oneself_or_with_the_base_changes_nothing(fork in fork(), text in text_mode()) {
        let (base, left) = (&fork.base, side(&fork.left));
        let unchanged = Side { body: &base.body, touched: &TouchedPaths::default() };
        for (one, other) in [(left, left), (left, unchanged), (unchanged, left)] {
            let merged = merged(fork.kind, &base.body, one, other, text);
            prop_assert_eq!(&merged.body, &fork.left.body);
            prop_assert_eq!(merged.conflicts, vec![]);
        }
    }

    #[test]
    fn merging_the_result_again_changes_nothing(fork in fork(), text in text_mode()) {
        let first = fork.merged(text);
        if !first.conflicts.is_empty() {
            return Ok(());
        }
        for (parent, written) in [(&fork.left, &fork.right.touched), (&fork.right, &fork.left.touched)] {
            let result = Side { body: &first.body, touched: written };
            let parent = Side { body: &parent.body, touched: &TouchedPaths::default() };
            let again = merged(fork.kind, parent.body, result, parent, text);
            prop_assert_eq!(&again.body, &first.body);
            prop_assert_eq!(again.conflicts, vec![]);
        }
    }

    #[test]
    fn a_place_written_on_one_side_is_taken_from_that_side(fork in fork(), text in text_mode()) {
        let merged = fork.merged(text);
        for (mine, other) in [(&fork.left, &fork.right), (&fork.right, &fork.left)] {
            for place in mine.touched.iter().filter(|place| !other.touched.overlaps(place)) {
                let taken = same_at(place, &merged.body, &mine.body);
                prop_assert!(taken || asked(&merged, place), "{} was lost", place);
            }
        }
    }

    #[test]
    fn a_place_written_differently_on_both_sides_is_asked_about(fork in fork()) {
        let merged = fork.merged(TextMode::Off);
        let both = |place: &&Path| fork.left.touched.overlaps(place) && fork.right.touched.overlaps(place);
        let (left, right) = (leaves(&fork.left.body), leaves(&fork.right.body));
        for place in left.iter().chain(&right).filter(both) {
            let (one, other) = (place.get(&fork.left.body), place.get(&fork.right.body));
            // Inside of two objects each place is compared by itself.
            let agreed = one == other || [one, other].iter().all(|value| value.is_some_and(Value::is_object));
            prop_assert!(agreed || asked(&merged, place), "{} was settled by chance", place);
        }
    }

    #[test]
    fn nothing_changes_outside_of_what_was_written(fork in fork(), text in text_mode()) {
        let merged = fork.merged(text);
        let untouched = |place: &&Path| !fork.left.touched.overlaps(place) && !fork.right.touched.overlaps(place);
        for place in leaves(&merged.body).iter().chain(&leaves(&fork.base.body)).filter(untouched) {
            prop_assert_eq!(place.get(&merged.body), place.get(&fork.base.body), "{}", place);
        }
        prop_assert!(lists_are_whole(&merged.body));
    }

    #[test]
    fn the_text_mode_only_decides_who_confirms_a_merge_of_lines(fork in fork()) {
        let [off, review, auto] = MODES.map(|text| fork.merged(text));
        let open = |merged: &Merged| -> BTreeSet<Path> {
            let asked = merged.conflicts.iter().filter(|conflict| conflict.reason != ConflictReason::Semantic);
            asked.map(|conflict| conflict.path.clone()).collect()
        };
        prop_assert_eq!(open(&off), open(&review));
        let waiting: Vec<&Conflict> =
            review.conflicts.iter().filter(|conflict| conflict.reason == ConflictReason::TextReview).collect();
        for conflict in &waiting {
            prop_assert_eq!(conflict.path.get(&auto.body), conflict.proposal.as_ref());
        }
        let confirmed: BTreeSet<Path> = waiting.iter().map(|conflict| conflict.path.clone()).collect();
        prop_assert_eq!(open(&auto), open(&review).difference(&confirmed).cloned().collect());
    }

    #[test]
    fn the_difference_names_every_change(fork in fork()) {
        let (parent, child) = (&fork.left.body, &fork.right.body);
        let touched = difference(Some(parent), Some(child));
        prop_assert!(difference(Some(child), Some(child)).is_empty());
        let rebuilt = overlaid(parent, child, touched.iter());
        for place in leaves(child).iter().chain(&leaves(&rebuilt)) {
            prop_assert_eq!(place.get(&rebuilt), place.get(child), "{}", place);
        }
        for list in ["Parameters", "Variables"].map(|name| Path(vec![name.to_owned(), ORDER.to_owned()])) {
            let of_parent = |body: &Value| shared_order(list.get(body), list.get(parent));
            prop_assert_eq!(shared_order(Some(&of_parent(&rebuilt).into()), list.get(child)), of_parent(child));
        }
    }

    #[test]
    fn import_and_export_lose_nothing_and_a_second_import_is_no_edit(fork in fork()) {
        let outside = &fork.left.outside;
        let first = fork.kind.import(outside, None).unwrap();
        prop_assert_eq!(&fork.kind.export(&first.body, &first.metadata), outside);
        let child = fork.kind.import(outside, Some(&fork.base.body)).unwrap();
        prop_assert_eq!(&fork.kind.export(&child.body, &child.metadata), outside);
        let again = fork.kind.import(outside, Some(&child.body)).unwrap();
        prop_assert_eq!(again, child);
    }

    #[test]
    fn the_tool_gives_the_same_document_from_both_sides(fork in fork(), text in text_mode()) {
        let [base, left, right] = [&fork.base, &fork.left, &fork.right].map(|state| &state.outside);
        let one = three_way(fork.kind, base, left, right, text).unwrap();
        let other = three_way(fork.kind, base, right, left, text).unwrap();
        prop_assert_eq!(&one.merged, &other.merged);
        prop_assert_eq!(one.conflicts, swapped(other.conflicts));
        prop_assert_eq!(&three_way(fork.kind, base, left, base, text).unwrap().merged, left);
    }

    #[test]
    fn lines_merge_alike_from_both_sides_and_none_is_lost(base in text(), left in text(), right in text()) {
        let merged = merge_lines(&base, &left, &right);
        prop_assert_eq!(&merged, &merge_lines(&base, &right, &left));
        prop_assert_eq!(merge_lines(&base, &left, &base), Some(left.clone()));
        prop_assert_eq!(merge_lines(&base, &left, &left), Some(left.clone()));
        let Some(merged) = merged else { return Ok(()) };
        for line in lines(&left).union(&lines(&right)).filter(|line| !lines(&base).contains(*line)) {
            prop_assert!(lines(&merged).contains(line), "{line} was lost");
        }
    }
}

fn text() -> impl Strategy<Value = String> {
    let line = (prop_oneof![Just("a"), Just("b"), Just("c"), Just("")], 0..12_u8);
    (proptest::collection::vec(line, 0..7), 0..3_u8, any::<bool>()).prop_map(|(lines, ends, mixed)| {
        let end = |own: u8| ["\n", "\r\n", "\r"][usize::from(if mixed && own == 0 { ends + 1 } else { ends }) % 3];
        lines.iter().map(|(line, own)| format!("{line}{}", end(*own))).collect()
    })
}

fn lines(text: &str) -> BTreeSet<String> {
    text.replace("\r\n", "\n").replace('\r', "\n").split('\n').map(str::to_owned).collect()
}
