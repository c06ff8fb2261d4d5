//! From what the services answer to the wire.

mod fleet;
mod sharing;

use atoll_domain::id::SessionId;
use atoll_proto::v1;
use serde_json::Value;

pub use fleet::*;
pub use sharing::*;

use crate::service::list::Page;
use crate::store::access::{SessionRecord, TokenRecord, ViewRecord};
use crate::store::audit::AuditRecord;

/// A page's rows on the wire, and what is said about the whole list.
pub fn page<T, U>(page: Page<T>, each: impl FnMut(T) -> U) -> (Vec<U>, Option<v1::ListSummary>) {
    let page = page.map(each);
    let facets = page.facets.into_iter().map(|(field, values)| v1::Facet {
        field,
        values: values.into_iter().map(|(value, count)| v1::FacetValue { value, count }).collect(),
    });
    let summary =
        v1::ListSummary { next_page_token: page.next_page_token, total: page.total as u64, facets: facets.collect() };
    (page.items, Some(summary))
}

/// A value as JSON; empty for none.
pub fn json(value: Option<&Value>) -> String {
    value.map(Value::to_string).unwrap_or_default()
}

pub fn token(record: TokenRecord) -> v1::Token {
    v1::Token {
        id: record.id.to_string(),
        name: record.name,
        created_ms: record.created_ms,
        created_by: record.created_by,
        expires_ms: record.expires_ms,
        revoked: record.revoked,
    }
}

pub fn session(record: SessionRecord, current: Option<SessionId>) -> v1::Session {
    v1::Session {
        current: current == Some(record.id),
        id: record.id.to_string(),
        name: record.name,
        created_ms: record.created_ms,
        expires_ms: record.expires_ms,
        browser: record.browser,
    }
}

pub fn saved_view(record: ViewRecord) -> v1::SavedView {
    v1::SavedView {
        id: record.id.to_string(),
        name: record.name,
        screen: record.screen,
        query: record.query,
        shared: record.shared,
        owner: record.owner,
    }
}

pub fn audit_event(record: AuditRecord) -> v1::AuditEvent {
    v1::AuditEvent {
        number: record.number,
        at_ms: record.at_ms,
        actor: record.actor,
        action: record.action,
        subject: record.subject,
        detail: record.detail,
    }
}
