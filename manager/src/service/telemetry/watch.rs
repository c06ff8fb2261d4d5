//! Telling what changes, as it changes.
//!
//! The audit record is the feed: the number of the newest act that was told is the place to go on from, after a restart
//! and at every replica. What is only seen of nodes is not in it, and is told from memory.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use atoll_domain::id::NodeId;
use atoll_domain::time::Timestamp;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Status;
use crate::clock;
use crate::error::Result;
use crate::pulse::Watching;
use crate::service::access::still_good;
use crate::service::fleet::node::{self, NodeView};
use crate::service::{Caller, Services};
use crate::store::audit::{AuditRecord, events_after, newest_number};
use crate::store::fleet::node_get;

/// Least time between two looks: five messages a second at most.
const SPACING: Duration = Duration::from_millis(200);
/// How often it is looked for what other replicas did.
const POLL: Duration = Duration::from_millis(500);
/// Longest silence.
const HEARTBEAT: Duration = Duration::from_secs(2);
/// How often the credential is looked at again.
const CHECK: Duration = Duration::from_secs(1);
/// Most acts and most nodes in one message.
const EVENT_LIMIT: u64 = 500;
const NODE_LIMIT: usize = 256;
/// How far the clocks of two replicas may be apart.
const SKEW_MS: i64 = 10_000;

/// What changed since the message before.
#[derive(Debug)]
pub struct News {
    pub resume_token: String,
    pub events: Vec<AuditRecord>,
    pub nodes: Vec<NodeView>,
    /// More changed than is told.
    pub incomplete: bool,
    /// The counters, where they are others than before.
    pub status: Option<Arc<Status>>,
    pub now: Timestamp,
}

/// One open stream. Dropping it ends it.
#[derive(Debug)]
pub struct Watcher {
    services: Arc<Services>,
    caller: Caller,
    over: CancellationToken,
    watching: Watching,
    commits: watch::Receiver<u64>,
    /// Something was committed since the last look.
    has_commits: bool,
    /// The newest act that was told.
    number: u64,
    /// Nodes that changed before the stream began, to be told with the first message.
    waiting: BTreeSet<NodeId>,
    incomplete: bool,
    status: Option<Arc<Status>>,
    /// When something changed last that the counters may not show yet.
    uncounted: Option<Instant>,
    looked: Option<Instant>,
    told: Option<Instant>,
    checked: Instant,
}

impl Watcher {
    /// Begins to watch, where a stream before it stopped if its token is given.
    ///
    /// # Errors
    /// Too many watch already, or the database does not answer.
    pub async fn open(
        services: Arc<Services>,
        caller: Caller,
        resume_token: &str,
        over: CancellationToken,
    ) -> Result<Self> {
        let watching = services.pulse.watch()?;
        let commits = services.store.changed();
        let newest = newest_number(&services.store).await?;
        let mut watcher = Self {
            services,
            caller,
            over,
            watching,
            commits,
            has_commits: false,
            number: newest,
            waiting: BTreeSet::new(),
            incomplete: false,
            status: None,
            uncounted: Some(Instant::now()),
            looked: None,
            told: None,
            checked: Instant::now(),
        };
        if !resume_token.is_empty() {
            watcher.resume(resume_token, newest);
        }
        Ok(watcher)
    }

    fn resume(&mut self, token: &str, newest: u64) {
        match read_token(token).filter(|(number, _)| *number <= newest) {
            Some((number, at_ms)) => {
                self.number = number;
                self.waiting.extend(self.services.presence.seen_since(at_ms.saturating_sub(SKEW_MS)));
            }
            // Of another manager, or of this one before a restore.
            None => self.incomplete = true,
        }
    }

    /// Waits for the next message; `None` when the manager stops.
    ///
    /// # Errors
    /// The credential has ended, or the database does not answer.
    pub async fn next(&mut self) -> Result<Option<News>> {
        loop {
            if let Some(looked) = self.looked
                && !self.wait_until(looked + SPACING).await
            {
                return Ok(None);
            }
            self.check().await?;
            let news = self.look().await?;
            self.looked = Some(Instant::now());
            if self.is_due() || !news.is_empty() {
                self.told = self.looked;
                return Ok(Some(news));
            }
            tokio::select! {
                () = self.over.cancelled() => return Ok(None),
                // Waiting for a commit also marks it as seen: it is remembered for the look that follows.
                _ = self.commits.changed() => self.has_commits = true,
                () = self.watching.wait() => {}
                () = tokio::time::sleep(POLL) => {}
            }
        }
    }

