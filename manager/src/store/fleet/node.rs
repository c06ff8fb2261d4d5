//! Nodes as rows, and what is seen of them.

use std::collections::{BTreeMap, BTreeSet};

use atoll_domain::fleet::name::{GroupPath, NodeName, folded};
use atoll_domain::fleet::node::NodeStanding;
use atoll_domain::fleet::selector::Labels;
use atoll_domain::id::{Digest, NodeId, TokenId};
use sea_orm::sea_query::{Alias, Expr, ExprTrait as _, OnConflict};
use sea_orm::{ActiveModelTrait, ColumnTrait, Condition, EntityTrait, QueryFilter, QuerySelect, Set, Unchanged};
use uuid::Uuid;

use crate::error::Result;
use crate::store::entity::{node, node_seen};
use crate::store::{Database, Tx, json, signed, stored, stored_json, unsigned};

/// A node as it was decided; what is seen of it is in [`SeenRecord`].
#[derive(Debug, Clone)]
pub struct NodeRecord {
    pub id: NodeId,
    pub name: NodeName,
    pub group: GroupPath,
    pub labels: Labels,
    pub standing: NodeStanding,
    pub standing_reason: String,
    pub standing_since_ms: i64,
    pub joined_ms: i64,
    pub identity_key: Vec<u8>,
    pub sealing_key: Vec<u8>,
    pub join_token: TokenId,
    /// The certificate in use.
    pub certificate: CertificateRecord,
    /// One that was issued and has not been used yet: a lost answer must not lock the node out.
    pub next_certificate: Option<CertificateRecord>,
    pub certificate_expires_ms: i64,
    pub recoveries: i64,
    /// What the name is told apart by; unique among the nodes that are not removed.
    pub name_key: String,
    /// Its join token named it, or an administrator said that it is the server of that name: values for that very name are
    /// for it.
    pub confirmed: bool,
}

/// A certificate that was issued to a node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CertificateRecord {
    /// In hexadecimal digits. Public: whoever has seen the certificate knows it.
    pub serial: String,
    /// SHA-256 of its subject public key info; absent for one that was issued before this was recorded.
    pub key: Option<Digest>,
}

fn certificate_of(serial: String, key: Option<&str>) -> Result<CertificateRecord> {
    Ok(CertificateRecord { serial, key: key.map(|key| stored("certificate key", key)).transpose()? })
}

fn node_of(row: node::Model) -> Result<NodeRecord> {
    Ok(NodeRecord {
        id: stored("node id", &row.id)?,
        name: stored("node name", &row.name)?,
        group: stored("group", &row.group_path)?,
        labels: stored_json("labels", &row.labels)?,
        standing: stored("standing", &row.standing)?,
        standing_reason: row.standing_reason,
        standing_since_ms: row.standing_since_ms,
        joined_ms: row.joined_ms,
        identity_key: row.identity_key,
        sealing_key: row.sealing_key,
        join_token: stored("token id", &row.join_token)?,
        certificate: certificate_of(row.serial, row.certificate_key.as_deref())?,
        next_certificate: match row.next_serial {
            Some(serial) => Some(certificate_of(serial, row.next_certificate_key.as_deref())?),
            None => None,
        },
        certificate_expires_ms: row.certificate_expires_ms,
        recoveries: row.recoveries,
        name_key: row.name_key.unwrap_or_else(|| folded(&row.name)),
        confirmed: row.confirmed.as_deref() != Some("no"),
    })
}

fn node_row(record: &NodeRecord) -> Result<node::ActiveModel> {
    Ok(node::ActiveModel {
        id: Set(record.id.to_string()),
        name: Set(record.name.to_string()),
        group_path: Set(record.group.to_string()),
        labels: Set(json(&record.labels)?),
        standing: Set(record.standing.to_string()),
        standing_reason: Set(record.standing_reason.clone()),
        standing_since_ms: Set(record.standing_since_ms),
        joined_ms: Set(record.joined_ms),
        identity_key: Set(record.identity_key.clone()),
        join_token: Set(record.join_token.to_string()),
        name_key: Set(Some(record.name_key.clone())),
        confirmed: Set(Some(if record.confirmed { "yes" } else { "no" }.to_owned())),
        ..certificate_columns(record)
    })
}

/// What an issued certificate brings with it, and nothing else of the node.
fn certificate_columns(record: &NodeRecord) -> node::ActiveModel {
    node::ActiveModel {
        serial: Set(record.certificate.serial.clone()),
        certificate_key: Set(record.certificate.key.map(|key| key.to_string())),
        next_serial: Set(record.next_certificate.as_ref().map(|next| next.serial.clone())),
        next_certificate_key: Set(record
            .next_certificate
            .as_ref()
            .and_then(|next| next.key)
            .map(|key| key.to_string())),
        certificate_expires_ms: Set(record.certificate_expires_ms),
        sealing_key: Set(record.sealing_key.clone()),
        recoveries: Set(record.recoveries),
        ..Default::default()
    }
}

