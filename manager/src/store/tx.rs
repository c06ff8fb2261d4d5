//! A write transaction as a value.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use atoll_domain::document::{Audience, Lane};
use atoll_domain::id::NodeId;
use atoll_domain::time::Timestamp;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ConnectionTrait, DatabaseTransaction, EntityTrait, Set, Statement};
use tokio::sync::{OwnedMutexGuard, watch};
use uuid::Uuid;

use super::entity::{audit_event, feed_row, membership, work};
use super::sharing::Histories;
use super::{Database, signed, unsigned};
use crate::error::{Error, ErrorKind, Result};

/// Rows per statement: far below the databases' limits on bound values.
const CHUNK: usize = 400;

/// Changes, audit events, queued work and what nodes must be told; all of it or nothing.
#[derive(Debug)]
pub struct Tx {
    transaction: DatabaseTransaction,
    _writer: Option<OwnedMutexGuard<()>>,
    changed: Arc<watch::Sender<u64>>,
    highest: Arc<AtomicU64>,
    histories: Arc<Histories>,
    documents: BTreeMap<(Audience, String), SignedRow>,
    memberships: BTreeMap<(NodeId, Audience), bool>,
    audit: Vec<AuditEntry>,
    work: Vec<Work>,
    /// It follows all others that change what nodes get.
    pub(super) is_ordered: bool,
    #[cfg(test)]
    gate: Option<(Arc<super::gate::Gate>, sea_orm::DatabaseConnection)>,
}

/// A document with its signature, ready for the feed.
#[derive(Debug)]
pub struct SignedRow {
    pub audience: Audience,
    pub key: String,
    pub lane: Lane,
    pub generation: u64,
    pub deleted: bool,
    pub document: Vec<u8>,
    pub signature: Vec<u8>,
    /// Of the payload, for telling whether a document would change at all.
    pub content_digest: String,
}

/// One act, as the audit record keeps it.
#[derive(Debug, Clone)]
pub struct AuditEntry {
    pub at: Timestamp,
    pub actor: String,
    pub action: &'static str,
    pub subject: String,
    pub detail: serde_json::Value,
}

/// Something to do after the commit, whoever gets to it first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    pub id: Uuid,
    pub job: &'static str,
    pub subject: String,
    pub queued: Timestamp,
}

/// The database holds less than this process has read of it. Whatever is remembered here may be of a life that is over.
pub(crate) fn put_back() -> Error {
    Error::new(
        ErrorKind::Unavailable,
        PUT_BACK,
        "the database was put back to an older state while this manager was running; it stops, and is to be started again",
    )
}

/// The reason code of that.
pub(crate) const PUT_BACK: &str = "DATABASE_PUT_BACK";

impl Database for Tx {
    type Connection = DatabaseTransaction;
    fn connection(&self) -> &DatabaseTransaction {
        &self.transaction
    }

    fn histories(&self) -> &Histories {
        &self.histories
    }

    fn is_committed(&self) -> bool {
        false
    }
}

impl Tx {
    pub(super) fn new(
        transaction: DatabaseTransaction,
        writer: Option<OwnedMutexGuard<()>>,
        changed: Arc<watch::Sender<u64>>,
        highest: Arc<AtomicU64>,
        histories: Arc<Histories>,
    ) -> Self {
        Self {
            transaction,
            _writer: writer,
            changed,
            highest,
            histories,
            documents: BTreeMap::new(),
            memberships: BTreeMap::new(),
            audit: Vec::new(),
            work: Vec::new(),
            is_ordered: false,
            #[cfg(test)]
            gate: None,
        }
    }

    /// The same, held at a gate before it commits.
    #[cfg(test)]
    pub(super) fn through(self, gate: Option<(Arc<super::gate::Gate>, sea_orm::DatabaseConnection)>) -> Self {
        Self { gate, ..self }
    }

    /// Records who did what. Written with the change or not at all.
    pub fn audit(&mut self, entry: AuditEntry) {
        self.audit.push(entry);
    }

    /// Queues work to be done once the change is there.
    pub fn queue(&mut self, work: Work) {
        self.work.push(work);
    }

    /// Offers a document to its audience.
    pub fn put_document(&mut self, row: SignedRow) {
        self.documents.insert((row.audience.clone(), row.key.clone()), row);
    }

    /// Lets a node into an audience, or takes it out.
    pub fn put_membership(&mut self, node: NodeId, audience: Audience, active: bool) {
        self.memberships.insert((node, audience), active);
    }

