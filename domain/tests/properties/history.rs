//! Histories: equal sets of revisions give equal answers wherever they are, and no edit gets lost in them.

use std::collections::{BTreeMap, BTreeSet};

use atoll_domain::id::{BodyHash, Digest, ResourceId, RevisionId};
use atoll_domain::kind::Kind;
use atoll_domain::sharing::history::{History, Meeting};
use atoll_domain::sharing::merge::{ConflictReason, Merged};
use atoll_domain::sharing::path::{Path, TouchedPaths};
use atoll_domain::sharing::revision::{Revision, RevisionError};
use atoll_domain::sharing::text::TextMode;
use atoll_domain::sharing::touched::difference;
use proptest::prelude::*;
use serde_json::Value;

use crate::cases;
use crate::edits::{Change, apply, beginning, change, kind, leaves, overlaid, text_mode};

const RESOURCE: ResourceId = ResourceId(uuid::Uuid::from_u128(1));

/// Something that happens to a history. Numbers are taken modulo what is there, in the order of making.
#[derive(Debug, Clone)]
enum Step {
    Edit {
        from: usize,
        changes: Vec<Change>,
    },
    Delete {
        from: usize,
    },
    /// Merges two heads by rule, where they merge.
    Merge {
        one: usize,
        other: usize,
    },
    /// A person settles what two heads disagree about.
    Resolve {
        one: usize,
        other: usize,
        left: bool,
    },
    /// The old state again, on top of all heads.
    Rollback {
        to: usize,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let pick = || 0..32_usize;
    let step = prop_oneof![
        8 => (pick(), proptest::collection::vec(change(), 1..4)).prop_map(|(from, changes)| Step::Edit { from, changes }),
        1 => pick().prop_map(|from| Step::Delete { from }),
        3 => (pick(), pick()).prop_map(|(one, other)| Step::Merge { one, other }),
        2 => (pick(), pick(), any::<bool>()).prop_map(|(one, other, left)| Step::Resolve { one, other, left }),
        1 => pick().prop_map(|to| Step::Rollback { to }),
    ];
    proptest::collection::vec(step, 1..12)
}

/// A history with the bodies of its revisions, and which of them people made.
#[derive(Debug, Clone)]
struct Story {
    kind: Kind,
    text: TextMode,
    history: History,
    bodies: BTreeMap<BodyHash, Value>,
    made: Vec<RevisionId>,
    by_people: BTreeSet<RevisionId>,
}

impl Story {
    fn begin(kind: Kind, text: TextMode) -> Self {
        let empty = Self {
            kind,
            text,
            history: History::default(),
            bodies: BTreeMap::new(),
            made: Vec::new(),
            by_people: BTreeSet::new(),
        };
        let mut story = empty;
        let body = kind.import(&beginning(kind), None).unwrap().body;
        story.add(Revision::child(RESOURCE, kind, BTreeSet::new(), None, &body), Some(body), true);
        story
    }

    fn told(kind: Kind, text: TextMode, steps: &[Step]) -> Self {
        let mut story = Self::begin(kind, text);
        steps.iter().for_each(|step| story.step(step));
        story
    }

    fn add(&mut self, revision: Revision, body: Option<Value>, by_people: bool) {
        let id = revision.id;
        self.bodies.extend(body.map(|body| (revision.header.body, body)));
        self.history.insert(revision).unwrap();
        if !self.made.contains(&id) {
            self.made.push(id);
        }
        if by_people {
            self.by_people.insert(id);
        }
    }

    fn body(&self, id: RevisionId) -> Option<Value> {
        self.bodies.get(&self.history.get(id).unwrap().header.body).cloned()
    }

    fn meet(&self, one: RevisionId, other: RevisionId) -> Meeting {
        let bodies = |revision: &Revision| self.bodies.get(&revision.header.body).cloned();
        self.history.meet(one, other, self.text, &bodies).unwrap()
    }

    fn step(&mut self, step: &Step) {
        let made = |number: &usize| self.made[number % self.made.len()];
        let heads: Vec<RevisionId> = self.history.heads().into_iter().collect();
        let head = |number: &usize| heads[number % heads.len()];
        match step {
            Step::Edit { from, changes } => self.edit(made(from), changes),
            Step::Delete { from } => {
                let from = made(from);
                let touched = TouchedPaths::from_iter([Path::root()]);
                self.add(Revision::writing(RESOURCE, self.kind, BTreeSet::from([from]), None, touched), None, true);
            }
            Step::Merge { one, other } => {
                if let Meeting::Settled { revision, body } = self.meet(head(one), head(other)) {
                    self.add(revision, body, false);
                }
            }
            Step::Resolve { one, other, left } => self.resolve(head(one), head(other), *left),
            Step::Rollback { to } => self.roll_back(made(to)),
        }
    }

