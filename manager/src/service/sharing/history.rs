//! A resource with its history, loaded for a decision.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use atoll_domain::id::{ResourceId, RevisionId};
use atoll_domain::kind::Kind;
use atoll_domain::kind::file_name::slug;
use atoll_domain::sharing::history::{History, HistoryError, Meeting};
use atoll_domain::sharing::merge::{Conflict, ConflictReason, Merged};
use atoll_domain::sharing::path::Path;
use atoll_domain::sharing::revision::{Origin, Provenance, Revision};
use atoll_domain::sharing::three_way::newer_metadata;
use atoll_domain::time::Timestamp;
use serde_json::Value;

use crate::error::{Error, ErrorKind, Result};
use crate::store::sharing::{
    KnownHistory, ReportProof, ResourceRecord, ResourceState, RevisionRecord, body_get, release_list, resource_get,
    resource_list, resource_named, revision_made_here, revision_put, revisions_after, still_stands,
};
use crate::store::{Database, Store, Tx};

/// A resource, its revisions, and who made them.
#[derive(Debug)]
pub struct Loaded {
    pub record: ResourceRecord,
    pub history: History,
    pub provenance: BTreeMap<RevisionId, Arc<RevisionRecord>>,
}

/// Finds a resource by id or name.
///
/// # Errors
/// There is none of this kind.
pub async fn find(database: &impl Database, kind: Kind, name_or_id: &str) -> Result<ResourceRecord> {
    if let Ok(id) = name_or_id.parse::<ResourceId>()
        && let Some(record) = resource_get(database, id).await?
        && record.kind == kind
    {
        return Ok(record);
    }
    resource_named(database, kind, name_or_id).await?.ok_or_else(|| Error::not_found(kind_word(kind), name_or_id))
}

pub fn kind_word(kind: Kind) -> &'static str {
    match kind {
        Kind::StepTemplate => "step template",
        Kind::VariableSet => "variable set",
    }
}

/// Loads the history of a resource.
///
/// # Errors
/// The stored history is not closed under parents, which cannot happen.
pub async fn load(database: &impl Database, record: ResourceRecord) -> Result<Loaded> {
    let KnownHistory { history, records, .. } = Arc::unwrap_or_clone(known(database, record.id).await?);
    Ok(Loaded { record, history, provenance: records })
}

/// Reads what has come to a resource's history, so that a transaction that loads it has little to read while others wait.
///
/// # Errors
/// As [`load`].
pub async fn read_ahead(store: &Store, resource: ResourceId) -> Result<()> {
    known(store, resource).await.map(drop)
}

/// What is known of a history, with what has come since.
async fn known(database: &impl Database, resource: ResourceId) -> Result<Arc<KnownHistory>> {
    let mut before = database.histories().get(resource);
    if let Some(newest) = before.newest
        && !still_stands(database, resource, before.position, newest).await?
    {
        database.histories().forget(resource);
        before = Arc::default();
    }
    let mut added = revisions_after(database, resource, before.position).await?;
    if added.is_empty() {
        return Ok(before);
    }
    let mut known = Arc::unwrap_or_clone(before);
    if let Some(newest) = added.iter().max_by_key(|one| one.position).filter(|one| one.position > known.position) {
        known.position = newest.position;
        known.newest = Some((newest.record.revision.id, newest.record.stored_ms));
    }
    known.size_bytes += added.iter().map(|one| one.size_bytes).sum::<usize>();
    // Parents first; each round places at least one, so the rounds are bounded by the number of revisions.
    while !added.is_empty() {
        let before = added.len();
        added.retain(|one| match place(&mut known.history, &one.record) {
            Ok(()) => {
                known.records.insert(one.record.revision.id, Arc::clone(&one.record));
                false
            }
            Err(_) => true,
        });
        if added.len() == before {
            return Err(Error::internal(format!("the history of {resource} has revisions without parents")));
        }
    }
    let known = Arc::new(known);
    if database.is_committed() {
        database.histories().put(resource, Arc::clone(&known));
    }
    Ok(known)
}

fn place(history: &mut History, record: &RevisionRecord) -> std::result::Result<(), HistoryError> {
    match &record.graft {
        Some(graft) => history.insert_grafted(Arc::clone(&record.revision), graft.clone()),
        None => history.insert(Arc::clone(&record.revision)),
    }
}

impl Loaded {
    /// The content of a revision; `None` for a tombstone.
    ///
    /// # Errors
    /// The revision or its body is not kept here.
    pub async fn body(&self, database: &impl Database, id: RevisionId) -> Result<Option<Value>> {
        let revision = self.history.get(id).ok_or_else(|| Error::not_found("revision", &id.to_string()))?;
        if revision.header.tombstone {
            return Ok(None);
        }
        body_get(database, revision.header.body)
            .await?
            .map(Some)
            .ok_or_else(|| Error::internal(format!("the body of revision {id} is missing")))
    }

