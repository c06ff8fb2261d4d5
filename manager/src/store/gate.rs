//! Two acts at the same moment, made certain: whoever is about to commit is held until the other has read all that it
//! decides on too, or waits for a lock.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};

/// Between two looks at who waits for whom.
const LOOK: Duration = Duration::from_millis(2);

/// What holds acts on one PostgreSQL database.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    /// Acts that are under way, and those of them that are about to commit.
    running: AtomicUsize,
    waiting: AtomicUsize,
}

impl Gate {
    /// Runs two acts at once.
    pub async fn both(&self, one: impl Future<Output = ()>, other: impl Future<Output = ()>) {
        self.running.store(2, Ordering::SeqCst);
        let done = || {
            self.running.fetch_sub(1, Ordering::SeqCst);
        };
        tokio::join!(
            async {
                one.await;
                done();
            },
            async {
                other.await;
                done();
            }
        );
    }

    /// Holds whoever is about to commit.
    pub(super) async fn hold(&self, database: &DatabaseConnection) {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        loop {
            let running = self.running.load(Ordering::SeqCst);
            let held = self.waiting.load(Ordering::SeqCst) + blocked(database).await;
            if held >= running {
                break;
            }
            tokio::time::sleep(LOOK).await;
        }
        self.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

/// How many transactions on this database wait for a lock.
async fn blocked(database: &DatabaseConnection) -> usize {
    let sql = "SELECT count(*) AS count FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let statement = Statement::from_string(database.get_database_backend(), sql);
    let row = database.query_one_raw(statement).await.unwrap().unwrap();
    usize::try_from(row.try_get::<i64>("", "count").unwrap()).unwrap()
}
