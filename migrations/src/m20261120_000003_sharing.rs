//! Resources and their history, publications, forks, conflicts, sealed values.

use sea_orm_migration::prelude::*;

use crate::table::Column::{Bytes, BytesOrNull, Integer, Text, TextOrNull};
use crate::table::{create, index};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let resource = [
            Text("id"),
            Text("kind"),
            Text("name"),
            Text("text_mode"),
            Text("state"),
            Text("heads"),
            Integer("heads_version"),
            TextOrNull("released_version"),
            TextOrNull("released_revision"),
            Integer("changed_ms"),
            Text("changed_by"),
        ];
        create(manager, "resource", &resource, &["id"]).await?;
        index(manager, "resource", &["kind", "name"], false).await?;
        let revision = [
            Text("id"),
            Text("resource"),
            Text("header"),
            Text("provenance"),
            TextOrNull("body"),
            TextOrNull("node"),
            Integer("at_ms"),
            Integer("stored_ms"),
            BytesOrNull("report"),
            BytesOrNull("signature"),
        ];
        create(manager, "revision", &revision, &["id"]).await?;
        index(manager, "revision", &["resource"], false).await?;
        create(manager, "body", &[Text("hash"), Text("content")], &["hash"]).await?;
        let release = [Text("resource"), Text("version"), Text("revision"), Integer("at_ms"), Text("released_by")];
        create(manager, "resource_release", &release, &["resource", "version"]).await?;
        let publication =
            [Text("id"), Text("name"), Text("group_path"), Text("labels"), Integer("priority"), Text("edit_mode")];
        create(manager, "publication", &publication, &["id"]).await?;
        index(manager, "publication", &["name"], true).await?;
        let item = [Text("publication"), Text("resource"), Text("policy")];
        create(manager, "publication_item", &item, &["publication", "resource"]).await?;
        index(manager, "publication_item", &["resource"], false).await?;
        let fork = [
            Text("id"),
            Text("resource"),
            Text("node"),
            Text("head"),
            Text("node_head"),
            Text("state"),
            Text("message"),
            Integer("since_ms"),
            TextOrNull("conflict"),
        ];
        create(manager, "fork", &fork, &["id"]).await?;
        index(manager, "fork", &["resource", "node"], false).await?;
        let conflict = [
            Text("id"),
            Text("resource"),
            TextOrNull("node"),
            Text("heads"),
            Integer("opened_ms"),
            TextOrNull("closed_by"),
        ];
        create(manager, "conflict", &conflict, &["id"]).await?;
        index(manager, "conflict", &["resource"], false).await?;
        // What a node could not take or apply, where it is not simply at its effective revision.
        let exception =
            [Text("node"), Text("subject"), Text("code"), Text("text"), Integer("since_ms"), TextOrNull("revision")];
        create(manager, "node_exception", &exception, &["node", "subject"]).await?;
        // The revision that a node's adapter applied last.
        let applied = [Text("node"), Text("resource"), Text("revision"), Integer("at_ms")];
        create(manager, "applied", &applied, &["node", "resource"]).await?;
        // Reports that could not be used, kept whole for a person.
        let quarantine = [Text("id"), Text("node"), Bytes("report"), Text("reason"), Integer("at_ms")];
        create(manager, "quarantine", &quarantine, &["id"]).await?;
        create(manager, "secret_value", &[Text("version"), Bytes("sealed"), Integer("at_ms")], &["version"]).await?;
        let audience_key = [Text("audience"), Text("publication"), Text("scope"), Text("id"), Bytes("sealed")];
        create(manager, "audience_key", &audience_key, &["audience"]).await?;
        index(manager, "audience_key", &["publication"], false).await?;
        Ok(())
    }
}
