//! Which values nodes would get, lose or get another of.

use std::collections::BTreeSet;

use crate::error::Result;
use atoll_domain::id::SecretId;

use crate::service::sharing::gets::{All, Gets, Got, Receiver};
use crate::store::Database;

/// Nodes that are looked at value by value.
const LOOKED_AT: usize = 1_000;
/// Values that are listed; the rest is counted.
const LISTED: usize = 100;
/// What stands for the name of a node that has yet to join and may take any.
const NEW_NODE: &str = "a node that joins";

/// A value that a node gets, loses or gets another of. Nothing before and after where it is about a sealed value that the node
/// can read and that does not apply there: another value does, or it is in a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub node: String,
    pub set: String,
    pub name: String,
    pub before: Option<Got>,
    pub after: Option<Got>,
    pub access: Access,
    /// It is required there, and would have no value any more, or none when it comes.
    pub is_missing: bool,
}

/// What becomes of the sealed values that a change is about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Access {
    /// Nothing: it is about none, or the node can read them before and afterwards.
    #[default]
    Same,
    Gained,
    Lost,
    Replaced,
}

impl Access {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Same => "",
            Self::Gained => "gained",
            Self::Lost => "lost",
            Self::Replaced => "replaced",
        }
    }
}

/// What differs for some nodes.
#[derive(Debug, Default)]
pub struct ValueChanges {
    /// The first of them.
    pub listed: Vec<Change>,
    pub total: u64,
    /// Nodes that were not looked at value by value: there are too many.
    pub not_looked_at: u64,
    looked_at: usize,
}

impl ValueChanges {
    /// Whether one more node is looked at; counts those that are not.
    pub fn looks_at_another(&mut self) -> bool {
        let looks = self.looked_at < LOOKED_AT;
        self.looked_at += usize::from(looks);
        self.not_looked_at += u64::from(!looks);
        looks
    }

    /// Adds what differs for a node.
    fn add(&mut self, who: &Receiver, before: &All, after: &All) {
        let node = who.name.as_ref().map_or(NEW_NODE, |name| name.as_str());
        let mut gained: BTreeSet<SecretId> = difference(after, before);
        let mut lost: BTreeSet<SecretId> = difference(before, after);
        let (old, new) = (&before.values, &after.values);
        let missing: BTreeSet<&(String, String)> = after.missing.difference(&before.missing).collect();
        let keys: BTreeSet<&(String, String)> = old.keys().chain(new.keys()).chain(missing.iter().copied()).collect();
        let mut changes = Vec::new();
        for key in keys.into_iter().filter(|key| old.get(key) != new.get(key) || missing.contains(key)) {
            let (before, after) = (old.get(key).cloned(), new.get(key).cloned());
            let takes = |from: &mut BTreeSet<SecretId>, got: &Option<Got>| {
                got.as_ref().and_then(Got::version).is_some_and(|version| from.remove(&version))
            };
            let access = match (takes(&mut lost, &before), takes(&mut gained, &after)) {
                (false, false) => Access::Same,
                (false, true) => Access::Gained,
                (true, false) => Access::Lost,
                (true, true) => Access::Replaced,
            };
            changes.push((key.clone(), before, after, (access, missing.contains(key))));
        }
        let named = |readable: &All, version: &SecretId| readable.readable.get(version).cloned().unwrap_or_default();
        changes.extend(gained.iter().map(|version| (named(after, version), None, None, (Access::Gained, false))));
        changes.extend(lost.iter().map(|version| (named(before, version), None, None, (Access::Lost, false))));
        changes.sort_by(|one, other| one.0.cmp(&other.0));
        for ((set, name), before, after, (access, is_missing)) in changes {
            self.total += 1;
            if self.listed.len() < LISTED {
                self.listed.push(Change { node: node.to_owned(), set, name, before, after, access, is_missing });
            }
        }
    }

    /// Looks at some nodes before and after something else is published.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn around(
        database: &impl Database,
        gets: &mut Gets,
        receivers: impl Iterator<Item = Receiver>,
        change: impl FnOnce(&mut Gets),
    ) -> Result<Self> {
        let mut changes = Self::default();
        let mut before = Vec::new();
        for who in receivers {
            if changes.looks_at_another() {
                let values = gets.of(database, &who).await?;
                before.push((who, values));
            }
        }
        change(gets);
        for (who, values) in before {
            let who = who.keeping(&values.readable);
            changes.add(&who, &values, &gets.of(database, &who).await?);
        }
        Ok(changes)
    }

    /// Looks at one node that becomes another.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn compare(
        &mut self,
        database: &impl Database,
        gets: &mut Gets,
        before: &Receiver,
        after: &Receiver,
    ) -> Result<()> {
        let values = gets.of(database, before).await?;
        let after = after.clone().keeping(&values.readable);
        self.add(&after, &values, &gets.of(database, &after).await?);
        Ok(())
    }
}

/// The sealed values that can be read on one side only.
fn difference(one: &All, other: &All) -> BTreeSet<SecretId> {
    one.readable.keys().filter(|version| !other.readable.contains_key(version)).copied().collect()
}
