//! The replica on the disk: one redb file, one table per sort of thing, one transaction per change.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use atoll_domain::document::{Audience, Lane, Report};
use atoll_domain::id::{ManagerEpoch, ResourceId};
use atoll_domain::link::replica::trail::Content;
use atoll_domain::link::replica::{DocumentKey, Rejected, Replica, Stored, Write};
use atoll_domain::sharing::fork::Fork;
use atoll_proto::v1::SignedDocument;
use prost::Message as _;
use redb::{Database, DatabaseError, ReadableDatabase as _, ReadableTable as _, TableDefinition, WriteTransaction};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::NodeError;
use crate::state::NodePlace;

type Bytes = TableDefinition<'static, &'static str, &'static [u8]>;

const DOCUMENTS: Bytes = TableDefinition::new("documents");
const FORKS: Bytes = TableDefinition::new("forks");
/// Contents that somebody may have in an editor, by resource and number.
const TRAIL: Bytes = TableDefinition::new("trail");
const META: Bytes = TableDefinition::new("meta");
const MARKS: TableDefinition<'static, &'static str, u64> = TableDefinition::new("marks");
const CURSORS: TableDefinition<'static, &'static str, u64> = TableDefinition::new("cursors");
/// Edits that the manager rejected, by the number of their report.
const REJECTED: TableDefinition<'static, u64, &'static [u8]> = TableDefinition::new("rejected");
const REPORTS: TableDefinition<'static, u64, &'static [u8]> = TableDefinition::new("reports");

const EPOCH: &str = "epoch";
const HEARD: &str = "heard";
const NEXT_REPORT: &str = "next_report";
const PLACE: &str = "place";

/// The open file. While it is open, no other process can open it.
#[derive(Debug)]
pub(crate) struct Store {
    /// Closed after the disk has failed: it is opened again for the next change, since what is open takes none any more.
    database: Mutex<Option<Database>>,
    path: PathBuf,
}

/// What was found in the file.
#[derive(Debug, Default)]
pub(crate) struct Loaded {
    pub replica: Replica,
    pub place: Option<NodePlace>,
}

impl Store {
    pub const FILE: &str = "node.redb";

    /// Opens the file, or makes it.
    pub fn open(directory: &Path) -> Result<Self, NodeError> {
        let path = directory.join(Self::FILE);
        let database = Database::create(&path).map_err(|error| match error {
            DatabaseError::DatabaseAlreadyOpen => NodeError::InUse(directory.to_owned()),
            DatabaseError::Storage(redb::StorageError::Io(error)) => NodeError::file(&path, &error),
            error => NodeError::damaged(&path, error),
        })?;
        let store = Self { database: Mutex::new(Some(database)), path };
        store.restrict()?;
        store.write(|transaction| {
            transaction.open_table(DOCUMENTS)?;
            transaction.open_table(FORKS)?;
            transaction.open_table(TRAIL)?;
            transaction.open_table(MARKS)?;
            transaction.open_table(META)?;
            transaction.open_table(CURSORS)?;
            transaction.open_table(REPORTS)?;
            transaction.open_table(REJECTED)?;
            Ok(())
        })?;
        Ok(store)
    }

