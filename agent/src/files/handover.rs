//! Lets the server read its files, and tries again while that fails: whoever mends the server need not change a file.

use std::time::Duration;

use atoll_node::clock;
use atoll_node::domain::id::{ResourceId, RevisionId};
use atoll_node::domain::time::Timestamp;
use tokio::time::Instant;

use super::adapter::Batch;
use super::reload::reload;
use crate::config::FilesConfig;

/// Shortest and longest wait before a command that failed is run again.
pub const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));

/// The reload command with what came of it.
#[derive(Debug)]
pub struct Handover {
    command: Vec<String>,
    limit: Duration,
    failure: Option<Failure>,
}

/// Why the server has not read its files yet.
#[derive(Debug)]
struct Failure {
    text: String,
    attempts: u32,
    due: Instant,
    due_at: Timestamp,
    /// What waited when it failed: anything else is news, and does not wait.
    pending: Vec<(String, ResourceId, RevisionId)>,
    removed: usize,
}

/// What came of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Handed {
    /// There is nothing to read, or it is not time to try again.
    Nothing,
    Done,
    Failed(String),
    /// As the last time: nobody needs to hear of it once more.
    FailedAgain,
}

impl Handover {
    #[must_use]
    pub fn new(config: &FilesConfig) -> Self {
        let limit = Duration::from_millis(config.reload_timeout_ms);
        Self { command: config.reload_command.clone(), limit, failure: None }
    }

    /// What a person should look at.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        let failure = self.failure.as_ref()?;
        let times = if failure.attempts == 1 { String::new() } else { format!(" {} times", failure.attempts) };
        Some(format!(
            "the files are in place, but the reload command failed{times}: {}; next attempt at {}, or when a file \
             changes",
            failure.text, failure.due_at
        ))
    }

    /// Runs the command if something waits for it and it is time.
    pub async fn hand_over(&mut self, batch: &Batch) -> Handed {
        if !self.is_due(batch) {
            return Handed::Nothing;
        }
        let Err(text) = reload(&self.command, self.limit).await else {
            self.failure = None;
            return Handed::Done;
        };
        self.failed(batch, text)
    }

    fn is_due(&self, batch: &Batch) -> bool {
        match &self.failure {
            None => batch.needs_reload(),
            Some(failure) => {
                let is_news = batch.removed > failure.removed || batch.pending != failure.pending;
                is_news || failure.due <= Instant::now()
            }
        }
    }

    fn failed(&mut self, batch: &Batch, text: String) -> Handed {
        let before = self.failure.as_ref().filter(|failure| failure.pending == batch.pending);
        let attempts = before.map_or(0, |failure| failure.attempts).saturating_add(1);
        let is_known = before.is_some_and(|failure| failure.text == text);
        let wait = retry_after(attempts);
        let due_at = Timestamp(clock::now().0.saturating_add(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)));
        let (due, pending, removed) = (Instant::now() + wait, batch.pending.clone(), batch.removed);
        self.failure = Some(Failure { text: text.clone(), attempts, due, due_at, pending, removed });
        if is_known {
            return Handed::FailedAgain;
        }
        tracing::warn!(reason = text, wait_ms = wait.as_millis(), "the reload command failed; the files are in place");
        Handed::Failed(text)
    }
}

/// Doubling, up to the longest wait.
fn retry_after(attempts: u32) -> Duration {
    RETRY.0.saturating_mul(1 << attempts.saturating_sub(1).min(16)).min(RETRY.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_five_minutes() {
        let waits = [1, 2, 4, 9, 10, 1_000].map(|attempts| retry_after(attempts).as_secs());
        assert_eq!(waits, [1, 2, 8, 256, 300, 300]);
    }
}
