//! Reading the audit record. It is written with each change, see `store/tx.rs`.

use super::Services;
use super::list::{Field, Listed, Options, Page, page};
use crate::error::Result;
use crate::store::audit::{AuditRecord, events_before};

/// How far back one list reaches; older events are read by narrowing the filter in an export.
const REACH: u64 = 100_000;

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

pub async fn list(services: &Services, options: &Options) -> Result<Page<AuditRecord>> {
    page(events_before(&services.store, None, REACH).await?, options)
}
