//! Points in time. Rules take `now` as an argument and never read a clock.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The last millisecond of the year 9999: what every reader of dates can show.
    pub const LAST: Self = Self(253_402_300_799_999);

    /// A time that somebody else's clock gave, within what can be shown.
    #[must_use]
    pub fn within_bounds(self) -> Self {
        Self(self.0.clamp(0, Self::LAST.0))
    }

    #[must_use]
    pub fn plus_ms(self, duration_ms: i64) -> Self {
        Self(self.0.saturating_add(duration_ms))
    }

    #[must_use]
    pub fn ms_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC, to the second.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_second(self.0.div_euclid(1000)) {
            Ok(instant) => instant.fmt(formatter),
            Err(_) => write!(formatter, "@{}ms", self.0),
        }
    }
}

/// Reads a length of time as people write it: `90s`, `30m`, `24h`, `7d`.
///
/// # Errors
/// Refuses an empty or unknown form and what does not fit into 64 bits of milliseconds.
pub fn parse_duration_ms(text: &str) -> Result<i64, String> {
    let bad = || format!("\"{text}\" is not a length of time; write it like 90s, 30m, 24h or 7d");
    let split = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(bad)?;
    let (digits, unit) = text.split_at(split);
    let amount: i64 = digits.parse().map_err(|_| bad())?;
    let unit_ms = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(bad()),
    };
    amount.checked_mul(unit_ms).ok_or_else(bad)
}
