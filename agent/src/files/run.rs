//! Drives the adapter: ticks, reloads, reports.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use atoll_node::domain::id::{ResourceId, RevisionId};
use atoll_node::{AppliedReport, ApplyOutcome, CancellationToken, Node, clock};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::adapter::{Adapter, Batch};
use super::handover::{Handed, Handover};
use super::host::NodeHost;
use crate::AgentError;
use crate::config::FilesConfig;

/// Keeps files and node alike until it is told to stop.
///
/// # Errors
/// Only when the adapter itself breaks.
pub async fn run(
    node: Node,
    config: FilesConfig,
    data_directory: &Path,
    problems: watch::Sender<BTreeMap<String, String>>,
    shutdown: CancellationToken,
) -> Result<(), AgentError> {
    let host = NodeHost { node: node.clone(), runtime: Handle::current() };
    let mut changes = node.watch();
    let mut handover = Handover::new(&config);
    let poll = Duration::from_millis(config.poll_ms);
    let mut adapter = Adapter::new(host, config, data_directory.join("files.json"));
    let mut changed = true;
    while !shutdown.is_cancelled() {
        let (returned, batch) = round(adapter, changed).await?;
        adapter = returned;
        for (resource, revision, text) in &batch.failed {
            report(&node, (*resource, *revision), ApplyOutcome::Failed, text).await;
        }
        for (resource, revision, text) in &batch.refused {
            report(&node, (*resource, *revision), ApplyOutcome::EditRefused, text).await;
        }
        let handed = tokio::select! {
            () = shutdown.cancelled() => break,
            handed = handover.hand_over(&batch) => handed,
        };
        match handed {
            Handed::Nothing | Handed::FailedAgain => {}
            Handed::Failed(text) => report_all(&node, &batch, ApplyOutcome::Failed, &text).await,
            Handed::Done => {
                report_applied(&node, &adapter, &batch).await;
                adapter = settle(adapter, batch).await?;
            }
        }
        node.report_adapter(adapter.state());
        let found = problems_of(&adapter, &handover);
        problems.send_if_modified(|shown| (*shown != found).then(|| shown.clone_from(&found)).is_some());
        changed = tokio::select! {
            () = shutdown.cancelled() => break,
            () = sleep(poll) => false,
            announced = changes.changed() => announced.is_ok(),
        };
        if changed {
            changes.mark_unchanged();
        }
    }
    Ok(())
}

async fn round(mut adapter: Adapter<NodeHost>, changed: bool) -> Result<(Adapter<NodeHost>, Batch), AgentError> {
    spawn_blocking(move || {
        let batch = adapter.tick(changed, Instant::now());
        (adapter, batch)
    })
    .await
    .map_err(|_| AgentError::Stopped("the files adapter"))
}

async fn settle(mut adapter: Adapter<NodeHost>, batch: Batch) -> Result<Adapter<NodeHost>, AgentError> {
    spawn_blocking(move || {
        adapter.settled(&batch);
        adapter
    })
    .await
    .map_err(|_| AgentError::Stopped("the files adapter"))
}

/// What a person should look at, by file; the reload command is named as its setting is.
fn problems_of(adapter: &Adapter<NodeHost>, handover: &Handover) -> BTreeMap<String, String> {
    let kept = "an edit that was not taken is kept here; remove the file once you have looked at it";
    let mut problems: BTreeMap<String, String> =
        adapter.aside().iter().map(|path| (path.clone(), kept.to_owned())).collect();
    problems.extend(adapter.problems().clone());
    problems.extend(handover.problem().map(|text| ("reload_command".to_owned(), text)));
    problems
}

async fn report_all(node: &Node, batch: &Batch, outcome: ApplyOutcome, text: &str) {
    for (_, resource, revision) in &batch.pending {
        report(node, (*resource, *revision), outcome, text).await;
    }
}

/// The files stand as they should, and some of them lack what their server needs.
async fn report_applied(node: &Node, adapter: &Adapter<NodeHost>, batch: &Batch) {
    for (path, resource, revision) in &batch.pending {
        let (outcome, text) = match adapter.left_out(path) {
            None => (ApplyOutcome::Applied, String::new()),
            Some(text) => (ApplyOutcome::Failed, text),
        };
        report(node, (*resource, *revision), outcome, &text).await;
    }
}

async fn report(node: &Node, (resource, revision): (ResourceId, RevisionId), outcome: ApplyOutcome, text: &str) {
    let report = AppliedReport { resource, revision, outcome, text: text.to_owned(), at: clock::now() };
    if let Err(error) = node.report_applied(report).await {
        tracing::warn!(%error, %resource, "what became of a resource cannot be reported");
    }
}
