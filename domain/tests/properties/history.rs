//! Histories: equal sets of revisions give equal answers wherever they are, and no edit gets lost in them.

use std::collections::BTreeSet;

use atoll_domain::id::RevisionId;
use atoll_domain::kind::Kind;
use atoll_domain::sharing::history::{Graft, History, Meeting};
use atoll_domain::sharing::merge::Merged;
use atoll_domain::sharing::path::{Path, TouchedPaths};
use atoll_domain::sharing::revision::{Revision, RevisionError};
use atoll_domain::sharing::text::TextMode;
use atoll_domain::sharing::touched::difference;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::cases;
use crate::edits::{change, kind, leaves, text_mode};
use crate::story::{RESOURCE, Story, steps};

/// What became of one place that a revision wrote (P1).
fn is_kept(story: &Story, open: &[Merged], revision: &Revision, place: &Path) -> bool {
    let written_later = |place: &Path| {
        story.by_people.iter().filter(|id| **id != revision.id).any(|id| {
            story.history.get(*id).unwrap().header.touched.overlaps(place) && story.history.descends(*id, revision.id)
        })
    };
    // A move says nothing about an element that somebody else takes away or adds anew.
    let replaced = |place: &Path| {
        let apart = |id: &RevisionId| !story.history.descends(revision.id, *id);
        let others = story.by_people.iter().filter(|id| apart(id));
        others.into_iter().any(|id| story.history.get(*id).unwrap().header.touched.overlaps(place))
    };
    let asked = || {
        let conflicts = open.iter().flat_map(|merged| &merged.conflicts);
        conflicts.into_iter().any(|conflict| TouchedPaths::from_iter([conflict.path.clone()]).overlaps(place))
    };
    let heads = story.history.heads();
    let visible = heads.iter().filter(|head| story.history.descends(**head, revision.id)).any(|head| {
        let (now, then) = (story.body(*head), story.body(revision.id));
        if place.last() == Some("$order") {
            return same_order(place, now.as_ref(), then.as_ref(), &replaced);
        }
        places_within(place, now.as_ref(), then.as_ref())
            .iter()
            .all(|place| is_visible(place, story.text, now.as_ref(), then.as_ref()) || written_later(place))
    });
    visible || written_later(place) || asked()
}

fn at(place: &Path, body: Option<&Value>) -> Option<Value> {
    body.and_then(|body| place.get(body)).cloned()
}

/// The place itself, or what lies in it where both bodies hold an object there.
fn places_within(place: &Path, now: Option<&Value>, then: Option<&Value>) -> BTreeSet<Path> {
    let objects: Vec<Value> = [now, then].iter().filter_map(|body| at(place, *body)).filter(Value::is_object).collect();
    if objects.len() < 2 {
        return BTreeSet::from([place.clone()]);
    }
    let inside = |path: &Path| Path(place.0.iter().chain(&path.0).cloned().collect());
    objects.iter().flat_map(leaves).map(|path| inside(&path)).collect()
}

fn is_visible(place: &Path, text: TextMode, now: Option<&Value>, then: Option<&Value>) -> bool {
    match (at(place, now), at(place, then)) {
        // Lines of others may stand between the own ones; the merge of lines has properties of its own.
        (Some(Value::String(_)), Some(Value::String(_))) if text == TextMode::Auto => true,
        (now, then) => now == then,
    }
}

/// Whether the elements that nobody else took away or added again stand as they did.
fn same_order(place: &Path, now: Option<&Value>, then: Option<&Value>, replaced: &dyn Fn(&Path) -> bool) -> bool {
    let items = Path(place.0[..place.0.len() - 1].to_vec()).child("$items");
    let name = |key: &str| items.child(key).child("Name");
    let keys = |body: Option<&Value>| -> Vec<String> {
        let order = at(place, body).and_then(|order| order.as_array().cloned()).unwrap_or_default();
        order.iter().filter_map(Value::as_str).filter(|key| !replaced(&name(key))).map(str::to_owned).collect()
    };
    let (now, then) = (keys(now), keys(then));
    let shared = |order: &[String], other: &[String]| -> Vec<String> {
        order.iter().filter(|key| other.contains(key)).cloned().collect()
    };
    shared(&now, &then) == shared(&then, &now)
}

