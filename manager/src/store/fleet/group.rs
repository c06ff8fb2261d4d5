//! Groups as rows.

use atoll_domain::fleet::name::{GroupPath, folded};
use atoll_domain::fleet::node::NodeStanding;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QuerySelect, Set};

use crate::error::Result;
use crate::store::entity::{node, node_group};
use crate::store::{Database, Tx, stored};

/// A group.
#[derive(Debug, Clone)]
pub struct GroupRecord {
    pub path: GroupPath,
    pub description: String,
}

pub async fn group_list(database: &impl Database) -> Result<Vec<GroupRecord>> {
    let rows = node_group::Entity::find().all(database.connection()).await?;
    rows.into_iter()
        .map(|row| Ok(GroupRecord { path: stored("group", &row.path)?, description: row.description }))
        .collect()
}

pub async fn group_exists(database: &impl Database, path: &GroupPath) -> Result<bool> {
    Ok(node_group::Entity::find_by_id(path.to_string()).count(database.connection()).await? > 0)
}

/// Creates a group unless it exists.
pub async fn group_ensure(tx: &Tx, path: &GroupPath, description: &str, now_ms: i64) -> Result<()> {
    let row = node_group::ActiveModel {
        path: Set(path.to_string()),
        description: Set(description.to_owned()),
        created_ms: Set(now_ms),
        path_key: Set(Some(folded(path.as_str()))),
    };
    node_group::Entity::insert(row)
        .on_conflict(OnConflict::column(node_group::Column::Path).do_nothing().to_owned())
        .exec_without_returning(tx.connection())
        .await?;
    Ok(())
}

/// The group that a path is taken for, however it is written.
pub async fn group_alike(database: &impl Database, path: &GroupPath) -> Result<Option<GroupPath>> {
    let query = node_group::Entity::find().filter(node_group::Column::PathKey.eq(folded(path.as_str())));
    query.one(database.connection()).await?.map(|row| stored("group", &row.path)).transpose()
}

pub async fn group_delete(tx: &Tx, path: &GroupPath) -> Result<()> {
    node_group::Entity::delete_by_id(path.to_string()).exec(tx.connection()).await?;
    Ok(())
}

/// Whether any node, removed ones apart, has this group or one below it as its home.
pub async fn group_in_use(database: &impl Database, path: &GroupPath) -> Result<bool> {
    let homes: Vec<String> = node::Entity::find()
        .select_only()
        .distinct()
        .column(node::Column::GroupPath)
        .filter(node::Column::Standing.ne(NodeStanding::Removed.name()))
        .into_tuple()
        .all(database.connection())
        .await?;
    Ok(homes.iter().filter_map(|home| home.parse::<GroupPath>().ok()).any(|home| path.contains(&home)))
}
