//! Revisions and bodies. They are only ever added.

use std::sync::Arc;

use atoll_domain::canonical;
use atoll_domain::id::{BodyHash, NodeId, ResourceId, RevisionId};
use atoll_domain::sharing::history::Graft;
use atoll_domain::sharing::revision::{Header, Provenance, Revision};
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Set, Unchanged,
};
use serde_json::Value;

use crate::error::Result;
use crate::store::connect::is_postgresql;
use crate::store::entity::{body, revision};
use crate::store::{Database, Tx, json, stored, stored_json};

/// A revision with its provenance.
#[derive(Debug, Clone)]
pub struct RevisionRecord {
    pub revision: Arc<Revision>,
    pub provenance: Provenance,
    pub stored_ms: i64,
    /// Where its parents are lost.
    pub graft: Option<Graft>,
}

/// The signed report that brought a revision: what proves, later and elsewhere, who made it.
#[derive(Debug, Clone)]
pub struct ReportProof {
    pub report: Vec<u8>,
    pub signature: Vec<u8>,
}

/// A revision as it was read.
#[derive(Debug)]
pub struct StoredRevision {
    /// Where it stands in the history of its resource; 0 where that is not known.
    pub position: i64,
    /// About what it takes in memory.
    pub size_bytes: usize,
    pub record: Arc<RevisionRecord>,
}

/// What of a row belongs to the history; the report that brought it is read where somebody asks for it.
const HISTORY: [revision::Column; 6] = [
    revision::Column::Id,
    revision::Column::Header,
    revision::Column::Provenance,
    revision::Column::StoredMs,
    revision::Column::Graft,
    revision::Column::Position,
];

type HistoryRow = (String, String, String, i64, Option<String>, Option<i64>);

/// What a revision takes in memory without its paths and what was said of it.
const ROW_BYTES: usize = 1_024;

fn record((id, header, provenance, stored_ms, graft, position): HistoryRow) -> Result<StoredRevision> {
    let header: Header = stored_json("revision", &header)?;
    let size_bytes = ROW_BYTES + header.touched.memory_bytes() + provenance.len();
    let revision = Arc::new(Revision { id: stored("revision id", &id)?, header });
    let graft = graft.as_deref().map(|graft| stored_json("graft", graft)).transpose()?;
    let provenance = stored_json("provenance", &provenance)?;
    let record = Arc::new(RevisionRecord { revision, provenance, stored_ms, graft });
    Ok(StoredRevision { position: position.unwrap_or_default(), size_bytes, record })
}

/// What came into the history of a resource after a position, in the order of storing. A manager of
/// before, which still runs beside this one, stores revisions without one: they are read each time.
pub async fn revisions_after(
    database: &impl Database,
    resource: ResourceId,
    position: i64,
) -> Result<Vec<StoredRevision>> {
    let query = revision::Entity::find()
        .select_only()
        .columns(HISTORY)
        .filter(revision::Column::Resource.eq(resource.to_string()))
        .filter(Condition::any().add(revision::Column::Position.gt(position)).add(revision::Column::Position.is_null()))
        .order_by_asc(revision::Column::Position);
    let rows: Vec<HistoryRow> = query.into_tuple().all(database.connection()).await?;
    rows.into_iter().map(record).collect()
}

/// Whether a revision still stands at its position in the history of a resource. It may be gone, or another may stand there, only
/// where a server was put back to an older state of the database beneath a running manager.
pub async fn still_stands(
    database: &impl Database,
    resource: ResourceId,
    position: i64,
    (id, stored_ms): (RevisionId, i64),
) -> Result<bool> {
    // The file of SQLite is open here: nobody puts another in its place beneath this process.
    if !is_postgresql(database.connection()) {
        return Ok(true);
    }
    let query = revision::Entity::find()
        .select_only()
        .columns([revision::Column::Id, revision::Column::StoredMs])
        .filter(revision::Column::Resource.eq(resource.to_string()))
        .filter(revision::Column::Position.eq(position));
    let found: Option<(String, i64)> = query.into_tuple().one(database.connection()).await?;
    Ok(found == Some((id.to_string(), stored_ms)))
}