proptest! {
    #![proptest_config(cases(250))]

    #[test]
    fn the_order_of_arrival_changes_nothing(
        kind in kind(), text in text_mode(), steps in steps(),
        first in proptest::collection::vec(0..32_usize, 1..8), second in proptest::collection::vec(0..32_usize, 1..8),
    ) {
        let story = Story::told(kind, text, &steps);
        let [mut one, mut other] = [story.heard_by(text, &first), story.heard_by(text, &second)];
        prop_assert_eq!(one.history.heads(), story.history.heads());
        prop_assert_eq!(one.history.heads(), other.history.heads());
        one.settle();
        other.settle();
        prop_assert_eq!(one.revisions(), other.revisions());
        prop_assert_eq!(one.history.heads(), other.history.heads());
    }

    #[test]
    fn managers_that_merge_apart_agree_when_they_meet(
        kind in kind(), text in text_mode(), steps in steps(), more in steps(),
    ) {
        let mut one = Story::told(kind, text, &steps);
        let mut other = one.clone();
        one.settle();
        more.iter().for_each(|step| other.step(step));
        other.settle();
        let [mut left, mut right] = [one.joined(&other), other.joined(&one)];
        left.settle();
        right.settle();
        prop_assert_eq!(left.revisions(), right.revisions());
        left.no_edit_is_lost()?;
    }

    #[test]
    fn no_edit_is_lost(kind in kind(), text in text_mode(), steps in steps()) {
        let mut story = Story::told(kind, text, &steps);
        story.no_edit_is_lost()?;
        story.settle();
        story.no_edit_is_lost()?;
    }

    #[test]
    fn a_revision_that_hides_what_it_wrote_or_was_altered_is_refused(
        kind in kind(), steps in steps(), changes in proptest::collection::vec(change(), 1..4),
    ) {
        let mut story = Story::told(kind, TextMode::Off, &steps);
        let parent = story.made[0];
        let before = story.body(parent);
        story.edit(parent, &changes);
        let revision = story.history.get(*story.made.last().unwrap()).unwrap().clone();
        let body = story.body(revision.id);
        let hidden = Revision::writing(
            RESOURCE, kind, BTreeSet::from([parent]), body.as_ref(), TouchedPaths::default(),
        );
        let admitted = hidden.check_touched(before.as_ref(), body.as_ref()).is_ok();
        prop_assert_eq!(admitted, difference(before.as_ref(), body.as_ref()).is_empty());
        let verified = Revision::verify(revision.id, revision.header.clone(), body.as_ref());
        prop_assert_eq!(verified.as_ref(), Ok(&revision));
        let forged = Revision::verify(revision.id, revision.header, Some(&Value::from("forged")));
        prop_assert_eq!(forged, Err(RevisionError::ForgedBody));
    }
}

impl Story {
    fn shown(&self) -> String {
        let line = |id: &RevisionId| {
            let header = &self.history.get(*id).unwrap().header;
            let touched: Vec<String> = header.touched.iter().map(Path::to_string).collect();
            let maker = if self.by_people.contains(id) { "person" } else { "rule" };
            let body = self.body(*id).unwrap_or_default();
            format!("{id:?} by {maker} of {:?} wrote {touched:?}: {body}\n", header.parents)
        };
        self.made.iter().map(line).collect()
    }

