//! What must hold whatever people edit and however the network behaves: merge, history and the link under random
//! edits and schedules. A failure prints its case and seed, which is kept under `proptest-regressions` and tried first
//! from then on. `ATOLL_PROPERTY_CASES=20` runs twenty times as many cases as the default.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod checks;
mod documents;
mod edits;
mod fleet;
mod history;
mod link;
mod manager;
mod merge;
mod node;
mod resource;
mod story;

use proptest::test_runner::{Config, FileFailurePersistence};

/// Settings of a property that runs so many cases by default.
fn cases(default: u32) -> Config {
    let factor = std::env::var("ATOLL_PROPERTY_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    let regressions = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/properties/proptest-regressions/seeds.txt");
    Config {
        cases: default.saturating_mul(factor),
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(regressions))),
        max_shrink_iters: 4_000,
        ..Config::default()
    }
}
