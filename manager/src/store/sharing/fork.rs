//! Nodes' own edits, and what nodes report of single resources.

use atoll_domain::id::{ConflictId, NodeId, ResourceId, RevisionId};
use atoll_domain::sharing::fork::{Delivery, ForkState};
use atoll_domain::sharing::path::Path;
use atoll_domain::terminal::kept;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Set};
use uuid::Uuid;

use crate::error::Result;
use crate::store::entity::{applied, fork, node_exception};
use crate::store::{Database, Tx, json, stored, stored_json};

/// A node's own edit of a resource.
#[derive(Debug, Clone)]
pub struct ForkRecord {
    pub id: Uuid,
    pub resource: ResourceId,
    pub node: NodeId,
    /// The node's edit, or what a person made of it. What runs is that, put together with what the node is offered.
    pub head: RevisionId,
    /// The newest revision that the node itself made.
    pub node_head: RevisionId,
    pub state: ForkState,
    pub message: String,
    pub since_ms: i64,
    pub conflict: Option<ConflictId>,
    /// What becomes of it while it merges.
    pub delivery: Delivery,
    /// It goes to everybody by itself as soon as it merges.
    pub through: bool,
    /// The revision that the editor started from, as the node said.
    pub claimed: Option<RevisionId>,
    /// Paths at which it takes back what was saved before.
    pub takes_back: Vec<Path>,
    /// Orders the edits of a node: a UUID of version 7, made when the newest of them came in.
    pub edit: Uuid,
    /// When the node says that the newest of them was made: the same edit, made once more, is a new wish, and the same
    /// report of it is none. Unknown of those that came before this was kept.
    pub made_ms: Option<i64>,
}

fn delivery_name(delivery: Delivery) -> &'static str {
    match delivery {
        Delivery::Proposed => "proposed",
        Delivery::Kept => "kept",
        Delivery::Unapplied => "unapplied",
    }
}

fn delivery_of(state: ForkState, name: Option<&str>) -> Delivery {
    match (name, state) {
        (Some("kept"), _) | (None, ForkState::Forked) => Delivery::Kept,
        (Some("unapplied"), _) | (None, ForkState::Unapplied) => Delivery::Unapplied,
        // Written before this was kept apart from the state.
        _ => Delivery::Proposed,
    }
}

fn fork_of(row: fork::Model) -> Result<ForkRecord> {
    Ok(ForkRecord {
        id: stored("fork id", &row.id)?,
        resource: stored("resource id", &row.resource)?,
        node: stored("node id", &row.node)?,
        head: stored("revision id", &row.head)?,
        node_head: stored("revision id", &row.node_head)?,
        state: stored("fork state", &row.state)?,
        message: row.message,
        since_ms: row.since_ms,
        conflict: row.conflict.map(|id| stored("conflict id", &id)).transpose()?,
        delivery: delivery_of(stored("fork state", &row.state)?, row.delivery.as_deref()),
        through: row.through.is_some(),
        claimed: row.claimed.map(|id| stored("revision id", &id)).transpose()?,
        takes_back: row.takes_back.map(|paths| stored_json("paths", &paths)).transpose()?.unwrap_or_default(),
        edit: match row.edit {
            Some(edit) => stored("edit id", &edit)?,
            None => stored("fork id", &row.id)?,
        },
        made_ms: row.made_ms,
    })
}

/// Every fork, closed ones too: what was accepted and declined can be looked up.
pub async fn fork_list(database: &impl Database) -> Result<Vec<ForkRecord>> {
    fork::Entity::find().all(database.connection()).await?.into_iter().map(fork_of).collect()
}

/// The forks of all nodes that are not closed.
pub async fn forks_open_everywhere(database: &impl Database) -> Result<Vec<ForkRecord>> {
    let closed = ForkState::ALL.into_iter().filter(|state| state.is_closed()).map(ForkState::name);
    let query = fork::Entity::find().filter(fork::Column::State.is_not_in(closed));
    query.all(database.connection()).await?.into_iter().map(fork_of).collect()
}

/// The forks of a node, closed ones too.
pub async fn forks_of(database: &impl Database, node: NodeId) -> Result<Vec<ForkRecord>> {
    let query = fork::Entity::find().filter(fork::Column::Node.eq(node.to_string()));
    query.all(database.connection()).await?.into_iter().map(fork_of).collect()
}

