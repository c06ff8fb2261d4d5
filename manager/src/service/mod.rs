//! Use cases: check, load, decide with the domain, write and audit in one transaction.

pub mod access;
pub mod audit;
pub mod fleet;
pub mod list;
pub mod sharing;
pub mod telemetry;

use std::sync::Arc;

use atoll_domain::time::Timestamp;
use serde_json::Value;

use crate::config::Settings;
use crate::hub::Hub;
use crate::keys::Keyring;
use crate::presence::Presence;
use crate::store::tx::{AuditEntry, Work};
use crate::store::{Store, Tx};

/// What every use case works with.
#[derive(Debug)]
pub struct Services {
    pub store: Store,
    pub keys: Keyring,
    pub hub: Arc<Hub>,
    pub presence: Presence,
    pub credentials: fleet::credential::Credentials,
    pub challenges: fleet::certificate::Challenges,
    pub known_tokens: fleet::join::KnownTokens,
    pub admissions: fleet::join::Admissions,
    pub settings: Settings,
    pub started: Timestamp,
}

/// Who asks, and when.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The name of the token: the *who* of provenance and audit.
    pub name: String,
    pub token: Option<atoll_domain::id::TokenId>,
    pub now: Timestamp,
}

impl Caller {
    /// The manager itself, for what it does unasked.
    #[must_use]
    pub fn manager(now: Timestamp) -> Self {
        Self { name: "manager".to_owned(), token: None, now }
    }

    fn record(&self, tx: &mut Tx, action: &'static str, subject: impl ToString, detail: Value) {
        tx.audit(AuditEntry { at: self.now, actor: self.name.clone(), action, subject: subject.to_string(), detail });
    }

    fn queue(&self, tx: &mut Tx, job: &'static str, subject: impl ToString) {
        tx.queue(Work { id: crate::clock::new_id(), job, subject: subject.to_string(), queued: self.now });
    }
}
