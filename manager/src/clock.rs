//! The only place that reads the clock, draws random bytes and makes ids. Everything else takes them as arguments.

use std::time::{SystemTime, UNIX_EPOCH};

use atoll_domain::time::Timestamp;
use rand::RngCore;
use uuid::Uuid;

#[must_use]
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

#[must_use]
pub fn new_id() -> Uuid {
    Uuid::now_v7()
}

#[must_use]
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::rng().fill_bytes(&mut bytes);
    bytes
}
