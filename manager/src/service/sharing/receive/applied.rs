//! What nodes say that their adapters did.

use atoll_domain::document::{AppliedReport, ApplyOutcome};
use atoll_domain::id::{NodeId, ResourceId};
use atoll_domain::terminal::kept;

use super::Outcome;
use crate::error::Result;
use crate::service::Services;
use crate::store::sharing::{
    ExceptionRecord, applied_put, exception_clear, exception_outdated, exception_put, exceptions_of, resource_get,
};

/// What an exception about an edit is about that was refused on its node.
fn edit_subject(resource: ResourceId) -> String {
    format!("edit/{resource}")
}

fn is_same(before: &ExceptionRecord, exception: &ExceptionRecord) -> bool {
    let about = |one: &ExceptionRecord| (one.subject.clone(), one.code.clone(), one.revision.clone());
    about(before) == about(exception)
}

pub(super) async fn receive_applied(services: &Services, node: NodeId, report: &AppliedReport) -> Result<Outcome> {
    // Of what is not there nothing is kept: a node may name as many as it likes.
    if resource_get(&services.store, report.resource).await?.is_none() {
        return Ok(Outcome::Stored(String::new()));
    }
    let tx = services.store.begin().await?;
    let subject = report.resource.to_string();
    match report.outcome {
        ApplyOutcome::Applied => {
            applied_put(&tx, node, report.resource, report.revision, report.at.within_bounds().0).await?;
            exception_clear(&tx, node, &subject).await?;
            // That the file is as it should be again says nothing of the edit that was put aside for it: whoever made that has
            // to see it until something newer comes.
            exception_outdated(&tx, node, &edit_subject(report.resource), &report.revision.to_string()).await?;
        }
        ApplyOutcome::Failed | ApplyOutcome::Deferred | ApplyOutcome::EditRefused => {
            let code = match report.outcome {
                ApplyOutcome::Failed => "APPLY_FAILED",
                ApplyOutcome::EditRefused => "EDIT_REFUSED",
                ApplyOutcome::Deferred | ApplyOutcome::Applied => "DEFERRED",
            };
            let is_edit = report.outcome == ApplyOutcome::EditRefused;
            let mut exception = ExceptionRecord {
                node,
                subject: if is_edit { edit_subject(report.resource) } else { subject },
                code: code.to_owned(),
                text: kept(&report.text, 2_000),
                since_ms: report.at.within_bounds().0,
                revision: Some(report.revision.to_string()),
            };
            // One more attempt at the same is no new failure.
            let before = exceptions_of(&tx, node).await?;
            if let Some(before) = before.iter().find(|before| is_same(before, &exception)) {
                exception.since_ms = before.since_ms;
            }
            exception_put(&tx, &exception).await?;
        }
    }
    tx.commit().await?;
    Ok(Outcome::Stored(String::new()))
}
