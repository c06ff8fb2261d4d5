//! Random histories of one resource, and what became of the edits in them.

use std::collections::{BTreeMap, BTreeSet};

use atoll_domain::id::{BodyHash, Digest, ResourceId, RevisionId};
use atoll_domain::kind::Kind;
use atoll_domain::sharing::history::{History, Meeting};
use atoll_domain::sharing::path::{Path, TouchedPaths};
use atoll_domain::sharing::revision::Revision;
use atoll_domain::sharing::text::TextMode;
use atoll_domain::sharing::touched::difference;
use proptest::prelude::*;
use serde_json::Value;

use crate::edits::{Change, apply, beginning, change, overlaid};

pub const RESOURCE: ResourceId = ResourceId(uuid::Uuid::from_u128(1));

/// Something that happens to a history. Numbers are taken modulo what is there, in the order of making.
#[derive(Debug, Clone)]
pub enum Step {
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

pub fn steps() -> impl Strategy<Value = Vec<Step>> {
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
pub struct Story {
    pub kind: Kind,
    pub text: TextMode,
    pub history: History,
    bodies: BTreeMap<BodyHash, Value>,
    pub made: Vec<RevisionId>,
    pub by_people: BTreeSet<RevisionId>,
}

impl Story {
    pub fn begin(kind: Kind, text: TextMode) -> Self {
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

    pub fn told(kind: Kind, text: TextMode, steps: &[Step]) -> Self {
        let mut story = Self::begin(kind, text);
        steps.iter().for_each(|step| story.step(step));
        story
    }

    pub fn add(&mut self, revision: Revision, body: Option<Value>, by_people: bool) {
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

    pub fn body(&self, id: RevisionId) -> Option<Value> {
        self.bodies.get(&self.history.get(id).unwrap().header.body).cloned()
    }

    pub fn meet(&self, one: RevisionId, other: RevisionId) -> Meeting {
        let bodies = |revision: &Revision| self.bodies.get(&revision.header.body).cloned();
        self.history.meet(one, other, self.text, &bodies).unwrap()
    }

    pub fn step(&mut self, step: &Step) {
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

    pub fn edit(&mut self, from: RevisionId, changes: &[Change]) {
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

    pub fn resolve(&mut self, one: RevisionId, other: RevisionId, left: bool) {
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

    pub fn roll_back(&mut self, to: RevisionId) {
        let (heads, body) = (self.history.heads(), self.body(to));
        let mut touched = TouchedPaths::default();
        for head in &heads {
            touched.extend(&difference(self.body(*head).as_ref(), body.as_ref()));
        }
        self.add(Revision::writing(RESOURCE, self.kind, heads, body.as_ref(), touched), body, true);
    }

    /// Merges pairs of heads in the order of their ids until none merges.
    pub fn settle(&mut self) {
        while let Some((revision, body)) = self.next_merge() {
            let before = self.history.heads().len();
            self.add(revision, body, false);
            assert_eq!(self.history.heads().len(), before - 1, "a merge leaves one head less");
        }
    }

    pub fn next_merge(&self) -> Option<(Revision, Option<Value>)> {
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
    pub fn heard_by(&self, text: TextMode, order: &[usize]) -> Self {
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
    pub fn revisions(&self) -> BTreeMap<RevisionId, Option<BodyHash>> {
        self.history.iter().map(|revision| (revision.id, self.body(revision.id).map(|body| hash(&body)))).collect()
    }
}

fn hash(body: &Value) -> BodyHash {
    Digest(atoll_domain::canonical::hash(body))
}

impl Story {
    /// This history with the other's revisions, parents first.
    pub fn joined(&self, other: &Self) -> Self {
        let mut joined = self.clone();
        for id in &other.made {
            let by_people = other.by_people.contains(id);
            joined.add(other.history.get(*id).unwrap().clone(), other.body(*id), by_people);
        }
        joined
    }
}
