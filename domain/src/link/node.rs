//! The node's half of the link: what to say first, and when to call again.

/// Shortest and longest wait before a node calls again.
pub const RETRY_MS: (u64, u64) = (200, 60_000);

/// The wait before attempt number `attempt` (from 0): doubling, with full jitter, so that a fleet that lost its
/// manager does not return as one wave. `random` is uniform in 0..=u32::MAX.
#[must_use]
pub fn retry_delay_ms(attempt: u32, random: u32) -> u64 {
    let ceiling = RETRY_MS.0.saturating_mul(1 << attempt.min(16)).min(RETRY_MS.1);
    let jittered = ceiling.saturating_mul(u64::from(random)) / u64::from(u32::MAX);
    jittered.max(RETRY_MS.0 / 2)
}

/// When to renew a certificate: at half its life, moved by up to a tenth either way so that nodes that joined together
/// do not renew together. `random` is uniform in 0..=u32::MAX.
#[must_use]
pub fn renew_after_ms(lifetime_ms: i64, random: u32) -> i64 {
    let tenth = lifetime_ms / 10;
    let offset = tenth.saturating_mul(2).saturating_mul(i64::from(random)) / i64::from(u32::MAX) - tenth;
    lifetime_ms / 2 + offset
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_double_up_to_a_minute_and_renewal_is_near_half_life() {
        assert_eq!(retry_delay_ms(0, u32::MAX), 200);
        assert_eq!(retry_delay_ms(3, u32::MAX), 1_600);
        assert_eq!(retry_delay_ms(30, u32::MAX), 60_000);
        assert_eq!(retry_delay_ms(30, 0), 100);
        assert_eq!((renew_after_ms(1_000, 0), renew_after_ms(1_000, u32::MAX)), (400, 600));
    }
}
