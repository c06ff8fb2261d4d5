//! Line-wise merge of texts: script bodies, descriptions, manifests.

use serde::{Deserialize, Serialize};

use super::distance::is_near;

/// What may happen to a text that both sides changed in different lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TextMode {
    /// Texts are values: two different ones conflict.
    Off,
    /// A clean merge of lines is proposed, and a person confirms it.
    Review,
    /// A clean merge of lines is taken.
    Auto,
}

impl std::str::FromStr for TextMode {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "off" => Ok(Self::Off),
            "review" => Ok(Self::Review),
            "auto" => Ok(Self::Auto),
            _ => Err(format!("\"{text}\" is not a text mode; use off, review or auto")),
        }
    }
}

/// Merges lines with the base at hand. `None` when both sides changed the same or adjacent lines.
///
/// Line ends are merged apart from lines: a side that only turned CRLF into LF has not changed every line. The result
/// does not depend on which side is called left.
#[must_use]
pub fn merge_lines(base: &str, left: &str, right: &str) -> Option<String> {
    let ends = [base, left, right].map(LineEnd::of);
    let line_end = merge_scalar(ends[0], ends[1], ends[2])?;
    if ends.contains(&LineEnd::Mixed) {
        return merge_near(base, left, right);
    }
    let [base, left, right] = [base, left, right].map(|text| text.replace("\r\n", "\n").replace('\r', "\n"));
    let merged = merge_scalar(base.as_str(), left.as_str(), right.as_str())
        .map(str::to_owned)
        .or_else(|| merge_near(&base, &left, &right))?;
    Some(match line_end {
        LineEnd::CrLf => merged.replace('\n', "\r\n"),
        LineEnd::Cr => merged.replace('\n', "\r"),
        LineEnd::None | LineEnd::Lf | LineEnd::Mixed => merged,
    })
}

/// Texts that are too far from their base do not merge: comparing them would take longer than anybody may hold things up.
fn merge_near(base: &str, left: &str, right: &str) -> Option<String> {
    if !is_near(base, left) || !is_near(base, right) {
        return None;
    }
    diffy::merge(base, left, right).ok()
}

fn merge_scalar<T: PartialEq>(base: T, left: T, right: T) -> Option<T> {
    if left == right || right == base {
        Some(left)
    } else if left == base {
        Some(right)
    } else {
        None
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LineEnd {
    None,
    Lf,
    CrLf,
    /// Alone, as old editors and some web forms write it.
    Cr,
    Mixed,
}

impl LineEnd {
    fn of(text: &str) -> Self {
        let (mut crlf, mut lf, mut cr) = (false, false, false);
        let mut bytes = text.bytes().peekable();
        while let Some(byte) = bytes.next() {
            match byte {
                b'\r' if bytes.next_if_eq(&b'\n').is_some() => crlf = true,
                b'\r' => cr = true,
                b'\n' => lf = true,
                _ => {}
            }
        }
        match (crlf, lf, cr) {
            (false, false, false) => Self::None,
            (true, false, false) => Self::CrLf,
            (false, true, false) => Self::Lf,
            (false, false, true) => Self::Cr,
            _ => Self::Mixed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_line_ends_and_a_change_of_a_line_go_together() {
        assert_eq!(merge_lines("a\r\nb\r\nc\r\n", "a\nb\nc\n", "a\r\nB\r\nc\r\n").unwrap(), "a\nB\nc\n");
    }

    #[test]
    fn a_line_that_one_side_deleted_stays_deleted() {
        assert_eq!(merge_lines("a\nb\nc\nd\n", "a\nc\nd\n", "a\nb\nc\nD\n").unwrap(), "a\nc\nD\n");
        assert_eq!(merge_lines("a\nb\nc\nd\n", "a\nb\nc\nD\n", "a\nc\nd\n").unwrap(), "a\nc\nD\n");
    }

    #[test]
    fn a_text_that_was_rewritten_is_a_question_and_costs_nobody_a_wait() {
        let lines = |range: std::ops::Range<u32>| range.map(|line| format!("line {line}\n")).collect::<String>();
        let base = lines(0..4_000);
        let rewritten = lines(10_000..12_000) + &lines(2_000..4_000);
        assert_eq!(merge_lines(&base, &rewritten, &(base.clone() + "one more\n")), None);
    }

    #[test]
    fn the_same_line_changed_twice_is_not_settled() {
        assert_eq!(merge_lines("a\nb\nc\n", "a\nx\nc\n", "a\ny\nc\n"), None);
    }
}
