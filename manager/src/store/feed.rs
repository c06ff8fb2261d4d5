//! The feed as rows.

use std::collections::{BTreeMap, BTreeSet};

use atoll_domain::document::{Audience, Lane};
use atoll_domain::id::{NodeId, ResourceId, RevisionId};
use atoll_domain::link::feed::{Effect, Membership, Row, RowKey};
use atoll_domain::sharing::fork::ForkDecision;
use atoll_domain::sharing::offer::EditMode;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect, Set};

use super::entity::{feed_mark, feed_row, feed_sequence, membership};
use super::{Database, signed, stored, unsigned};
use crate::error::{Error, Result};

pub(crate) fn lane_name(lane: Lane) -> &'static str {
    match lane {
        Lane::Locks => "locks",
        Lane::Access => "access",
        Lane::Content => "content",
    }
}

fn lane_named(name: &str) -> Result<Lane> {
    Lane::ALL
        .into_iter()
        .find(|lane| lane_name(*lane) == name)
        .ok_or_else(|| Error::internal(format!("stored lane cannot be read: {name}")))
}

/// A document as the feed keeps it.
#[derive(Debug, Clone)]
pub struct FeedDocument {
    pub document: Vec<u8>,
    pub signature: Vec<u8>,
    pub sequence: u64,
    pub generation: u64,
    pub deleted: bool,
    pub content_digest: String,
}

fn document_of(row: feed_row::Model) -> FeedDocument {
    FeedDocument {
        document: row.document,
        signature: row.signature,
        sequence: unsigned(row.sequence),
        generation: unsigned(row.generation),
        deleted: row.deleted,
        content_digest: row.content_digest,
    }
}

pub async fn feed_sequence_get(database: &impl Database) -> Result<u64> {
    let row = feed_sequence::Entity::find_by_id(1).one(database.connection()).await?;
    Ok(row.map_or(0, |row| unsigned(row.value)))
}

pub async fn document_get(database: &impl Database, key: &RowKey) -> Result<Option<FeedDocument>> {
    let row = feed_row::Entity::find_by_id((key.audience.to_string(), key.key.clone()));
    Ok(row.one(database.connection()).await?.map(document_of))
}

/// Keys of the documents of an audience that are not deleted, with digests of their content.
pub async fn document_keys(database: &impl Database, audience: &Audience) -> Result<Vec<(String, String)>> {
    let rows: Vec<(String, String)> = feed_row::Entity::find()
        .select_only()
        .column(feed_row::Column::Key)
        .column(feed_row::Column::ContentDigest)
        .filter(feed_row::Column::Audience.eq(audience.to_string()))
        .filter(feed_row::Column::Deleted.eq(false))
        .into_tuple()
        .all(database.connection())
        .await?;
    Ok(rows)
}

/// Rows that changed after a sequence number, up to another, with their documents.
pub async fn rows_between(database: &impl Database, after: u64, up_to: u64) -> Result<Vec<(Row, FeedDocument)>> {
    let rows = feed_row::Entity::find()
        .filter(feed_row::Column::Sequence.gt(signed(after)))
        .filter(feed_row::Column::Sequence.lte(signed(up_to)))
        .all(database.connection())
        .await?;
    rows.into_iter()
        .map(|row| {
            let index = Row {
                key: RowKey { audience: stored("audience", &row.audience)?, key: row.key.clone() },
                lane: lane_named(&row.lane)?,
                sequence: unsigned(row.sequence),
                deleted: row.deleted,
                size_bytes: row.document.len(),
                effect: if row.deleted { None } else { effect_of(&row.key, &row.document) },
            };
            Ok((index, document_of(row)))
        })
        .collect()
}

/// What a stored document makes a node run. Told by its key, so that sealed values and keys are not even read.
fn effect_of(key: &str, document: &[u8]) -> Option<Effect> {
    #[derive(serde::Deserialize)]
    struct Head<P> {
        payload: P,
    }
    #[derive(serde::Deserialize)]
    struct OfferHead {
        resource: ResourceId,
        revision: RevisionId,
        priority: i32,
        edit_mode: EditMode,
    }
    if key.starts_with("resource/") {
        let Head { payload: offer } = serde_json::from_slice::<Head<OfferHead>>(document).ok()?;
        let OfferHead { resource, revision, priority, edit_mode } = offer;
        return Some(Effect::Offer { resource, revision, priority, is_locked: edit_mode == EditMode::Locked });
    }
    if key.starts_with("fork/") {
        let Head { payload: decision } = serde_json::from_slice::<Head<ForkDecision>>(document).ok()?;
        // An edit that never ran takes the place of none that does.
        if !decision.counts() {
            return None;
        }
        let (resource, edit, running) = (decision.resource, decision.edit, decision.running());
        return Some(Effect::Fork { resource, edit, running });
    }
    None
}

/// The marks of the numbers that were given after one, up to another.
pub async fn marks_between(database: &impl Database, after: u64, up_to: u64) -> Result<Vec<(u64, u64)>> {
    let rows = feed_mark::Entity::find()
        .filter(feed_mark::Column::Sequence.gt(signed(after)))
        .filter(feed_mark::Column::Sequence.lte(signed(up_to)))
        .all(database.connection())
        .await?;
    Ok(rows.into_iter().map(|row| (unsigned(row.sequence), row.mark.cast_unsigned())).collect())
}

