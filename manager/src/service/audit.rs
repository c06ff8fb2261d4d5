//! Reading the audit record. It is written with each change, see `store/tx.rs`.

use super::Services;
use super::list::{FACET_VALUE_LIMIT, Field, Listed, Options, Page, Term, ordering, page_size, terms};
use crate::error::{Error, Result};
use crate::store::audit::{AuditField, AuditQuery, AuditRecord, AuditTerm, event_counts, event_list};

impl Listed for AuditRecord {
    const FIELDS: &'static [&'static str] = &["number", "at_ms", "actor", "action", "subject"];
    const FACETS: &'static [&'static str] = &["actor", "action"];
    fn title(&self) -> String {
        format!("{} {} {}", self.actor, self.action, self.subject)
    }
    fn field(&self, name: &str) -> Option<Field> {
        match name {
            "number" => i64::try_from(self.number).ok().map(Field::Number),
            "at_ms" => Some(Field::Number(self.at_ms)),
            "actor" => Field::text(&self.actor),
            "action" => Field::text(&self.action),
            "subject" => Field::text(&self.subject),
            _ => None,
        }
    }
}

/// A page of the record. The record only grows and may be long: everything is left to the database.
///
/// # Errors
/// A filter, an order or a page token that is not one.
pub async fn list(services: &Services, options: &Options) -> Result<Page<AuditRecord>> {
    let database = &services.store;
    let terms: Vec<AuditTerm> = terms::<AuditRecord>(&options.filter)?.into_iter().filter_map(term).collect();
    let size = page_size(options);
    let query = AuditQuery {
        oldest_first: oldest_first(&options.order_by)?,
        beyond: beyond(&options.page_token)?,
        // One more says whether there is another page.
        limit: size as u64 + 1,
        terms,
    };
    let (mut items, counts) =
        tokio::try_join!(event_list(database, &query), event_counts(database, &query.terms, FACET_VALUE_LIMIT),)?;
    let has_more = items.len() > size;
    items.truncate(size);
    let last = items.last().filter(|_| has_more).map(|event| format!("beyond-{}", event.number));
    let total = usize::try_from(counts.total).unwrap_or(usize::MAX);
    let facets = vec![("actor".to_owned(), counts.actors), ("action".to_owned(), counts.actions)];
    Ok(Page { items, next_page_token: last.unwrap_or_default(), total, facets })
}

fn term(term: Term) -> Option<AuditTerm> {
    Some(match term {
        Term::Word(word) => AuditTerm::Word(word),
        Term::Is(key, value) => AuditTerm::Is(field(&key)?, value),
        Term::IsNot(key, value) => AuditTerm::IsNot(field(&key)?, value),
    })
}

fn field(name: &str) -> Option<AuditField> {
    Some(match name {
        "number" => AuditField::Number,
        "at_ms" => AuditField::At,
        "actor" => AuditField::Actor,
        "action" => AuditField::Action,
        "subject" => AuditField::Subject,
        _ => return None,
    })
}

/// The record has one order, that of completion; time and number both stand for it.
fn oldest_first(order_by: &str) -> Result<bool> {
    match ordering::<AuditRecord>(order_by)? {
        None => Ok(false),
        Some(("number" | "at_ms", descending)) => Ok(!descending),
        Some((field, _)) => {
            let text = format!("the audit record cannot be ordered by {field}; order it by number or at_ms");
            Err(Error::invalid("BAD_ORDER", text))
        }
    }
}

fn beyond(token: &str) -> Result<Option<u64>> {
    if token.is_empty() {
        return Ok(None);
    }
    token.strip_prefix("beyond-").and_then(|number| number.parse().ok()).map(Some).ok_or_else(|| {
        Error::invalid("BAD_PAGE_TOKEN", "this is not a page token of this list; begin again without one")
    })
}
