//! Where each revision stands in the history of its resource, in the order of storing: who has read a history up to some
//! position reads only what came after.

use sea_orm_migration::prelude::*;

use crate::table::Column::IntegerOrNull;
use crate::table::{add_column, index};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        add_column(manager, "revision", IntegerOrNull("position")).await?;
        let number = "UPDATE revision SET position = numbered.position FROM (SELECT id, ROW_NUMBER() OVER (PARTITION BY \
                      resource ORDER BY stored_ms, id) AS position FROM revision) AS numbered WHERE numbered.id = \
                      revision.id";
        manager.get_connection().execute_unprepared(number).await?;
        // Two of one position would mean that two writers held one resource at once.
        index(manager, "revision", &["resource", "position"], true).await
    }
}