/// The forks of a node of one resource, closed ones too.
pub async fn forks_between(database: &impl Database, node: NodeId, resource: ResourceId) -> Result<Vec<ForkRecord>> {
    let query = fork::Entity::find()
        .filter(fork::Column::Node.eq(node.to_string()))
        .filter(fork::Column::Resource.eq(resource.to_string()));
    query.all(database.connection()).await?.into_iter().map(fork_of).collect()
}

/// The forks of a resource, closed ones too.
pub async fn forks_about(database: &impl Database, resource: ResourceId) -> Result<Vec<ForkRecord>> {
    let query = fork::Entity::find().filter(fork::Column::Resource.eq(resource.to_string()));
    query.all(database.connection()).await?.into_iter().map(fork_of).collect()
}

/// How many forks are in a state.
pub async fn fork_count(database: &impl Database, state: ForkState) -> Result<usize> {
    let query = fork::Entity::find().filter(fork::Column::State.eq(state.name()));
    Ok(usize::try_from(query.count(database.connection()).await?).unwrap_or(usize::MAX))
}

pub async fn fork_get(database: &impl Database, id: Uuid) -> Result<Option<ForkRecord>> {
    fork::Entity::find_by_id(id.to_string()).one(database.connection()).await?.map(fork_of).transpose()
}

/// The forks of a resource that are not closed.
pub async fn forks_open(database: &impl Database, resource: ResourceId) -> Result<Vec<ForkRecord>> {
    let closed = ForkState::ALL.into_iter().filter(|state| state.is_closed()).map(ForkState::name);
    let query = fork::Entity::find()
        .filter(fork::Column::Resource.eq(resource.to_string()))
        .filter(fork::Column::State.is_not_in(closed));
    query.all(database.connection()).await?.into_iter().map(fork_of).collect()
}

pub async fn fork_put(tx: &Tx, record: &ForkRecord) -> Result<()> {
    let row = fork::ActiveModel {
        id: Set(record.id.to_string()),
        resource: Set(record.resource.to_string()),
        node: Set(record.node.to_string()),
        head: Set(record.head.to_string()),
        node_head: Set(record.node_head.to_string()),
        state: Set(record.state.name().to_owned()),
        message: Set(kept(&record.message, 4_000)),
        since_ms: Set(record.since_ms),
        conflict: Set(record.conflict.map(|id| id.to_string())),
        delivery: Set(Some(delivery_name(record.delivery).to_owned())),
        through: Set(record.through.then(|| "yes".to_owned())),
        claimed: Set(record.claimed.map(|id| id.to_string())),
        takes_back: Set((!record.takes_back.is_empty()).then(|| json(&record.takes_back)).transpose()?),
        edit: Set(Some(record.edit.to_string())),
        made_ms: Set(record.made_ms),
    };
    let columns = [
        fork::Column::Delivery,
        fork::Column::Through,
        fork::Column::Claimed,
        fork::Column::TakesBack,
        fork::Column::Edit,
        fork::Column::MadeMs,
        fork::Column::Head,
        fork::Column::NodeHead,
        fork::Column::State,
        fork::Column::Message,
        fork::Column::SinceMs,
        fork::Column::Conflict,
    ];
    fork::Entity::insert(row)
        .on_conflict(OnConflict::column(fork::Column::Id).update_columns(columns).to_owned())
        .exec_without_returning(tx.connection())
        .await?;
    Ok(())
}

/// Something about one resource on one node that is not as usual.
#[derive(Debug, Clone)]
pub struct ExceptionRecord {
    pub node: NodeId,
    /// A resource id, or the key of a document.
    pub subject: String,
    pub code: String,
    pub text: String,
    pub since_ms: i64,
    pub revision: Option<String>,
}

pub async fn exception_list(database: &impl Database) -> Result<Vec<ExceptionRecord>> {
    node_exception::Entity::find().all(database.connection()).await?.into_iter().map(exception_of).collect()
}

/// What is not as usual about the resources of a node.
pub async fn exceptions_of(database: &impl Database, node: NodeId) -> Result<Vec<ExceptionRecord>> {
    let query = node_exception::Entity::find().filter(node_exception::Column::Node.eq(node.to_string()));
    query.all(database.connection()).await?.into_iter().map(exception_of).collect()
}

fn exception_of(row: node_exception::Model) -> Result<ExceptionRecord> {
    Ok(ExceptionRecord {
        node: stored("node id", &row.node)?,
        subject: row.subject,
        code: row.code,
        text: row.text,
        since_ms: row.since_ms,
        revision: row.revision,
    })
}

