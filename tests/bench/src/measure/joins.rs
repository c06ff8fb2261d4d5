//! Joins each second: the manager against the same cryptography and one durable commit.

use std::collections::HashMap;

use serde_json::json;

use super::stage::Stage;
use super::{Measure, Plan, progress};
use crate::error::Result;
use crate::protocol::Side;
use crate::report::{Report, Row, Target};
use crate::statistics::median;

const ROUNDS: usize = 5;

/// Joins the whole fleet in rounds; the floor admits the same wishes in turn.
pub async fn measure(plan: &Plan, report: &mut Report) -> Result<Stage> {
    let mut stage = Stage::start().await?;
    let token = stage.manager.join_token(plan.nodes).await?;
    let mut rates: HashMap<Side, Vec<f64>> = HashMap::new();
    let mut processor_us: HashMap<Side, Vec<f64>> = HashMap::new();
    for round in 0..ROUNDS {
        let count = plan.nodes / ROUNDS + usize::from(round < plan.nodes % ROUNDS);
        if count == 0 {
            continue;
        }
        stage.fleet.prepare(count, &token).await?;
        for side in Side::BOTH {
            let before = stage.process(side).cpu_seconds()?;
            let joined = stage.fleet.join(side).await?;
            let used = stage.process(side).cpu_seconds()? - before;
            rates.entry(side).or_default().push(joined.per_second());
            #[expect(clippy::cast_precision_loss)]
            processor_us.entry(side).or_default().push(used * 1e6 / count as f64);
        }
        let rate = |side| rates.get(&side).and_then(|rates| rates.last()).copied().unwrap_or(0.0);
        progress(&format!("joins: manager {:.0}/s, floor {:.0}/s", rate(Side::Manager), rate(Side::Floor)));
    }
    let middle = |side| rates.get(&side).map_or(0.0, |rates| median(rates));
    report.raw(
        "joins",
        json!({ "rounds_per_second": rates_by_side(&rates), "server_us_per_join": rates_by_side(&processor_us) }),
    );
    if plan.wants(Measure::Joins) {
        let (ours, floor) = (middle(Side::Manager), middle(Side::Floor));
        report.row(Row::new("joins per second", ours, Some(floor), Target::RatioAtLeast(0.6)));
    }
    Ok(stage)
}

/// For the raw figures.
pub fn rates_by_side(values: &HashMap<Side, Vec<f64>>) -> serde_json::Value {
    json!({ "manager": values.get(&Side::Manager), "floor": values.get(&Side::Floor) })
}
