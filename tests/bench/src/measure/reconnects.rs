//! Reconnects each second: TLS handshake and first message each way, of the whole fleet at once.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::json;

use super::joins::rates_by_side;
use super::progress;
use super::stage::Stage;
use crate::error::{Result, failed};
use crate::protocol::Side;
use crate::report::{Report, Row, Target};
use crate::statistics::median;

const ROUNDS: usize = 3;
/// Files that a server holds open beside its connections to nodes, generously.
const OTHER_FILES: usize = 200;
const POLL: Duration = Duration::from_millis(100);
const POLLS: usize = 300;
const SETTLE: Duration = Duration::from_secs(2);

pub async fn measure(stage: &mut Stage, report: &mut Report) -> Result<()> {
    let mut rates: HashMap<Side, Vec<f64>> = HashMap::new();
    let mut processor_us: HashMap<Side, Vec<f64>> = HashMap::new();
    for _ in 0..ROUNDS {
        for side in Side::BOTH {
            stage.fleet.disconnect(side).await?;
            all_gone(stage, side).await?;
            let before = stage.process(side).cpu_seconds()?;
            let connected = stage.fleet.connect(side).await?;
            let used = stage.process(side).cpu_seconds()? - before;
            rates.entry(side).or_default().push(connected.per_second());
            #[expect(clippy::cast_precision_loss)]
            processor_us.entry(side).or_default().push(used * 1e6 / connected.nodes as f64);
            tokio::time::sleep(SETTLE).await;
        }
        let rate = |side| rates.get(&side).and_then(|rates| rates.last()).copied().unwrap_or(0.0);
        progress(&format!("reconnects: manager {:.0}/s, floor {:.0}/s", rate(Side::Manager), rate(Side::Floor)));
    }
    let middle = |side| rates.get(&side).map_or(0.0, |rates| median(rates));
    report.raw(
        "reconnects",
        json!({ "rounds_per_second": rates_by_side(&rates), "server_us_per_connection": rates_by_side(&processor_us) }),
    );
    let (ours, floor) = (middle(Side::Manager), middle(Side::Floor));
    report.row(Row::new("reconnects per second", ours, Some(floor), Target::RatioAtLeast(0.6)));
    Ok(())
}

/// Waits until the server has let go of every connection, and of what that set off.
async fn all_gone(stage: &Stage, side: Side) -> Result<()> {
    for _ in 0..POLLS {
        if stage.process(side).open_files()? < OTHER_FILES {
            tokio::time::sleep(SETTLE).await;
            return Ok(());
        }
        tokio::time::sleep(POLL).await;
    }
    Err(failed("a server does not let go of connections that were cut"))
}
