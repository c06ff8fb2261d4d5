//! Work that nobody calls for: woken by events and by time, without input, one idempotent step each.

use std::sync::Arc;
use std::time::Duration;

use atoll_domain::time::Timestamp;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::error::Result;
use crate::service::{Caller, Services, access, sharing, telemetry};
use crate::store::PUT_BACK;
use crate::store::feed::marks_prune;
use crate::store::fleet::node_events_prune;
use crate::store::sharing::exceptions_clear_older;
use crate::store::work::{WorkRecord, work_finish, work_list, work_postpone};
use crate::twins;

/// How often the feed is looked at for what other replicas of the manager have committed.
const POLL: Duration = Duration::from_millis(500);
/// Least time between two looks at the feed: the first of a burst of commits is taken up at once, the rest together.
const SPACING: Duration = Duration::from_millis(10);
/// How often what was seen of nodes is written.
const FLUSH: Duration = Duration::from_secs(1);
/// How often failed authentications are recorded.
const REFUSALS_EVERY_MS: i64 = 60_000;
/// How often it is written how the fleet is.
const SAMPLE: Duration = Duration::from_secs(60);
/// Old events of nodes are forgotten at each so many samples.
const PRUNE_EVERY: u32 = 10;
/// How long it is known of a number of the feed that it was given by this database: a node that was away for longer is
/// offered everything again.
const MARKS_FOR_MS: i64 = 90 * 86_400_000;
/// Pieces of work in one go.
const WORK_BATCH: u64 = 32;

/// Keeps the index of the feed at its end, and wakes the streams that are owed something.
pub async fn feed(services: Arc<Services>, cancel: CancellationToken) {
    let mut changed = services.store.changed();
    let mut poll = interval(POLL);
    poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = cancel.cancelled() => return,
            _ = changed.changed() => {}
            _ = poll.tick() => {}
        }
        let refreshed = services.hub.refresh(&services.store).await;
        if matches!(&refreshed, Err(error) if error.reason == PUT_BACK) {
            // All that is remembered here is of a life of the database that is over: a new process reads it anew.
            report(refreshed, "the manager stops");
            cancel.cancel();
            return;
        }
        report(refreshed, "the feed cannot be read");
        report(work(&services).await, "queued work failed and is tried again");
        tokio::time::sleep(SPACING).await;
    }
}

/// Keeps an eye on what nodes lack: the rest of what makes a node green is known when something is published.
pub async fn required(services: Arc<Services>, cancel: CancellationToken) {
    let mut tick = interval(FLUSH);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = cancel.cancelled() => return,
            _ = tick.tick() => {}
        }
        report(sharing::required::refresh(&services).await, "it cannot be looked at which required values nodes lack");
    }
}

/// Does queued work. A piece that fails stays queued and holds up no other.
async fn work(services: &Services) -> Result<()> {
    loop {
        let pieces = work_list(&services.store, WORK_BATCH).await?;
        let count = pieces.len() as u64;
        let mut failed = false;
        for piece in pieces {
            if let Err(error) = do_piece(services, &piece).await {
                tracing::error!(job = piece.job, subject = piece.subject, context = error.context(), "{error}");
                let tx = services.store.begin().await?;
                work_postpone(&tx, &piece.id, clock::now().0).await?;
                tx.commit().await?;
                failed = true;
            }
        }
        if count < WORK_BATCH || failed {
            return Ok(());
        }
    }
}

async fn do_piece(services: &Services, piece: &WorkRecord) -> Result<()> {
    let caller = Caller::manager(clock::now());
    match (piece.job.as_str(), piece.subject.parse()) {
        // Repeating it changes nothing, so it is finished once all of it is done: a crash before that begins anew.
        (sharing::JOB_FORKS, Ok(resource)) => sharing::fork::rebase_all(services, resource, &caller).await?,
        (job, _) => tracing::error!(job, subject = piece.subject, "unknown work was dropped"),
    }
    let tx = services.store.begin().await?;
    work_finish(&tx, &piece.id).await?;
    tx.commit().await?;
    Ok(())
}

/// Writes what was seen of nodes and of strangers, and takes up what other replicas saw.
pub async fn presence(services: Arc<Services>, cancel: CancellationToken) {
    let mut tick = interval(FLUSH);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let is_shared = services.settings.database_url.is_some();
    let mut recorded = clock::now();
    loop {
        let over = tokio::select! {
            () = cancel.cancelled() => true,
            _ = tick.tick() => false,
        };
        let now = clock::now();
        if over || now.ms_since(recorded) >= REFUSALS_EVERY_MS {
            report(access::refusal::record(&services, now).await, "failed authentications cannot be recorded");
            recorded = now;
        }
        report(services.presence.flush(&services.store).await.map(|_| ()), "what was seen of nodes cannot be written");
        if over {
            return;
        }
        if is_shared {
            let here = |node| services.hub.is_connected(node);
            report(
                services.presence.take_up(&services.store, now, here).await,
                "what other replicas saw cannot be read",
            );
        }
    }
}

/// Writes how the fleet is, minute by minute, and forgets what is too old of it and of events.
pub async fn samples(services: Arc<Services>, cancel: CancellationToken) {
    let mut tick = interval(SAMPLE);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut taken: u32 = 0;
    loop {
        tokio::select! {
            () = cancel.cancelled() => return,
            _ = tick.tick() => {}
        }
        report(telemetry::sample::take(&services, clock::now()).await, "how the fleet is cannot be written");
        if taken.is_multiple_of(PRUNE_EVERY) {
            report(prune(&services, clock::now()).await, "old events of nodes cannot be forgotten");
        }
        taken = taken.wrapping_add(1);
    }
}

async fn prune(services: &Services, now: Timestamp) -> Result<()> {
    let tx = services.store.begin().await?;
    node_events_prune(&tx).await?;
    marks_prune(&tx, now.0 - MARKS_FOR_MS).await?;
    // It is written anew each time both have called, so an old one says that only one does.
    exceptions_clear_older(&tx, twins::CODE, now.0 - twins::OVER_AFTER_MS).await?;
    tx.commit().await?;
    Ok(())
}

/// Renews the certificate that the node port shows, long before it runs out.
pub async fn certificate(
    services: Arc<Services>,
    certificates: Vec<Arc<crate::tls::ServerCertificate>>,
    cancel: CancellationToken,
) {
    let mut tick = interval(Duration::from_secs(12 * 3600));
    tick.tick().await;
    loop {
        tokio::select! {
            () = cancel.cancelled() => return,
            _ = tick.tick() => {}
        }
        for certificate in &certificates {
            let renewed = services
                .keys
                .authority
                .issue_server(&services.settings.server_names(), clock::now())
                .and_then(|(chain, key)| certificate.replace(chain, &key));
            report(renewed, "the port's certificate cannot be renewed");
        }
    }
}

fn report(result: Result<()>, what: &str) {
    if let Err(error) = result {
        tracing::error!(reason = error.reason, context = error.context(), "{what}: {error}");
    }
}
