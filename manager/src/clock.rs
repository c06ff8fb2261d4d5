//! The only place that reads the clock, draws random bytes and makes ids. Everything else takes them as arguments.

use std::time::{SystemTime, UNIX_EPOCH};

use atoll_domain::time::Timestamp;
use rand::RngCore;
use uuid::Uuid;

#[must_use]
pub fn now() -> Timestamp {
    #[cfg(test)]
    if let Some(now) = simulated::now() {
        return now;
    }
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

#[must_use]
pub fn new_id() -> Uuid {
    #[cfg(test)]
    if let Some(id) = simulated::new_id() {
        return id;
    }
    Uuid::now_v7()
}

#[must_use]
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    #[cfg(test)]
    if simulated::fill(&mut bytes) {
        return bytes;
    }
    rand::rng().fill_bytes(&mut bytes);
    bytes
}

/// A clock, ids and random bytes that follow from a seed, for the thread of a simulation.
#[cfg(test)]
pub(crate) mod simulated {
    use std::cell::RefCell;

    use rand::rngs::StdRng;
    use rand::{RngCore, SeedableRng};

    use super::{Timestamp, Uuid};

    struct Simulated {
        random: StdRng,
        now_ms: i64,
    }

    thread_local! {
        static SIMULATED: RefCell<Option<Simulated>> = const { RefCell::new(None) };
    }

    /// From here on this thread's time begins in 2026 and goes on by itself, a millisecond with each look.
    pub(crate) fn begin(seed: u64) {
        let simulated = Simulated { random: StdRng::seed_from_u64(seed), now_ms: 1_780_000_000_000 };
        SIMULATED.with_borrow_mut(|state| *state = Some(simulated));
    }

    pub(super) fn now() -> Option<Timestamp> {
        SIMULATED.with_borrow_mut(|state| {
            let state = state.as_mut()?;
            state.now_ms += 1;
            Some(Timestamp(state.now_ms))
        })
    }

    /// Ids of version 7 in the order of making, as the real ones are.
    pub(super) fn new_id() -> Option<Uuid> {
        let Timestamp(now_ms) = now()?;
        let mut bytes = [0; 10];
        fill(&mut bytes);
        Some(uuid::Builder::from_unix_timestamp_millis(u64::try_from(now_ms).ok()?, &bytes).into_uuid())
    }

    pub(super) fn fill(bytes: &mut [u8]) -> bool {
        SIMULATED.with_borrow_mut(|state| {
            let Some(state) = state.as_mut() else { return false };
            state.random.fill_bytes(bytes);
            true
        })
    }
}
