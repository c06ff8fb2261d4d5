//! Order of a keyed list, merged apart from its membership.

use std::collections::{BTreeMap, BTreeSet};

use super::touched::reordered;

/// One side's order and whether that side moved elements that others also have.
#[derive(Debug, Clone, Copy)]
pub struct OrderSide<'a> {
    pub order: &'a [String],
    pub moved: bool,
}

/// The order of the members that remain. `None` when both sides moved elements into different orders.
///
/// An element that only one side has keeps the place after the element that precedes it there. Where both sides put
/// new elements into one gap, the group with the smaller first key comes first, whoever merges.
#[must_use]
pub fn merge_orders(left: OrderSide<'_>, right: OrderSide<'_>, members: &BTreeSet<String>) -> Option<Vec<String>> {
    let keep =
        |order: &[String]| -> Vec<String> { order.iter().filter(|key| members.contains(*key)).cloned().collect() };
    let (left_order, right_order) = (keep(left.order), keep(right.order));
    let (guide, other) = if !reordered(&left_order, &right_order) {
        (&left_order, &right_order)
    } else if left.moved == right.moved {
        return None;
    } else if left.moved {
        (&left_order, &right_order)
    } else {
        (&right_order, &left_order)
    };
    let guided = interleave(guide, other);
    let named: BTreeSet<&String> = guided.iter().collect();
    let unnamed: Vec<String> = members.iter().filter(|key| !named.contains(key)).cloned().collect();
    Some(guided.iter().chain(&unnamed).cloned().collect())
}

/// Runs of elements that only one list has, each with the common element before it.
fn runs<'a>(list: &'a [String], common: &BTreeSet<&'a String>) -> Vec<(Option<&'a String>, Vec<&'a String>)> {
    let mut runs: Vec<(Option<&String>, Vec<&String>)> = vec![(None, Vec::new())];
    for key in list {
        if common.contains(key) {
            runs.push((Some(key), Vec::new()));
        } else if let Some((_, run)) = runs.last_mut() {
            run.push(key);
        }
    }
    runs
}

fn interleave(guide: &[String], other: &[String]) -> Vec<String> {
    let in_guide: BTreeSet<&String> = guide.iter().collect();
    let common: BTreeSet<&String> = other.iter().filter(|key| in_guide.contains(key)).collect();
    let mut other_runs = BTreeMap::new();
    for (anchor, run) in runs(other, &common) {
        other_runs.entry(anchor).or_insert(run);
    }
    let mut out = Vec::with_capacity(guide.len() + other.len());
    for (anchor, own) in runs(guide, &common) {
        out.extend(anchor.cloned());
        let theirs = other_runs.get(&anchor).cloned().unwrap_or_default();
        let (first, second) = if theirs.first() < own.first() { (theirs, own) } else { (own, theirs) };
        out.extend(first.into_iter().chain(second).cloned());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> Vec<String> {
        text.chars().map(String::from).collect()
    }

    fn merged(left: &str, left_moved: bool, right: &str, right_moved: bool, members: &str) -> Option<String> {
        let (left, right) = (keys(left), keys(right));
        merge_orders(
            OrderSide { order: &left, moved: left_moved },
            OrderSide { order: &right, moved: right_moved },
            &keys(members).into_iter().collect(),
        )
        .map(|order| order.concat())
    }

    #[test]
    fn additions_keep_their_place_and_moves_of_one_side_win() {
        assert_eq!(merged("abXc", false, "abcY", false, "abcXY").unwrap(), "abXcY");
        assert_eq!(merged("cab", true, "abcY", false, "abcY").unwrap(), "cYab");
        assert_eq!(merged("abcY", false, "cab", true, "abcY").unwrap(), "cYab");
        assert_eq!(merged("ac", false, "abc", false, "ac").unwrap(), "ac");
    }

    #[test]
    fn two_different_moves_are_a_question() {
        assert_eq!(merged("bac", true, "acb", true, "abc"), None);
    }
}
