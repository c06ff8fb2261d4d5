//! What a restored manager gets back from its nodes: revisions whose parents nobody holds any more.

use sea_orm_migration::prelude::*;

use crate::table::Column::TextOrNull;
use crate::table::add_column;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        add_column(manager, "revision", TextOrNull("graft")).await
    }
}
