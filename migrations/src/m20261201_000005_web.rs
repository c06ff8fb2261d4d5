//! What the web UI needs: sessions, saved views, frozen selections, events of nodes, samples; and an audit record that
//! is read by actor, action and subject however long it is.

use sea_orm_migration::prelude::*;

use crate::table::Column::{Flag, Integer, Text, TextOrNull};
use crate::table::{create, index};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // Gone once it was used.
        let link = [
            Text("id"),
            Text("secret_digest"),
            Text("name"),
            TextOrNull("token"),
            Integer("created_ms"),
            Integer("expires_ms"),
        ];
        create(manager, "sign_in_link", &link, &["id"]).await?;
        let session = [
            Text("id"),
            Text("secret_digest"),
            Text("name"),
            TextOrNull("token"),
            Integer("created_ms"),
            Integer("expires_ms"),
            Text("browser"),
        ];
        create(manager, "session", &session, &["id"]).await?;
        let view = [Text("id"), Text("owner"), Text("screen"), Text("name"), Text("query"), Flag("shared")];
        create(manager, "saved_view", &view, &["id"]).await?;
        index(manager, "saved_view", &["owner", "screen", "name"], true).await?;
        let selection = [Text("id"), Text("owner"), Text("nodes"), Integer("created_ms"), Integer("expires_ms")];
        create(manager, "selection", &selection, &["id"]).await?;
        index(manager, "selection", &["owner"], false).await?;
        let event = [Text("id"), Text("node"), Integer("at_ms"), Text("action"), Text("text")];
        create(manager, "node_event", &event, &["id"]).await?;
        index(manager, "node_event", &["node", "at_ms"], false).await?;
        let sample = [Integer("at_ms"), Integer("nodes"), Integer("online"), Integer("in_sync"), Integer("conflicts")];
        create(manager, "sample", &sample, &["at_ms"]).await?;
        index(manager, "fork", &["node"], false).await?;
        for column in ["actor", "action", "subject"] {
            index(manager, "audit_event", &[column, "number"], false).await?;
        }
        Ok(())
    }
}
