//! The link to the manager: connects, stays connected, and calls again.

mod certificate;
mod deliver;
mod receive;

use std::sync::Arc;
use std::time::{Duration, Instant};

use atoll_domain::link::node::{RETRY_MS, retry_delay_ms};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::state::Inner;
use crate::status::ConnectionState;
use crate::{NodeError, channel, random, tls};

/// How often a node that was removed asks whether it still is.
const REMOVED_RETRY: Duration = Duration::from_secs(60);
/// A connection that lasted this long was a good one: the next wait is the shortest again.
const GOOD_CONNECTION: Duration = Duration::from_secs(10);

/// Why a connection ended.
#[derive(Debug)]
enum End {
    /// The node has a fresh certificate and connects again with it.
    Renewed,
    /// The manager does not accept the certificate.
    Unauthenticated(String),
    /// The manager does not know this node any more.
    Removed(String),
    Failed(String),
}

impl From<NodeError> for End {
    fn from(error: NodeError) -> Self {
        match error {
            NodeError::Refused { code, reason } if code == NODE_REMOVED => Self::Removed(reason),
            NodeError::Refused { code, reason } if code == UNAUTHENTICATED => Self::Unauthenticated(reason),
            error => Self::Failed(error.to_string()),
        }
    }
}

const NODE_REMOVED: &str = "NODE_REMOVED";
const UNAUTHENTICATED: &str = "UNAUTHENTICATED";

/// What the manager meant by an error. Codes are the stable reason where there is one.
pub(crate) fn refusal(status: &Status, address: &str) -> NodeError {
    let reason = status.get_details_error_info().map(|info| info.reason);
    let text = if status.message().is_empty() { status.code().description() } else { status.message() };
    match (status.code(), reason) {
        (Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled | Code::Unknown, None) => {
            NodeError::Unreachable { address: address.to_owned(), reason: crate::error::chain(status) }
        }
        (Code::PermissionDenied, Some(reason)) if reason == NODE_REMOVED => {
            NodeError::Refused { code: reason, reason: text.to_owned() }
        }
        // Whatever the reason: the certificate is not accepted, and Recover may help.
        (Code::Unauthenticated, _) => NodeError::Refused { code: UNAUTHENTICATED.to_owned(), reason: text.to_owned() },
        (Code::Unavailable, Some(_)) => NodeError::Refused { code: "UNAVAILABLE".to_owned(), reason: text.to_owned() },
        (Code::ResourceExhausted, _) => {
            NodeError::Refused { code: "RESOURCE_EXHAUSTED".to_owned(), reason: text.to_owned() }
        }
        (code, reason) => {
            NodeError::Refused { code: reason.unwrap_or_else(|| format!("{code:?}")), reason: text.to_owned() }
        }
    }
}

pub(crate) async fn run(inner: &Arc<Inner>, shutdown: &CancellationToken) {
    let mut attempt = 0;
    let mut recover = false;
    loop {
        inner.update_link(|link| {
            // While it tries again it stays what it was, so that the status says since when.
            if link.connection.state == ConnectionState::Stopped {
                link.set_state(ConnectionState::Connecting);
            }
        });
        let begun = Instant::now();
        let end = tokio::select! {
            () = shutdown.cancelled() => break,
            end = connection(inner, recover) => end,
        };
        recover = matches!(end, End::Unauthenticated(_));
        attempt = if begun.elapsed() >= GOOD_CONNECTION { 0 } else { attempt + 1 };
        let wait = record(inner, end, attempt);
        tokio::select! {
            () = shutdown.cancelled() => break,
            () = sleep(wait) => {}
        }
    }
    inner.update_link(|link| link.set_state(ConnectionState::Stopped));
}

/// Notes how a connection ended, and how long to wait.
fn record(inner: &Inner, end: End, attempt: u32) -> Duration {
    let retry = Duration::from_millis(retry_delay_ms(attempt.saturating_sub(1), random::jitter()));
    let (state, reason, wait) = match end {
        End::Renewed => {
            tracing::info!("the node has a fresh certificate and connects with it");
            return Duration::from_millis(RETRY_MS.0 / 2);
        }
        End::Removed(reason) => {
            let text = format!(
                "an administrator removed this node from the fleet ({reason}); to join again, move the data directory away and join with a new token"
            );
            (ConnectionState::Removed, text, REMOVED_RETRY)
        }
        End::Unauthenticated(reason) => {
            (ConnectionState::Disconnected, format!("the manager does not accept the certificate: {reason}"), retry)
        }
        End::Failed(reason) => (ConnectionState::Disconnected, reason, retry),
    };
    let known = inner.link().connection.last_failure.as_deref() == Some(reason.as_str());
    if known {
        tracing::debug!(reason, wait_ms = wait.as_millis(), "the link ended as before");
    } else {
        tracing::warn!(
            reason,
            wait_ms = wait.as_millis(),
            "lost the connection to the manager; the node keeps running what it has"
        );
    }
    inner.update_link(|link| link.failed(state, reason));
    wait
}

async fn connection(inner: &Arc<Inner>, recover: bool) -> End {
    match connect(inner, recover).await {
        Ok(end) => end,
        Err(error) => error.into(),
    }
}

async fn connect(inner: &Arc<Inner>, recover: bool) -> Result<End, NodeError> {
    if recover || !tls::certificate_is_valid(&inner.identity()) {
        certificate::recover(inner).await?;
    }
    let client = channel::connect(&inner.identity(), true).await?;
    let (session, welcome) = receive::open(inner, client.clone()).await?;
    inner.update_link(|link| {
        link.set_state(ConnectionState::Connected);
        link.blocked.clear();
    });
    tracing::info!(name = welcome.name, group = welcome.group, "linked to the manager");
    Ok(tokio::select! {
        end = receive::receive(inner, session, &welcome) => end,
        end = deliver::deliver(inner, client.clone()) => end,
        end = certificate::keep_fresh(inner, client) => end,
    })
}
