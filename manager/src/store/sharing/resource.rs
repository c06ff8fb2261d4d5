//! Resources and their releases.

use std::collections::{BTreeMap, BTreeSet};

use atoll_domain::fleet::name::folded;
use atoll_domain::id::{ResourceId, RevisionId};
use atoll_domain::kind::Kind;
use atoll_domain::sharing::offer::Version;
use atoll_domain::sharing::text::TextMode;
use sea_orm::{ColumnTrait, Condition, EntityTrait, PaginatorTrait, QueryFilter, QuerySelect, Set};

use crate::error::{Error, ErrorKind, Result};
use crate::store::entity::{resource, resource_release};
use crate::store::{Database, Tx, json, signed, stored, stored_json, unsigned};

/// A resource as it stands.
#[derive(Debug, Clone)]
pub struct ResourceRecord {
    pub id: ResourceId,
    pub kind: Kind,
    pub name: String,
    pub text_mode: TextMode,
    pub state: ResourceState,
    /// Revisions without a child among those that count for everybody.
    pub heads: BTreeSet<RevisionId>,
    /// Counts every change of the heads: who writes them names the one he read.
    pub heads_version: u64,
    pub released: Option<(Version, RevisionId)>,
    pub changed_ms: i64,
    pub changed_by: String,
    /// What the name is told apart by; unique among the resources of the kind that are not deleted.
    pub name_key: String,
}

/// What state a resource is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResourceState {
    Ok,
    /// More than one head, and a question open about them. What is published stays what it was.
    Conflict,
    Deleted,
}

impl ResourceState {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Conflict => "conflict",
            Self::Deleted => "deleted",
        }
    }
}

impl std::str::FromStr for ResourceState {
    type Err = ();
    fn from_str(text: &str) -> std::result::Result<Self, ()> {
        [Self::Ok, Self::Conflict, Self::Deleted].into_iter().find(|state| state.name() == text).ok_or(())
    }
}

fn text_mode_name(mode: TextMode) -> &'static str {
    match mode {
        TextMode::Off => "off",
        TextMode::Review => "review",
        TextMode::Auto => "auto",
    }
}

fn resource_of(row: resource::Model) -> Result<ResourceRecord> {
    let released = match (row.released_version, row.released_revision) {
        (Some(version), Some(revision)) => Some((stored("version", &version)?, stored("revision id", &revision)?)),
        _ => None,
    };
    Ok(ResourceRecord {
        id: stored("resource id", &row.id)?,
        kind: stored("kind", &row.kind)?,
        text_mode: stored("text mode", &row.text_mode)?,
        state: stored("state", &row.state)?,
        heads: stored_json("heads", &row.heads)?,
        heads_version: unsigned(row.heads_version),
        released,
        changed_ms: row.changed_ms,
        changed_by: row.changed_by,
        name_key: row.name_key.unwrap_or_else(|| folded(&row.name)),
        name: row.name,
    })
}

fn resource_row(record: &ResourceRecord) -> Result<resource::ActiveModel> {
    Ok(resource::ActiveModel {
        id: Set(record.id.to_string()),
        kind: Set(record.kind.to_string()),
        name: Set(record.name.clone()),
        text_mode: Set(text_mode_name(record.text_mode).to_owned()),
        state: Set(record.state.name().to_owned()),
        heads: Set(json(&record.heads)?),
        heads_version: Set(signed(record.heads_version)),
        released_version: Set(record.released.map(|(version, _)| version.to_string())),
        released_revision: Set(record.released.map(|(_, revision)| revision.to_string())),
        changed_ms: Set(record.changed_ms),
        changed_by: Set(record.changed_by.clone()),
        name_key: Set(Some(record.name_key.clone())),
    })
}

pub async fn resource_get(database: &impl Database, id: ResourceId) -> Result<Option<ResourceRecord>> {
    resource::Entity::find_by_id(id.to_string()).one(database.connection()).await?.map(resource_of).transpose()
}

/// Waits until no other transaction is deciding about a resource. SQLite has one writer anyway; on PostgreSQL this is
/// what makes two decisions about one resource follow each other. What is read before it may be stale.
pub async fn resource_lock(tx: &Tx, id: ResourceId) -> Result<()> {
    if !crate::store::connect::is_postgresql(tx.connection()) {
        return Ok(());
    }
    let query = resource::Entity::find_by_id(id.to_string()).lock_exclusive();
    query.one(tx.connection()).await?;
    Ok(())
}