    fn edit(&mut self, from: RevisionId, changes: &[Change]) {
        let before = self.body(from);
        let mut outside = match &before {
            Some(body) => self.kind.export(body, &Value::Null),
            None => beginning(self.kind),
        };
        changes.iter().for_each(|change| apply(self.kind, &mut outside, change));
        let body = self.kind.import(&outside, before.as_ref()).unwrap().body;
        let revision = Revision::child(RESOURCE, self.kind, BTreeSet::from([from]), before.as_ref(), &body);
        assert_eq!(revision.check_touched(before.as_ref(), Some(&body)), Ok(()));
        if before.as_ref() != Some(&body) {
            self.add(revision, Some(body), true);
        }
    }

    fn resolve(&mut self, one: RevisionId, other: RevisionId, left: bool) {
        let Meeting::Open(merged) = self.meet(one, other) else { return };
        let [first, second] = if one <= other { [one, other] } else { [other, one] }.map(|id| self.body(id));
        let touched: TouchedPaths = merged.conflicts.iter().map(|conflict| conflict.path.clone()).collect();
        let chosen = if left { first } else { second };
        let body = if touched.covers(&Path::root()) {
            chosen
        } else {
            let places = touched.iter().filter(|place| place.last() != Some("$order"));
            chosen.map(|chosen| overlaid(&merged.body, &chosen, places))
        };
        let parents = BTreeSet::from([one, other]);
        self.add(Revision::writing(RESOURCE, self.kind, parents, body.as_ref(), touched), body, true);
    }

    fn roll_back(&mut self, to: RevisionId) {
        let (heads, body) = (self.history.heads(), self.body(to));
        let mut touched = TouchedPaths::default();
        for head in &heads {
            touched.extend(&difference(self.body(*head).as_ref(), body.as_ref()));
        }
        self.add(Revision::writing(RESOURCE, self.kind, heads, body.as_ref(), touched), body, true);
    }

    /// Merges pairs of heads in the order of their ids until none merges.
    fn settle(&mut self) {
        while let Some((revision, body)) = self.next_merge() {
            let before = self.history.heads().len();
            self.add(revision, body, false);
            assert_eq!(self.history.heads().len(), before - 1, "a merge leaves one head less");
        }
    }

    fn next_merge(&self) -> Option<(Revision, Option<Value>)> {
        let heads: Vec<RevisionId> = self.history.heads().into_iter().collect();
        let pairs =
            heads.iter().enumerate().flat_map(|(index, one)| heads[index + 1..].iter().map(move |other| (one, other)));
        pairs.into_iter().find_map(|(one, other)| match self.meet(*one, *other) {
            Meeting::Settled { revision, body } => Some((revision, body)),
            Meeting::FastForward(_) => panic!("two heads never contain one another"),
            Meeting::Open(_) => None,
        })
    }

    /// Takes in revisions in an order of its own, as a replica that hears of them by chance.
    fn heard_by(&self, text: TextMode, order: &[usize]) -> Self {
        let mut other = Self { history: History::default(), made: Vec::new(), text, ..self.clone() };
        let mut waiting: Vec<RevisionId> = self.made.clone();
        let mut picks = order.iter().copied().cycle();
        while !waiting.is_empty() {
            let index = picks.next().unwrap_or(0) % waiting.len();
            let revision = self.history.get(waiting[index]).unwrap();
            if other.history.insert(revision.clone()).is_ok() {
                other.made.push(waiting.remove(index));
            } else {
                // Its parents are not here yet; the front of the list always can come.
                let revision = self.history.get(waiting[0]).unwrap();
                other.history.insert(revision.clone()).unwrap();
                other.made.push(waiting.remove(0));
            }
        }
        other
    }

    /// The states of the resource by revision, as bytes would be compared.
    fn revisions(&self) -> BTreeMap<RevisionId, Option<BodyHash>> {
        self.history.iter().map(|revision| (revision.id, self.body(revision.id).map(|body| hash(&body)))).collect()
    }
}

fn hash(body: &Value) -> BodyHash {
    Digest(atoll_domain::canonical::hash(body))
}

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
    /// This history with the other's revisions, parents first.
    fn joined(&self, other: &Self) -> Self {
        let mut joined = self.clone();
        for id in &other.made {
            let by_people = other.by_people.contains(id);
            joined.add(other.history.get(*id).unwrap().clone(), other.body(*id), by_people);
        }
        joined
    }

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

    fn no_edit_is_lost(&self) -> Result<(), TestCaseError> {
        let heads: Vec<RevisionId> = self.history.heads().into_iter().collect();
        let mut open = Vec::new();
        for (index, one) in heads.iter().enumerate() {
            for other in &heads[index + 1..] {
                if let Meeting::Open(merged) = self.meet(*one, *other) {
                    let semantic = merged.conflicts.iter().any(|conflict| conflict.reason == ConflictReason::Semantic);
                    prop_assert!(semantic || !merged.conflicts.is_empty());
                    open.push(merged);
                }
            }
        }
        for id in &self.by_people {
            let revision = self.history.get(*id).unwrap();
            prop_assert!(heads.iter().any(|head| self.history.descends(*head, *id)), "{id:?} is in no head");
            for place in revision.header.touched.iter() {
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
