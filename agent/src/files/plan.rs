//! What to do with one file: pure rules over what should be there, what was written, and what is there.

use atoll_node::domain::id::{Digest, ResourceId, RevisionId};
use atoll_node::domain::kind::Kind;

use super::content::Form;
use super::memory::Entry;

/// A file may be half written: it is left alone until it has not changed for so long, before it is taken as an edit, called
/// wrong, or restored when it is missing.
pub const SETTLE_MS: u64 = 2_000;

/// What a file should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub resource: ResourceId,
    pub kind: Kind,
    pub name: String,
    pub revision: RevisionId,
    pub form: Form,
    pub content: Content,
    pub hash: Digest,
    /// Required variables that have a value here and cannot stand in the file, with the reasons.
    pub left_out: Option<String>,
}

/// What is written. It may hold values in the clear, so it does not print.
#[derive(Clone, PartialEq, Eq)]
pub struct Content(pub Vec<u8>);

impl std::fmt::Debug for Content {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Content({} bytes)", self.0.len())
    }
}

/// What a file is, and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Observed {
    Missing { for_ms: u64 },
    Present { hash: Digest, for_ms: u64 },
}

/// What to do with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It is as it should be.
    Keep,
    /// Somebody may be in the middle of something.
    Wait,
    /// Put there what should be there.
    Write,
    /// Take it away: its resource is gone.
    Remove,
    /// It is gone, and so is its resource.
    Forget,
    /// It is not ours: read it as an edit.
    Take,
}

/// Decides about one file. `is_alike` says that it differs from what should be there in nothing but the revision that it
/// names: such a file is left as it is, so that no editor finds it changed under its hands.
#[must_use]
pub fn step(target: Option<&Target>, entry: Option<&Entry>, observed: Observed, is_alike: bool) -> Step {
    match (observed, target) {
        (Observed::Missing { .. }, None) => Step::Forget,
        // Some editors take a file away before they put the new one there.
        (Observed::Missing { for_ms }, Some(_)) if entry.is_some() && for_ms < SETTLE_MS => Step::Wait,
        (Observed::Missing { .. }, Some(_)) => Step::Write,
        (Observed::Present { hash, .. }, Some(target)) if hash == target.hash || is_alike => Step::Keep,
        (Observed::Present { hash, for_ms }, target) => {
            let ours = entry.is_some_and(|entry| entry.hashes.contains(&hash));
            match (ours, target) {
                (false, _) if for_ms < SETTLE_MS => Step::Wait,
                (false, _) => Step::Take,
                (true, Some(_)) => Step::Write,
                (true, None) => Step::Remove,
            }
        }
    }
}

/// What becomes of a changed file that cannot be taken as an edit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It stays, with a note beside it, so that the person can go on with it.
    Leave,
    /// It is put aside, because something else has to stand there.
    PutAside,
}

/// Decides about a changed file that cannot be taken as an edit. `is_locked` says that no edit of it is ever taken.
#[must_use]
pub fn refusal(target: Option<&Target>, entry: Option<&Entry>, is_locked: bool) -> Refusal {
    match (target, entry) {
        (None, _) => Refusal::PutAside,
        // What runs is what is published: the server must not go on reading something else.
        (Some(_), _) if is_locked => Refusal::PutAside,
        (Some(target), _) if target.form == Form::Env => Refusal::PutAside,
        (Some(target), Some(entry)) if entry.revision != target.revision => Refusal::PutAside,
        (Some(_), _) => Refusal::Leave,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource() -> ResourceId {
        "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap()
    }

    fn target(content: &str) -> Target {
        Target {
            resource: resource(),
            kind: Kind::VariableSet,
            name: "a".to_owned(),
            revision: Digest::of(content.as_bytes()),
            form: Form::Json,
            content: Content(content.into()),
            hash: Digest::of(content.as_bytes()),
            left_out: None,
        }
    }

    fn entry(content: &str) -> Entry {
        let hash = Digest::of(content.as_bytes());
        Entry {
            resource: resource(),
            kind: Kind::VariableSet,
            name: "a".to_owned(),
            revision: hash,
            hashes: vec![hash],
            applied: true,
            aside: Vec::new(),
        }
    }

    fn present(content: &str) -> Observed {
        Observed::Present { hash: Digest::of(content.as_bytes()), for_ms: SETTLE_MS }
    }

    #[test]
    fn a_file_is_overwritten_only_when_it_is_ours() {
        let (new, old) = (target("new"), entry("old"));
        assert_eq!(step(Some(&new), Some(&old), present("old"), false), Step::Write);
        assert_eq!(step(Some(&new), Some(&old), present("new"), false), Step::Keep);
        assert_eq!(step(Some(&new), Some(&old), present("edited"), false), Step::Take);
        assert_eq!(step(Some(&new), None, present("found"), false), Step::Take);
        assert_eq!(step(None, Some(&old), present("old"), false), Step::Remove);
        assert_eq!(step(None, Some(&old), present("edited"), false), Step::Take);
    }

    #[test]
    fn a_missing_file_is_restored_but_not_under_the_hands_of_an_editor() {
        let (new, old) = (target("new"), entry("old"));
        assert_eq!(step(Some(&new), None, Observed::Missing { for_ms: 0 }, false), Step::Write);
        assert_eq!(step(Some(&new), Some(&old), Observed::Missing { for_ms: 100 }, false), Step::Wait);
        assert_eq!(step(Some(&new), Some(&old), Observed::Missing { for_ms: SETTLE_MS }, false), Step::Write);
        assert_eq!(step(None, Some(&old), Observed::Missing { for_ms: 0 }, false), Step::Forget);
    }

    #[test]
    fn a_wrong_edit_stays_until_something_else_must_stand_there() {
        let (same, newer, old) = (target("old"), target("new"), entry("old"));
        assert_eq!(refusal(Some(&same), Some(&old), false), Refusal::Leave);
        assert_eq!(refusal(Some(&same), Some(&old), true), Refusal::PutAside);
        assert_eq!(refusal(Some(&newer), Some(&old), false), Refusal::PutAside);
        assert_eq!(refusal(None, Some(&old), false), Refusal::PutAside);
    }

    #[test]
    fn a_file_that_is_still_being_written_is_left_alone() {
        let (new, old) = (target("new"), entry("old"));
        let half = Observed::Present { hash: Digest::of(b"half"), for_ms: SETTLE_MS - 1 };
        assert_eq!(step(Some(&new), Some(&old), half, false), Step::Wait);
        assert_eq!(step(None, Some(&old), half, false), Step::Wait);
        assert_eq!(step(Some(&new), Some(&old), half, true), Step::Keep, "only the revision that it names is another");
    }
}
