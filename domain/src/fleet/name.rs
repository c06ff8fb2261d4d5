//! Names that cannot be wrong once they exist.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;
use unicode_security::MixedScript as _;
use unicode_security::skeleton;

use crate::terminal::is_unseen;

/// Longest name, in characters.
pub const NAME_LIMIT: usize = 200;

/// Deepest group path, in segments.
pub const GROUP_DEPTH_LIMIT: usize = 16;

/// A text that is not a name of its sort.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{text}\" is not a valid {what}: {rule}")]
pub struct NameError {
    pub what: &'static str,
    pub text: String,
    pub rule: &'static str,
}

/// What a name is told apart by: two names of one key are one name to people, however they are written.
///
/// Compatibility forms and letter case are folded (Unicode NFKC, then lower case), as scopes fold the names they compare
/// with. A letter beyond ASCII counts as the plain one that it looks like, in small letters or else in capitals. Plain
/// letters and digits stay what they are: `1` and `l` are told apart wherever they stand.
#[must_use]
pub fn folded(name: &str) -> String {
    let folded: String = name.nfkc().flat_map(char::to_lowercase).collect();
    let folded: String = folded.nfkc().collect();
    let mut key = String::with_capacity(folded.len());
    for letter in folded.chars() {
        match letter {
            blank if is_blank(blank) => key.push(' '),
            unseen if is_unseen(unseen) => {}
            plain if plain.is_ascii() => key.push(plain),
            other => key.push_str(&look(other)),
        }
    }
    // Nobody sees how many blanks there are, nor those at the ends.
    key.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether a letter leaves nothing to be seen but room: white space, and letters that are drawn like it.
fn is_blank(letter: char) -> bool {
    letter.is_whitespace() || matches!(letter, '\u{2800}' | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}')
}

/// What a small letter beyond ASCII looks like (its skeleton, UTS #39 section 4), also where it is written as a capital:
/// nobody can tell `МАТСН-1` in Cyrillic letters from `MATCH-1`, though the small letters differ.
fn look(letter: char) -> String {
    let of = |letters: &str| skeleton(letters).collect::<String>().to_lowercase();
    let small = match letter {
        // The same letter at the end of a word.
        'ς' => of("σ"),
        // They look like v and u, but their capitals like N and Y, and it is in capitals that most Greek letters are plain.
        'ν' => "n".to_owned(),
        'υ' => "y".to_owned(),
        other => of(other.encode_utf8(&mut [0; 4])),
    };
    if small.is_ascii() {
        return small;
    }
    let capital = of(&letter.to_uppercase().to_string());
    if capital.is_ascii() { capital } else { small }
}

/// Whether a name mixes scripts that no one language mixes, as names do that are made to be mistaken for others
/// (UTS #39 section 5.1).
#[must_use]
pub fn mixes_scripts(name: &str) -> bool {
    !name.is_single_script()
}

/// The name of a node: what people type, so no spaces.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NodeName(String);

impl NodeName {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for NodeName {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        let allowed = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
        let fits = !text.is_empty() && text.chars().count() <= NAME_LIMIT && text.chars().all(allowed);
        let starts = text.chars().next().is_some_and(char::is_alphanumeric);
        if fits && starts {
            Ok(Self(text.to_owned()))
        } else {
            Err(NameError {
                what: "node name",
                text: text.chars().take(NAME_LIMIT).collect(),
                rule: "1 to 200 letters, digits, -, _ and ., beginning with a letter or digit",
            })
        }
    }
}

/// A group path: `/` is the fleet, `/eu/prod` a group in `/eu`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct GroupPath(String);

impl GroupPath {
    #[must_use]
    pub fn root() -> Self {
        Self("/".to_owned())
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `other` is this group or lies below it.
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        self.0 == "/" || other.0 == self.0 || other.0.strip_prefix(&self.0).is_some_and(|rest| rest.starts_with('/'))
    }

    /// The groups above, the widest first, without the fleet itself.
    #[must_use]
    pub fn ancestors(&self) -> Vec<Self> {
        self.0
            .char_indices()
            .skip(1)
            .filter(|(_, c)| *c == '/')
            .map(|(index, _)| Self(self.0[..index].to_owned()))
            .collect()
    }
}

impl FromStr for GroupPath {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        if text == "/" {
            return Ok(Self::root());
        }
        let segment_fits = |segment: &str| {
            !segment.is_empty()
                && segment.len() <= 64
                && segment.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.'))
        };
        let segments: Vec<&str> = text.strip_prefix('/').map(|rest| rest.split('/').collect()).unwrap_or_default();
        if !segments.is_empty() && segments.len() <= GROUP_DEPTH_LIMIT && segments.iter().all(|s| segment_fits(s)) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NameError {
                what: "group",
                text: text.chars().take(NAME_LIMIT).collect(),
                rule: "a path such as /eu/prod: up to 16 segments of letters, digits, -, _ and .",
            })
        }
    }
}

macro_rules! text_conversions {
    ($($name:ident),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }
        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                text.parse()
            }
        }
        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }
    )*};
}
text_conversions!(NodeName, GroupPath);

/// Checks a label's key and value.
///
/// # Errors
/// Says the rule.
pub fn check_label(key: &str, value: &str) -> Result<(), NameError> {
    let key_fits = !key.is_empty()
        && key.len() <= 63
        && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/'));
    if !key_fits {
        return Err(NameError {
            what: "label key",
            text: key.chars().take(80).collect(),
            rule: "1 to 63 of a-z, A-Z, 0-9, -, _, . and /",
        });
    }
    if value.chars().count() > NAME_LIMIT || value.chars().any(char::is_control) {
        return Err(NameError {
            what: "label value",
            text: value.chars().take(80).collect(),
            rule: "at most 200 characters, none of them control characters",
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_people_take_for_one_have_one_key() {
        let pairs = [
            ("DB-1", "db-1"),
            ("ｄｂ-1", "db-1"),
            ("аррӏ", "appl"),
            ("сасһе-1", "cache-1"),
            ("орѕ-0", "ops-0"),
            ("ΝΟΔΕΣ", "νοδες"),
            ("müller", "mu\u{308}ller"),
            // In capitals.
            ("МАТСН-1", "match-1"),
            ("ТЕСТ", "tect"),
            ("ΤΟΚΥΟ", "tokyo"),
            ("ΝΟΤΕ-2", "note-2"),
            ("ꓓꓐ-1", "db-1"),
            // By nothing but room.
            (" Deploy  Shop ", "deploy shop"),
            ("deploy\u{a0}shop\u{2800}", "deploy shop"),
            ("deploy\u{3164}shop", "deploy shop"),
        ];
        for (one, other) in pairs {
            assert_eq!(folded(one), folded(other), "{one} {other}");
        }
        assert_ne!(folded("web-1"), folded("web-l"), "plain names are told apart by every letter");
        assert_ne!(folded("тест"), folded("test"), "what looks different is not one name");
        assert!(mixes_scripts("раypal") && !mixes_scripts("oct-1") && !mixes_scripts("сервер-1"));
    }
}
