//! Use cases: check, load, decide with the domain, write and audit in one transaction.

pub mod access;
pub mod audit;
pub mod fleet;
pub mod list;
pub mod sharing;
pub mod telemetry;

use std::sync::Arc;

use atoll_domain::fleet::name::NodeName;
use atoll_domain::id::{SessionId, TokenId};
use atoll_domain::time::Timestamp;
use serde_json::Value;

use crate::config::Settings;
use crate::directory::{Directory, Nodes};
use crate::error::Result;
use crate::hub::Hub;
use crate::keys::Keyring;
use crate::presence::Presence;
use crate::pulse::Pulse;
use crate::store::fleet::NodeRecord;
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
    pub attempts: fleet::join::attempt::Attempts,
    pub sessions: access::session::Sessions,
    pub refusals: access::refusal::Refusals,
    pub directory: Directory,
    pub pulse: Arc<Pulse>,
    /// Nodes that ran something else than they should.
    pub repairs: sharing::proof::Repairs,
    /// Required variables that nodes lack.
    pub required: sharing::required::Required,
    pub counters: telemetry::Counters,
    pub settings: Settings,
    pub started: Timestamp,
}

impl Services {
    /// Loads what is kept in memory; the rest of it begins empty.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn load(store: Store, keys: Keyring, hub: Hub, settings: Settings, started: Timestamp) -> Result<Self> {
        let pulse = Arc::new(Pulse::default());
        Ok(Self {
            presence: Presence::load(&store, Arc::clone(&pulse), started).await?,
            directory: Directory::load(&store).await?,
            hub: Arc::new(hub),
            credentials: fleet::credential::Credentials::new(store.is_shared()),
            challenges: fleet::certificate::Challenges::default(),
            known_tokens: fleet::join::KnownTokens::default(),
            admissions: fleet::join::Admissions::default(),
            attempts: fleet::join::attempt::Attempts::default(),
            sessions: access::session::Sessions::default(),
            refusals: access::refusal::Refusals::default(),
            repairs: sharing::proof::Repairs::default(),
            required: sharing::required::Required::default(),
            counters: telemetry::Counters::default(),
            pulse,
            store,
            keys,
            settings,
            started,
        })
    }

    /// The nodes of the fleet, for showing them.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn nodes(&self) -> Result<Arc<Nodes>> {
        self.directory.nodes(&self.store).await
    }

    /// To be called with every change of a node that was committed.
    pub fn node_changed(&self, record: &NodeRecord, now: Timestamp) {
        self.credentials.changed(record, now);
        self.pulse.changed(record.id);
    }
}

/// Marks the acts of nodes among those of people.
const NODE_PREFIX: &str = "node:";

/// Who asks, and when.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The name of the token: the *who* of provenance and audit.
    pub name: String,
    /// The token that was shown, or the one that the browser's session goes back to.
    pub token: Option<TokenId>,
    /// The session of a browser.
    pub session: Option<CallerSession>,
    /// What the caller said expressly, in this one request.
    pub words: Words,
    pub now: Timestamp,
}

/// Consequences that are refused unless the caller says that they are meant.
#[derive(Debug, Clone, Copy, Default)]
pub struct Words {
    /// More nodes may read a sealed value.
    pub widen: bool,
    /// What others have drafted is released too.
    pub with_drafts: bool,
}

/// The session that a call came in.
#[derive(Debug, Clone, Copy)]
pub struct CallerSession {
    pub id: SessionId,
    pub expires_ms: i64,
}

impl Caller {
    /// The manager itself, for what it does unasked.
    #[must_use]
    pub fn manager(now: Timestamp) -> Self {
        Self { name: "manager".to_owned(), token: None, session: None, words: Words::default(), now }
    }

    /// Whoever reads what the manager prints at its start.
    #[must_use]
    pub fn console(now: Timestamp) -> Self {
        Self { name: "console".to_owned(), ..Self::manager(now) }
    }

    /// A node, for what it does on its own account.
    #[must_use]
    pub fn node(name: &NodeName, now: Timestamp) -> Self {
        Self { name: format!("{NODE_PREFIX}{name}"), ..Self::manager(now) }
    }

    /// Whether it is a node. No token has such a name: a colon is not allowed in one.
    #[must_use]
    pub fn is_node(&self) -> bool {
        self.name.starts_with(NODE_PREFIX)
    }

    /// The same caller, who has said that more nodes may read sealed values.
    #[must_use]
    pub fn widening(mut self, widen: bool) -> Self {
        self.words.widen = widen;
        self
    }

    /// The same caller, who has said that drafts of others are released too.
    #[must_use]
    pub fn releasing_drafts(mut self, with_drafts: bool) -> Self {
        self.words.with_drafts = with_drafts;
        self
    }

    pub(crate) fn record(&self, tx: &mut Tx, action: &'static str, subject: impl ToString, detail: Value) {
        tx.audit(AuditEntry { at: self.now, actor: self.name.clone(), action, subject: subject.to_string(), detail });
    }

    fn queue(&self, tx: &mut Tx, job: &'static str, subject: impl ToString) {
        tx.queue(Work { id: crate::clock::new_id(), job, subject: subject.to_string(), queued: self.now });
    }
}