    /// Commits everything and answers the feed's sequence number: that of this transaction if it changed documents or
    /// memberships, the newest one otherwise.
    ///
    /// The counter is taken last, and its row stays locked until the commit: so the order of the numbers is the order
    /// of the commits on both databases, and a reader that has seen number n will never see a smaller one appear.
    ///
    /// # Errors
    /// The database refuses, or what nodes get would change out of order; nothing has changed then.
    pub async fn commit(mut self) -> Result<u64> {
        #[cfg(test)]
        if let Some((gate, database)) = &self.gate {
            gate.hold(database).await;
        }
        let changes_feed = !(self.documents.is_empty() && self.memberships.is_empty());
        if changes_feed && !self.is_ordered {
            // It decided on what another transaction may be changing: nodes could be left with what neither of them wants.
            return Err(Error::internal("what nodes get is changed by a transaction that was not begun in order"));
        }
        self.write_work().await?;
        self.write_audit().await?;
        // Looked up first: others may commit until the counter is read.
        let highest = self.highest.load(Ordering::Acquire);
        let sequence = if changes_feed { self.next_sequence().await? } else { self.current_sequence().await? };
        let before = if changes_feed { sequence.saturating_sub(1) } else { sequence };
        if before < highest {
            return Err(put_back());
        }
        if changes_feed {
            // By its mark, a number of this life of the database is told from the same number of another.
            let mark = crate::clock::random::<8>();
            super::feed::mark_put(&self, sequence, u64::from_le_bytes(mark) | 1, crate::clock::now().0).await?;
            self.write_documents(sequence).await?;
            self.write_memberships(sequence).await?;
        }
        let Self { transaction, changed, highest, .. } = self;
        transaction.commit().await?;
        highest.fetch_max(sequence, Ordering::AcqRel);
        changed.send_modify(|commits| *commits += 1);
        Ok(sequence)
    }

    async fn next_sequence(&self) -> Result<u64> {
        self.sequence("UPDATE feed_sequence SET value = value + 1 WHERE id = 1 RETURNING value").await
    }

    async fn current_sequence(&self) -> Result<u64> {
        self.sequence("SELECT value FROM feed_sequence WHERE id = 1").await
    }

    async fn sequence(&self, sql: &str) -> Result<u64> {
        let statement = Statement::from_string(self.transaction.get_database_backend(), sql);
        let row = self.transaction.query_one_raw(statement).await?;
        let row = row.ok_or_else(|| Error::internal("the feed's counter is missing"))?;
        Ok(unsigned(row.try_get("", "value")?))
    }

    async fn write_documents(&mut self, sequence: u64) -> Result<()> {
        let rows = std::mem::take(&mut self.documents);
        let conflict = OnConflict::columns([feed_row::Column::Audience, feed_row::Column::Key])
            .update_columns([
                feed_row::Column::Lane,
                feed_row::Column::Sequence,
                feed_row::Column::Generation,
                feed_row::Column::Deleted,
                feed_row::Column::Document,
                feed_row::Column::Signature,
                feed_row::Column::ContentDigest,
            ])
            .to_owned();
        let mut models = rows.into_values().map(|row| feed_row::ActiveModel {
            audience: Set(row.audience.to_string()),
            key: Set(row.key),
            lane: Set(super::feed::lane_name(row.lane).to_owned()),
            sequence: Set(signed(sequence)),
            generation: Set(signed(row.generation)),
            deleted: Set(row.deleted),
            document: Set(row.document),
            signature: Set(row.signature),
            content_digest: Set(row.content_digest),
        });
        loop {
            let chunk: Vec<_> = models.by_ref().take(CHUNK).collect();
            if chunk.is_empty() {
                return Ok(());
            }
            feed_row::Entity::insert_many(chunk)
                .on_conflict(conflict.clone())
                .exec_without_returning(&self.transaction)
                .await?;
        }
    }

    async fn write_memberships(&mut self, sequence: u64) -> Result<()> {
        let memberships: Vec<_> = std::mem::take(&mut self.memberships).into_iter().collect();
        let conflict = OnConflict::columns([membership::Column::Node, membership::Column::Audience])
            .update_columns([membership::Column::Sequence, membership::Column::Active])
            .to_owned();
        for chunk in memberships.chunks(CHUNK) {
            let models = chunk.iter().map(|((node, audience), active)| membership::ActiveModel {
                node: Set(node.to_string()),
                audience: Set(audience.to_string()),
                sequence: Set(signed(sequence)),
                active: Set(*active),
            });
            membership::Entity::insert_many(models)
                .on_conflict(conflict.clone())
                .exec_without_returning(&self.transaction)
                .await?;
        }
        Ok(())
    }

    /// Audit numbers have no gaps and follow the order of completion: they come from the newest row, under the same
    /// lock that orders commits.
    async fn write_audit(&mut self) -> Result<()> {
        let entries = std::mem::take(&mut self.audit);
        if entries.is_empty() {
            return Ok(());
        }
        if super::connect::is_postgresql(&self.transaction) {
            self.transaction.execute_unprepared("SELECT value FROM feed_sequence WHERE id = 1 FOR UPDATE").await?;
        }
        let newest = super::audit::newest_number(self).await?;
        let models: Vec<audit_event::ActiveModel> = (newest + 1..)
            .zip(entries)
            .map(|(number, entry)| audit_event::ActiveModel {
                number: Set(signed(number)),
                at_ms: Set(entry.at.0),
                actor: Set(entry.actor),
                action: Set(entry.action.to_owned()),
                subject: Set(entry.subject),
                detail: Set(entry.detail.to_string()),
            })
            .collect();
        for chunk in models.chunks(CHUNK) {
            audit_event::Entity::insert_many(chunk.to_vec()).exec_without_returning(&self.transaction).await?;
        }
        Ok(())
    }

    async fn write_work(&mut self) -> Result<()> {
        let work = std::mem::take(&mut self.work);
        if work.is_empty() {
            return Ok(());
        }
        let models = work.into_iter().map(|work| work::ActiveModel {
            id: Set(work.id.to_string()),
            job: Set(work.job.to_owned()),
            subject: Set(work.subject),
            queued_ms: Set(work.queued.0),
        });
        work::Entity::insert_many(models).exec_without_returning(&self.transaction).await?;
        Ok(())
    }
}
