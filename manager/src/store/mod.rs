//! The database: SQLite in a file, or PostgreSQL. The only place that knows sea-orm.
//!
//! A write transaction is a value ([`Tx`]) that carries the change, its audit events, queued work and what nodes must
//! be told, and then commits. Nothing happens without the commit.

pub mod access;
pub mod audit;
pub mod connect;
mod entity;
pub mod feed;
pub mod fleet;
#[cfg(test)]
pub(crate) mod gate;
pub mod keys;
pub mod name;
#[cfg(test)]
mod put_back;
pub mod replica;
pub mod secret;
pub mod sharing;
#[cfg(test)]
pub(crate) mod suite;
pub mod telemetry;
pub mod tx;
pub mod work;

use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, RuntimeErr, SqlErr, sqlx};

use crate::error::{Error, ErrorKind};

pub use connect::Store;
pub use tx::Tx;
pub(crate) use tx::{PUT_BACK, put_back};

/// Where rows are read from: the store outside of a transaction, or a transaction.
pub trait Database: Sync {
    type Connection: ConnectionTrait;
    fn connection(&self) -> &Self::Connection;

    /// Histories that were read before.
    fn histories(&self) -> &sharing::Histories;

    /// Whether all that is read here is committed, so that it may be remembered.
    fn is_committed(&self) -> bool;
}

impl Database for Store {
    type Connection = DatabaseConnection;
    fn connection(&self) -> &DatabaseConnection {
        &self.read
    }

    fn histories(&self) -> &sharing::Histories {
        &self.histories
    }

    fn is_committed(&self) -> bool {
        true
    }
}

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        let text = error.to_string();
        if let Some(SqlErr::UniqueConstraintViolation(what)) = error.sql_err() {
            return Self::new(
                ErrorKind::AlreadyExists,
                "ALREADY_EXISTS",
                "something with this name or id exists already; read again and repeat",
            )
            .with_context(what);
        }
        if text.contains("disk is full") || text.contains("No space left") || text.contains("disk I/O error") {
            return Self::new(
                ErrorKind::Unavailable,
                "STORAGE_FULL",
                "the manager's disk is full or failing; nothing was changed; free space on it and try again",
            )
            .with_context(text);
        }
        if matches!(error, DbErr::ConnectionAcquire(_) | DbErr::Conn(_)) {
            return Self::new(
                ErrorKind::Unavailable,
                "STORAGE_UNAVAILABLE",
                "the manager's database does not answer; nothing was changed; try again",
            )
            .with_context(text);
        }
        if is_cut_off(&error) {
            return Self::new(
                ErrorKind::Unavailable,
                "STORAGE_UNAVAILABLE",
                "the manager's database broke off in the middle of this; look at what became of it, and try again",
            )
            .with_context(text);
        }
        Self::internal(text)
    }
}

/// Conditions of PostgreSQL in which it ends what was begun, and the same may succeed another time: it is shut down or starts, a
/// transaction stood still for too long, a lock was not to be had (PostgreSQL, appendix A).
const CUT_OFF: [&str; 7] = ["57P01", "57P02", "57P03", "57P05", "25P03", "55P03", "40P01"];

/// Whether the database, or the way to it, went away in the middle.
fn is_cut_off(error: &DbErr) -> bool {
    let (DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error))) = error else {
        return false;
    };
    match &**error {
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Protocol(_) => true,
        sqlx::Error::Database(error) => error.code().is_some_and(|code| CUT_OFF.contains(&&*code)),
        _ => false,
    }
}

/// Reads a value that was written by this program. One that cannot be read means a damaged database.
pub(crate) fn stored<T: std::str::FromStr>(what: &str, text: &str) -> Result<T, Error> {
    text.parse().map_err(|_| Error::internal(format!("stored {what} cannot be read: {text}")))
}

/// As [`stored`], for JSON.
pub(crate) fn stored_json<T: serde::de::DeserializeOwned>(what: &str, text: &str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|error| Error::internal(format!("stored {what} cannot be read: {error}")))
}

/// JSON of a value that always has one.
pub(crate) fn json<T: serde::Serialize>(value: &T) -> Result<String, Error> {
    serde_json::to_string(value).map_err(Error::internal)
}

/// Sequence numbers and counters are unsigned in the domain and signed in the databases.
pub(crate) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
