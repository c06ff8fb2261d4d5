//! Drives the adapter: ticks, reloads, reports.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use atoll_node::domain::id::{ResourceId, RevisionId};
use atoll_node::{AppliedReport, ApplyOutcome, CancellationToken, Node, clock};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::adapter::{Adapter, Batch};
use super::host::NodeHost;
use super::reload::reload;
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
    let mut adapter = Adapter::new(host, config.clone(), data_directory.join("files.json"));
    let mut changed = true;
    while !shutdown.is_cancelled() {
        let (returned, batch) = round(adapter, changed).await?;
        adapter = returned;
        let found = adapter.problems();
        problems.send_if_modified(|shown| (shown != found).then(|| shown.clone_from(found)).is_some());
        for (resource, revision, text) in &batch.failed {
            report(&node, (*resource, *revision), ApplyOutcome::Failed, text).await;
        }
        if batch.needs_reload() {
            tokio::select! {
                () = shutdown.cancelled() => break,
                () = hand_over(&node, &config, &batch) => {}
            }
            adapter = spawn_blocking(move || {
                adapter.settled(&batch);
                adapter
            })
            .await
            .map_err(|_| AgentError::Stopped("the files adapter"))?;
        }
        changed = tokio::select! {
            () = shutdown.cancelled() => break,
            () = sleep(Duration::from_millis(config.poll_ms)) => false,
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
        let batch = adapter.tick(changed);
        (adapter, batch)
    })
    .await
    .map_err(|_| AgentError::Stopped("the files adapter"))
}

/// Lets the server read its files, and says how that went.
async fn hand_over(node: &Node, config: &FilesConfig, batch: &Batch) {
    let outcome = reload(&config.reload_command, Duration::from_millis(config.reload_timeout_ms)).await;
    let (outcome, text) = match outcome {
        Ok(()) => (ApplyOutcome::Applied, String::new()),
        Err(text) => {
            tracing::warn!(reason = text, "the reload command failed; the files are in place");
            (ApplyOutcome::Failed, text)
        }
    };
    for (_, resource, revision) in &batch.pending {
        report(node, (*resource, *revision), outcome, &text).await;
    }
}

async fn report(node: &Node, (resource, revision): (ResourceId, RevisionId), outcome: ApplyOutcome, text: &str) {
    let report = AppliedReport { resource, revision, outcome, text: text.to_owned(), at: clock::now() };
    if let Err(error) = node.report_applied(report).await {
        tracing::warn!(%error, %resource, "what became of a resource cannot be reported");
    }
}