    #[cfg(unix)]
    fn restrict(&self) -> Result<(), NodeError> {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&self.path, mode).map_err(|error| NodeError::file(&self.path, &error))
    }

    #[cfg(not(unix))]
    fn restrict(&self) -> Result<(), NodeError> {
        Ok(())
    }

    /// Stores a change, whole or not at all. When this returns, it is on the disk.
    pub fn commit(&self, writes: &[Write]) -> Result<(), NodeError> {
        if writes.is_empty() {
            return Ok(());
        }
        self.write(|transaction| writes.iter().try_for_each(|write| put(transaction, write)))
    }

    /// Stores where the node stands.
    pub fn put_place(&self, place: &NodePlace) -> Result<(), NodeError> {
        self.write(|transaction| {
            transaction.open_table(META)?.insert(PLACE, json(place)?.as_slice())?;
            Ok(())
        })
    }

    fn write(&self, change: impl FnOnce(&WriteTransaction) -> Result<(), redb::Error>) -> Result<(), NodeError> {
        let mut opened = self.lock();
        let database = match opened.take() {
            Some(database) => database,
            // Never begun anew: what is gone with its disk comes back with it.
            None => Database::open(&self.path).map_err(|error| NodeError::Storage(error.to_string()))?,
        };
        let written = write(&database, change);
        // After a failure of the disk an open file takes no change ever again.
        if !written.as_ref().is_err_and(is_of_the_disk) {
            *opened = Some(database);
        }
        written.map_err(|error| NodeError::Storage(error.to_string()))
    }

    fn lock(&self) -> MutexGuard<'_, Option<Database>> {
        self.database.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads everything back.
    pub fn load(&self) -> Result<Loaded, NodeError> {
        let mut loaded = Loaded::default();
        let (writes, next_report) = self.read_all(&mut loaded).map_err(|error| self.damaged(&error))?;
        loaded.replica.apply(writes);
        loaded.replica.set_next_report(next_report);
        Ok(loaded)
    }

    fn damaged(&self, error: &redb::Error) -> NodeError {
        NodeError::damaged(&self.path, error)
    }

    fn read_all(&self, loaded: &mut Loaded) -> Result<(Vec<Write>, u64), redb::Error> {
        let opened = self.lock();
        let Some(database) = opened.as_ref() else { return Err(redb::Error::PreviousIo) };
        let transaction = database.begin_read()?;
        let mut writes = Vec::new();
        for entry in transaction.open_table(DOCUMENTS)?.iter()? {
            let (key, value) = entry?;
            writes.push(Write::PutDocument(document_key(key.value())?, Box::new(read_document(value.value())?)));
        }
        for entry in transaction.open_table(FORKS)?.iter()? {
            writes.push(Write::PutFork(Box::new(from_json::<Fork>(entry?.1.value())?)));
        }
        for entry in transaction.open_table(TRAIL)?.iter()? {
            let (key, value) = entry?;
            let (resource, number) = content_key(key.value())?;
            writes.push(Write::PutContent(resource, number, Box::new(from_json::<Content>(value.value())?)));
        }
        for entry in transaction.open_table(REPORTS)?.iter()? {
            let (number, value) = entry?;
            writes.push(Write::PutReport(number.value(), Box::new(from_json::<Report>(value.value())?)));
        }
        for entry in transaction.open_table(REJECTED)?.iter()? {
            let (number, value) = entry?;
            writes.push(Write::PutRejected(number.value(), Box::new(from_json::<Rejected>(value.value())?)));
        }
        let cursors = transaction.open_table(CURSORS)?;
        for lane in Lane::ALL {
            if let Some(sequence) = cursors.get(lane_name(lane))? {
                writes.push(Write::SetCursor(lane, sequence.value()));
            }
        }
        let marks = transaction.open_table(MARKS)?;
        for lane in Lane::ALL {
            if let Some(mark) = marks.get(lane_name(lane))? {
                writes.push(Write::SetMark(lane, mark.value()));
            }
        }
        let meta = transaction.open_table(META)?;
        if let Some(epoch) = meta.get(EPOCH)? {
            writes.push(Write::SetEpoch(from_json::<ManagerEpoch>(epoch.value())?));
        }
        if let Some(heard) = meta.get(HEARD)? {
            let (sequence, mark) = from_json(heard.value())?;
            writes.push(Write::SetHeard(sequence, mark));
        }
        if let Some(place) = meta.get(PLACE)? {
            loaded.place = Some(from_json(place.value())?);
        }
        let next_report = meta.get(NEXT_REPORT)?.map(|value| from_json(value.value())).transpose()?;
        Ok((writes, next_report.unwrap_or(0)))
    }
}

fn write(
    database: &Database,
    change: impl FnOnce(&WriteTransaction) -> Result<(), redb::Error>,
) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    change(&transaction)?;
    Ok(transaction.commit()?)
}

fn is_of_the_disk(error: &redb::Error) -> bool {
    matches!(error, redb::Error::Io(_) | redb::Error::PreviousIo | redb::Error::LockPoisoned(_))
}

fn put(transaction: &WriteTransaction, write: &Write) -> Result<(), redb::Error> {
    match write {
        Write::PutDocument(key, stored) => {
            let bytes = write_document(stored);
            transaction.open_table(DOCUMENTS)?.insert(key_text(key).as_str(), bytes.as_slice())?;
        }
        Write::RemoveDocument(key) => {
            transaction.open_table(DOCUMENTS)?.remove(key_text(key).as_str())?;
        }
        Write::SetCursor(lane, sequence) => {
            transaction.open_table(CURSORS)?.insert(lane_name(*lane), *sequence)?;
        }
        Write::SetMark(lane, mark) => {
            transaction.open_table(MARKS)?.insert(lane_name(*lane), *mark)?;
        }
        Write::SetHeard(sequence, mark) => {
            transaction.open_table(META)?.insert(HEARD, json(&(*sequence, *mark))?.as_slice())?;
        }
        Write::SetEpoch(epoch) => {
            transaction.open_table(META)?.insert(EPOCH, json(epoch)?.as_slice())?;
        }
        Write::PutFork(fork) => {
            transaction.open_table(FORKS)?.insert(fork.resource.to_string().as_str(), json(fork)?.as_slice())?;
        }
        Write::RemoveFork(resource) => {
            transaction.open_table(FORKS)?.remove(resource.to_string().as_str())?;
        }
        Write::PutReport(number, report) => {
            transaction.open_table(REPORTS)?.insert(*number, json(report)?.as_slice())?;
            count_on(transaction, *number)?;
        }
        Write::RemoveReport(number) => {
            transaction.open_table(REPORTS)?.remove(*number)?;
            count_on(transaction, *number)?;
        }
        Write::PutRejected(number, rejected) => {
            transaction.open_table(REJECTED)?.insert(*number, json(rejected)?.as_slice())?;
        }
        Write::RemoveRejected(number) => {
            transaction.open_table(REJECTED)?.remove(*number)?;
        }
        Write::PutContent(resource, number, content) => {
            transaction
                .open_table(TRAIL)?
                .insert(content_text(*resource, *number).as_str(), json(content)?.as_slice())?;
        }
        Write::RemoveContent(resource, number) => {
            transaction.open_table(TRAIL)?.remove(content_text(*resource, *number).as_str())?;
        }
    }
    Ok(())
}

