//! A fleet of real processes for tests: the manager, agents and the command line, in a directory of their own, on ports
//! of their own. Whatever a test starts ends with it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on should stop")]

pub mod agent;
pub mod cli;
pub mod manager;
pub mod process;

use std::path::PathBuf;
use std::time::{Duration, Instant};

pub use agent::Agent;
pub use cli::{Answer, Cli};
pub use manager::{Fleet, FleetOptions, copy};

/// How long anything in a test may take before it counts as never happening.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until something is so, looking often; fails with a sentence when it does not become so.
pub fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < until, "did not happen within {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Where the programs under test are: beside the test itself.
#[must_use]
pub fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the test knows its own path");
    let directory = test.parent().and_then(std::path::Path::parent).expect("tests lie in target/<profile>/deps");
    let path = directory.join(name);
    assert!(path.exists(), "{} is not built; run: cargo build --workspace --bins", path.display());
    path
}

/// Real step templates and merge cases, where they are at hand: `ATOLL_TEST_DATA`, or `shared/data` beside the project.
/// Their absence is a failure in CI and a visible skip elsewhere.
#[must_use]
pub fn real_data() -> Option<PathBuf> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let path = std::env::var_os("ATOLL_TEST_DATA").map_or(beside, PathBuf::from);
    if path.exists() {
        return Some(path);
    }
    assert!(std::env::var_os("CI").is_none(), "real data is missing: {} does not exist", path.display());
    eprintln!("SKIPPED: real data is not at hand ({} does not exist)", path.display());
    None
}

/// PostgreSQL that the test script started. Its absence is a failure in CI and a visible skip elsewhere.
#[must_use]
pub fn postgresql_url() -> Option<String> {
    match std::env::var("ATOLL_TEST_POSTGRESQL_URL") {
        Ok(url) => Some(url),
        Err(_) => {
            assert!(std::env::var_os("CI").is_none(), "PostgreSQL is missing: run the tests with `make test`");
            eprintln!("SKIPPED: PostgreSQL is not at hand (run the tests with `make test`)");
            None
        }
    }
}
