//! Views that people gave a name.

use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait, Condition, EntityTrait, PaginatorTrait, QueryFilter, Set};
use uuid::Uuid;

use crate::error::Result;
use crate::store::entity::saved_view;
use crate::store::{Database, Tx, stored};

/// What a screen showed, under a name.
#[derive(Debug, Clone)]
pub struct ViewRecord {
    pub id: Uuid,
    pub owner: String,
    pub screen: String,
    pub name: String,
    pub query: String,
    pub shared: bool,
}

fn view_of(row: saved_view::Model) -> Result<ViewRecord> {
    Ok(ViewRecord {
        id: stored("view id", &row.id)?,
        owner: row.owner,
        screen: row.screen,
        name: row.name,
        query: row.query,
        shared: row.shared,
    })
}

/// The views of an owner, and those that everybody sees.
pub async fn view_list(database: &impl Database, owner: &str) -> Result<Vec<ViewRecord>> {
    let visible = Condition::any().add(saved_view::Column::Owner.eq(owner)).add(saved_view::Column::Shared.eq(true));
    let rows = saved_view::Entity::find().filter(visible).all(database.connection()).await?;
    rows.into_iter().map(view_of).collect()
}

pub async fn view_get(database: &impl Database, id: Uuid) -> Result<Option<ViewRecord>> {
    saved_view::Entity::find_by_id(id.to_string()).one(database.connection()).await?.map(view_of).transpose()
}

/// The view of an owner for a screen under a name.
pub async fn view_named(database: &impl Database, owner: &str, screen: &str, name: &str) -> Result<Option<ViewRecord>> {
    let query = saved_view::Entity::find()
        .filter(saved_view::Column::Owner.eq(owner))
        .filter(saved_view::Column::Screen.eq(screen))
        .filter(saved_view::Column::Name.eq(name));
    query.one(database.connection()).await?.map(view_of).transpose()
}

pub async fn view_count(database: &impl Database, owner: &str) -> Result<u64> {
    let query = saved_view::Entity::find().filter(saved_view::Column::Owner.eq(owner));
    Ok(query.count(database.connection()).await?)
}

/// Writes a view, or replaces what is under its id.
pub async fn view_put(tx: &Tx, record: &ViewRecord) -> Result<()> {
    let row = saved_view::ActiveModel {
        id: Set(record.id.to_string()),
        owner: Set(record.owner.clone()),
        screen: Set(record.screen.clone()),
        name: Set(record.name.clone()),
        query: Set(record.query.clone()),
        shared: Set(record.shared),
    };
    let columns = [saved_view::Column::Query, saved_view::Column::Shared];
    saved_view::Entity::insert(row)
        .on_conflict(OnConflict::column(saved_view::Column::Id).update_columns(columns).to_owned())
        .exec_without_returning(tx.connection())
        .await?;
    Ok(())
}

pub async fn view_delete(tx: &Tx, id: Uuid) -> Result<()> {
    saved_view::Entity::delete_by_id(id.to_string()).exec(tx.connection()).await?;
    Ok(())
}
