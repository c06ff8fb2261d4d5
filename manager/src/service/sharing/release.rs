//! Releasing: a revision becomes what nodes get.

use std::collections::BTreeSet;

use atoll_domain::canonical::{self, DOCUMENT_SIZE_LIMIT_BYTES};
use atoll_domain::id::RevisionId;
use atoll_domain::kind::Kind;
use atoll_domain::sharing::offer::Version;
use atoll_domain::sharing::path::Path;
use atoll_domain::sharing::revision::Origin;
use serde_json::json;

use super::history::{Loaded, find, load};
use super::{JOB_FORKS, offer, reach};
use crate::error::{Error, Result};
use crate::service::{Caller, Services};
use crate::store::sharing::{
    ReleaseRecord, ResourceRecord, ResourceState, publication_list, release_create, release_list, resource_update,
};
use crate::store::{Database, Tx};

/// What is to be released.
#[derive(Debug, Default)]
pub struct Wish<'a> {
    pub version: Option<Version>,
    /// A revision, or the head.
    pub revision: Option<&'a str>,
    /// What was looked at, or `*`.
    pub expected: &'a str,
    /// The revision that was written for this release: nobody has looked at what others drafted beneath it.
    pub written: Option<&'a str>,
}

/// What became of it.
#[derive(Debug)]
pub struct Released {
    pub loaded: Loaded,
    pub release: ReleaseRecord,
    /// The feed's number that nodes must reach to have it.
    pub sequence: u64,
    /// It was not the newest release before.
    pub is_new: bool,
}

/// The version that a revision would be released as: the one that was asked for, that which it has, or the next one.
///
/// # Errors
/// It is not higher than the newest.
pub(super) async fn next_version(
    database: &impl Database,
    loaded: &Loaded,
    wished: Option<Version>,
    revision: RevisionId,
) -> Result<Version> {
    if let (None, Some((version, released))) = (wished, loaded.record.released)
        && released == revision
    {
        return Ok(version);
    }
    let newest = release_list(database, loaded.record.id).await?.first().map(|release| release.version);
    let version = wished.unwrap_or_else(|| newest.map_or(Version::FIRST, Version::next_patch));
    match newest.filter(|newest| version <= *newest) {
        None => Ok(version),
        Some(newest) => Err(Error::precondition(
            "VERSION_NOT_HIGHER",
            format!("{version} is not higher than the newest version, {newest}; releases are immutable"),
        )),
    }
}

/// Releases the head, or a given revision.
///
/// # Errors
/// The resource is in conflict or deleted, or the version is not higher than the newest one.
pub async fn release(
    services: &Services,
    caller: &Caller,
    kind: Kind,
    name: &str,
    Wish { version, revision, expected, written }: Wish<'_>,
) -> Result<Released> {
    let mut tx = services.store.begin_ordered().await?;
    let mut loaded = load(&tx, find(&tx, kind, name).await?).await?;
    if let Some(written) = written {
        // Whoever wrote what is there already has it from somebody.
        loaded.resolve(&tx, written).await?;
        check_beneath(&loaded, caller)?;
    }
    let revision = chosen(&tx, &loaded, revision).await?;
    check_older(&tx, caller, &loaded, revision).await?;
    loaded.expect_head(expected)?;
    let before = loaded.record.released;
    let release = release_in(services, caller, &mut tx, &mut loaded, version, revision).await?;
    let sequence = tx.commit().await?;
    Ok(Released { is_new: before != Some((release.version, release.revision)), loaded, release, sequence })
}

/// An older state may have been for more nodes than what counts now.
async fn check_older(tx: &Tx, caller: &Caller, loaded: &Loaded, revision: RevisionId) -> Result<()> {
    let Some(body) = loaded.body(tx, revision).await? else { return Ok(()) };
    let agreed = reach::agreed(tx, loaded).await?;
    reach::check(tx, loaded, &agreed, &body, &BTreeSet::new(), caller).await
}

