//! Whether two texts are near enough to be compared line by line within a bounded time.
//!
//! Finding the difference of two texts costs their length times the number of lines in which they differ: a script of
//! 32 KiB in which every line is another takes seconds. What is too far apart does not merge, and a person looks at it.

use std::collections::HashMap;

/// Most lines that may be added and removed between two texts.
pub const EDIT_LIMIT: usize = 1_000;
/// Most lines that a text may have.
pub const LINE_LIMIT: usize = 50_000;

/// Whether one text becomes the other by adding and removing at most [`EDIT_LIMIT`] lines.
///
/// The greedy search of Myers ("An O(ND) difference algorithm", 1986), given up at the limit: it takes at most
/// `LINE_LIMIT * EDIT_LIMIT` steps, whatever the texts are.
#[must_use]
pub fn is_near(one: &str, other: &str) -> bool {
    let mut ids: HashMap<&str, u32> = HashMap::new();
    let (Some(one), Some(other)) = (line_ids(one, &mut ids), line_ids(other, &mut ids)) else { return false };
    let same = one.iter().zip(&other).take_while(|(one, other)| one == other).count();
    let (one, other) = (&one[same..], &other[same..]);
    let same_end = one.iter().rev().zip(other.iter().rev()).take_while(|(one, other)| one == other).count();
    within(&one[..one.len() - same_end], &other[..other.len() - same_end])
}

fn line_ids<'a>(text: &'a str, ids: &mut HashMap<&'a str, u32>) -> Option<Vec<u32>> {
    let mut lines = Vec::new();
    for line in text.split_inclusive('\n') {
        if lines.len() >= LINE_LIMIT {
            return None;
        }
        let next = u32::try_from(ids.len()).ok()?;
        lines.push(*ids.entry(line).or_insert(next));
    }
    Some(lines)
}

fn within(one: &[u32], other: &[u32]) -> bool {
    if one.len().abs_diff(other.len()) > EDIT_LIMIT {
        return false;
    }
    if one.len() + other.len() <= EDIT_LIMIT {
        return true;
    }
    // How far along `one` the best way reaches on each diagonal, after so many edits. Diagonals are shifted to be positive.
    let middle = EDIT_LIMIT + 1;
    let mut reached = vec![0_usize; 2 * middle + 1];
    for edits in 0..=EDIT_LIMIT {
        for diagonal in (middle - edits..=middle + edits).step_by(2) {
            let from_above = diagonal == middle - edits
                || (diagonal != middle + edits && reached[diagonal - 1] < reached[diagonal + 1]);
            let mut x = if from_above { reached[diagonal + 1] } else { reached[diagonal - 1] + 1 };
            // y = x - (diagonal - middle); ways that leave the square lead nowhere.
            let Some(mut y) = (x + middle).checked_sub(diagonal) else { continue };
            while x < one.len() && y < other.len() && one[x] == other[y] {
                x += 1;
                y += 1;
            }
            reached[diagonal] = x;
            if x >= one.len() && y >= other.len() {
                return true;
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(range: std::ops::Range<usize>) -> String {
        range.map(|number| format!("line {number}\n")).collect()
    }

    #[test]
    fn long_texts_with_small_edits_are_near_and_rewritten_ones_are_not() {
        let long = lines(0..20_000);
        assert!(is_near(&long, &long.replace("line 7\n", "line seven\n").replace("line 19000\n", "")));
        assert!(is_near(&long, &lines(0..19_500)));
        assert!(!is_near(&long, &lines(20_000..40_000)));
        assert!(!is_near(&lines(0..2_000), &lines(5_000..7_000)));
        let turned: String = long.lines().rev().map(|line| format!("{line}\n")).collect();
        assert!(!is_near(&long, &turned), "the same lines in another order are far apart");
        assert!(is_near(&lines(0..400), &lines(1_000..1_500)), "short texts are always compared");
        assert!(!is_near(&"x\n".repeat(LINE_LIMIT + 1), "x\n"));
    }
}
