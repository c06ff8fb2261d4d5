//! Canonical JSON: the one byte form of a document, so that equal documents have equal hashes everywhere.
//!
//! The form is RFC 8785 (JCS) restricted to what survives every language: keys are unique and sorted by UTF-16
//! code units, numbers are integers within ±(2^53 − 1), and there is no negative zero. A document is brought into
//! this form once, where it is written; everybody else verifies by hash and never re-serialises to compare.

use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use sha2::{Digest, Sha256};

/// Largest accepted document, in bytes of its source text or canonical form.
pub const DOCUMENT_SIZE_LIMIT_BYTES: usize = 1024 * 1024;

/// Deepest accepted document: objects and lists inside one another. What is stored deeper than readers go would never be
/// read again.
pub const DEPTH_LIMIT: usize = 64;

/// Largest accepted report, in bytes: a document inside it may be quoted, which can double it.
pub const REPORT_SIZE_LIMIT_BYTES: usize = 4 * 1024 * 1024;

/// What a report wraps around a document.
const REPORT_DEPTH: usize = 16;

/// Largest integer that every JSON reader keeps exactly (2^53 − 1, RFC 7493 section 2.2).
pub const INTEGER_LIMIT: i64 = 9_007_199_254_740_991;

/// Why a text is not a document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CanonicalError {
    #[error(
        "the document is {size_bytes} bytes and the limit is {DOCUMENT_SIZE_LIMIT_BYTES}; split it or move large content into a package"
    )]
    TooLarge { size_bytes: usize },
    #[error("the document nests objects and lists deeper than {DEPTH_LIMIT} levels; keep such a value as a text")]
    TooDeep,
    #[error("the document is not valid UTF-8 (first bad byte at offset {offset}); save it as UTF-8 and try again")]
    InvalidUtf8 { offset: usize },
    #[error("{0}; every key may appear once, numbers are integers within ±(2^53−1)")]
    Invalid(String),
}

/// Reads a JSON text strictly.
///
/// # Errors
/// Refuses text over the size limit, invalid UTF-8, malformed JSON, a key that appears twice in one object, floats,
/// negative zero and integers beyond ±(2^53 − 1). The message names the place.
pub fn parse(text: &[u8]) -> Result<Value, CanonicalError> {
    parse_within(text, DOCUMENT_SIZE_LIMIT_BYTES, DEPTH_LIMIT)
}

/// Reads a report, which has room for a document of any size that is accepted. The document in it is checked by itself.
///
/// # Errors
/// As [`parse`].
pub fn parse_report(text: &[u8]) -> Result<Value, CanonicalError> {
    parse_within(text, REPORT_SIZE_LIMIT_BYTES, DEPTH_LIMIT + REPORT_DEPTH)
}

fn parse_within(text: &[u8], size_limit_bytes: usize, depth_limit: usize) -> Result<Value, CanonicalError> {
    if text.len() > size_limit_bytes {
        return Err(CanonicalError::TooLarge { size_bytes: text.len() });
    }
    let text =
        std::str::from_utf8(text).map_err(|error| CanonicalError::InvalidUtf8 { offset: error.valid_up_to() })?;
    // A byte order mark is an artefact of the editor, not content.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let path = RefCell::new(Vec::new());
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = Strict { path: &path }
        .deserialize(&mut reader)
        .and_then(|value| reader.end().map(|()| value))
        .map_err(|error| CanonicalError::Invalid(error.to_string()))?;
    if is_deeper(&value, depth_limit) {
        return Err(CanonicalError::TooDeep);
    }
    Ok(value)
}

/// Whether objects and lists lie inside one another more often than allowed. Looks no deeper than that.
fn is_deeper(value: &Value, levels: usize) -> bool {
    let mut inner: Box<dyn Iterator<Item = &Value>> = match value {
        Value::Object(fields) => Box::new(fields.values()),
        Value::Array(items) => Box::new(items.iter()),
        _ => return false,
    };
    levels == 0 || inner.any(|value| is_deeper(value, levels - 1))
}

/// The canonical bytes of a value that [`parse`] accepts.
#[must_use]
pub fn to_bytes(value: &Value) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    write(value, &mut out);
    out
}

