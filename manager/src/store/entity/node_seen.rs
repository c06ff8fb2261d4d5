//! Rows of `node_seen`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "node_seen")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    #[sea_orm(column_type = "Text")]
    pub node: String,
    pub online: bool,
    pub since_ms: i64,
    pub last_seen_ms: i64,
    pub acknowledged: i64,
    pub outbox_length: i64,
    #[sea_orm(column_type = "Text")]
    pub agent_version: String,
    #[sea_orm(column_type = "Text")]
    pub incarnation: String,
    pub proven: Option<i64>,
    pub proves: Option<i64>,
    pub drifts: Option<i64>,
    #[sea_orm(column_type = "Text", nullable)]
    pub replica: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
