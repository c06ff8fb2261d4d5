//! Changes of 8 KiB to every node: processor time and waiting time of a delivery, and encodes of a change.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::stage::Stage;
use super::{Measure, Plan, progress};
use crate::clock::now_ns;
use crate::content::{self, Written};
use crate::error::Result;
use crate::protocol::Side;
use crate::report::{Report, Row, Target};
use crate::statistics::{median, percentile};

const ROUNDS: usize = 5;
const CONTENT_BYTES: usize = 8 * 1024;
/// Changes begin this far apart, so that each is through before the next.
const PACE: Duration = Duration::from_millis(1_500);
/// What a change sets off afterwards belongs to it too, such as writing down what was acknowledged.
const SETTLE: Duration = Duration::from_secs(2);
const ENCODES: &str = "atoll_document_encodes_total";

#[derive(Debug, Default)]
struct Rounds {
    processor_us: Vec<f64>,
    p50_ms: Vec<f64>,
    p99_ms: Vec<f64>,
    deliveries: usize,
}

struct Publisher {
    resource: Written,
    payload_bytes: usize,
}

pub async fn measure(plan: &Plan, stage: &mut Stage, report: &mut Report) -> Result<()> {
    let mut publisher = prepare(stage).await?;
    let encodes_before = stage.manager.metric(ENCODES).await?;
    let resident = |stage: &Stage, side| stage.process(side).resident_kib();
    let mut results = [Rounds::default(), Rounds::default()];
    let per_round = plan.changes.div_ceil(ROUNDS);
    for _ in 0..ROUNDS {
        for (side, rounds) in Side::BOTH.into_iter().zip(&mut results) {
            round(stage, &mut publisher, side, per_round, rounds).await?;
        }
        let last = |values: &[f64]| values.last().copied().unwrap_or(0.0);
        let [ours, floor] = results.each_ref().map(|rounds| (last(&rounds.processor_us), last(&rounds.p99_ms)));
        progress(&format!(
            "changes: manager {:.1} us, p99 {:.0} ms; floor {:.1} us, p99 {:.0} ms",
            ours.0, ours.1, floor.0, floor.1
        ));
    }
    let encodes = stage.manager.metric(ENCODES).await? - encodes_before;
    let memory = [resident(stage, Side::Manager)?, resident(stage, Side::Floor)?];
    let acknowledgements = stage.floor.acknowledgements().await?;
    report.raw(
        "changes",
        json!({
            "payload_bytes": publisher.payload_bytes, "changes_per_round": per_round, "encodes": encodes,
            "floor_acknowledgements": acknowledgements, "resident_kib_afterwards": memory,
            "manager": raw(&results[0]), "floor": raw(&results[1]),
        }),
    );
    rows(plan, report, &results, encodes, per_round);
    if plan.wants(Measure::Memory) {
        #[expect(clippy::cast_precision_loss)]
        let per_node = |index: usize| (memory[index] - stage.resident_before_kib[index]) / plan.nodes as f64;
        let measure = "KiB resident per connected node, after the changes";
        report.row(Row::new(measure, per_node(0), Some(per_node(1)), Target::RatioAtMost(1.5)));
    }
    Ok(())
}

fn raw(rounds: &Rounds) -> serde_json::Value {
    json!({
        "server_us_per_delivery": rounds.processor_us, "p50_ms": rounds.p50_ms, "p99_ms": rounds.p99_ms,
        "deliveries": rounds.deliveries,
    })
}

fn rows(plan: &Plan, report: &mut Report, results: &[Rounds; 2], encodes: f64, per_round: usize) {
    if !plan.wants(Measure::Changes) {
        return;
    }
    let [ours, floor] = results;
    let mut ratio = |measure: &str, ours: &[f64], floor: &[f64]| {
        report.row(Row::new(measure, median(ours), Some(median(floor)), Target::RatioAtMost(1.5)));
    };
    ratio("server CPU per delivery, us", &ours.processor_us, &floor.processor_us);
    ratio("p99 of deliveries, ms", &ours.p99_ms, &floor.p99_ms);
    #[expect(clippy::cast_precision_loss)]
    let per_change = encodes / (per_round * ROUNDS) as f64;
    report.row(Row::new("encodes per change", per_change, None, Target::Exactly(1.0)));
}

/// One change to each side that does not count: it tells how large the manager's document is, and the floor then
/// broadcasts as many bytes.
async fn prepare(stage: &mut Stage) -> Result<Publisher> {
    let resource = content::create(&mut stage.manager.sharing, "bench", CONTENT_BYTES).await?;
    stage.fleet.expect(Side::Manager).await?;
    content::release(&mut stage.manager.sharing, &resource).await?;
    content::publish(&mut stage.manager.sharing, std::slice::from_ref(&resource)).await?;
    let payload_bytes = stage.fleet.collect(Side::Manager).await?.payload_bytes;
    stage.fleet.expect(Side::Floor).await?;
    stage.floor.publish(payload_bytes).await?;
    stage.fleet.collect(Side::Floor).await?;
    tokio::time::sleep(SETTLE).await;
    Ok(Publisher { resource, payload_bytes })
}

async fn round(
    stage: &mut Stage,
    publisher: &mut Publisher,
    side: Side,
    changes: usize,
    rounds: &mut Rounds,
) -> Result<()> {
    let before = stage.process(side).cpu_seconds()?;
    let mut waits_ms = Vec::new();
    for _ in 0..changes {
        let next = Instant::now() + PACE;
        waits_ms.extend(one_change(stage, publisher, side).await?);
        tokio::time::sleep_until(next).await;
    }
    tokio::time::sleep(SETTLE).await;
    let used = stage.process(side).cpu_seconds()? - before;
    #[expect(clippy::cast_precision_loss)]
    rounds.processor_us.push(used * 1e6 / waits_ms.len() as f64);
    rounds.p50_ms.push(percentile(&waits_ms, 0.5));
    rounds.p99_ms.push(percentile(&waits_ms, 0.99));
    rounds.deliveries += waits_ms.len();
    Ok(())
}

/// Publishes once and answers how long each node waited. Writing the revision belongs to the change and costs processor
/// time; nodes wait from its release on.
async fn one_change(stage: &mut Stage, publisher: &mut Publisher, side: Side) -> Result<Vec<f64>> {
    if side == Side::Manager {
        publisher.resource = content::write(&mut stage.manager.sharing, &publisher.resource, CONTENT_BYTES).await?;
    }
    stage.fleet.expect(side).await?;
    let started_ns = now_ns();
    match side {
        Side::Manager => content::release(&mut stage.manager.sharing, &publisher.resource).await.map(drop)?,
        Side::Floor => stage.floor.publish(publisher.payload_bytes).await?,
    }
    let outcome = stage.fleet.collect(side).await?;
    #[expect(clippy::cast_precision_loss)]
    let waited = outcome.received_ns.iter().map(|at_ns| at_ns.saturating_sub(started_ns) as f64 / 1e6);
    Ok(waited.collect())
}
