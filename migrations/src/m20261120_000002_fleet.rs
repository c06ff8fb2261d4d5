//! Nodes, groups, join tokens.

use sea_orm_migration::prelude::*;

use crate::table::Column::{Bytes, Flag, Integer, Text, TextOrNull};
use crate::table::{create, index};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        create(manager, "node_group", &[Text("path"), Text("description"), Integer("created_ms")], &["path"]).await?;
        let node = [
            Text("id"),
            Text("name"),
            Text("group_path"),
            Text("labels"),
            Text("standing"),
            Text("standing_reason"),
            Integer("standing_since_ms"),
            Integer("joined_ms"),
            Bytes("identity_key"),
            Bytes("sealing_key"),
            Text("join_token"),
            Text("serial"),
            TextOrNull("next_serial"),
            Integer("certificate_expires_ms"),
            Integer("recoveries"),
        ];
        create(manager, "node", &node, &["id"]).await?;
        index(manager, "node", &["name"], false).await?;
        index(manager, "node", &["group_path"], false).await?;
        index(manager, "node", &["identity_key"], false).await?;
        // What is seen of a node, apart from what is decided: written often and in batches.
        let seen = [
            Text("node"),
            Flag("online"),
            Integer("since_ms"),
            Integer("last_seen_ms"),
            Integer("acknowledged"),
            Integer("outbox_length"),
            Text("agent_version"),
            Text("incarnation"),
        ];
        create(manager, "node_seen", &seen, &["node"]).await?;
        let join_token = [
            Text("id"),
            Text("description"),
            Text("group_path"),
            Text("labels"),
            Text("secret_digest"),
            Integer("uses_limit"),
            Integer("uses"),
            Integer("expires_ms"),
            Flag("revoked"),
            Text("created_by"),
            Integer("created_ms"),
        ];
        create(manager, "join_token", &join_token, &["id"]).await?;
        Ok(())
    }
}
