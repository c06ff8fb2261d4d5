//! The ciphers, behind types that hide their keys. Randomness comes in as arguments.

use std::fmt;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use curve25519_dalek::montgomery::MontgomeryPoint;
use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop};

const NONCE_BYTES: usize = 24;

/// Why something cannot be sealed or opened. Says nothing about the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    #[error("the sealed value cannot be opened: it is under another key, or it was altered")]
    Unreadable,
    #[error("the public key to seal to is not a valid key")]
    BadKey,
    #[error("the value is larger than {} bytes", super::SECRET_SIZE_LIMIT_BYTES)]
    TooLarge,
}

/// A key for XChaCha20-Poly1305. Does not print.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct SymmetricKey([u8; 32]);

impl SymmetricKey {
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// For wrapping under another key.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Encrypts, and binds the context in. The nonce must be random: 24 bytes never repeat by chance.
    ///
    /// # Errors
    /// A value over the size limit.
    pub fn seal(&self, plaintext: &[u8], context: &[u8], nonce: [u8; NONCE_BYTES]) -> Result<Vec<u8>, SealError> {
        if plaintext.len() > super::SECRET_SIZE_LIMIT_BYTES {
            return Err(SealError::TooLarge);
        }
        let cipher = XChaCha20Poly1305::new((&self.0).into());
        let payload = Payload { msg: plaintext, aad: context };
        let sealed = cipher.encrypt(XNonce::from_slice(&nonce), payload).map_err(|_| SealError::TooLarge)?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// Decrypts what [`Self::seal`] made for the same context.
    ///
    /// # Errors
    /// Another key or context, or altered bytes.
    pub fn open(&self, sealed: &[u8], context: &[u8]) -> Result<Vec<u8>, SealError> {
        let (nonce, sealed) = sealed.split_at_checked(NONCE_BYTES).ok_or(SealError::Unreadable)?;
        let cipher = XChaCha20Poly1305::new((&self.0).into());
        let payload = Payload { msg: sealed, aad: context };
        cipher.decrypt(XNonce::from_slice(nonce), payload).map_err(|_| SealError::Unreadable)
    }
}

impl fmt::Debug for SymmetricKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SymmetricKey(hidden)")
    }
}

/// The private half of a node's or the manager's sealing key pair. Does not print.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct SealingKey([u8; 32]);

impl SealingKey {
    /// From 32 random bytes.
    #[must_use]
    pub fn new(seed: [u8; 32]) -> Self {
        Self(seed)
    }

    /// For storing under another key.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    #[must_use]
    pub fn public(&self) -> [u8; 32] {
        let (_, public) = X25519HkdfSha256::derive_keypair(&self.0);
        public.to_bytes().into()
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SealingKey(hidden)")
    }
}

/// Checks that bytes are a public sealing key: one that something can be sealed to.
///
/// # Errors
/// [`SealError::BadKey`].
pub fn public_sealing_key(bytes: &[u8]) -> Result<[u8; 32], SealError> {
    let key: [u8; 32] = <X25519HkdfSha256 as Kem>::PublicKey::from_bytes(bytes)
        .map(|key| key.to_bytes().into())
        .map_err(|_| SealError::BadKey)?;
    if is_of_small_order(key) { Err(SealError::BadKey) } else { Ok(key) }
}

/// Points of small order read as keys, and give zero with every private key, so that nothing can be sealed to them (RFC 9180,
/// section 7.1.4). They are those that eight takes to the neutral element, which is written as zero (RFC 7748, section 5):
/// eight is the cofactor of the curve, and that of its twist, four, divides it. That is far less work than to seal something
/// on trial, and every node that joins is asked.
fn is_of_small_order(key: [u8; 32]) -> bool {
    let eight = [true, false, false, false];
    MontgomeryPoint(key).mul_bits_be(eight.into_iter()) == MontgomeryPoint([0; 32])
}

/// Bytes that only one key pair opens: HPKE in base mode, single shot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedTo {
    #[serde(with = "hex")]
    pub encapsulated: Vec<u8>,
    #[serde(with = "hex")]
    pub ciphertext: Vec<u8>,
}

impl SealedTo {
    /// Seals to a public key; `purpose` and `context` are bound in.
    ///
    /// # Errors
    /// The public key is not one.
    pub fn seal(
        public: &[u8; 32],
        purpose: &[u8],
        context: &[u8],
        plaintext: &[u8],
        seed: [u8; 32],
    ) -> Result<Self, SealError> {
        let public = <X25519HkdfSha256 as Kem>::PublicKey::from_bytes(public).map_err(|_| SealError::BadKey)?;
        let mut random = ChaCha20Rng::from_seed(seed);
        let (encapsulated, ciphertext) = hpke::single_shot_seal::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256, _>(
            &OpModeS::Base,
            &public,
            purpose,
            plaintext,
            context,
            &mut random,
        )
        .map_err(|_| SealError::BadKey)?;
        Ok(Self { encapsulated: encapsulated.to_bytes().to_vec(), ciphertext })
    }

    /// Opens with the private key.
    ///
    /// # Errors
    /// Another key, purpose or context, or altered bytes.
    pub fn open(&self, key: &SealingKey, purpose: &[u8], context: &[u8]) -> Result<Vec<u8>, SealError> {
        let (private, _) = X25519HkdfSha256::derive_keypair(&key.0);
        let encapsulated = <X25519HkdfSha256 as Kem>::EncappedKey::from_bytes(&self.encapsulated)
            .map_err(|_| SealError::Unreadable)?;
        hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeR::Base,
            &private,
            &encapsulated,
            purpose,
            &self.ciphertext,
            context,
        )
        .map_err(|_| SealError::Unreadable)
    }
}
