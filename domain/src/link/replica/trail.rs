//! What a node has handed out of a resource and taken back as edits: the contents that somebody may still have in an editor.
//!
//! Editors do not reload. Whoever saves twice saves the second time over the first, and still names the revision that was
//! there before both. So a save is understood against what its editor last had: the last content that was taken since the
//! revision it names was handed out, else that revision.

use std::collections::{BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::canonical;
use crate::id::RevisionId;
use crate::time::Timestamp;

/// Contents kept for each resource.
pub const CONTENT_LIMIT: usize = 16;
/// How long they are kept.
pub const CONTENT_AGE_LIMIT_MS: i64 = 30 * 86_400_000;
/// Their size in canonical bytes, together.
pub const CONTENT_SIZE_LIMIT_BYTES: usize = 4 * 1024 * 1024;

/// One content that went out or came in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Content {
    /// What was handed out names this revision; what was taken became it.
    pub revision: RevisionId,
    /// The content as it stood there, in normal form. Absent where the node had deleted the resource for itself.
    pub body: Option<Value>,
    /// The revision's own body, where that is another: what ran was put together on the node for the meantime.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own: Option<Value>,
    /// It was taken as an edit, and not handed out.
    pub taken: bool,
    pub at: Timestamp,
    /// Canonical bytes of the bodies.
    pub size_bytes: usize,
}

impl Content {
    #[must_use]
    pub fn new(revision: RevisionId, body: Option<Value>, own: Option<Value>, taken: bool, at: Timestamp) -> Self {
        let size = |body: &Option<Value>| body.as_ref().map_or(0, |body| canonical::to_bytes(body).len());
        let size_bytes = size(&body) + size(&own);
        Self { revision, body, own, taken, at, size_bytes }
    }

    /// The body of the revision itself.
    #[must_use]
    pub fn revision_body(&self) -> Option<&Value> {
        self.own.as_ref().or(self.body.as_ref())
    }
}

/// The contents of one resource, oldest first, by number.
#[derive(Debug, Clone, Default)]
pub struct Trail(VecDeque<(u64, Content)>);

impl Trail {
    /// Takes up a content that was stored.
    pub fn put(&mut self, number: u64, content: Content) {
        let at = self.0.partition_point(|(known, _)| *known < number);
        match self.0.get_mut(at) {
            Some(known) if known.0 == number => known.1 = content,
            _ => self.0.insert(at, (number, content)),
        }
    }

    pub fn remove(&mut self, number: u64) {
        self.0.retain(|(known, _)| *known != number);
    }

    #[must_use]
    pub fn next_number(&self) -> u64 {
        self.0.back().map_or(0, |(number, _)| number + 1)
    }

    #[must_use]
    pub fn newest(&self) -> Option<&Content> {
        self.0.back().map(|(_, content)| content)
    }

    pub fn iter(&self) -> impl Iterator<Item = (u64, &Content)> {
        self.0.iter().map(|(number, content)| (*number, content))
    }

    /// What an editor that started from a revision last had: when that was handed out last, and the last content that was
    /// taken since.
    #[must_use]
    pub fn since(&self, claimed: RevisionId) -> Option<(&Content, Option<&Content>)> {
        let at = self.begun_at(claimed)?;
        let taken = self.0.iter().skip(at + 1).rev().map(|(_, content)| content).find(|content| content.taken);
        Some((&self.0.get(at)?.1, taken))
    }

    /// What an editor that started from a revision may have had before it saved last: what was handed out, and all that was
    /// taken since but the last. Nothing where nothing was taken.
    pub fn overtaken(&self, claimed: RevisionId) -> impl Iterator<Item = &Content> {
        let at = self.begun_at(claimed).unwrap_or(self.0.len());
        let last = self.0.iter().rposition(|(_, content)| content.taken).unwrap_or(0);
        let before = self.0.iter().take(last).enumerate().skip(at);
        before.filter(move |(index, (_, content))| *index == at || content.taken).map(|(_, (_, content))| content)
    }

