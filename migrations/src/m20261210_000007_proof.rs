//! What proves more than was proved before: the key of a node's certificate beside its number, and of each edit of a node
//! what it was made from and what becomes of it, what each node has proved to run, and the mark of each number of the feed.

use sea_orm_migration::prelude::*;

use crate::table::Column::{Integer, IntegerOrNull, TextOrNull};
use crate::table::{add_column, create};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        add_column(manager, "node", TextOrNull("certificate_key")).await?;
        add_column(manager, "node", TextOrNull("next_certificate_key")).await?;
        for column in ["delivery", "through", "claimed", "takes_back", "edit"] {
            add_column(manager, "fork", TextOrNull(column)).await?;
        }
        add_column(manager, "fork", IntegerOrNull("made_ms")).await?;
        for column in ["proven", "proves", "drifts"] {
            add_column(manager, "node_seen", IntegerOrNull(column)).await?;
        }
        // Filled in by the program when it opens the database: folding names is its rule.
        for (table, column) in [("node", "name_key"), ("resource", "name_key"), ("node_group", "path_key")] {
            add_column(manager, table, TextOrNull(column)).await?;
        }
        add_column(manager, "node", TextOrNull("confirmed")).await?;
        add_column(manager, "join_token", TextOrNull("node_name")).await?;
        let mark = [Integer("sequence"), Integer("mark"), Integer("at_ms")];
        create(manager, "feed_mark", &mark, &["sequence"]).await?;
        // The state of an edit that is part of a release was called as one that an administrator took is called now.
        let rename = "UPDATE fork SET state = 'released' WHERE state = 'accepted'";
        manager.get_connection().execute_unprepared(rename).await?;
        Ok(())
    }
}