    /// What a person wrote with a revision. Whoever takes a deletion back writes what differs from what had been deleted.
    fn written(&self, revision: &Revision) -> TouchedPaths {
        let parents = |id: &RevisionId| self.history.get(*id).unwrap().header.parents.clone();
        let is_deletion = |id: &RevisionId| self.history.get(*id).unwrap().header.tombstone;
        let mut before = revision.header.parents.clone();
        if revision.header.tombstone || before.is_empty() || !before.iter().all(is_deletion) {
            return revision.header.touched.clone();
        }
        while before.iter().any(is_deletion) {
            before = before.iter().flat_map(|id| if is_deletion(id) { parents(id) } else { [*id].into() }).collect();
        }
        let body = self.body(revision.id);
        let mut written = TouchedPaths::default();
        before.iter().for_each(|id| written.extend(&difference(self.body(*id).as_ref(), body.as_ref())));
        written
    }

    fn no_edit_is_lost(&self) -> Result<(), TestCaseError> {
        let heads: Vec<RevisionId> = self.history.heads().into_iter().collect();
        let mut open = Vec::new();
        for (index, one) in heads.iter().enumerate() {
            for other in &heads[index + 1..] {
                let meeting = self.meet(*one, *other);
                prop_assert_eq!(&meeting, &self.meet(*other, *one), "the outcome depends on who asks");
                if let Meeting::Open(merged) = meeting {
                    prop_assert!(!merged.conflicts.is_empty(), "a question without a place");
                    open.push(merged);
                }
            }
        }
        for id in &self.by_people {
            let revision = self.history.get(*id).unwrap();
            prop_assert!(heads.iter().any(|head| self.history.descends(*head, *id)), "{id:?} is in no head");
            for place in self.written(revision).iter() {
                prop_assert!(
                    is_kept(self, &open, revision, place),
                    "{id:?} wrote {place} and it was lost:\n{}",
                    self.shown()
                );
            }
        }
        Ok(())
    }
}

/// Somebody's edit comes without what it was made from: a restored manager and its node have both lost that.
#[test]
fn an_edit_whose_parents_are_lost_is_a_question_wherever_it_differs() {
    let kind = Kind::StepTemplate;
    let body = |first: &str, second: &str| json!({"Name": "demo", "Properties": {"first": first, "second": second}});
    let write = |parents: &[&Revision], before: Option<&Value>, after: &Value| {
        let parents = parents.iter().map(|revision| revision.id).collect();
        Revision::child(RESOURCE, kind, parents, before, after)
    };
    let (begun, lost, edited, others) =
        (body("begin", "begin"), body("mine", "begin"), body("mine", "mine too"), body("theirs", "begin"));
    let released = write(&[], None, &begun);
    let lost_edit = write(&[&released], Some(&begun), &lost);
    let edit = write(&[&lost_edit], Some(&lost), &edited);
    let other = write(&[&released], Some(&begun), &others);
    let bodies = [(&released, &begun), (&lost_edit, &lost), (&edit, &edited), (&other, &others)];
    let find =
        |revision: &Revision| bodies.iter().find(|(known, _)| known.id == revision.id).map(|(_, body)| (*body).clone());
    let mut history = History::default();
    history.insert(released.clone()).unwrap();
    history.insert(other.clone()).unwrap();
    history.insert_grafted(edit.clone(), Graft::unknown()).unwrap();
    let Meeting::Open(merged) = history.meet(edit.id, other.id, TextMode::Auto, &find).unwrap() else {
        panic!("the first word of the lost edit was overwritten, and nobody was asked");
    };
    let asked: BTreeSet<&Path> = merged.conflicts.iter().map(|conflict| &conflict.path).collect();
    let at = |name: &str| Path(vec!["Properties".to_owned(), name.to_owned()]);
    assert_eq!(asked, BTreeSet::from([&at("first"), &at("second")]));

    // What was lost turns up: only what both wrote is asked about.
    history.insert(lost_edit.clone()).unwrap();
    let Meeting::Open(merged) = history.meet(edit.id, other.id, TextMode::Auto, &find).unwrap() else {
        panic!("both wrote the first word");
    };
    assert_eq!(merged.conflicts.iter().map(|conflict| &conflict.path).collect::<Vec<_>>(), [&at("first")]);
}