/// What a release would be refused for where it lets more nodes read sealed values.
///
/// # Errors
/// Names the values and the nodes that would gain them.
pub(super) async fn check_reach(
    tx: &Tx,
    caller: &Caller,
    loaded: &Loaded,
    (version, revision): (Version, RevisionId),
) -> Result<()> {
    check_older(tx, caller, loaded, revision).await?;
    let publications = publication_list(tx).await?;
    let before = reach::brought(tx, loaded, &publications).await?;
    let record = ResourceRecord { released: Some((version, revision)), ..loaded.record.clone() };
    reach::check_back(tx, &load(tx, record).await?, &before, &publications, caller).await
}

/// The revision that was named, or the head.
///
/// # Errors
/// There is none that can be released.
pub(super) async fn chosen(database: &impl Database, loaded: &Loaded, revision: Option<&str>) -> Result<RevisionId> {
    match revision {
        Some(text) => accepted(loaded, loaded.resolve(database, text).await?),
        None => only_head(loaded),
    }
}

/// A revision that was named must be part of what counts for everybody: releasing a node's proposal over the heads would
/// be undone by the next release, and nobody would see it go.
fn accepted(loaded: &Loaded, revision: RevisionId) -> Result<RevisionId> {
    if loaded.record.state == ResourceState::Deleted {
        return Err(Error::precondition("DELETED", "this resource is deleted; roll it back first"));
    }
    let is_deletion = loaded.history.get(revision).is_some_and(|revision| revision.header.tombstone);
    if is_deletion || !loaded.record.heads.iter().any(|head| loaded.history.descends(*head, revision)) {
        return Err(Error::precondition(
            "NOT_ACCEPTED",
            "this revision is not part of the shared resource; accept the proposal that carries it first",
        ));
    }
    Ok(revision)
}

/// Releasing the result of one decision must not release what somebody else has only drafted, unless that is said.
///
/// # Errors
/// Names the drafts.
pub(super) fn check_drafts(loaded: &Loaded, decided: RevisionId, caller: &Caller) -> Result<()> {
    let Some((_, released)) = loaded.record.released else { return Ok(()) };
    let mut known = loaded.history.ancestry(released);
    known.extend(loaded.history.ancestry(decided));
    refuse_drafts(loaded, &known, |_| true, caller)
}

/// The same for the answer to a conflict. Of its sides it has shown the open places: a draft that changes nothing else was seen,
/// and so was all that the node in question made itself.
///
/// # Errors
/// Names the drafts.
pub(super) fn check_drafts_beside(
    loaded: &Loaded,
    (answer, own): (RevisionId, Option<RevisionId>),
    sides: &BTreeSet<RevisionId>,
    places: &BTreeSet<&Path>,
    caller: &Caller,
) -> Result<()> {
    let Some((_, released)) = loaded.record.released else { return Ok(()) };
    let mut known = loaded.history.ancestry(released);
    known.insert(answer);
    known.extend(own.into_iter().flat_map(|own| loaded.history.ancestry(own)));
    let is_shown = |side: &&RevisionId| {
        let revision = loaded.history.get(**side);
        revision.is_some_and(|revision| revision.header.touched.iter().all(|path| path.is_within(places)))
    };
    known.extend(sides.iter().filter(is_shown));
    let heads: BTreeSet<RevisionId> = sides.iter().copied().chain(loaded.record.heads.iter().copied()).collect();
    refuse_drafts_of(loaded, &heads, &known, |author| author != caller.name, caller)
}

/// The same for what somebody has just written: of what is only drafted, all but the writer's own is others'.
fn check_beneath(loaded: &Loaded, caller: &Caller) -> Result<()> {
    let released = loaded.record.released.map(|(_, revision)| loaded.history.ancestry(revision));
    refuse_drafts(loaded, &released.unwrap_or_default(), |author| author != caller.name, caller)
}

