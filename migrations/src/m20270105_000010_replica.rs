//! Which replica of the manager a node is connected to, and signs of life of replicas: one that is gone has no connections.

use sea_orm_migration::prelude::*;

use crate::table::Column::{Integer, Text, TextOrNull};
use crate::table::{add_column, create};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        add_column(manager, "node_seen", TextOrNull("replica")).await?;
        create(manager, "replica", &[Text("id"), Integer("beat")], &["id"]).await
    }
}
