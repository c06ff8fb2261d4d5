//! What a manager with nothing to do takes.

use std::time::Duration;

use serde_json::json;

use crate::error::Result;
use crate::manager::Manager;
use crate::report::{Report, Row, Target};

const SETTLE: Duration = Duration::from_secs(3);
const KIB_PER_MIB: f64 = 1024.0;

pub async fn measure(report: &mut Report) -> Result<()> {
    super::progress("idle: a fresh manager");
    let directory = tempfile::tempdir()?;
    let manager = Manager::start(&directory.path().join("manager")).await?;
    tokio::time::sleep(SETTLE).await;
    let resident_kib = manager.process.resident_kib()?;
    report.raw("idle", json!({ "resident_kib": resident_kib }));
    report.row(Row::new("manager idle, MiB resident", resident_kib / KIB_PER_MIB, None, Target::Below(60.0)));
    manager.process.stop().await
}
