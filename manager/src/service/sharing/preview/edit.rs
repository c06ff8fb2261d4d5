//! What becomes of nodes' own edits.

use std::collections::BTreeMap;

use atoll_domain::id::ResourceId;
use atoll_domain::sharing::offer::EditMode;

use crate::error::Result;
use crate::service::sharing::fork::{Offered, is_contained, offered_among};
use crate::service::sharing::gets::{OwnEdit, OwnEdits};
use crate::service::sharing::history::{Loaded, load};
use crate::store::Database;
use crate::store::fleet::NodeRecord;
use crate::store::sharing::{PublicationRecord, resource_get};

/// What becomes of a node's own edit that is no part of what it would be offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OfEdit {
    GoesOn,
    Stops,
    /// It does not run now either.
    Rests,
}

impl OfEdit {
    pub(super) fn between(
        loaded: &Loaded,
        edit: OwnEdit,
        (before, after): (Option<Offered>, Option<Offered>),
    ) -> Option<Self> {
        let is_apart = |from: Option<Offered>| from.is_none_or(|offered| !is_contained(loaded, edit, offered.revision));
        let lets_edits_run = |offered: Option<Offered>| offered.is_some() && !is_locked(offered);
        is_apart(after).then(|| match lets_edits_run(after) {
            true => Self::GoesOn,
            false if is_apart(before) && lets_edits_run(before) => Self::Stops,
            false => Self::Rests,
        })
    }
}

pub(super) fn is_locked(offered: Option<Offered>) -> bool {
    offered.is_some_and(|offered| offered.edit_mode == EditMode::Locked)
}

/// Nodes that would run an edit of their own no more as they become others.
pub struct Stopping<'a> {
    own: &'a OwnEdits,
    publications: &'a [PublicationRecord],
    loaded: BTreeMap<ResourceId, Option<Loaded>>,
    pub nodes: u64,
}

impl<'a> Stopping<'a> {
    pub fn new(own: &'a OwnEdits, publications: &'a [PublicationRecord]) -> Self {
        Self { own, publications, loaded: BTreeMap::new(), nodes: 0 }
    }

    /// Takes up one node that becomes another.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn compare(&mut self, database: &impl Database, before: &NodeRecord, after: &NodeRecord) -> Result<()> {
        let edits = self.own.get(&before.id).map(|own| &own.edits);
        let mut stops = false;
        for (resource, edit) in edits.into_iter().flatten() {
            if !self.loaded.contains_key(resource) {
                let record = resource_get(database, *resource).await?;
                let loaded = match record {
                    Some(record) => Some(load(database, record).await?),
                    None => None,
                };
                self.loaded.insert(*resource, loaded);
            }
            let Some(Some(loaded)) = self.loaded.get(resource) else { continue };
            let now = offered_among(database, loaded, (&before.group, &before.labels), self.publications).await?;
            let then = offered_among(database, loaded, (&after.group, &after.labels), self.publications).await?;
            stops |= OfEdit::between(loaded, *edit, (now, then)) == Some(OfEdit::Stops);
        }
        self.nodes += u64::from(stops);
        Ok(())
    }
}
