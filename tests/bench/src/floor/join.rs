//! The floor's service: broadcasts, and joins of nothing but cryptography and one durable commit.

use std::path::Path;
use std::time::Duration;

use atoll_domain::fleet::enrolment::JoinStatement;
use sea_orm::sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
use sea_orm::{ConnectOptions, ConnectionTrait as _, Database, DatabaseConnection, DbBackend, Statement};
use tonic::{Request, Response, Status, Streaming};

use super::authority::Authority;
use super::broadcast::{Broadcaster, Subscription};
use super::v1::floor_server::Floor as FloorService;
use super::v1::{Acknowledgement, JoinRequest, JoinResponse};
use crate::error::Result;

const INSERT: &str = "INSERT INTO node (name, identity_key, sealing_key, certificate) VALUES (?, ?, ?, ?)";

pub struct Floor {
    authority: Authority,
    broadcaster: Broadcaster,
    database: DatabaseConnection,
}

impl Floor {
    /// Opens SQLite with the manager's settings: one writer, WAL, a commit is durable before it is answered for.
    pub async fn open(data: &Path, authority: Authority, broadcaster: Broadcaster) -> Result<Self> {
        let mut options = ConnectOptions::new(format!("sqlite://{}?mode=rwc", data.join("floor.db").display()));
        options
            .max_connections(1)
            .acquire_timeout(Duration::from_secs(10))
            .test_before_acquire(false)
            .sqlx_logging(false);
        options.map_sqlx_sqlite_opts(|sqlite| {
            sqlite.journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full)
        });
        let database = Database::connect(options).await?;
        database
            .execute_unprepared(
                "CREATE TABLE IF NOT EXISTS node (name TEXT PRIMARY KEY, identity_key BLOB, sealing_key BLOB, certificate BLOB)",
            )
            .await?;
        Ok(Self { authority, broadcaster, database })
    }

    async fn admit(&self, request: JoinRequest) -> Result<Vec<Vec<u8>>> {
        let statement = JoinStatement {
            token: request.token_id.parse()?,
            name: &request.name,
            certificate_request: &request.certificate_request,
            identity_key: &request.identity_key,
            sealing_key: &request.sealing_key,
        };
        statement.verify(&request.proof)?;
        let chain = self.authority.sign(&request.name, &request.certificate_request)?;
        let values = [
            request.name.into(),
            request.identity_key.to_vec().into(),
            request.sealing_key.to_vec().into(),
            chain.first().cloned().unwrap_or_default().into(),
        ];
        self.database.execute_raw(Statement::from_sql_and_values(DbBackend::Sqlite, INSERT, values)).await?;
        Ok(chain)
    }
}

#[tonic::async_trait]
impl FloorService for Floor {
    type BroadcastStream = Subscription;

    async fn broadcast(
        &self,
        request: Request<Streaming<Acknowledgement>>,
    ) -> std::result::Result<Response<Subscription>, Status> {
        let mut inbound = request.into_inner();
        // The counterpart of Hello: the stream opens once the node has said something.
        inbound.message().await?;
        Ok(Response::new(self.broadcaster.subscribe(inbound)))
    }

    async fn join(&self, request: Request<JoinRequest>) -> std::result::Result<Response<JoinResponse>, Status> {
        let chain =
            self.admit(request.into_inner()).await.map_err(|error| Status::invalid_argument(error.to_string()))?;
        Ok(Response::new(JoinResponse { certificate_chain: chain.into_iter().map(Into::into).collect() }))
    }
}
