//! Which values nodes would get, lose or get another of.

use std::collections::BTreeSet;

use crate::error::Result;
use crate::service::sharing::gets::{Gets, Got, Receiver, Values};
use crate::store::Database;

/// Nodes that are looked at value by value.
const LOOKED_AT: usize = 1_000;
/// Values that are listed; the rest is counted.
const LISTED: usize = 100;
/// What stands for the name of a node that has yet to join and may take any.
const NEW_NODE: &str = "a node that joins";

/// A value that a node gets, loses or gets another of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub node: String,
    pub set: String,
    pub name: String,
    pub before: Option<Got>,
    pub after: Option<Got>,
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
    fn add(&mut self, who: &Receiver, before: &Values, after: &Values) {
        let node = who.name.as_ref().map_or(NEW_NODE, |name| name.as_str());
        let keys: BTreeSet<&(String, String)> = before.keys().chain(after.keys()).collect();
        for key in keys.into_iter().filter(|key| before.get(key) != after.get(key)) {
            self.total += 1;
            if self.listed.len() < LISTED {
                self.listed.push(Change {
                    node: node.to_owned(),
                    set: key.0.clone(),
                    name: key.1.clone(),
                    before: before.get(key).cloned(),
                    after: after.get(key).cloned(),
                });
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
        self.add(after, &values, &gets.of(database, after).await?);
        Ok(())
    }
}
