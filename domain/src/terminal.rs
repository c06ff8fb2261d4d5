//! Texts of others, as a terminal may show them.

use std::borrow::Cow;
use std::fmt::Write as _;

/// A text of somebody else's as a terminal may show it: what would move the cursor, colour, hide or turn the direction of
/// what stands around it shows as an escape of JSON. Lines stay lines unless the text is a field of a table.
#[must_use]
pub fn neutral(text: &str, is_field: bool) -> Cow<'_, str> {
    let is_active = |c: char| match c {
        '\n' | '\t' => is_field,
        // Separators of lines and paragraphs.
        '\u{2028}' | '\u{2029}' => true,
        // Which form of the sign before it is meant, of an emoji for one.
        '\u{fe0e}' | '\u{fe0f}' => false,
        // Two names would look like one; some of them change the direction of what follows (Unicode TR36 section 2.9).
        unseen if is_unseen(unseen) => true,
        other => other.is_control(),
    };
    if !text.contains(is_active) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' if is_field => out.push_str("\\n"),
            '\t' if is_field => out.push_str("\\t"),
            // Writing into a text cannot fail.
            c if is_active(c) => drop(write!(out, "\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// Whether a character is not seen at all: it stands for nothing (Unicode's Default_Ignorable_Code_Point), marks a place in a
/// text (interlinear annotations), or leaves nothing but room.
#[must_use]
pub fn is_unseen(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// A text of somebody else's as it is kept: up to a length, and without control characters other than line ends and tabs.
/// PostgreSQL stores no NUL, so one that got through would fail whatever is written together with it.
#[must_use]
pub fn kept(text: &str, limit: usize) -> String {
    text.chars().filter(|c| matches!(c, '\n' | '\t') || !c.is_control()).take(limit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_neither_moves_the_cursor_nor_forges_a_row_nor_turns_the_line() {
        assert_eq!(neutral("a\u{1b}[2Jb\u{9b}1m\u{7f}", true), "a\\u001b[2Jb\\u009b1m\\u007f");
        assert_eq!(neutral("evil\noct-1  online", true), "evil\\noct-1  online");
        assert_eq!(neutral("\u{202e}txt.exe\u{2066}", false), "\\u202etxt.exe\\u2066");
        for mark in ['\u{061c}', '\u{200e}', '\u{200f}', '\u{2028}', '\u{202a}', '\u{2069}', '\u{feff}'] {
            assert_eq!(neutral(&format!("a{mark}b"), false), format!("a\\u{:04x}b", u32::from(mark)));
        }
        assert_eq!(neutral("oct\u{200b}-1\u{ad}", true), "oct\\u200b-1\\u00ad");
        for unseen in
            ['\u{3164}', '\u{2800}', '\u{34f}', '\u{17b4}', '\u{180b}', '\u{206a}', '\u{2065}', '\u{fff9}', '\u{1d173}']
        {
            assert_eq!(neutral(&format!("1{unseen}"), true), format!("1\\u{:04x}", u32::from(unseen)));
        }
        assert_eq!(neutral("Cloud \u{2601}\u{fe0f}", true), "Cloud \u{2601}\u{fe0f}");
        assert_eq!(kept("1\0\u{1b}[2J\nlonger", 8), "1[2J\nlon");
        assert_eq!(neutral("two\nlines, ümläut, 日本", false), "two\nlines, ümläut, 日本");
    }
}
