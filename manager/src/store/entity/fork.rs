//! Rows of `fork`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "fork")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    #[sea_orm(column_type = "Text")]
    pub id: String,
    #[sea_orm(column_type = "Text")]
    pub resource: String,
    #[sea_orm(column_type = "Text")]
    pub node: String,
    #[sea_orm(column_type = "Text")]
    pub head: String,
    #[sea_orm(column_type = "Text")]
    pub node_head: String,
    #[sea_orm(column_type = "Text")]
    pub state: String,
    #[sea_orm(column_type = "Text")]
    pub message: String,
    pub since_ms: i64,
    #[sea_orm(column_type = "Text", nullable)]
    pub conflict: Option<String>,
    #[sea_orm(column_type = "Text", nullable)]
    pub delivery: Option<String>,
    #[sea_orm(column_type = "Text", nullable)]
    pub through: Option<String>,
    #[sea_orm(column_type = "Text", nullable)]
    pub claimed: Option<String>,
    #[sea_orm(column_type = "Text", nullable)]
    pub takes_back: Option<String>,
    #[sea_orm(column_type = "Text", nullable)]
    pub edit: Option<String>,
    pub made_ms: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
