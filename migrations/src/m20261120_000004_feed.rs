//! What nodes are owed: one row per (audience, key), and memberships.

use sea_orm_migration::prelude::*;

use crate::table::Column::{Bytes, Flag, Integer, Text};
use crate::table::{create, index};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let row = [
            Text("audience"),
            Text("key"),
            Text("lane"),
            Integer("sequence"),
            Integer("generation"),
            Flag("deleted"),
            Bytes("document"),
            Bytes("signature"),
            Text("content_digest"),
        ];
        create(manager, "feed_row", &row, &["audience", "key"]).await?;
        index(manager, "feed_row", &["sequence"], false).await?;
        let membership = [Text("node"), Text("audience"), Integer("sequence"), Flag("active")];
        create(manager, "membership", &membership, &["node", "audience"]).await?;
        index(manager, "membership", &["sequence"], false).await?;
        index(manager, "membership", &["audience"], false).await?;
        Ok(())
    }
}
