//! The one place where this crate draws random numbers.

use rand::RngCore as _;
use rand::TryRngCore as _;
use rand::rngs::OsRng;
use zeroize::Zeroizing;

use crate::NodeError;

/// 32 bytes for a key, from the operating system.
pub(crate) fn seed() -> Result<Zeroizing<Vec<u8>>, NodeError> {
    let mut bytes = Zeroizing::new(vec![0; 32]);
    OsRng
        .try_fill_bytes(&mut bytes)
        .map_err(|error| NodeError::Keys(format!("the operating system gives no random numbers: {error}")))?;
    Ok(bytes)
}

/// A random id.
pub(crate) fn uuid() -> uuid::Uuid {
    let mut bytes = [0; 16];
    rand::rng().fill_bytes(&mut bytes);
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}

/// Uniform in 0..=u32::MAX: spreads waits over a fleet.
pub(crate) fn jitter() -> u32 {
    rand::rng().next_u32()
}