    /// `false` when the manager stops before.
    async fn wait_until(&self, until: Instant) -> bool {
        tokio::select! {
            () = self.over.cancelled() => false,
            () = tokio::time::sleep_until(until) => true,
        }
    }

    fn is_due(&self) -> bool {
        self.told.is_none_or(|told| told.elapsed() + POLL >= HEARTBEAT)
    }

    async fn check(&mut self) -> Result<()> {
        if self.checked.elapsed() >= CHECK {
            still_good(&self.services, &self.caller).await?;
            self.checked = Instant::now();
        }
        Ok(())
    }

    async fn look(&mut self) -> Result<News> {
        let has_commits = std::mem::take(&mut self.has_commits) || self.commits.has_changed().unwrap_or(true);
        self.commits.mark_unchanged();
        let mut changed = std::mem::take(&mut self.waiting);
        let mut incomplete = std::mem::take(&mut self.incomplete);
        match self.watching.take() {
            Some(nodes) => changed.extend(nodes),
            None => incomplete = true,
        }
        let mut events = Vec::new();
        if has_commits || self.told.is_none() || self.services.store.is_shared() {
            incomplete |= self.read_events(&mut events).await?;
        }
        if has_commits || incomplete || !changed.is_empty() || self.services.store.is_shared() {
            self.uncounted = Some(Instant::now());
        }
        let nodes = self.nodes(&events, changed).await?;
        incomplete |= nodes.is_none();
        let now = clock::now();
        Ok(News {
            resume_token: token(self.number, now),
            events,
            nodes: nodes.unwrap_or_default(),
            incomplete,
            status: self.status().await?,
            now,
        })
    }

    /// Reads what was done since. Answers whether it is more than can be told: then it is the newest of it.
    async fn read_events(&mut self, events: &mut Vec<AuditRecord>) -> Result<bool> {
        let newest = newest_number(&self.services.store).await?;
        if newest <= self.number {
            return Ok(false);
        }
        let is_more = newest - self.number > EVENT_LIMIT;
        let after = if is_more { newest - EVENT_LIMIT } else { self.number };
        *events = events_after(&self.services.store, after, EVENT_LIMIT).await?;
        self.number = events.last().map_or(newest, |event| event.number);
        Ok(is_more)
    }

    /// The nodes that were seen to change and those that somebody acted on, also at another replica; `None` when there
    /// are too many.
    async fn nodes(&self, events: &[AuditRecord], mut changed: BTreeSet<NodeId>) -> Result<Option<Vec<NodeView>>> {
        let services = &self.services;
        let acted_on: Vec<&AuditRecord> = events.iter().filter(|event| event.action.starts_with("node.")).collect();
        if changed.is_empty() && acted_on.is_empty() {
            return Ok(Some(Vec::new()));
        }
        let known = services.nodes().await?;
        changed.extend(acted_on.iter().filter_map(|event| known.named(&event.subject)).map(|record| record.id));
        if changed.len() > NODE_LIMIT {
            return Ok(None);
        }
        let mut views = Vec::with_capacity(changed.len());
        for id in changed {
            let record = match known.get(id) {
                Some(record) => Some(Arc::clone(record)),
                None => node_get(&services.store, id).await?.map(Arc::new),
            };
            views.extend(record.map(|record| node::view(services, record)));
        }
        Ok(Some(views))
    }

    /// Counted only after something changed: looking costs nothing while all is quiet.
    async fn status(&mut self) -> Result<Option<Arc<Status>>> {
        let Some(changed) = self.uncounted else { return Ok(None) };
        let (counted, status) = self.services.counters.recent(&self.services).await?;
        if counted >= changed {
            self.uncounted = None;
        }
        if self.status.as_ref() == Some(&status) {
            return Ok(None);
        }
        self.status = Some(Arc::clone(&status));
        Ok(Some(status))
    }
}

impl News {
    fn is_empty(&self) -> bool {
        self.events.is_empty() && self.nodes.is_empty() && !self.incomplete && self.status.is_none()
    }
}

/// The number of the newest act that was told, and when that was.
fn token(number: u64, now: Timestamp) -> String {
    format!("{number}.{}", now.0)
}

fn read_token(token: &str) -> Option<(u64, i64)> {
    let (number, at_ms) = token.split_once('.')?;
    Some((number.parse().ok()?, at_ms.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_says_where_to_go_on() {
        assert_eq!(read_token(&token(7, Timestamp(9))), Some((7, 9)));
        assert_eq!(read_token("nonsense"), None);
    }
}
