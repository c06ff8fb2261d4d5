//! The latest calls to join, also those that were refused: what to look at when a server does not appear.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use atoll_domain::terminal::kept;
use atoll_domain::time::Timestamp;

use crate::error::Result;
use crate::service::Services;
use crate::service::list::{Field, Listed, Options, Page, page};

/// Attempts that are kept, in memory only: anybody can cause them.
const KEPT: usize = 256;
/// Longest text that is kept of what a stranger sent.
const TEXT_LIMIT: usize = 200;

/// The outcome of a call that let the node in.
const JOINED: &str = "joined";

/// A call to join.
#[derive(Debug, Clone)]
pub struct JoinAttempt {
    pub at: Timestamp,
    pub address: String,
    pub name: String,
    /// The id of the token; empty where it was not one.
    pub token: String,
    pub outcome: &'static str,
    pub text: String,
}

/// The latest attempts.
#[derive(Debug, Default)]
pub struct Attempts(Mutex<VecDeque<JoinAttempt>>);

impl Attempts {
    /// Keeps an attempt with what came of it.
    pub fn add<T>(&self, at: Timestamp, address: String, name: &str, token: String, result: &Result<T>) {
        let (outcome, text) = match result {
            Ok(_) => (JOINED, String::new()),
            // A refusal may quote what was sent, however long that is.
            Err(error) => (error.reason, kept(&error.text, TEXT_LIMIT)),
        };
        let name = name.chars().filter(|c| !c.is_control()).take(TEXT_LIMIT).collect();
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT {
            kept.pop_back();
        }
        kept.push_front(JoinAttempt { at, address, name, token, outcome, text });
    }
}

impl Listed for JoinAttempt {
    const FIELDS: &'static [&'static str] = &["token", "outcome", "name", "address", "at_ms"];
    const FACETS: &'static [&'static str] = &["outcome", "token"];
    fn title(&self) -> String {
        format!("{} {}", self.name, self.address)
    }
    fn field(&self, name: &str) -> Option<Field> {
        match name {
            "token" => Field::text(&self.token),
            "outcome" => Field::text(self.outcome),
            "name" => Field::text(&self.name),
            "address" => Field::text(&self.address),
            "at_ms" => Some(Field::Number(self.at.0)),
            _ => None,
        }
    }
}

/// The attempts, newest first.
///
/// # Errors
/// A filter or an order that is none.
pub fn list(services: &Services, options: &Options) -> Result<Page<JoinAttempt>> {
    let kept = services.attempts.0.lock().unwrap_or_else(PoisonError::into_inner);
    let attempts = kept.iter().cloned().collect();
    drop(kept);
    page(attempts, options)
}
