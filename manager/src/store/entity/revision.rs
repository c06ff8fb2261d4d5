//! Rows of `revision`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "revision")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    #[sea_orm(column_type = "Text")]
    pub id: String,
    #[sea_orm(column_type = "Text")]
    pub resource: String,
    #[sea_orm(column_type = "Text")]
    pub header: String,
    #[sea_orm(column_type = "Text")]
    pub provenance: String,
    #[sea_orm(column_type = "Text", nullable)]
    pub body: Option<String>,
    #[sea_orm(column_type = "Text", nullable)]
    pub node: Option<String>,
    pub at_ms: i64,
    pub stored_ms: i64,
    pub report: Option<Vec<u8>>,
    pub signature: Option<Vec<u8>>,
    #[sea_orm(column_type = "Text", nullable)]
    pub graft: Option<String>,
    pub position: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