pub async fn exception_put(tx: &Tx, record: &ExceptionRecord) -> Result<()> {
    let row = node_exception::ActiveModel {
        node: Set(record.node.to_string()),
        subject: Set(record.subject.clone()),
        code: Set(record.code.clone()),
        text: Set(kept(&record.text, 4_000)),
        since_ms: Set(record.since_ms),
        revision: Set(record.revision.clone()),
    };
    let columns = [
        node_exception::Column::Code,
        node_exception::Column::Text,
        node_exception::Column::SinceMs,
        node_exception::Column::Revision,
    ];
    let keys = [node_exception::Column::Node, node_exception::Column::Subject];
    node_exception::Entity::insert(row)
        .on_conflict(OnConflict::columns(keys).update_columns(columns).to_owned())
        .exec_without_returning(tx.connection())
        .await?;
    Ok(())
}

/// Forgets the oldest exceptions of one code of a node, until there are only so many.
pub async fn exceptions_trim(tx: &Tx, node: NodeId, code: &str, most: u64) -> Result<()> {
    use node_exception::Column::{Code, Node, SinceMs, Subject};
    let of_code = || node_exception::Entity::find().filter(Node.eq(node.to_string())).filter(Code.eq(code));
    let older: Vec<String> = of_code()
        .select_only()
        .column(Subject)
        .order_by_desc(SinceMs)
        .order_by_desc(Subject)
        .offset(most)
        .limit(TRIM_LIMIT)
        .into_tuple()
        .all(tx.connection())
        .await?;
    if older.is_empty() {
        return Ok(());
    }
    let query = node_exception::Entity::delete_many().filter(Node.eq(node.to_string())).filter(Subject.is_in(older));
    query.exec(tx.connection()).await?;
    Ok(())
}

/// As many names as one statement takes.
const TRIM_LIMIT: u64 = 1_000;

pub async fn exception_clear(tx: &Tx, node: NodeId, subject: &str) -> Result<()> {
    node_exception::Entity::delete_by_id((node.to_string(), subject.to_owned())).exec(tx.connection()).await?;
    Ok(())
}

/// Forgets what was noticed while another revision ran.
pub async fn exception_outdated(tx: &Tx, node: NodeId, subject: &str, revision: &str) -> Result<()> {
    node_exception::Entity::delete_many()
        .filter(node_exception::Column::Node.eq(node.to_string()))
        .filter(node_exception::Column::Subject.eq(subject))
        .filter(node_exception::Column::Revision.ne(revision))
        .exec(tx.connection())
        .await?;
    Ok(())
}

/// Forgets what has not been noticed again since a moment.
pub async fn exceptions_clear_older(tx: &Tx, code: &str, before_ms: i64) -> Result<()> {
    node_exception::Entity::delete_many()
        .filter(node_exception::Column::Code.eq(code))
        .filter(node_exception::Column::SinceMs.lt(before_ms))
        .exec(tx.connection())
        .await?;
    Ok(())
}

/// Forgets what a node has of subjects that begin so, and has not said again since a moment.
pub async fn exceptions_clear_below(tx: &Tx, node: NodeId, below: &str, before_ms: i64) -> Result<()> {
    node_exception::Entity::delete_many()
        .filter(node_exception::Column::Node.eq(node.to_string()))
        .filter(node_exception::Column::Subject.starts_with(below))
        .filter(node_exception::Column::SinceMs.lt(before_ms))
        .exec(tx.connection())
        .await?;
    Ok(())
}

/// Records which revision a node's adapter applied.
pub async fn applied_put(tx: &Tx, node: NodeId, resource: ResourceId, revision: RevisionId, at_ms: i64) -> Result<()> {
    let row = applied::ActiveModel {
        node: Set(node.to_string()),
        resource: Set(resource.to_string()),
        revision: Set(revision.to_string()),
        at_ms: Set(at_ms),
    };
    let columns = [applied::Column::Revision, applied::Column::AtMs];
    applied::Entity::insert(row)
        .on_conflict(
            OnConflict::columns([applied::Column::Node, applied::Column::Resource]).update_columns(columns).to_owned(),
        )
        .exec_without_returning(tx.connection())
        .await?;
    Ok(())
}

/// The nodes whose adapter applied a revision of a resource.
pub async fn applied_nodes(
    database: &impl Database,
    resource: ResourceId,
    revision: RevisionId,
) -> Result<Vec<NodeId>> {
    let rows = applied::Entity::find()
        .filter(applied::Column::Resource.eq(resource.to_string()))
        .filter(applied::Column::Revision.eq(revision.to_string()))
        .all(database.connection())
        .await?;
    rows.iter().map(|row| stored("node id", &row.node)).collect()
}
