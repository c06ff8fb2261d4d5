//! One number for everything that a node runs, so that manager and node can tell whether they mean the same.
//!
//! The sum modulo 2^256 of one SHA-256 for each resource with its revision. A sum, because it can be kept up to date: the
//! manager holds one for each audience and adds them up for a node.

use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::id::{ResourceId, RevisionId};

/// A sum of terms modulo 2^256, as four words, the least significant first.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct StateDigest([u64; 4]);

impl StateDigest {
    /// The term of a resource that stands at a revision.
    #[must_use]
    pub fn of(resource: ResourceId, revision: RevisionId) -> Self {
        Self::term(resource, &revision.0)
    }

    /// The term of a resource whose state cannot be verified: equal to that of no revision.
    #[must_use]
    pub fn unverified(resource: ResourceId) -> Self {
        Self::term(resource, b"unverified")
    }

    fn term(resource: ResourceId, state: &[u8]) -> Self {
        let hash = Sha256::new()
            .chain_update(b"atoll state v1\0")
            .chain_update(resource.0.as_bytes())
            .chain_update(state)
            .finalize();
        Self::from_bytes(hash.into())
    }

    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        let mut words = [0; 4];
        for (word, chunk) in words.iter_mut().zip(bytes.chunks_exact(8)) {
            let mut own = [0; 8];
            own.copy_from_slice(chunk);
            *word = u64::from_le_bytes(own);
        }
        Self(words)
    }

    #[must_use]
    pub fn to_bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for (chunk, word) in bytes.chunks_exact_mut(8).zip(self.0) {
            chunk.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        let mut carry = false;
        let mut words = [0; 4];
        for ((sum, one), other) in words.iter_mut().zip(self.0).zip(other.0) {
            let (partial, first) = one.overflowing_add(other);
            let (whole, second) = partial.overflowing_add(u64::from(carry));
            *sum = whole;
            carry = first || second;
        }
        Self(words)
    }

    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        // Two's complement: the negative of a number is its inverse plus one.
        self.plus(Self(other.0.map(|word| !word))).plus(Self([1, 0, 0, 0]))
    }
}

impl fmt::Debug for StateDigest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:016x}", self.0[3])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Digest;

    #[test]
    fn terms_come_and_go_in_any_order_and_carry_through_every_word() {
        let term = |number: u128| {
            StateDigest::of(ResourceId(uuid::Uuid::from_u128(number)), Digest::of(&number.to_le_bytes()))
        };
        let (a, b, c) = (term(1), term(2), term(3));
        assert_eq!(a.plus(b).plus(c).minus(b), c.plus(a));
        assert_eq!(a.minus(a), StateDigest::default());
        let all = StateDigest::from_bytes([0xff; 32]);
        assert_eq!(all.plus(StateDigest([1, 0, 0, 0])), StateDigest::default());
        assert_eq!(StateDigest::default().minus(StateDigest([1, 0, 0, 0])), all);
        assert_eq!(StateDigest::from_bytes(a.to_bytes()), a);
        assert_ne!(StateDigest::unverified(ResourceId(uuid::Uuid::from_u128(1))), a);
    }
}
