//! Connecting, and the settings without which the promises of the store do not hold.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use atoll_migrations::{Migrator, MigratorTrait};
use sea_orm::sqlx::Executor;
use sea_orm::sqlx::postgres::PgConnectOptions;
use sea_orm::sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database as SeaDatabase, DatabaseConnection, DbBackend, TransactionTrait,
};
use tokio::sync::{Mutex, watch};

use super::sharing::Histories;
use super::tx::Tx;
use crate::error::{Error, Result};
use crate::private;

/// Longest wait for a connection from the pool.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

/// A manager that is frozen or cut off in the middle of a transaction holds what others wait for. PostgreSQL ends its session
/// then, and whoever waits for a lock all the same is told so. In milliseconds; of TCP, in seconds.
const SESSION: &str = "SET idle_in_transaction_session_timeout = 10000; SET lock_timeout = 30000; \
                       SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3";

/// A connected, migrated database.
#[derive(Clone, Debug)]
pub struct Store {
    pub(super) read: DatabaseConnection,
    write: DatabaseConnection,
    /// SQLite has one writer; queueing for it here is fair and does not burn busy timeouts.
    writer: Arc<Mutex<()>>,
    changed: Arc<watch::Sender<u64>>,
    /// The highest number of the feed that this process has met: there is none below it in a database that was not put back.
    highest: Arc<AtomicU64>,
    pub(super) histories: Arc<Histories>,
    backend: Backend,
    /// Holds what commits, where a test wants two acts at once.
    #[cfg(test)]
    pub(crate) gate: Option<Arc<super::gate::Gate>>,
}

/// Which database it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    Sqlite,
    PostgreSql,
}

/// Parameters of a PostgreSQL URL that mean something here. One that does not would be passed over, with its value in the log.
const URL_PARAMETERS: [&str; 16] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "host",
    "hostaddr",
    "port",
    "user",
    "password",
    "dbname",
    "application_name",
];

/// Whether a URL of a PostgreSQL database can be used.
///
/// # Errors
/// What is wrong, without the URL: it may hold a password.
pub fn check_url(url: &str) -> std::result::Result<(), String> {
    let parameters = url.split_once('?').map(|(_, query)| query).unwrap_or_default();
    let keys = parameters.split('&').filter_map(|one| one.split('=').next()).filter(|key| !key.is_empty());
    if let Some(unknown) = keys.into_iter().find(|key| !URL_PARAMETERS.contains(key)) {
        // What only looks like a parameter may be the rest of a password.
        let is_word = unknown.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
        let which = if is_word {
            format!("the parameter \"{unknown}\" of the URL")
        } else {
            "a parameter of the URL".to_owned()
        };
        return Err(format!("{which} is none of {}", URL_PARAMETERS.join(", ")));
    }
    match url.parse::<PgConnectOptions>() {
        Ok(_) => Ok(()),
        Err(_) => Err("it is not a URL; write special characters of the password as %2F and so on".to_owned()),
    }
}

impl Store {
    /// Opens `atoll.db` in a directory, creating it if it does not exist.
    ///
    /// # Errors
    /// The file cannot be opened or migrated.
    pub async fn open_sqlite(directory: &Path) -> Result<Self> {
        let path = directory.join("atoll.db");
        private::create(&path)?;
        let url = format!("sqlite://{}?mode=rwc", path.display());
        // WAL lets readers go on beside the writer; FULL makes a commit durable before it is answered for.
        let options = |connections: u32| {
            let mut options = ConnectOptions::new(url.clone());
            options
                .max_connections(connections)
                .min_connections(1)
                .acquire_timeout(ACQUIRE_TIMEOUT)
                // A file does not hang up; asking it before each statement would double the way to its thread.
                .test_before_acquire(false)
                .sqlx_logging(false);
            options.map_sqlx_sqlite_opts(|sqlite| {
                sqlite
                    .journal_mode(SqliteJournalMode::Wal)
                    .synchronous(SqliteSynchronous::Full)
                    .foreign_keys(true)
                    .busy_timeout(Duration::from_secs(5))
            });
            options
        };
        let write = SeaDatabase::connect(options(1)).await?;
        let read = SeaDatabase::connect(options(4)).await?;
        Self::migrated(read, write, Backend::Sqlite).await
    }