pub async fn node_get(database: &impl Database, id: NodeId) -> Result<Option<NodeRecord>> {
    node::Entity::find_by_id(id.to_string()).one(database.connection()).await?.map(node_of).transpose()
}

/// The node of a name that is not removed.
pub async fn node_named(database: &impl Database, name: &str) -> Result<Option<NodeRecord>> {
    let query = node::Entity::find()
        .filter(Condition::any().add(node::Column::NameKey.eq(folded(name))).add(node::Column::Name.eq(name)))
        .filter(node::Column::Standing.ne(NodeStanding::Removed.name()));
    let mut found = query.all(database.connection()).await?.into_iter().map(node_of).collect::<Result<Vec<_>>>()?;
    // Of nodes from before keys were unique, the one that is written just so.
    found.sort_by_key(|node| node.name.as_str() != name);
    Ok(found.into_iter().next())
}

/// The nodes that joined with any of these identity keys, removed ones too, by key.
pub async fn nodes_with_identities(
    database: &impl Database,
    identity_keys: Vec<Vec<u8>>,
) -> Result<BTreeMap<Vec<u8>, NodeRecord>> {
    let query = node::Entity::find().filter(node::Column::IdentityKey.is_in(identity_keys));
    let rows = query.all(database.connection()).await?;
    rows.into_iter().map(|row| node_of(row).map(|record| (record.identity_key.clone(), record))).collect()
}

/// Which of these keys of names nodes have that are not removed.
pub async fn node_keys_taken(database: &impl Database, keys: &[String]) -> Result<BTreeSet<String>> {
    let names: Vec<Option<String>> = node::Entity::find()
        .select_only()
        .column(node::Column::NameKey)
        .filter(node::Column::NameKey.is_in(keys.iter().cloned()))
        .filter(node::Column::Standing.ne(NodeStanding::Removed.name()))
        .into_tuple()
        .all(database.connection())
        .await?;
    Ok(names.into_iter().flatten().collect())
}

/// Every node of these names, removed ones too.
pub async fn nodes_named(database: &impl Database, names: &BTreeSet<String>) -> Result<Vec<NodeRecord>> {
    let query = node::Entity::find().filter(node::Column::Name.is_in(names.iter().map(String::as_str)));
    query.all(database.connection()).await?.into_iter().map(node_of).collect()
}

/// Every node that is not removed.
pub async fn node_list(database: &impl Database) -> Result<Vec<NodeRecord>> {
    let query = node::Entity::find().filter(node::Column::Standing.ne(NodeStanding::Removed.name()));
    query.all(database.connection()).await?.into_iter().map(node_of).collect()
}

/// The names of the nodes that were removed.
pub async fn removed_names(database: &impl Database) -> Result<BTreeMap<NodeId, String>> {
    let rows: Vec<(String, String)> = node::Entity::find()
        .select_only()
        .column(node::Column::Id)
        .column(node::Column::Name)
        .filter(node::Column::Standing.eq(NodeStanding::Removed.name()))
        .into_tuple()
        .all(database.connection())
        .await?;
    rows.into_iter().map(|(id, name)| Ok((stored("node id", &id)?, name))).collect()
}

pub async fn node_create_many(tx: &Tx, records: &[NodeRecord]) -> Result<()> {
    for chunk in records.chunks(500) {
        let rows = chunk.iter().map(node_row).collect::<Result<Vec<_>>>()?;
        node::Entity::insert_many(rows).exec_without_returning(tx.connection()).await?;
    }
    Ok(())
}

pub async fn node_update(tx: &Tx, record: &NodeRecord) -> Result<()> {
    let row = node::ActiveModel { id: Unchanged(record.id.to_string()), ..node_row(record)? };
    row.update(tx.connection()).await?;
    Ok(())
}

/// Writes what belongs to a node's certificate and nothing else, so that a removal, a cordon or a label that came in
/// between stays. `false` when the node was removed.
pub async fn node_certificate_update(tx: &Tx, record: &NodeRecord) -> Result<bool> {
    let done = node::Entity::update_many()
        .set(certificate_columns(record))
        .filter(node::Column::Id.eq(record.id.to_string()))
        .filter(node::Column::Standing.ne(NodeStanding::Removed.name()))
        .exec(tx.connection())
        .await?;
    Ok(done.rows_affected == 1)
}

