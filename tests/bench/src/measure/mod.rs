//! The measures, one file each, and the stage that those with a fleet share.

mod catch_up;
mod changes;
mod forks;
mod idle;
mod joins;
mod memory;
mod merges;
mod reconnects;
mod stage;

use std::path::PathBuf;

use clap::ValueEnum;

use crate::error::Result;
use crate::report::Report;

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Measure {
    Idle,
    Merges,
    CatchUp,
    Forks,
    Joins,
    Memory,
    Changes,
    Reconnects,
}

/// What to measure, and how much of it.
#[derive(Debug)]
pub struct Plan {
    pub nodes: usize,
    pub changes: usize,
    /// Everything when empty.
    pub only: Vec<Measure>,
    pub data: PathBuf,
}

impl Plan {
    fn wants(&self, measure: Measure) -> bool {
        self.only.is_empty() || self.only.contains(&measure)
    }
}

/// Measures what the plan says.
pub async fn all(plan: &Plan) -> Result<Report> {
    let mut report = Report::default();
    report.raw("plan", serde_json::json!({ "nodes": plan.nodes, "changes": plan.changes }));
    if plan.wants(Measure::Idle) {
        idle::measure(&mut report).await?;
    }
    if plan.wants(Measure::Merges) {
        merges::measure(plan, &mut report)?;
    }
    if plan.wants(Measure::CatchUp) {
        catch_up::measure(&mut report).await?;
    }
    if plan.wants(Measure::Forks) {
        forks::measure(plan, &mut report).await?;
    }
    if [Measure::Joins, Measure::Memory, Measure::Changes, Measure::Reconnects].iter().any(|one| plan.wants(*one)) {
        with_fleet(plan, &mut report).await?;
    }
    Ok(report)
}

/// Every node has to join before it can do anything else, so the joins always run.
async fn with_fleet(plan: &Plan, report: &mut Report) -> Result<()> {
    let joined = joins::measure(plan, report).await?;
    if [Measure::Memory, Measure::Changes, Measure::Reconnects].iter().all(|one| !plan.wants(*one)) {
        return Ok(());
    }
    // Fresh processes, so that what joining left in their memory does not count.
    let mut stage = joined.restart().await?;
    memory::connect(plan, &mut stage, report).await?;
    if plan.wants(Measure::Changes) || plan.wants(Measure::Memory) {
        changes::measure(plan, &mut stage, report).await?;
    }
    if plan.wants(Measure::Reconnects) {
        reconnects::measure(&mut stage, report).await?;
    }
    Ok(())
}

/// Says on standard error what is going on; standard output is for the table.
fn progress(text: &str) {
    eprintln!("{text}");
}
