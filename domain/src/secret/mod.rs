//! Sensitive values: what a body says of them, and how the values themselves are sealed.
//!
//! A body holds only a reference, `{"$secret": {"version": ...}}`. The value is encrypted once under a key that
//! exactly its audience shares (a publication cut by the value's scope); that key is wrapped for each node of the
//! audience with HPKE (RFC 9180: X25519, HKDF-SHA256, ChaCha20-Poly1305). At the manager both rest under the
//! operator's master key.

mod element;
mod place;
mod seal;

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use zeroize::{Zeroize, ZeroizeOnDrop};

pub use element::{
    Widened, answer_keeps_sealed, foreign_references, is_in_the_clear, keeps_sealed, stray_elements, widened,
};
pub use place::{
    misplaced_references, newly_in_the_clear, placed_references, scoped_references, seal_sensitive, typed_over,
};
pub use seal::{SealError, SealedTo, SealingKey, SymmetricKey, public_sealing_key};

use crate::id::{AudienceKeyId, SecretId};
use crate::sharing::path::Path;
use crate::sharing::places::{Enter, places};

/// Marks a sensitive value inside a body. Two values are the same exactly when their versions are.
pub const REFERENCE: &str = "$secret";

/// Longest sensitive value, in bytes.
pub const SECRET_SIZE_LIMIT_BYTES: usize = 64 * 1024;

/// A value in the clear. Exists only on its way in, or on a node that may see it. Does not print.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Plaintext(String);

impl Plaintext {
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The value itself: for handing it to the server it is for.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Plaintext {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Plaintext(hidden)")
    }
}

/// A value under its audience's key: one and the same for every node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedValue {
    pub version: SecretId,
    pub key: AudienceKeyId,
    /// Nonce and ciphertext, in hexadecimal digits.
    #[serde(with = "hex")]
    pub sealed: Vec<u8>,
}

/// An audience's key, wrapped for one node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrappedKey {
    pub key: AudienceKeyId,
    pub wrapped: SealedTo,
}

impl SealedValue {
    /// Seals a value. The version is bound in, so that one value cannot be passed off as another.
    ///
    /// # Errors
    /// Only for a value over the size limit.
    pub fn seal(
        version: SecretId,
        key_id: AudienceKeyId,
        key: &SymmetricKey,
        value: &Plaintext,
        nonce: [u8; 24],
    ) -> Result<Self, SealError> {
        let sealed = key.seal(value.0.as_bytes(), version.0.as_bytes(), nonce)?;
        Ok(Self { version, key: key_id, sealed })
    }

    /// Opens a value with its audience's key.
    ///
    /// # Errors
    /// The key is another, or the value was altered.
    pub fn open(&self, key: &SymmetricKey) -> Result<Plaintext, SealError> {
        let bytes = key.open(&self.sealed, self.version.0.as_bytes())?;
        String::from_utf8(bytes).map(Plaintext).map_err(|_| SealError::Unreadable)
    }
}

impl WrappedKey {
    /// Wraps an audience's key for a node.
    ///
    /// # Errors
    /// The node's public key is not one.
    pub fn wrap(id: AudienceKeyId, key: &SymmetricKey, node: &[u8; 32], seed: [u8; 32]) -> Result<Self, SealError> {
        let wrapped = SealedTo::seal(node, b"atoll audience key v1", id.0.as_bytes(), key.bytes(), seed)?;
        Ok(Self { key: id, wrapped })
    }

    /// Unwraps the key on the node it was wrapped for.
    ///
    /// # Errors
    /// It was wrapped for another node, or altered.
    pub fn unwrap_with(&self, node: &SealingKey) -> Result<SymmetricKey, SealError> {
        let bytes = self.wrapped.open(node, b"atoll audience key v1", self.key.0.as_bytes())?;
        bytes.try_into().map(SymmetricKey::new).map_err(|_| SealError::Unreadable)
    }
}

/// The version of the sealed value that this value refers to.
#[must_use]
pub fn reference(value: &Value) -> Option<SecretId> {
    value.get(REFERENCE)?.get("version")?.as_str()?.parse().ok()
}

/// What a body says of a sealed value.
#[must_use]
pub fn reference_to(version: SecretId) -> Value {
    json!({ REFERENCE: { "version": version } })
}

/// Every reference in a body with its place.
#[must_use]
pub fn references(body: &Value) -> Vec<(Path, SecretId)> {
    let places = places(body, Enter::Objects, |value| reference(value).is_some());
    let mut found: Vec<(Path, SecretId)> =
        places.into_iter().filter_map(|path| Some((path.clone(), reference(path.get(body)?)?))).collect();
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u128) -> uuid::Uuid {
        uuid::Uuid::from_u128(number)
    }

    #[test]
    fn a_value_opens_on_the_node_it_is_for_and_nowhere_else() {
        let (node, stranger) = (SealingKey::new([1; 32]), SealingKey::new([2; 32]));
        let audience = SymmetricKey::new([3; 32]);
        let value = Plaintext::new("hunter2".to_owned());
        let sealed = SealedValue::seal(SecretId(id(1)), AudienceKeyId(id(2)), &audience, &value, [4; 24]).unwrap();
        let wrapped = WrappedKey::wrap(AudienceKeyId(id(2)), &audience, &node.public(), [5; 32]).unwrap();

        let key = wrapped.unwrap_with(&node).unwrap();
        assert_eq!(sealed.open(&key).unwrap(), value);
        assert!(wrapped.unwrap_with(&stranger).is_err());
        let passed_off = SealedValue { version: SecretId(id(9)), ..sealed.clone() };
        assert!(passed_off.open(&key).is_err());
        let told = format!("{value:?} {sealed:?} {key:?} {node:?} {}", serde_json::to_string(&sealed).unwrap());
        assert!(!told.contains("hunter2") && !told.contains(&hex::encode("hunter2")));
    }

    #[test]
    fn a_key_is_taken_just_where_something_can_be_sealed_to_it() {
        // The coordinates of small order of the curve and its twist, also those that are written with more than the prime.
        let small = [
            "0000000000000000000000000000000000000000000000000000000000000000",
            "0100000000000000000000000000000000000000000000000000000000000000",
            "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
            "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        ];
        let key = |text: &str| -> [u8; 32] { hex::decode(text).unwrap().try_into().unwrap() };
        let beyond = |mut key: [u8; 32]| {
            key[31] |= 0x80;
            key
        };
        let small: Vec<[u8; 32]> = small.map(key).into_iter().flat_map(|key| [key, beyond(key)]).collect();
        let random = (0..=255).map(|seed| SealingKey::new([seed; 32]).public());
        let any = (0..=255).map(|byte| [byte; 32]);
        for key in small.iter().copied().chain(random).chain(any) {
            let taken = public_sealing_key(&key).is_ok();
            assert_eq!(taken, SealedTo::seal(&key, b"purpose", b"", b"text", [7; 32]).is_ok(), "{}", hex::encode(key));
            assert_eq!(taken, !small.contains(&key), "{}", hex::encode(key));
        }
    }
}
