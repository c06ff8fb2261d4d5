//! The agent as a service: starts its parts, tells the service manager, and stops in bounded time.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use atoll_node::{AdapterState, CancellationToken, Node};
use sd_notify::NotifyState;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::config::Config;
use crate::status_file::{AgentStatus, WRITE_INTERVAL_MS};
use crate::{AgentError, files};

/// How long the parts have to stop.
const STOP_LIMIT: Duration = Duration::from_secs(10);
/// Changes that come together are written down together.
const STATUS_GRAIN: Duration = Duration::from_millis(200);

/// Runs until a signal comes, or a part breaks.
pub(crate) async fn run(node: Node, config: Config, data_directory: &Path) -> Result<(), AgentError> {
    let shutdown = CancellationToken::new();
    let mut parts: JoinSet<Result<(), AgentError>> = JoinSet::new();
    let (problems, shown) = watch::channel(BTreeMap::new());
    if config.files.is_some() {
        // From the first word on, what counts is what stands in the files.
        node.report_adapter(AdapterState::default());
    }
    parts.spawn({
        let (node, shutdown) = (node.clone(), shutdown.clone());
        async move {
            node.run(shutdown).await;
            Ok(())
        }
    });
    if let Some(config) = config.files {
        let (node, shutdown, directory) = (node.clone(), shutdown.clone(), data_directory.to_owned());
        parts.spawn(async move { files::run(node, config, &directory, problems, shutdown).await });
    }
    parts.spawn(keep_status(node, shown, data_directory.to_owned(), shutdown.clone()));
    tell(&[NotifyState::Ready]);
    let broken = until_stopped(&mut parts).await;
    tell(&[NotifyState::Stopping]);
    shutdown.cancel();
    let stopped = timeout(STOP_LIMIT, async { while parts.join_next().await.is_some() {} }).await;
    if stopped.is_err() {
        tracing::warn!("not everything stopped in time; nothing is lost by that");
    }
    broken.map_or(Ok(()), Err)
}

/// Waits for a signal. A part that ends before breaks the agent: the service manager starts it anew.
async fn until_stopped(parts: &mut JoinSet<Result<(), AgentError>>) -> Option<AgentError> {
    let wait = async {
        let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
        else {
            tracing::warn!("signals cannot be received; the agent stops only when it is killed");
            return std::future::pending().await;
        };
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    tokio::select! {
        () = wait => {
            tracing::info!("stopping");
            None
        }
        ended = parts.join_next() => Some(match ended {
            Some(Ok(Err(error))) => error,
            _ => AgentError::Stopped("a part of the agent"),
        }),
    }
}

async fn keep_status(
    node: Node,
    mut problems: watch::Receiver<BTreeMap<String, String>>,
    directory: PathBuf,
    shutdown: CancellationToken,
) -> Result<(), AgentError> {
    let mut changes = node.watch_status();
    let mut watching = true;
    let mut last_failure = None;
    loop {
        changes.mark_unchanged();
        let status = AgentStatus::of(node.status(), problems.borrow_and_update().clone());
        let place = directory.clone();
        let written = spawn_blocking(move || status.write(&place).map_err(|error| error.to_string())).await;
        let failure = written.unwrap_or_else(|error| Err(error.to_string())).err();
        if let Some(error) = failure.as_ref().filter(|_| failure != last_failure) {
            tracing::warn!(error, "the status file cannot be written");
        }
        last_failure = failure;
        if shutdown.is_cancelled() {
            return Ok(());
        }
        let due = Instant::now() + Duration::from_millis(WRITE_INTERVAL_MS);
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = sleep_until(due) => {}
            _ = changes.changed() => sleep(STATUS_GRAIN).await,
            changed = problems.changed(), if watching => watching = changed.is_ok(),
        }
    }
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!(%error, "the service manager cannot be told");
    }
}
