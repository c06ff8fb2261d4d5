//! The audit record as a list, however long it is: filtered, counted and cut by the database.

use std::collections::BTreeMap;

use sea_orm::sea_query::{Expr, ExprTrait as _, Func, LikeExpr, SimpleExpr};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, Order, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Select,
};

use super::{AuditRecord, newest_number};
use crate::error::Result;
use crate::store::entity::audit_event::{Column, Entity};
use crate::store::{Database, signed, unsigned};

/// What a term of a filter is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditField {
    Number,
    At,
    Actor,
    Action,
    Subject,
}

impl AuditField {
    fn column(self) -> Column {
        match self {
            Self::Number => Column::Number,
            Self::At => Column::AtMs,
            Self::Actor => Column::Actor,
            Self::Action => Column::Action,
            Self::Subject => Column::Subject,
        }
    }
}

/// One term; all of them must hold.
#[derive(Debug, Clone)]
pub enum AuditTerm {
    /// Who, what or on what contains it, in lower case.
    Word(String),
    /// A field has exactly this value, as it was recorded: so that an index finds it.
    Is(AuditField, String),
    IsNot(AuditField, String),
}

/// A page that is wanted.
#[derive(Debug, Clone, Default)]
pub struct AuditQuery {
    pub terms: Vec<AuditTerm>,
    pub oldest_first: bool,
    /// The number of the last event of the page before.
    pub beyond: Option<u64>,
    pub limit: u64,
}

/// The events of a page.
pub async fn event_list(database: &impl Database, query: &AuditQuery) -> Result<Vec<AuditRecord>> {
    let order = if query.oldest_first { Order::Asc } else { Order::Desc };
    let mut select = filtered(&query.terms).order_by(Column::Number, order).limit(query.limit);
    if let Some(beyond) = query.beyond {
        let beyond = signed(beyond);
        let rest = if query.oldest_first { Column::Number.gt(beyond) } else { Column::Number.lt(beyond) };
        select = select.filter(rest);
    }
    Ok(select.all(database.connection()).await?.into_iter().map(AuditRecord::from).collect())
}

/// How many events there are for which all terms hold, and how many of which actor and action, the most frequent first.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct AuditCounts {
    pub total: u64,
    pub actors: Vec<(String, u64)>,
    pub actions: Vec<(String, u64)>,
}

/// Counts the events for which all terms hold.
pub async fn event_counts(database: &impl Database, terms: &[AuditTerm], values: usize) -> Result<AuditCounts> {
    // Values that are named are found by an index, and so is everything; a word means reading the whole record, and once
    // is enough.
    if terms.iter().any(|term| !matches!(term, AuditTerm::Is(..))) {
        return counts_of_pairs(database, terms, values).await;
    }
    let (total, actors, actions) = tokio::try_join!(
        total(database, terms),
        facet(database, terms, Column::Actor, values),
        facet(database, terms, Column::Action, values),
    )?;
    Ok(AuditCounts { total, actors, actions })
}

async fn total(database: &impl Database, terms: &[AuditTerm]) -> Result<u64> {
    if terms.is_empty() {
        // Numbers have no gaps.
        return newest_number(database).await;
    }
    Ok(filtered(terms).count(database.connection()).await?)
}

async fn facet(
    database: &impl Database,
    terms: &[AuditTerm],
    column: Column,
    values: usize,
) -> Result<Vec<(String, u64)>> {
    let count = || Expr::col(Column::Number).count();
    let rows: Vec<(String, i64)> = filtered(terms)
        .select_only()
        .column(column)
        .column_as(count(), "events")
        .group_by(column)
        .order_by(count(), Order::Desc)
        .order_by(column, Order::Asc)
        .limit(values as u64)
        .into_tuple()
        .all(database.connection())
        .await?;
    Ok(rows.into_iter().map(|(value, count)| (value, unsigned(count))).collect())
}

async fn counts_of_pairs(database: &impl Database, terms: &[AuditTerm], values: usize) -> Result<AuditCounts> {
    let rows: Vec<(String, String, i64)> = filtered(terms)
        .select_only()
        .columns([Column::Actor, Column::Action])
        .column_as(Expr::col(Column::Number).count(), "events")
        .group_by(Column::Actor)
        .group_by(Column::Action)
        .into_tuple()
        .all(database.connection())
        .await?;
    let (mut actors, mut actions) = (BTreeMap::<String, u64>::new(), BTreeMap::<String, u64>::new());
    let mut total = 0;
    for (actor, action, count) in rows {
        let count = unsigned(count);
        total += count;
        *actors.entry(actor).or_default() += count;
        *actions.entry(action).or_default() += count;
    }
    Ok(AuditCounts { total, actors: most_frequent(actors, values), actions: most_frequent(actions, values) })
}

fn most_frequent(counts: BTreeMap<String, u64>, values: usize) -> Vec<(String, u64)> {
    let mut counts: Vec<(String, u64)> = counts.into_iter().collect();
    counts.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    counts.truncate(values);
    counts
}

fn filtered(terms: &[AuditTerm]) -> Select<Entity> {
    let all = terms.iter().fold(Condition::all(), |all, term| all.add(condition(term)));
    Entity::find().filter(all)
}

fn condition(term: &AuditTerm) -> Condition {
    match term {
        AuditTerm::Word(word) => {
            let escaped: String = word
                .chars()
                .flat_map(|c| matches!(c, '%' | '_' | '\\').then_some('\\').into_iter().chain([c]))
                .collect();
            let holds = |column: Column| {
                Expr::expr(Func::lower(Expr::col(column))).like(LikeExpr::new(format!("%{escaped}%")).escape('\\'))
            };
            Condition::any().add(holds(Column::Actor)).add(holds(Column::Action)).add(holds(Column::Subject))
        }
        AuditTerm::Is(field, value) => Condition::all().add(is(*field, value)),
        AuditTerm::IsNot(field, value) => Condition::all().add(is(*field, value).not()),
    }
}

fn is(field: AuditField, value: &str) -> SimpleExpr {
    match field {
        // What is no number no event has.
        AuditField::Number | AuditField::At => field.column().eq(value.parse::<i64>().unwrap_or(-1)),
        AuditField::Actor | AuditField::Action | AuditField::Subject => field.column().eq(value),
    }
}
