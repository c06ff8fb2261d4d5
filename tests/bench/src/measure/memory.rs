//! Resident memory of a server for each connected node.

use serde_json::json;

use super::stage::Stage;
use super::{Measure, Plan, progress};
use crate::error::Result;
use crate::protocol::Side;
use crate::report::{Report, Row, Target};

const SETTLE: std::time::Duration = std::time::Duration::from_secs(2);

/// Connects the whole fleet to both servers.
pub async fn connect(plan: &Plan, stage: &mut Stage, report: &mut Report) -> Result<()> {
    let mut per_node_kib = [0.0; 2];
    let mut before_kib = [0.0; 2];
    let mut raw = Vec::new();
    for (index, side) in Side::BOTH.into_iter().enumerate() {
        tokio::time::sleep(SETTLE).await;
        let before = stage.process(side).resident_kib()?;
        let connected = stage.fleet.connect(side).await?;
        tokio::time::sleep(SETTLE).await;
        let after = stage.process(side).resident_kib()?;
        #[expect(clippy::cast_precision_loss)]
        let per_node = (after - before) / connected.nodes as f64;
        per_node_kib[index] = per_node;
        before_kib[index] = before;
        raw.push(json!({
            "side": side, "nodes": connected.nodes, "before_kib": before, "after_kib": after,
            "first_connects_per_second": connected.per_second(),
        }));
        progress(&format!("memory: {side:?} {per_node:.1} KiB for each of {} nodes", connected.nodes));
    }
    report.raw("memory", json!(raw));
    stage.resident_before_kib = before_kib;
    if plan.wants(Measure::Memory) {
        let [ours, floor] = per_node_kib;
        report.row(Row::new("KiB resident per connected node", ours, Some(floor), Target::RatioAtMost(1.5)));
    }
    Ok(())
}
