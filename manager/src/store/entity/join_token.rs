//! Rows of `join_token`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "join_token")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    #[sea_orm(column_type = "Text")]
    pub id: String,
    #[sea_orm(column_type = "Text")]
    pub description: String,
    #[sea_orm(column_type = "Text")]
    pub group_path: String,
    #[sea_orm(column_type = "Text")]
    pub labels: String,
    #[sea_orm(column_type = "Text")]
    pub secret_digest: String,
    pub uses_limit: i64,
    pub uses: i64,
    pub expires_ms: i64,
    pub revoked: bool,
    #[sea_orm(column_type = "Text")]
    pub created_by: String,
    pub created_ms: i64,
    #[sea_orm(column_type = "Text", nullable)]
    pub node_name: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