/// What is seen of a node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeenRecord {
    pub online: bool,
    pub since_ms: i64,
    pub last_seen_ms: i64,
    pub acknowledged: u64,
    pub outbox_length: u64,
    pub agent_version: String,
    pub incarnation: String,
    /// The number up to which it has proved to run what it should; absent while what it runs is not known, or differs.
    pub proven: Option<u64>,
    /// It tells what it runs. Of one that does not, nothing is known but what it stored.
    pub proves: bool,
    /// It goes on running something else, although it was offered everything again.
    pub drifts: bool,
    /// The replica of the manager that it calls.
    pub replica: Option<Uuid>,
}

/// Writes what was seen of many nodes in as few statements as the database allows, but for those that have called another
/// replica since. What is given as `since_ms` is when the connection began; of one that has ended it is written that the node
/// is offline since it was seen last.
pub async fn seen_put(tx: &Tx, seen: &[(NodeId, SeenRecord)]) -> Result<()> {
    let new = |column: node_seen::Column| Expr::col((Alias::new("excluded"), column));
    let since = Expr::case(new(node_seen::Column::Online), new(node_seen::Column::SinceMs))
        .finally(new(node_seen::Column::LastSeenMs));
    let conflict = OnConflict::column(node_seen::Column::Node)
        .update_columns([
            node_seen::Column::Online,
            node_seen::Column::LastSeenMs,
            node_seen::Column::Acknowledged,
            node_seen::Column::OutboxLength,
            node_seen::Column::AgentVersion,
            node_seen::Column::Incarnation,
            node_seen::Column::Proven,
            node_seen::Column::Proves,
            node_seen::Column::Drifts,
            node_seen::Column::Replica,
        ])
        .value(node_seen::Column::SinceMs, since)
        .action_and_where(
            Expr::col((node_seen::Entity, node_seen::Column::SinceMs)).lte(new(node_seen::Column::SinceMs)),
        )
        .to_owned();
    for chunk in seen.chunks(1_000) {
        let rows = chunk.iter().map(|(node, seen)| node_seen::ActiveModel {
            node: Set(node.to_string()),
            online: Set(seen.online),
            since_ms: Set(seen.since_ms),
            last_seen_ms: Set(seen.last_seen_ms),
            acknowledged: Set(signed(seen.acknowledged)),
            outbox_length: Set(signed(seen.outbox_length)),
            agent_version: Set(seen.agent_version.clone()),
            incarnation: Set(seen.incarnation.clone()),
            proven: Set(seen.proven.map(signed)),
            proves: Set(Some(seen.proves.into())),
            drifts: Set(Some(seen.drifts.into())),
            replica: Set(seen.replica.map(|replica| replica.to_string())),
        });
        node_seen::Entity::insert_many(rows)
            .on_conflict(conflict.clone())
            .exec_without_returning(tx.connection())
            .await?;
    }
    Ok(())
}

/// How far nodes are: what they have stored, and have proved to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Reached {
    pub acknowledged: u64,
    pub proven: Option<u64>,
}

/// Writes that nodes have reached the same: after a change to all of them, that is most of what is seen. Those that have called
/// another replica since are that one's to write about.
pub async fn seen_reached(tx: &Tx, nodes: &[NodeId], reached: Reached, last_seen_ms: i64, replica: Uuid) -> Result<()> {
    for chunk in nodes.chunks(1_000) {
        node_seen::Entity::update_many()
            .col_expr(node_seen::Column::Acknowledged, Expr::value(signed(reached.acknowledged)))
            .col_expr(node_seen::Column::Proven, Expr::value(reached.proven.map(signed)))
            .col_expr(node_seen::Column::LastSeenMs, Expr::value(last_seen_ms))
            .filter(node_seen::Column::Node.is_in(chunk.iter().map(ToString::to_string)))
            .filter(node_seen::Column::Replica.eq(replica.to_string()))
            .exec(tx.connection())
            .await?;
    }
    Ok(())
}

pub async fn seen_list(database: &impl Database) -> Result<Vec<(NodeId, SeenRecord)>> {
    let rows = node_seen::Entity::find().all(database.connection()).await?;
    rows.into_iter()
        .map(|row| {
            let seen = SeenRecord {
                online: row.online,
                since_ms: row.since_ms,
                last_seen_ms: row.last_seen_ms,
                acknowledged: unsigned(row.acknowledged),
                outbox_length: unsigned(row.outbox_length),
                agent_version: row.agent_version,
                incarnation: row.incarnation,
                proven: row.proven.map(unsigned),
                proves: row.proves == Some(1),
                drifts: row.drifts == Some(1),
                replica: row.replica.map(|replica| stored("replica id", &replica)).transpose()?,
            };
            Ok((stored("node id", &row.node)?, seen))
        })
        .collect()
}