/// SHA-256 of the canonical bytes.
#[must_use]
pub fn hash(value: &Value) -> [u8; 32] {
    Sha256::digest(to_bytes(value)).into()
}

/// How far a document is over the limit of its size: its canonical bytes, where there are too many.
///
/// Most documents are far below it, which is seen without putting their bytes together.
#[must_use]
pub fn oversize_bytes(value: &Value) -> Option<usize> {
    if bytes_at_most(value) <= DOCUMENT_SIZE_LIMIT_BYTES {
        return None;
    }
    Some(to_bytes(value).len()).filter(|size_bytes| *size_bytes > DOCUMENT_SIZE_LIMIT_BYTES)
}

/// More than the canonical bytes of a value can be: a byte of a text takes six at most.
fn bytes_at_most(value: &Value) -> usize {
    let text = |text: &str| 6 * text.len() + 3;
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 24,
        Value::String(own) => text(own),
        Value::Array(items) => 2 + items.iter().map(|item| 1 + bytes_at_most(item)).sum::<usize>(),
        Value::Object(fields) => {
            2 + fields.iter().map(|(key, field)| 1 + text(key) + bytes_at_most(field)).sum::<usize>()
        }
    }
}

/// Checks a value that did not come through [`parse`] (built in memory, read from YAML).
///
/// # Errors
/// The same refusals as [`parse`], with the place named.
pub fn check(value: &Value) -> Result<(), CanonicalError> {
    fn walk(value: &Value, path: &mut Vec<String>) -> Result<(), String> {
        match value {
            Value::Number(number) => check_number(number).map_err(|problem| located(&problem, path)),
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    path.push(index.to_string());
                    walk(item, path)?;
                    path.pop();
                }
                Ok(())
            }
            Value::Object(fields) => {
                for (key, field) in fields {
                    path.push(key.clone());
                    walk(field, path)?;
                    path.pop();
                }
                Ok(())
            }
            Value::Null | Value::Bool(_) | Value::String(_) => Ok(()),
        }
    }
    if is_deeper(value, DEPTH_LIMIT) {
        return Err(CanonicalError::TooDeep);
    }
    walk(value, &mut Vec::new()).map_err(CanonicalError::Invalid)?;
    let size_bytes = to_bytes(value).len();
    if size_bytes > DOCUMENT_SIZE_LIMIT_BYTES {
        return Err(CanonicalError::TooLarge { size_bytes });
    }
    Ok(())
}

fn check_number(number: &Number) -> Result<(), String> {
    match number.as_i64() {
        Some(integer) if (-INTEGER_LIMIT..=INTEGER_LIMIT).contains(&integer) => Ok(()),
        _ if number.is_f64() => Err(format!("{number} is not an integer")),
        _ => Err(format!("{number} is outside ±(2^53−1)")),
    }
}

fn located(problem: &str, path: &[String]) -> String {
    format!("{problem} at /{}", path.join("/"))
}

fn write(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(flag) => out.extend_from_slice(if *flag { b"true" } else { b"false" }),
        Value::Number(number) => out.extend_from_slice(number.to_string().as_bytes()),
        Value::String(text) => write_string(text, out),
        Value::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write(item, out);
            }
            out.push(b']');
        }
        Value::Object(fields) => {
            let mut keys: Vec<&String> = fields.keys().collect();
            keys.sort_by(|left, right| left.encode_utf16().cmp(right.encode_utf16()));
            out.push(b'{');
            for (index, key) in keys.into_iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_string(key, out);
                out.push(b':');
                write(&fields[key.as_str()], out);
            }
            out.push(b'}');
        }
    }
}

/// RFC 8785 section 3.2.2.2: the short escapes where JSON has them, \u00xx for other controls, the rest verbatim.
fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut plain_from = 0;
    for (index, byte) in text.bytes().enumerate() {
        let escape: &[u8] = match byte {
            b'"' => b"\\\"",
            b'\\' => b"\\\\",
            0x08 => b"\\b",
            0x09 => b"\\t",
            0x0a => b"\\n",
            0x0c => b"\\f",
            0x0d => b"\\r",
            0x00..=0x1f => b"",
            _ => continue,
        };
        out.extend_from_slice(&text.as_bytes()[plain_from..index]);
        plain_from = index + 1;
        if escape.is_empty() {
            out.extend_from_slice(format!("\\u{byte:04x}").as_bytes());
        } else {
            out.extend_from_slice(escape);
        }
    }
    out.extend_from_slice(&text.as_bytes()[plain_from..]);
    out.push(b'"');
}

