//! What proves more than was proved before: the key of a node's certificate beside its number.

use sea_orm_migration::prelude::*;

use crate::table::Column::TextOrNull;
use crate::table::add_column;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        add_column(manager, "node", TextOrNull("certificate_key")).await?;
        add_column(manager, "node", TextOrNull("next_certificate_key")).await
    }
}