    /// Puts two revisions together as far as rules can.
    ///
    /// # Errors
    /// A revision or body is not kept here.
    pub async fn meet(&self, database: &impl Database, one: RevisionId, other: RevisionId) -> Result<Meeting> {
        let mut bodies: BTreeMap<RevisionId, Value> = BTreeMap::new();
        let mut needed = BTreeSet::from([one, other]);
        needed.extend(self.history.common_origins(one, other));
        // What was brought back after a deletion is held against what had been deleted.
        for id in self.history.ancestry(one).symmetric_difference(&self.history.ancestry(other)) {
            if let Some(before) = self.history.brought_back(*id) {
                needed.extend(before);
                needed.insert(*id);
            }
        }
        for id in needed {
            if let Some(body) = self.body(database, id).await? {
                bodies.insert(id, body);
            }
        }
        let find = |revision: &Revision| bodies.get(&revision.id).cloned();
        self.history.meet(one, other, self.record.text_mode, &find).map_err(history_error)
    }

    /// The same for what is to be everybody's: where another resource has the name that would come of it, the name is a
    /// question.
    ///
    /// # Errors
    /// As [`Self::meet`].
    pub async fn put_together(&self, database: &impl Database, one: RevisionId, other: RevisionId) -> Result<Meeting> {
        let meeting = self.meet(database, one, other).await?;
        self.with_free_name(database, meeting, one, other).await
    }

    /// Makes a question of a name that is taken.
    ///
    /// # Errors
    /// As [`Self::meet`].
    pub async fn with_free_name(
        &self,
        database: &impl Database,
        meeting: Meeting,
        one: RevisionId,
        other: RevisionId,
    ) -> Result<Meeting> {
        let outcome = match &meeting {
            Meeting::Settled { body, .. } => body.clone(),
            Meeting::FastForward(newer) => self.body(database, *newer).await?,
            Meeting::Open(_) => None,
        };
        let Some(mut body) = outcome else { return Ok(meeting) };
        let name = body.get("Name").and_then(Value::as_str).unwrap_or_default().to_owned();
        let Some(in_the_way) = self.in_the_way(database, &name).await? else { return Ok(meeting) };
        let path = Path(vec!["Name".to_owned()]);
        // The order of every merge.
        let (left, right) = (self.body(database, one.min(other)).await?, self.body(database, one.max(other)).await?);
        let kept = Some(Value::String(self.record.name.clone()));
        path.put(&mut body, kept.clone());
        let message = format!(
            "another {} is named \"{in_the_way}\"{}; take another name here, or rename that one first",
            kind_word(self.record.kind),
            if in_the_way == name { "" } else { ", and their files would have one name on servers" }
        );
        let conflict = Conflict {
            base: kept,
            left: left.and_then(|body| path.get(&body).cloned()),
            right: right.and_then(|body| path.get(&body).cloned()),
            path,
            reason: ConflictReason::Semantic,
            proposal: None,
            message: Some(message),
        };
        Ok(Meeting::Open(Merged { body, conflicts: vec![conflict] }))
    }

    /// The name of another resource that is the same, or looks so much like it that servers would read one of them under
    /// another file name than before. An administrator may call two resources so; nobody brings that about by an edit.
    async fn in_the_way(&self, database: &impl Database, name: &str) -> Result<Option<String>> {
        if self.is_taken(database, name).await? {
            return Ok(Some(name.to_owned()));
        }
        if name == self.record.name {
            return Ok(None);
        }
        let (kind, own, file) = (self.record.kind, self.record.id, slug(name));
        let is_other = |other: &ResourceRecord| {
            other.kind == kind && other.id != own && other.state != ResourceState::Deleted && slug(&other.name) == file
        };
        Ok(resource_list(database).await?.into_iter().find(is_other).map(|other| other.name))
    }

