//! Merges each second over real edits that are replayed as concurrent ones.

use std::time::Instant;

use atoll_domain::kind::Kind;
use atoll_domain::sharing::text::TextMode;
use atoll_domain::sharing::three_way::three_way;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Plan, progress};
use crate::error::Result;
use crate::report::{Report, Row, Target};

/// The slowest of a case's runs would be a matter of what else the machine does; the fastest is the merge's own time.
const RUNS: usize = 5;

#[derive(Debug, Deserialize)]
struct Case {
    base: Value,
    ours: Value,
    theirs: Value,
}

pub fn measure(plan: &Plan, report: &mut Report) -> Result<()> {
    let path = plan.data.join("merge-cases/replayed.jsonl");
    let Ok(text) = std::fs::read_to_string(&path) else {
        report.skip(format!("merges, because {} is not there; name its directory by ATOLL_DATA", path.display()));
        return Ok(());
    };
    let cases: Vec<Case> = text.lines().map(serde_json::from_str).collect::<std::result::Result<_, _>>()?;
    progress(&format!("merges: {} cases", cases.len()));
    let (mut fastest_ms, mut worst_ms, mut runs, mut total_ms) = (vec![f64::MAX; cases.len()], 0.0_f64, 0, 0.0);
    for _ in 0..RUNS {
        for (case, fastest) in cases.iter().zip(&mut fastest_ms) {
            let started = Instant::now();
            three_way(Kind::StepTemplate, &case.base, &case.ours, &case.theirs, TextMode::Auto)?;
            let elapsed_ms = started.elapsed().as_secs_f64() * 1e3;
            *fastest = fastest.min(elapsed_ms);
            worst_ms = worst_ms.max(elapsed_ms);
            total_ms += elapsed_ms;
            runs += 1;
        }
    }
    let slowest_ms = fastest_ms.iter().copied().fold(0.0, f64::max);
    let per_second = f64::from(runs) / total_ms * 1e3;
    report.raw(
        "merges",
        json!({
            "cases": cases.len(), "runs": runs, "per_second": per_second, "slowest_case_ms": slowest_ms,
            "slowest_single_run_ms": worst_ms,
        }),
    );
    report.row(Row::new("merges per second", per_second, None, Target::None));
    report.row(Row::new("slowest single merge, ms", worst_ms, None, Target::Below(50.0)));
    Ok(())
}
