//! How the steps write tables down.

use sea_orm_migration::prelude::*;

/// The type of a column.
#[derive(Clone, Copy)]
pub(crate) enum Column {
    Text(&'static str),
    TextOrNull(&'static str),
    Integer(&'static str),
    IntegerOrNull(&'static str),
    Flag(&'static str),
    Bytes(&'static str),
    BytesOrNull(&'static str),
}

/// Creates a table with its primary key.
pub(crate) async fn create(
    manager: &SchemaManager<'_>,
    name: &'static str,
    columns: &[Column],
    primary_key: &[&'static str],
) -> Result<(), DbErr> {
    let mut table = Table::create();
    table.table(Alias::new(name)).if_not_exists();
    for column in columns {
        table.col(definition(*column));
    }
    let mut key = Index::create();
    for column in primary_key {
        key.col(Alias::new(*column));
    }
    table.primary_key(&mut key);
    manager.create_table(table.to_owned()).await
}

/// Adds a column to a table that is there.
pub(crate) async fn add_column(manager: &SchemaManager<'_>, name: &'static str, column: Column) -> Result<(), DbErr> {
    let mut table = Table::alter();
    table.table(Alias::new(name)).add_column(definition(column));
    manager.alter_table(table.to_owned()).await
}

/// Creates an index; the name is made from the table and the columns.
pub(crate) async fn index(
    manager: &SchemaManager<'_>,
    table: &'static str,
    columns: &[&'static str],
    unique: bool,
) -> Result<(), DbErr> {
    let mut index = Index::create();
    index.name(format!("{table}_by_{}", columns.join("_"))).table(Alias::new(table)).if_not_exists();
    for column in columns {
        index.col(Alias::new(*column));
    }
    if unique {
        index.unique();
    }
    manager.create_index(index.to_owned()).await
}

fn definition(column: Column) -> ColumnDef {
    let mut definition = match column {
        Column::Text(name) | Column::TextOrNull(name) => {
            let mut definition = ColumnDef::new(Alias::new(name));
            definition.text();
            definition
        }
        Column::Integer(name) | Column::IntegerOrNull(name) => {
            let mut definition = ColumnDef::new(Alias::new(name));
            definition.big_integer();
            definition
        }
        Column::Flag(name) => {
            let mut definition = ColumnDef::new(Alias::new(name));
            definition.boolean();
            definition
        }
        Column::Bytes(name) | Column::BytesOrNull(name) => {
            let mut definition = ColumnDef::new(Alias::new(name));
            definition.binary();
            definition
        }
    };
    if !matches!(column, Column::TextOrNull(_) | Column::BytesOrNull(_) | Column::IntegerOrNull(_)) {
        definition.not_null();
    }
    definition
}