    /// Whether another resource of the kind has a name.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn is_taken(&self, database: &impl Database, name: &str) -> Result<bool> {
        if name == self.record.name && self.record.state != ResourceState::Deleted {
            return Ok(false);
        }
        let found = resource_named(database, self.record.kind, name).await?;
        Ok(found.is_some_and(|other| other.id != self.record.id && other.state != ResourceState::Deleted))
    }

    /// Adds a revision to the database and to what was loaded.
    ///
    /// # Errors
    /// Its parents are not here.
    pub async fn add(
        &mut self,
        tx: &Tx,
        revision: Revision,
        provenance: Provenance,
        body: Option<&Value>,
        proof: Option<ReportProof>,
        now: Timestamp,
    ) -> Result<()> {
        let record = RevisionRecord { revision: Arc::new(revision), provenance, stored_ms: now.0, graft: None };
        let id = record.revision.id;
        let is_known_from_a_node = self.provenance.get(&id).is_some_and(|known| known.provenance.node.is_some());
        if !is_known_from_a_node {
            return self.add_record(tx, record, body, proof).await;
        }
        // What it says has been said by a node before, which may have foreseen it. Who does it now, when and with which
        // volatile fields is what counts.
        revision_made_here(tx, &record).await?;
        self.provenance.insert(id, Arc::new(record));
        Ok(())
    }

    /// The same for one whose parents may be lost.
    ///
    /// # Errors
    /// Its parents, or what stands for them, are not here.
    pub async fn add_record(
        &mut self,
        tx: &Tx,
        record: RevisionRecord,
        body: Option<&Value>,
        proof: Option<ReportProof>,
    ) -> Result<()> {
        place(&mut self.history, &record).map_err(history_error)?;
        revision_put(tx, &record, body, proof).await?;
        self.provenance.entry(record.revision.id).or_insert_with(|| Arc::new(record));
        Ok(())
    }

    /// What is said beside a merge: nobody's edit, at the time of the newer side, with the newer volatile fields. It
    /// follows from the parents alone, so that two managers that merge say the same.
    #[must_use]
    pub fn merge_provenance(&self, parents: &BTreeSet<RevisionId>) -> Provenance {
        let sides: Vec<&Provenance> =
            parents.iter().filter_map(|id| self.provenance.get(id)).map(|record| &record.provenance).collect();
        let metadata = sides
            .iter()
            .map(|side| &side.metadata)
            .reduce(|one, other| newer_metadata(one, other))
            .cloned()
            .unwrap_or(Value::Null);
        Provenance {
            author: "manager".to_owned(),
            node: None,
            at: sides.iter().map(|side| side.at).max().unwrap_or_default(),
            origin: Origin::Merge,
            message: String::new(),
            metadata,
        }
    }

    /// The volatile fields of a revision.
    #[must_use]
    pub fn metadata(&self, id: RevisionId) -> Value {
        self.provenance.get(&id).map(|record| record.provenance.metadata.clone()).unwrap_or(Value::Null)
    }

    /// Finds a revision by its id, the start of one, or a version.
    ///
    /// # Errors
    /// None or several fit.
    pub async fn resolve(&self, database: &impl Database, text: &str) -> Result<RevisionId> {
        if let Ok(version) = text.parse() {
            let releases = release_list(database, self.record.id).await?;
            let release = releases.iter().find(|release| release.version == version);
            return release.map(|release| release.revision).ok_or_else(|| Error::not_found("version", text));
        }
        let fits: Vec<RevisionId> = self
            .history
            .iter()
            .map(|revision| revision.id)
            .filter(|id| text.len() >= 4 && id.to_string().starts_with(text))
            .collect();
        match fits.as_slice() {
            [id] => Ok(*id),
            [] => Err(Error::not_found("revision or version", text)),
            _ => Err(Error::invalid("AMBIGUOUS", format!("several revisions begin with {text}; give more digits"))),
        }
    }

    /// Checks that what somebody looked at is still so. `*` says that they act whatever it is by now.
    ///
    /// # Errors
    /// Nothing was said, or it has changed: by whom, when and to what.
    pub fn expect(&self, seen: &str, present: RevisionId, what: &str) -> Result<()> {
        let text = present.to_string();
        if seen == "*" || (seen.len() >= 8 && text.starts_with(seen)) {
            return Ok(());
        }
        if seen.is_empty() {
            return Err(Error::invalid(
                "PRECONDITION_NEEDED",
                format!("specify which revision of {what} you reviewed (now {}), or * for any", present.short()),
            ));
        }
        let by = self
            .provenance
            .get(&present)
            .map_or_else(String::new, |record| format!(" by {} at {}", record.provenance.author, record.provenance.at));
        Err(Error::precondition(
            "CHANGED_MEANWHILE",
            format!("{what} has changed since you reviewed it: now {}{by}; review it again", present.short()),
        ))
    }

    /// The same for the state of the resource that people are shown.
    ///
    /// # Errors
    /// As [`Self::expect`].
    pub fn expect_head(&self, seen: &str) -> Result<()> {
        self.expect(seen, self.shown()?, &format!("\"{}\"", self.record.name))
    }

    /// What somebody has taken: the heads and what is released. They and all their ancestors are everybody's.
    #[must_use]
    pub fn tips(&self) -> BTreeSet<RevisionId> {
        let released = self.record.released.map(|(_, revision)| revision);
        self.record.heads.iter().copied().chain(released).collect()
    }

    /// Whatever was ever released, with all that it was made from.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn published(&self, database: &impl Database) -> Result<BTreeSet<RevisionId>> {
        let released = self.record.released.map(|(_, revision)| revision);
        let releases = release_list(database, self.record.id).await?.into_iter().map(|release| release.revision);
        Ok(self.history.ancestry_of(releases.chain(released)))
    }

    /// The one head, or what is released while there are several.
    ///
    /// # Errors
    /// In conflict, and nothing was released yet.
    pub fn shown(&self) -> Result<RevisionId> {
        match (self.record.heads.len(), self.record.released) {
            (1, _) => self.record.heads.first().copied(),
            (_, Some((_, released))) => Some(released),
            _ => self.record.heads.first().copied(),
        }
        .ok_or_else(|| Error::internal(format!("resource {} has no heads", self.record.id)))
    }
}

pub fn history_error(error: HistoryError) -> Error {
    Error::new(ErrorKind::Precondition, "HISTORY", error.to_string())
}