/// A report's number is never used again, even after the outbox was emptied.
fn count_on(transaction: &WriteTransaction, number: u64) -> Result<(), redb::Error> {
    let mut meta = transaction.open_table(META)?;
    let reached: u64 = meta.get(NEXT_REPORT)?.map(|value| from_json(value.value())).transpose()?.unwrap_or(0);
    if number >= reached {
        meta.insert(NEXT_REPORT, json(&(number + 1))?.as_slice())?;
    }
    Ok(())
}

fn key_text((audience, key): &DocumentKey) -> String {
    format!("{audience}\n{key}")
}

fn document_key(text: &str) -> Result<DocumentKey, redb::Error> {
    let (audience, key) = text.split_once('\n').ok_or_else(|| corrupted("a document's key has no audience"))?;
    Ok((audience.parse::<Audience>().map_err(corrupted)?, key.to_owned()))
}

fn content_text(resource: ResourceId, number: u64) -> String {
    format!("{resource}/{number:020}")
}

fn content_key(text: &str) -> Result<(ResourceId, u64), redb::Error> {
    let (resource, number) = text.split_once('/').ok_or_else(|| corrupted("a content's key has no number"))?;
    Ok((resource.parse().map_err(corrupted)?, number.parse().map_err(corrupted)?))
}

fn write_document(stored: &Stored) -> Vec<u8> {
    let message = SignedDocument {
        document: stored.document.clone().into(),
        signature: stored.signature.clone().into(),
        sequence: stored.sequence,
    };
    message.encode_to_vec()
}

fn read_document(bytes: &[u8]) -> Result<Stored, redb::Error> {
    let message = SignedDocument::decode(bytes).map_err(corrupted)?;
    Ok(Stored { document: message.document.into(), signature: message.signature.into(), sequence: message.sequence })
}

fn lane_name(lane: Lane) -> &'static str {
    match lane {
        Lane::Locks => "locks",
        Lane::Access => "access",
        Lane::Content => "content",
    }
}

fn json(value: &impl Serialize) -> Result<Vec<u8>, redb::Error> {
    serde_json::to_vec(value).map_err(corrupted)
}

fn from_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, redb::Error> {
    serde_json::from_slice(bytes).map_err(corrupted)
}

#[allow(clippy::needless_pass_by_value, reason = "reads better at map_err")]
fn corrupted(error: impl ToString) -> redb::Error {
    redb::Error::Corrupted(error.to_string())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use rustix::process::{Resource, Rlimit, setrlimit};
    use tokio::signal::unix::{SignalKind, signal};

    use super::*;

    fn edit_of(size_bytes: usize) -> Vec<Write> {
        let resource = ResourceId(uuid::Uuid::nil());
        let body = Some(serde_json::json!({ "text": "x".repeat(size_bytes) }));
        let revision = atoll_domain::id::Digest::of(&size_bytes.to_be_bytes());
        let content = Content::new(revision, body, None, false, atoll_domain::time::Timestamp(0));
        vec![Write::PutContent(resource, size_bytes as u64, Box::new(content))]
    }

    fn stored(store: &Store) -> usize {
        let opened = store.lock();
        let table = opened.as_ref().unwrap().begin_read().unwrap().open_table(TRAIL).unwrap();
        table.iter().unwrap().count()
    }

    /// Files of this process may be no larger, as on a full disk: every test is a process of its own.
    fn limit_files(size_bytes: Option<u64>) {
        setrlimit(Resource::Fsize, Rlimit { current: size_bytes, maximum: None }).unwrap();
    }

    #[tokio::test]
    async fn a_store_takes_changes_again_after_the_disk_has_failed() {
        /// A write beyond the limit: without somebody who hears of it the process would end (setrlimit(2)).
        const SIGXFSZ: i32 = 25;
        let _heard = signal(SignalKind::from_raw(SIGXFSZ)).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path()).unwrap();
        store.commit(&edit_of(1)).unwrap();
        let size_bytes = std::fs::metadata(directory.path().join(Store::FILE)).unwrap().len();
        limit_files(Some(size_bytes));
        for _ in 0..2 {
            let refused = store.commit(&edit_of(8 << 20)).unwrap_err();
            assert!(refused.is_temporary(), "{refused}");
        }
        limit_files(None);
        store.commit(&edit_of(8 << 20)).unwrap();
        assert_eq!(stored(&store), 2);
        drop(store);
        assert_eq!(stored(&Store::open(directory.path()).unwrap()), 2, "and it is on the disk");
    }
}