    /// Where a revision was handed out last, or else was taken.
    fn begun_at(&self, claimed: RevisionId) -> Option<usize> {
        let of_it = |content: &Content| content.revision == claimed;
        let handed = self.0.iter().rposition(|(_, content)| of_it(content) && !content.taken);
        handed.or_else(|| self.0.iter().rposition(|(_, content)| of_it(content)))
    }

    /// Numbers of contents to forget when another of this size comes. Of what somebody is known to have, because it stands in
    /// the file or a save names it, nothing is forgotten that the next save is held against.
    #[must_use]
    pub fn outdated(&self, coming_bytes: usize, held: &[RevisionId], now: Timestamp) -> Vec<u64> {
        let mut count = self.0.len() + 1;
        let mut size_bytes = coming_bytes + self.0.iter().map(|(_, content)| content.size_bytes).sum::<usize>();
        let mut gone = Vec::new();
        let last_taken = self.0.iter().rposition(|(_, content)| content.taken);
        let begun: BTreeSet<usize> = held.iter().filter_map(|revision| self.begun_at(*revision)).collect();
        let is_kept = |index: usize| {
            begun.contains(&index) || (last_taken == Some(index) && begun.iter().any(|begun| *begun < index))
        };
        for (index, (number, content)) in self.0.iter().enumerate() {
            let is_old = now.ms_since(content.at) > CONTENT_AGE_LIMIT_MS;
            if !is_old && count <= CONTENT_LIMIT && size_bytes <= CONTENT_SIZE_LIMIT_BYTES {
                continue;
            }
            if is_kept(index) {
                continue;
            }
            count -= 1;
            size_bytes -= content.size_bytes;
            gone.push(*number);
        }
        gone
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::id::Digest;

    fn id(name: &str) -> RevisionId {
        Digest::of(name.as_bytes())
    }

    fn content(name: &str, taken: bool, at_ms: i64) -> Content {
        Content::new(id(name), Some(json!({ "Name": name })), None, taken, Timestamp(at_ms))
    }

    fn trail(contents: &[(&str, bool)]) -> Trail {
        let mut trail = Trail::default();
        for (number, (name, taken)) in (0..).zip(contents) {
            trail.put(number, content(name, *taken, 0));
        }
        trail
    }

    #[test]
    fn a_save_succeeds_the_last_one_taken_since_its_base_was_handed_out() {
        let trail = trail(&[("base", false), ("first", true), ("merged", false), ("second", true)]);
        let after = |claimed: &str| trail.since(id(claimed)).and_then(|(_, taken)| taken).map(|taken| taken.revision);
        assert_eq!(after("base"), Some(id("second")));
        assert_eq!(after("merged"), Some(id("second")));
        assert_eq!(after("second"), None);
        assert!(trail.since(id("never seen")).is_none());
        // Handed out again, so somebody may have it anew.
        let again = self::trail(&[("base", false), ("first", true), ("base", false)]);
        assert!(again.since(id("base")).unwrap().1.is_none());
    }

    #[test]
    fn it_keeps_sixteen_for_a_month_and_for_ever_what_stands_in_the_file() {
        let mut trail = Trail::default();
        for number in 0..16 {
            trail.put(number, content(&number.to_string(), false, 0));
        }
        assert_eq!(trail.outdated(10, &[], Timestamp(1)), [0]);
        assert_eq!(trail.outdated(10, &[id("0")], Timestamp(1)), [1]);
        let late = Timestamp(CONTENT_AGE_LIMIT_MS + 1);
        assert_eq!(trail.outdated(10, &[id("3")], late).len(), 15);
        assert_eq!(trail.outdated(CONTENT_SIZE_LIMIT_BYTES, &[], Timestamp(1)).len(), 16);
        // And what was taken over it last.
        trail.put(16, content("saved", true, 0));
        assert_eq!(trail.outdated(10, &[id("3")], late).len(), 15);
        assert_eq!(trail.outdated(10, &[id("3"), id("9")], late).len(), 14);
    }
}
