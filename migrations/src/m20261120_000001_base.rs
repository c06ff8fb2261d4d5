//! The manager itself: its life, its sealed keys, tokens, the audit record, queued work.

use sea_orm_migration::prelude::*;

use crate::table::Column::{Bytes, BytesOrNull, Flag, Integer, Text};
use crate::table::{create, index};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // One row: the life of this database, and the counter that orders all changes of documents and memberships.
        create(manager, "feed_sequence", &[Integer("id"), Text("epoch"), Integer("value")], &["id"]).await?;
        // Keys sealed under the operator's master key, by name; made once.
        create(manager, "sealed_key", &[Text("name"), Bytes("sealed"), BytesOrNull("public")], &["name"]).await?;
        let token = [
            Text("id"),
            Text("name"),
            Text("secret_digest"),
            Integer("created_ms"),
            Text("created_by"),
            Integer("expires_ms"),
            Flag("revoked"),
        ];
        create(manager, "token", &token, &["id"]).await?;
        index(manager, "token", &["name"], false).await?;
        let audit =
            [Integer("number"), Integer("at_ms"), Text("actor"), Text("action"), Text("subject"), Text("detail")];
        create(manager, "audit_event", &audit, &["number"]).await?;
        // Work to be done after a transaction, queued by it.
        create(manager, "work", &[Text("id"), Text("job"), Text("subject"), Integer("queued_ms")], &["id"]).await?;
        Ok(())
    }
}
