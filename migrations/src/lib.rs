//! The database schema, as append-only steps for SQLite and PostgreSQL. See `README.md` beside this crate.

pub use sea_orm_migration::MigratorTrait;
use sea_orm_migration::{MigrationTrait, async_trait};

mod m20261120_000001_base;
mod m20261120_000002_fleet;
mod m20261120_000003_sharing;
mod m20261120_000004_feed;
mod m20261201_000005_web;
mod m20261205_000006_restore;
mod m20261210_000007_proof;
mod m20261215_000008_position;
mod m20261222_000009_rejected;
mod m20270105_000010_replica;
mod table;

/// Every step, oldest first.
#[derive(Debug)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261120_000001_base::Migration),
            Box::new(m20261120_000002_fleet::Migration),
            Box::new(m20261120_000003_sharing::Migration),
            Box::new(m20261120_000004_feed::Migration),
            Box::new(m20261201_000005_web::Migration),
            Box::new(m20261205_000006_restore::Migration),
            Box::new(m20261210_000007_proof::Migration),
            Box::new(m20261215_000008_position::Migration),
            Box::new(m20261222_000009_rejected::Migration),
            Box::new(m20270105_000010_replica::Migration),
        ]
    }
}
