//! Rows of `node`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "node")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    #[sea_orm(column_type = "Text")]
    pub id: String,
    #[sea_orm(column_type = "Text")]
    pub name: String,
    #[sea_orm(column_type = "Text")]
    pub group_path: String,
    #[sea_orm(column_type = "Text")]
    pub labels: String,
    #[sea_orm(column_type = "Text")]
    pub standing: String,
    #[sea_orm(column_type = "Text")]
    pub standing_reason: String,
    pub standing_since_ms: i64,
    pub joined_ms: i64,
    pub identity_key: Vec<u8>,
    pub sealing_key: Vec<u8>,
    #[sea_orm(column_type = "Text")]
    pub join_token: String,
    #[sea_orm(column_type = "Text")]
    pub serial: String,
    #[sea_orm(column_type = "Text", nullable)]
    pub next_serial: Option<String>,
    #[sea_orm(column_type = "Text", nullable)]
    pub certificate_key: Option<String>,
    #[sea_orm(column_type = "Text", nullable)]
    pub next_certificate_key: Option<String>,
    #[sea_orm(column_type = "Text", nullable)]
    pub name_key: Option<String>,
    #[sea_orm(column_type = "Text", nullable)]
    pub confirmed: Option<String>,
    pub certificate_expires_ms: i64,
    pub recoveries: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