/// The position of the newest revision of a resource. Whoever stores one holds the resource, so nobody stores beside them.
async fn newest_position(tx: &Tx, resource: ResourceId) -> Result<i64> {
    let query = revision::Entity::find()
        .select_only()
        .column(revision::Column::Position)
        .filter(revision::Column::Resource.eq(resource.to_string()))
        .filter(revision::Column::Position.is_not_null())
        .order_by_desc(revision::Column::Position);
    let newest: Option<Option<i64>> = query.into_tuple().one(tx.connection()).await?;
    Ok(newest.flatten().unwrap_or_default())
}

/// Stores a revision with its body. Storing it again changes nothing.
pub async fn revision_put(
    tx: &Tx,
    record: &RevisionRecord,
    content: Option<&Value>,
    proof: Option<ReportProof>,
) -> Result<()> {
    let header = &record.revision.header;
    if let Some(content) = content {
        body_put(tx, header.body, content).await?;
    }
    let (report, signature) = proof.map(|proof| (proof.report, proof.signature)).unzip();
    let row = revision::ActiveModel {
        id: Set(record.revision.id.to_string()),
        resource: Set(header.resource.to_string()),
        header: Set(json(header)?),
        provenance: Set(json(&record.provenance)?),
        body: Set((!header.tombstone).then(|| header.body.to_string())),
        node: Set(record.provenance.node.map(|node: NodeId| node.to_string())),
        at_ms: Set(record.provenance.at.0),
        stored_ms: Set(record.stored_ms),
        report: Set(report),
        signature: Set(signature),
        graft: Set(record.graft.as_ref().map(json).transpose()?),
        position: Set(Some(newest_position(tx, header.resource).await? + 1)),
    };
    revision::Entity::insert(row)
        .on_conflict(OnConflict::column(revision::Column::Id).do_nothing().to_owned())
        .exec_without_returning(tx.connection())
        .await?;
    Ok(())
}

/// The report that brought a revision, if one did.
pub async fn revision_report(database: &impl Database, id: RevisionId) -> Result<Option<Vec<u8>>> {
    let row = revision::Entity::find_by_id(id.to_string()).one(database.connection()).await?;
    Ok(row.and_then(|row| row.report))
}

/// Says that a revision that is known from a node was made here too. It comes to the end of the history, so that whoever has
/// read that far reads it again.
pub async fn revision_made_here(tx: &Tx, record: &RevisionRecord) -> Result<()> {
    let row = revision::ActiveModel {
        id: Unchanged(record.revision.id.to_string()),
        provenance: Set(json(&record.provenance)?),
        node: Set(record.provenance.node.map(|node: NodeId| node.to_string())),
        at_ms: Set(record.provenance.at.0),
        stored_ms: Set(record.stored_ms),
        graft: Set(None),
        position: Set(Some(newest_position(tx, record.revision.header.resource).await? + 1)),
        ..Default::default()
    };
    row.update(tx.connection()).await?;
    Ok(())
}

/// Remembers the newer report of an edit that was made once more.
pub async fn revision_made_again(tx: &Tx, id: RevisionId, proof: ReportProof) -> Result<()> {
    let row = revision::ActiveModel {
        id: Unchanged(id.to_string()),
        report: Set(Some(proof.report)),
        signature: Set(Some(proof.signature)),
        ..Default::default()
    };
    row.update(tx.connection()).await?;
    Ok(())
}

async fn body_put(tx: &Tx, hash: BodyHash, content: &Value) -> Result<()> {
    let text = String::from_utf8_lossy(&canonical::to_bytes(content)).into_owned();
    let row = body::ActiveModel { hash: Set(hash.to_string()), content: Set(text) };
    body::Entity::insert(row)
        .on_conflict(OnConflict::column(body::Column::Hash).do_nothing().to_owned())
        .exec_without_returning(tx.connection())
        .await?;
    Ok(())
}

/// What a damaged disk does.
#[cfg(test)]
pub(crate) async fn body_lost(tx: &Tx, hash: BodyHash) -> Result<()> {
    body::Entity::delete_by_id(hash.to_string()).exec(tx.connection()).await?;
    Ok(())
}

pub async fn body_get(database: &impl Database, hash: BodyHash) -> Result<Option<Value>> {
    let row = body::Entity::find_by_id(hash.to_string()).one(database.connection()).await?;
    row.map(|row| stored_json("body", &row.content)).transpose()
}