/// The resource of a name; a deleted one only where no other has the name.
pub async fn resource_named(database: &impl Database, kind: Kind, name: &str) -> Result<Option<ResourceRecord>> {
    let rows = resource::Entity::find()
        .filter(resource::Column::Kind.eq(kind.name()))
        .filter(Condition::any().add(resource::Column::NameKey.eq(folded(name))).add(resource::Column::Name.eq(name)))
        .all(database.connection())
        .await?;
    let mut records = rows.into_iter().map(resource_of).collect::<Result<Vec<_>>>()?;
    records.sort_by_key(|record| {
        (record.state == ResourceState::Deleted, record.name != name, std::cmp::Reverse(record.changed_ms))
    });
    Ok(records.into_iter().next())
}

/// The key of a name that another resource has: numbered, until one of them is renamed.
pub async fn resource_free_key(database: &impl Database, kind: Kind, name: &str) -> Result<String> {
    let key = folded(name);
    let alike = resource::Entity::find()
        .filter(resource::Column::Kind.eq(kind.name()))
        .filter(resource::Column::NameKey.starts_with(&key));
    let rows = alike.all(database.connection()).await?;
    let taken: BTreeSet<String> = rows.into_iter().filter_map(|row| row.name_key).collect();
    // As many numbers as there are names that begin so, and one more: one of them is free.
    let mut numbered = (2..).map(|number: u64| format!("{key}~{number}"));
    Ok(numbered.find(|key| !taken.contains(key)).unwrap_or(key))
}

pub async fn resource_list(database: &impl Database) -> Result<Vec<ResourceRecord>> {
    resource::Entity::find().all(database.connection()).await?.into_iter().map(resource_of).collect()
}

/// Kinds and names of resources by id, deleted ones too.
pub type ResourceNames = BTreeMap<ResourceId, (Kind, String)>;

/// What resources are called, for naming them in other lists.
pub async fn resource_names(database: &impl Database) -> Result<ResourceNames> {
    let rows: Vec<(String, String, String)> = resource::Entity::find()
        .select_only()
        .columns([resource::Column::Id, resource::Column::Kind, resource::Column::Name])
        .into_tuple()
        .all(database.connection())
        .await?;
    rows.into_iter().map(|(id, kind, name)| Ok((stored("resource id", &id)?, (stored("kind", &kind)?, name)))).collect()
}

/// How many resources there are that are not deleted.
pub async fn resource_count(database: &impl Database) -> Result<usize> {
    let query = resource::Entity::find().filter(resource::Column::State.ne(ResourceState::Deleted.name()));
    Ok(usize::try_from(query.count(database.connection()).await?).unwrap_or(usize::MAX))
}

pub async fn resource_create(tx: &Tx, record: &ResourceRecord) -> Result<()> {
    resource::Entity::insert(resource_row(record)?).exec_without_returning(tx.connection()).await?;
    Ok(())
}

/// Writes a resource that was read with `record.heads_version`, and counts that up.
///
/// # Errors
/// Somebody else has changed the heads since.
pub async fn resource_update(tx: &Tx, record: &mut ResourceRecord) -> Result<()> {
    let read_version = record.heads_version;
    record.heads_version += 1;
    let done = resource::Entity::update_many()
        .set(resource_row(record)?)
        .filter(resource::Column::Id.eq(record.id.to_string()))
        .filter(resource::Column::HeadsVersion.eq(signed(read_version)))
        .exec(tx.connection())
        .await?;
    if done.rows_affected == 1 {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Aborted,
        "CHANGED_MEANWHILE",
        format!("\"{}\" was changed by somebody else at the same moment; read it again and repeat", record.name),
    ))
}

/// A revision under a version.
#[derive(Debug, Clone)]
pub struct ReleaseRecord {
    pub version: Version,
    pub revision: RevisionId,
    pub at_ms: i64,
    pub released_by: String,
}

pub async fn release_list(database: &impl Database, resource: ResourceId) -> Result<Vec<ReleaseRecord>> {
    let rows = resource_release::Entity::find()
        .filter(resource_release::Column::Resource.eq(resource.to_string()))
        .all(database.connection())
        .await?;
    let mut releases = rows
        .into_iter()
        .map(|row| {
            Ok(ReleaseRecord {
                version: stored("version", &row.version)?,
                revision: stored("revision id", &row.revision)?,
                at_ms: row.at_ms,
                released_by: row.released_by,
            })
        })
        .collect::<Result<Vec<_>>>()?;
    releases.sort_by_key(|release| std::cmp::Reverse(release.version));
    Ok(releases)
}

pub async fn release_create(tx: &Tx, resource: ResourceId, release: &ReleaseRecord) -> Result<()> {
    let row = resource_release::ActiveModel {
        resource: Set(resource.to_string()),
        version: Set(release.version.to_string()),
        revision: Set(release.revision.to_string()),
        at_ms: Set(release.at_ms),
        released_by: Set(release.released_by.clone()),
    };
    resource_release::Entity::insert(row).exec_without_returning(tx.connection()).await?;
    Ok(())
}