fn refuse_drafts(
    loaded: &Loaded,
    known: &BTreeSet<RevisionId>,
    is_others: impl Fn(&str) -> bool,
    caller: &Caller,
) -> Result<()> {
    refuse_drafts_of(loaded, &loaded.record.heads, known, is_others, caller)
}

fn refuse_drafts_of(
    loaded: &Loaded,
    heads: &BTreeSet<RevisionId>,
    known: &BTreeSet<RevisionId>,
    is_others: impl Fn(&str) -> bool,
    caller: &Caller,
) -> Result<()> {
    let heads = heads.iter().flat_map(|head| loaded.history.ancestry(*head));
    let drafts: BTreeSet<RevisionId> = heads.filter(|id| !known.contains(id)).collect();
    let written: Vec<String> = drafts
        .iter()
        .filter_map(|id| loaded.provenance.get(id))
        .filter(|record| match record.provenance.node {
            // What a node says of who made its edit, and how, is only its word.
            Some(_) => true,
            None => record.provenance.origin != Origin::Merge && is_others(&record.provenance.author),
        })
        .map(|record| format!("{} by {}", record.revision.id.short(), record.provenance.author))
        .collect();
    if written.is_empty() || caller.words.with_drafts {
        return Ok(());
    }
    Err(Error::precondition(
        "RELEASES_DRAFTS",
        format!(
            "this would also release these drafts: {}; allow it with --with-drafts, or decide without \
             publishing",
            written.join(", ")
        ),
    ))
}

fn only_head(loaded: &Loaded) -> Result<RevisionId> {
    match (loaded.record.state, loaded.record.heads.len()) {
        (ResourceState::Deleted, _) => {
            Err(Error::precondition("DELETED", "this resource is deleted; roll it back first"))
        }
        (_, 1) => loaded.shown(),
        _ => Err(Error::precondition(
            "IN_CONFLICT",
            "this resource is in conflict, so its release stays as it is; resolve it first (atoll conflict list)",
        )),
    }
}

/// What is beyond the limit no node could read, and nobody edit any more.
async fn check_size(tx: &Tx, loaded: &Loaded, revision: RevisionId) -> Result<()> {
    let body = loaded.body(tx, revision).await?;
    match body.as_ref().and_then(canonical::oversize_bytes) {
        None => Ok(()),
        Some(size_bytes) => Err(Error::precondition(
            "TOO_LARGE",
            format!(
                "\"{}\" is {size_bytes} bytes and the limit is {DOCUMENT_SIZE_LIMIT_BYTES}; make it shorter first",
                loaded.record.name
            ),
        )),
    }
}

/// Releases within a transaction.
pub(super) async fn release_in(
    services: &Services,
    caller: &Caller,
    tx: &mut Tx,
    loaded: &mut Loaded,
    version: Option<Version>,
    revision: RevisionId,
) -> Result<ReleaseRecord> {
    let version = next_version(tx, loaded, version, revision).await?;
    check_size(tx, loaded, revision).await?;
    if loaded.record.released == Some((version, revision)) {
        let mut releases = release_list(tx, loaded.record.id).await?.into_iter();
        if let Some(release) = releases.find(|release| release.version == version) {
            return Ok(release);
        }
    }
    let release = ReleaseRecord { version, revision, at_ms: caller.now.0, released_by: caller.name.clone() };
    let publications = publication_list(tx).await?;
    let before = reach::brought(tx, loaded, &publications).await?;
    release_create(tx, loaded.record.id, &release).await?;
    loaded.record.released = Some((version, revision));
    reach::check_back(tx, loaded, &before, &publications, caller).await?;
    resource_update(tx, &mut loaded.record).await?;
    offer::refresh_resource(services, tx, loaded).await?;
    caller.record(
        tx,
        "resource.release",
        &loaded.record.name,
        json!({ "kind": loaded.record.kind, "version": version, "revision": revision }),
    );
    caller.queue(tx, JOB_FORKS, loaded.record.id);
    Ok(release)
}