/// A JSON value reader that refuses what has no canonical form, with the path of the offending place.
struct Strict<'a> {
    path: &'a RefCell<Vec<String>>,
}

impl Strict<'_> {
    fn refuse<E: serde::de::Error>(&self, problem: &str) -> E {
        E::custom(located(problem, &self.path.borrow()))
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;
    fn deserialize<D: serde::Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Bool(flag))
    }
    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(text.to_owned()))
    }
    fn visit_i64<E: serde::de::Error>(self, integer: i64) -> Result<Value, E> {
        let number = Number::from(integer);
        check_number(&number).map_err(|problem| self.refuse(&problem))?;
        Ok(Value::Number(number))
    }
    fn visit_u64<E: serde::de::Error>(self, integer: u64) -> Result<Value, E> {
        let number = Number::from(integer);
        check_number(&number).map_err(|problem| self.refuse(&problem))?;
        Ok(Value::Number(number))
    }
    fn visit_f64<E: serde::de::Error>(self, float: f64) -> Result<Value, E> {
        Err(self.refuse(&format!("{float:?} is not an integer within ±(2^53−1)")))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        loop {
            self.path.borrow_mut().push(items.len().to_string());
            let next = sequence.next_element_seed(Strict { path: self.path })?;
            self.path.borrow_mut().pop();
            match next {
                Some(item) => items.push(item),
                None => return Ok(Value::Array(items)),
            }
        }
    }
    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            self.path.borrow_mut().push(key.clone());
            if fields.contains_key(&key) {
                return Err(A::Error::custom(located("a key appears twice", &self.path.borrow())));
            }
            let field = entries.next_value_seed(Strict { path: self.path })?;
            self.path.borrow_mut().pop();
            fields.insert(key, field);
        }
        Ok(Value::Object(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_sort_by_utf16_and_controls_are_escaped_as_rfc_8785_says() {
        let value = parse("{\"\\ufb33\":1,\"\\ud83d\\ude00\":2,\"a\":\"\\u0007\\n\"}".as_bytes()).unwrap();
        // U+1F600 is D83D DE00 in UTF-16 and so sorts before U+FB33, although its code point is larger.
        assert_eq!(
            String::from_utf8(to_bytes(&value)).unwrap(),
            "{\"a\":\"\\u0007\\n\",\"\u{1f600}\":2,\"\u{fb33}\":1}"
        );
    }

    #[test]
    fn what_has_no_canonical_form_is_refused_with_its_place() {
        for (text, says) in [
            (r#"{"a":{"b":1,"b":2}}"#, "a key appears twice at /a/b"),
            (r#"{"a":[0,1.5]}"#, "not an integer within ±(2^53−1) at /a/1"),
            (r#"{"a":-0}"#, "not an integer"),
            (r#"{"a":9007199254740992}"#, "outside ±(2^53−1) at /a"),
            (r#"{"a":1} x"#, "trailing characters"),
        ] {
            let error = parse(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
        assert_eq!(parse(b"{\"a\":\"\xff\"}"), Err(CanonicalError::InvalidUtf8 { offset: 6 }));
        let nested = |levels: usize| [vec![b'['; levels], vec![b']'; levels]].concat();
        assert!(parse(&nested(DEPTH_LIMIT)).is_ok());
        assert_eq!(parse(&nested(DEPTH_LIMIT + 1)), Err(CanonicalError::TooDeep));
        let deep = (0..=DEPTH_LIMIT).fold(Value::Null, |value, _| Value::Array(vec![value]));
        assert_eq!(check(&deep), Err(CanonicalError::TooDeep));
        let large = vec![b' '; DOCUMENT_SIZE_LIMIT_BYTES + 1];
        assert!(matches!(parse(&large), Err(CanonicalError::TooLarge { .. })));
    }
}
