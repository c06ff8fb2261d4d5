//! How a node joins: the token, and the statements it signs.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{SigningKey, VerifyingKey};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::document::{DocumentError, Purpose, sign, verify};
use crate::id::{Digest, NodeId, TokenId};

/// What an administrator hands to a node: where the manager is, which root key it must show, and a secret.
///
/// The text is `atoll1.<host:port>.<pin>.<id>.<secret>`, everything but the address in URL-safe base64; the address
/// is encoded likewise because it contains dots.
#[derive(Clone, PartialEq, Eq)]
pub struct JoinToken {
    /// `host:port` of the manager's node port.
    pub address: String,
    /// SHA-256 of the root's subject public key info. Checked before the secret is sent.
    pub root_pin: Digest,
    pub id: TokenId,
    pub secret: JoinSecret,
}

/// The secret part of a join token. Does not print.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct JoinSecret([u8; 32]);

impl JoinSecret {
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// For sending to the manager, once its root key matched the pin.
    #[must_use]
    pub fn reveal(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// What the manager keeps.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(self.reveal().as_bytes())
    }
}

impl fmt::Debug for JoinSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JoinSecret(hidden)")
    }
}

impl fmt::Debug for JoinToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("JoinToken")
            .field("address", &self.address)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// A text that is not a join token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this is not a join token ({0}); copy the whole text that `atoll enroll token create` printed")]
pub struct JoinTokenError(&'static str);

impl JoinToken {
    /// The text for the node. It contains the secret.
    #[must_use]
    pub fn to_text(&self) -> String {
        format!(
            "atoll1.{}.{}.{}.{}",
            URL_SAFE_NO_PAD.encode(&self.address),
            URL_SAFE_NO_PAD.encode(self.root_pin.0),
            URL_SAFE_NO_PAD.encode(self.id.0.as_bytes()),
            self.secret.reveal()
        )
    }
}

impl FromStr for JoinToken {
    type Err = JoinTokenError;
    fn from_str(text: &str) -> Result<Self, JoinTokenError> {
        let parts: Vec<&str> = text.trim().split('.').collect();
        let ["atoll1", address, pin, id, secret] = parts.as_slice() else {
            return Err(JoinTokenError("it does not begin with atoll1. or parts are missing"));
        };
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| JoinTokenError("a part is garbled"));
        let digest = |part: &str| decode(part)?.try_into().map_err(|_| JoinTokenError("a part has the wrong length"));
        Ok(Self {
            address: String::from_utf8(decode(address)?).map_err(|_| JoinTokenError("the address is garbled"))?,
            root_pin: Digest(digest(pin)?),
            id: TokenId(
                uuid::Uuid::from_slice(&decode(id)?).map_err(|_| JoinTokenError("the id has the wrong length"))?,
            ),
            secret: JoinSecret(digest(secret)?),
        })
    }
}

/// What a joining node signs: that it holds the identity key, for exactly these keys and this token.
#[derive(Debug, Clone, Copy)]
pub struct JoinStatement<'a> {
    pub token: TokenId,
    pub name: &'a str,
    pub certificate_request: &'a [u8],
    pub identity_key: &'a [u8],
    pub sealing_key: &'a [u8],
}

impl JoinStatement<'_> {
    fn bytes(&self) -> Vec<u8> {
        let digest = |bytes: &[u8]| Digest::of(bytes).0;
        [
            self.token.0.as_bytes().as_slice(),
            &digest(self.name.as_bytes()),
            &digest(self.certificate_request),
            &digest(self.identity_key),
            &digest(self.sealing_key),
        ]
        .concat()
    }

    #[must_use]
    pub fn sign(&self, identity: &SigningKey) -> [u8; 64] {
        sign(Purpose::Join, &self.bytes(), identity)
    }

    /// Verifies the proof against the identity key that the statement names.
    ///
    /// # Errors
    /// A key or signature that does not fit.
    pub fn verify(&self, proof: &[u8]) -> Result<(), DocumentError> {
        verify(Purpose::Join, &self.bytes(), proof, &identity_key(self.identity_key)?)
    }
}

/// What a node signs whose certificate ran out.
#[derive(Debug, Clone, Copy)]
pub struct RecoverStatement<'a> {
    pub node: NodeId,
    pub challenge: &'a [u8],
    pub certificate_request: &'a [u8],
}

impl RecoverStatement<'_> {
    fn bytes(&self) -> Vec<u8> {
        let request = Digest::of(self.certificate_request).0;
        [self.node.0.as_bytes().as_slice(), &Digest::of(self.challenge).0, &request].concat()
    }

    #[must_use]
    pub fn sign(&self, identity: &SigningKey) -> [u8; 64] {
        sign(Purpose::Recover, &self.bytes(), identity)
    }

    /// Verifies the proof against the identity key that the node joined with.
    ///
    /// # Errors
    /// A key or signature that does not fit.
    pub fn verify(&self, proof: &[u8], identity: &[u8]) -> Result<(), DocumentError> {
        verify(Purpose::Recover, &self.bytes(), proof, &identity_key(identity)?)
    }
}

/// Reads an Ed25519 public key.
///
/// # Errors
/// Bytes that are not one.
pub fn identity_key(bytes: &[u8]) -> Result<VerifyingKey, DocumentError> {
    let bytes: [u8; 32] = bytes.try_into().map_err(|_| DocumentError::BadSignature)?;
    VerifyingKey::from_bytes(&bytes).map_err(|_| DocumentError::BadSignature)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_survives_its_text_and_never_prints_its_secret() {
        let token = JoinToken {
            address: "manager.example.org:7443".to_owned(),
            root_pin: Digest::of(b"root"),
            id: TokenId(uuid::Uuid::from_u128(7)),
            secret: JoinSecret::new([9; 32]),
        };
        assert_eq!(token.to_text().parse::<JoinToken>().unwrap(), token);
        assert!(!format!("{token:?}").contains(&token.secret.reveal()));
        assert!("atoll1.x".parse::<JoinToken>().is_err());
    }
}
