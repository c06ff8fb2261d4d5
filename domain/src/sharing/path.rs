//! Places inside a body, and sets of them.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A place inside a body: a JSON pointer (RFC 6901) over the normal form, in which the elements of a keyed list are
/// named by Atoll's own keys and never by their position.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Path(pub Vec<String>);

impl Path {
    /// Whether it is one of some places, or lies inside of one.
    #[must_use]
    pub fn is_within(&self, places: &BTreeSet<&Self>) -> bool {
        (0..=self.0.len()).any(|length| places.contains(&Self(self.0[..length].to_vec())))
    }

    #[must_use]
    pub fn root() -> Self {
        Self::default()
    }

    #[must_use]
    pub fn child(&self, segment: &str) -> Self {
        let mut segments = self.0.clone();
        segments.push(segment.to_owned());
        Self(segments)
    }

    #[must_use]
    pub fn last(&self) -> Option<&str> {
        self.0.last().map(String::as_str)
    }

    /// The value at this place.
    #[must_use]
    pub fn get<'a>(&self, body: &'a Value) -> Option<&'a Value> {
        self.0.iter().try_fold(body, |value, segment| value.as_object()?.get(segment))
    }

    /// Puts a value at this place, or takes it away. Objects on the way are made when they are missing.
    pub fn put(&self, body: &mut Value, value: Option<Value>) {
        let Some((last, parents)) = self.0.split_last() else {
            *body = value.unwrap_or(Value::Null);
            return;
        };
        let mut place = body;
        for segment in parents {
            if !place.is_object() {
                *place = Value::Object(serde_json::Map::new());
            }
            let Value::Object(fields) = place else { return };
            place = fields.entry(segment.clone()).or_insert_with(|| Value::Object(serde_json::Map::new()));
        }
        if !place.is_object() {
            *place = Value::Object(serde_json::Map::new());
        }
        let Value::Object(fields) = place else { return };
        match value {
            Some(value) => {
                fields.insert(last.clone(), value);
            }
            None => {
                fields.remove(last);
            }
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for segment in &self.0 {
            write!(formatter, "/{}", segment.replace('~', "~0").replace('/', "~1"))?;
        }
        Ok(())
    }
}

impl FromStr for Path {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self::root());
        }
        let rest = text
            .strip_prefix('/')
            .ok_or_else(|| format!("\"{text}\" is not a path; a path starts with / such as /Properties/Name"))?;
        Ok(Self(rest.split('/').map(|part| part.replace("~1", "/").replace("~0", "~")).collect()))
    }
}

impl Serialize for Path {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Path {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The places that a revision, or a line of revisions, has written.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TouchedPaths(BTreeSet<Path>);

impl TouchedPaths {
    pub fn insert(&mut self, path: Path) {
        self.0.insert(path);
    }

    pub fn extend(&mut self, other: &Self) {
        self.0.extend(other.0.iter().cloned());
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Path> {
        self.0.iter()
    }

    /// About what it takes in memory: each path and each segment is a piece of its own there.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let path = |path: &Path| 64 + path.0.iter().map(|segment| 48 + segment.len()).sum::<usize>();
        self.0.iter().map(path).sum()
    }

    /// Whether a touched place is this place, one that contains it, or one inside it.
    #[must_use]
    pub fn overlaps(&self, path: &Path) -> bool {
        self.covers(path) || self.reaches_into(path)
    }

    /// Whether this place or one that contains it was touched.
    #[must_use]
    pub fn covers(&self, path: &Path) -> bool {
        (0..=path.0.len()).any(|length| self.0.contains(&Path(path.0[..length].to_vec())))
    }

    /// Whether this place was touched, or one inside it.
    #[must_use]
    pub fn reaches(&self, path: &Path) -> bool {
        self.0.contains(path) || self.reaches_into(path)
    }

    /// Whether a place inside this one was touched. Extensions of a path follow it directly in the set's order.
    fn reaches_into(&self, path: &Path) -> bool {
        self.0
            .range(path.clone()..)
            .find(|candidate| *candidate != path)
            .is_some_and(|candidate| candidate.0.starts_with(&path.0))
    }
}

impl FromIterator<Path> for TouchedPaths {
    fn from_iter<I: IntoIterator<Item = Path>>(paths: I) -> Self {
        Self(paths.into_iter().collect())
    }
}
