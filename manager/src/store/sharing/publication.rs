//! Publications.

use atoll_domain::fleet::selector::Selector;
use atoll_domain::id::{PublicationId, ResourceId};
use atoll_domain::sharing::offer::{EditMode, VersionPolicy};
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, Set};

use crate::error::Result;
use crate::store::entity::{publication, publication_item};
use crate::store::{Database, Tx, json, stored, stored_json};

/// Which resources go to which nodes, and how.
#[derive(Debug, Clone)]
pub struct PublicationRecord {
    pub id: PublicationId,
    pub name: String,
    pub selector: Selector,
    pub priority: i32,
    pub edit_mode: EditMode,
    pub items: Vec<ItemRecord>,
}

/// One resource in a publication.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemRecord {
    pub resource: ResourceId,
    pub policy: VersionPolicy,
}

fn publication_of(row: publication::Model, items: Vec<ItemRecord>) -> Result<PublicationRecord> {
    Ok(PublicationRecord {
        id: stored("publication id", &row.id)?,
        name: row.name,
        selector: Selector { group: stored("group", &row.group_path)?, labels: stored_json("labels", &row.labels)? },
        priority: i32::try_from(row.priority).unwrap_or_default(),
        edit_mode: stored("edit mode", &row.edit_mode)?,
        items,
    })
}

/// Every publication, the highest priority first. There are few, and every decision needs to see them all.
pub async fn publication_list(database: &impl Database) -> Result<Vec<PublicationRecord>> {
    let items = publication_item::Entity::find().all(database.connection()).await?;
    let mut records = publication::Entity::find()
        .all(database.connection())
        .await?
        .into_iter()
        .map(|row| {
            let own = items.iter().filter(|item| item.publication == row.id);
            let own = own
                .map(|item| {
                    Ok(ItemRecord {
                        resource: stored("resource id", &item.resource)?,
                        policy: stored_json("policy", &item.policy)?,
                    })
                })
                .collect::<Result<Vec<_>>>()?;
            publication_of(row, own)
        })
        .collect::<Result<Vec<_>>>()?;
    records.sort_by(|one, other| other.priority.cmp(&one.priority).then_with(|| one.name.cmp(&other.name)));
    Ok(records)
}

pub async fn publication_count(database: &impl Database) -> Result<usize> {
    let count = publication::Entity::find().count(database.connection()).await?;
    Ok(usize::try_from(count).unwrap_or(usize::MAX))
}

/// Writes a publication with all of its items.
pub async fn publication_put(tx: &Tx, record: &PublicationRecord) -> Result<()> {
    let row = publication::ActiveModel {
        id: Set(record.id.to_string()),
        name: Set(record.name.clone()),
        group_path: Set(record.selector.group.to_string()),
        labels: Set(json(&record.selector.labels)?),
        priority: Set(i64::from(record.priority)),
        edit_mode: Set(record.edit_mode.to_string()),
    };
    let columns = [
        publication::Column::Name,
        publication::Column::GroupPath,
        publication::Column::Labels,
        publication::Column::Priority,
        publication::Column::EditMode,
    ];
    publication::Entity::insert(row)
        .on_conflict(OnConflict::column(publication::Column::Id).update_columns(columns).to_owned())
        .exec_without_returning(tx.connection())
        .await?;
    items_delete(tx, record.id).await?;
    for chunk in record.items.chunks(400) {
        let rows = chunk
            .iter()
            .map(|item| {
                Ok(publication_item::ActiveModel {
                    publication: Set(record.id.to_string()),
                    resource: Set(item.resource.to_string()),
                    policy: Set(json(&item.policy)?),
                })
            })
            .collect::<Result<Vec<_>>>()?;
        publication_item::Entity::insert_many(rows).exec_without_returning(tx.connection()).await?;
    }
    Ok(())
}

async fn items_delete(tx: &Tx, id: PublicationId) -> Result<()> {
    publication_item::Entity::delete_many()
        .filter(publication_item::Column::Publication.eq(id.to_string()))
        .exec(tx.connection())
        .await?;
    Ok(())
}

pub async fn publication_delete(tx: &Tx, id: PublicationId) -> Result<()> {
    items_delete(tx, id).await?;
    publication::Entity::delete_by_id(id.to_string()).exec(tx.connection()).await?;
    Ok(())
}