/// Gives a number its mark.
pub(super) async fn mark_put(database: &impl Database, sequence: u64, mark: u64, at_ms: i64) -> Result<()> {
    let row =
        feed_mark::ActiveModel { sequence: Set(signed(sequence)), mark: Set(mark.cast_signed()), at_ms: Set(at_ms) };
    feed_mark::Entity::insert(row).exec_without_returning(database.connection()).await?;
    Ok(())
}

/// Forgets the marks that were given before a moment.
pub async fn marks_prune(tx: &super::Tx, before_ms: i64) -> Result<()> {
    feed_mark::Entity::delete_many().filter(feed_mark::Column::AtMs.lt(before_ms)).exec(tx.connection()).await?;
    Ok(())
}

/// Memberships that changed after a sequence number, up to another.
pub async fn memberships_between(database: &impl Database, after: u64, up_to: u64) -> Result<Vec<Membership>> {
    let rows = membership::Entity::find()
        .filter(membership::Column::Sequence.gt(signed(after)))
        .filter(membership::Column::Sequence.lte(signed(up_to)))
        .all(database.connection())
        .await?;
    rows.into_iter().map(membership_of).collect()
}

fn membership_of(row: membership::Model) -> Result<Membership> {
    Ok(Membership {
        node: stored("node id", &row.node)?,
        audience: stored("audience", &row.audience)?,
        sequence: unsigned(row.sequence),
        active: row.active,
    })
}

/// How a node stands to an audience, and since when.
#[derive(Debug, Clone, Copy)]
pub struct MembershipRecord {
    pub sequence: u64,
    pub is_active: bool,
}

/// The audiences that a node is or was in.
pub async fn memberships_of(database: &impl Database, node: NodeId) -> Result<BTreeMap<Audience, MembershipRecord>> {
    let query = membership::Entity::find().filter(membership::Column::Node.eq(node.to_string()));
    let read = |row: membership::Model| {
        let record = MembershipRecord { sequence: unsigned(row.sequence), is_active: row.active };
        Ok((stored("audience", &row.audience)?, record))
    };
    query.all(database.connection()).await?.into_iter().map(read).collect()
}

/// When a document of some audiences was last changed, and whether it is gone since.
#[derive(Debug, Clone)]
pub struct RowRecord {
    pub audience: Audience,
    pub key: String,
    pub sequence: u64,
    pub is_deleted: bool,
}

/// The documents of some keys in some audiences.
pub async fn rows_of_keys<'a>(
    database: &impl Database,
    keys: impl Iterator<Item = String>,
    audiences: impl Iterator<Item = &'a Audience>,
) -> Result<Vec<RowRecord>> {
    let audiences: Vec<String> = audiences.map(ToString::to_string).collect();
    use feed_row::Column::{Audience as InAudience, Deleted, Key, Sequence};
    let rows: Vec<(String, String, i64, bool)> = feed_row::Entity::find()
        .select_only()
        .columns([InAudience, Key, Sequence, Deleted])
        .filter(InAudience.is_in(audiences))
        .filter(Key.is_in(keys))
        .into_tuple()
        .all(database.connection())
        .await?;
    let read = |(audience, key, sequence, is_deleted): (String, String, i64, bool)| {
        Ok(RowRecord { audience: stored("audience", &audience)?, key, sequence: unsigned(sequence), is_deleted })
    };
    rows.into_iter().map(read).collect()
}

/// Of some keys those that a document of any audience has or had.
pub async fn known_keys(database: &impl Database, keys: impl Iterator<Item = String>) -> Result<BTreeSet<String>> {
    use feed_row::Column::Key;
    let rows: Vec<String> = feed_row::Entity::find()
        .select_only()
        .column(Key)
        .filter(Key.is_in(keys))
        .into_tuple()
        .all(database.connection())
        .await?;
    Ok(rows.into_iter().collect())
}

/// The audiences a node is in.
pub async fn audiences_of(database: &impl Database, node: NodeId) -> Result<Vec<Audience>> {
    let rows = membership::Entity::find()
        .filter(membership::Column::Node.eq(node.to_string()))
        .filter(membership::Column::Active.eq(true))
        .all(database.connection())
        .await?;
    rows.into_iter().map(|row| stored("audience", &row.audience)).collect()
}

/// The nodes in an audience.
pub async fn members_of(database: &impl Database, audience: &Audience) -> Result<Vec<NodeId>> {
    let rows: Vec<String> = membership::Entity::find()
        .select_only()
        .column(membership::Column::Node)
        .filter(membership::Column::Audience.eq(audience.to_string()))
        .filter(membership::Column::Active.eq(true))
        .into_tuple()
        .all(database.connection())
        .await?;
    rows.iter().map(|node| stored("node id", node)).collect()
}

/// The audiences that cut a publication by the scopes of values.
pub async fn scopes_of(database: &impl Database, publication: &Audience) -> Result<Vec<Audience>> {
    let prefix = format!("{publication}/scope/");
    let in_rows: Vec<String> = feed_row::Entity::find()
        .select_only()
        .distinct()
        .column(feed_row::Column::Audience)
        .filter(feed_row::Column::Audience.starts_with(prefix))
        .into_tuple()
        .all(database.connection())
        .await?;
    in_rows.iter().map(|audience| stored("audience", audience)).collect()
}