    /// Connects to PostgreSQL.
    ///
    /// # Errors
    /// The server does not answer, refuses, or cannot be migrated.
    pub async fn open_postgresql(url: &str) -> Result<Self> {
        let mut options = ConnectOptions::new(url);
        options.max_connections(16).acquire_timeout(ACQUIRE_TIMEOUT).sqlx_logging(false);
        options.map_sqlx_postgres_pool_opts(|pool| {
            pool.after_connect(|connection, _| Box::pin(async { connection.execute(SESSION).await.map(|_| ()) }))
        });
        let connection = SeaDatabase::connect(options).await?;
        Self::migrated(connection.clone(), connection, Backend::PostgreSql).await
    }

    async fn migrated(read: DatabaseConnection, write: DatabaseConnection, backend: Backend) -> Result<Self> {
        let store = Self {
            read,
            write,
            writer: Arc::new(Mutex::new(())),
            changed: Arc::new(watch::Sender::new(0)),
            highest: Arc::default(),
            histories: Arc::default(),
            backend,
            #[cfg(test)]
            gate: None,
        };
        store.migrate().await?;
        Ok(store)
    }

    /// Two replicas may start at once: an advisory lock lets one migrate while the other waits.
    async fn migrate(&self) -> Result<()> {
        if self.backend == Backend::Sqlite {
            return self.bring_up_to_date().await;
        }
        let lock = self.write.begin().await?;
        // Schema steps of a large database take their time, on another connection than this one.
        lock.execute_unprepared("SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL lock_timeout = 0")
            .await?;
        lock.execute_unprepared("SELECT pg_advisory_xact_lock(7463215501)").await?;
        self.bring_up_to_date().await?;
        Ok(lock.commit().await?)
    }

    async fn bring_up_to_date(&self) -> Result<()> {
        Migrator::up(&self.write, None).await?;
        super::name::give_keys(self, crate::clock::now()).await
    }

    #[must_use]
    pub fn backend_name(&self) -> &'static str {
        match self.backend {
            Backend::Sqlite => "sqlite",
            Backend::PostgreSql => "postgresql",
        }
    }

    /// Begins a write transaction. Dropping it without a commit undoes it.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn begin(&self) -> Result<Tx> {
        let permit = match self.backend {
            Backend::Sqlite => Some(Arc::clone(&self.writer).lock_owned().await),
            Backend::PostgreSql => None,
        };
        let transaction = self.write.begin().await?;
        let (changed, highest, histories) =
            (Arc::clone(&self.changed), Arc::clone(&self.highest), Arc::clone(&self.histories));
        let tx = Tx::new(transaction, permit, changed, highest, histories);
        #[cfg(test)]
        let tx = tx.through(self.gate.clone().map(|gate| (gate, self.read.clone())));
        Ok(tx)
    }

    /// Begins a write transaction that may change who is in which audience, who can read what, or which of two things has a
    /// name: such transactions follow each other, on both databases. What they decide on is read after this.
    ///
    /// The order of locks is: this one, then resources by id, then the feed's counter.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn begin_ordered(&self) -> Result<Tx> {
        let mut tx = self.begin().await?;
        tx.is_ordered = true;
        if self.backend == Backend::PostgreSql {
            super::Database::connection(&tx).execute_unprepared("SELECT pg_advisory_xact_lock(7463215502)").await?;
        }
        Ok(tx)
    }

    /// Takes up a number of the feed that was read.
    pub(crate) fn met(&self, sequence: u64) {
        self.highest.fetch_max(sequence, Ordering::AcqRel);
    }

    /// Counts the commits that this process makes. Whoever waits for it to change sees each commit, or several at once.
    #[must_use]
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Whether other processes may change what is stored.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.backend == Backend::PostgreSql
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// It does not.
    pub async fn ping(&self) -> Result<()> {
        self.read.ping().await.map_err(Error::from)
    }
}

pub(super) fn is_postgresql(connection: &impl ConnectionTrait) -> bool {
    connection.get_database_backend() == DbBackend::Postgres
}
