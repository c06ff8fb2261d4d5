//! Who the node is: its keys, and what it knows of its manager. One file, readable by its owner only.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use atoll_domain::fleet::enrolment::identity_key;
use atoll_domain::fleet::name::GroupPath;
use atoll_domain::id::{Digest, Incarnation, ManagerEpoch, NodeId};
use atoll_domain::secret::SealingKey;
use atoll_domain::time::Timestamp;
use ed25519_dalek::{SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{NodeError, file, random, tls};

const FORMAT: u32 = 1;

/// Key material: hexadecimal in the file, hidden everywhere else, wiped from memory when dropped.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct SecretBytes(pub Zeroizing<Vec<u8>>);

impl fmt::Debug for SecretBytes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SecretBytes(hidden)")
    }
}

impl Serialize for SecretBytes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Zeroizing::new(hex::encode(&*self.0)))
    }
}

impl<'de> Deserialize<'de> for SecretBytes {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        hex::decode(&*text).map(|bytes| Self(Zeroizing::new(bytes))).map_err(serde::de::Error::custom)
    }
}

/// Public bytes, hexadecimal in the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Hex(#[serde(with = "hex")] pub Vec<u8>);

/// A node's keys, made before the manager is asked so that asking again asks for the same node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Identity {
    pub format: u32,
    pub incarnation: Incarnation,
    /// `host:port` of the manager's node port.
    pub manager_address: String,
    /// SHA-256 of the root's public key, from the token.
    pub root_pin: Digest,
    pub identity_seed: SecretBytes,
    pub sealing_seed: SecretBytes,
    /// PKCS #8.
    pub tls_key: SecretBytes,
    /// Absent until the manager has admitted the node.
    pub membership: Option<Membership>,
}

/// What the manager answered when it admitted the node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Membership {
    pub node_id: NodeId,
    /// As wished; the manager may know the node by another one by now.
    pub name: String,
    pub group: GroupPath,
    /// DER, the node's own first.
    pub certificate_chain: Vec<Hex>,
    pub root_certificate: Hex,
    pub document_key: Hex,
    pub manager_sealing_key: Hex,
    pub manager_epoch: ManagerEpoch,
}

/// When a certificate is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Validity {
    pub not_before: Timestamp,
    pub not_after: Timestamp,
}

impl Identity {
    pub(crate) const FILE: &str = "identity.json";

    /// Fresh keys for a node that wishes to join.
    pub fn generate(manager_address: String, root_pin: Digest) -> Result<Self, NodeError> {
        Ok(Self {
            format: FORMAT,
            incarnation: Incarnation(random::uuid()),
            manager_address,
            root_pin,
            identity_seed: SecretBytes(random::seed()?),
            sealing_seed: SecretBytes(random::seed()?),
            tls_key: tls::generate_key()?,
            membership: None,
        })
    }

    /// Reads the file; `None` where there is none.
    pub fn load(directory: &Path) -> Result<Option<Self>, NodeError> {
        let path = path(directory);
        let text = match fs::read_to_string(&path) {
            Ok(text) => Zeroizing::new(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(NodeError::file(&path, &error)),
        };
        let identity: Self = serde_json::from_str(&text).map_err(|error| NodeError::damaged(&path, error))?;
        if identity.format != FORMAT {
            let reason = format!("its format is {} and this program reads {FORMAT}", identity.format);
            return Err(NodeError::damaged(&path, reason));
        }
        identity.keys().map_err(|reason| NodeError::damaged(&path, reason))?;
        Ok(Some(identity))
    }

    /// Writes the file so that a crash leaves the old or the new one.
    pub fn save(&self, directory: &Path) -> Result<(), NodeError> {
        let path = path(directory);
        let text = serde_json::to_vec_pretty(self).map(Zeroizing::new);
        let text = text.map_err(|error| NodeError::damaged(&path, error))?;
        file::write_atomically(&path, &text, 0o600).map_err(|error| NodeError::file(&path, &error))
    }

    fn keys(&self) -> Result<(SigningKey, SealingKey), &'static str> {
        let seed = |bytes: &SecretBytes| bytes.0.as_slice().try_into().map_err(|_| "a key has the wrong length");
        Ok((SigningKey::from_bytes(&seed(&self.identity_seed)?), SealingKey::new(seed(&self.sealing_seed)?)))
    }

    /// The key that is the node.
    pub fn signing_key(&self) -> Result<SigningKey, NodeError> {
        self.keys().map(|(signing, _)| signing).map_err(|reason| NodeError::Keys(reason.to_owned()))
    }

    /// The key that secrets for the node are sealed to.
    pub fn sealing_key(&self) -> Result<SealingKey, NodeError> {
        self.keys().map(|(_, sealing)| sealing).map_err(|reason| NodeError::Keys(reason.to_owned()))
    }

    /// What people compare: the digest of the identity's public key.
    pub fn fingerprint(&self) -> Result<Digest, NodeError> {
        Ok(Digest::of(self.signing_key()?.verifying_key().as_bytes()))
    }
}

impl Membership {
    pub fn validity(&self) -> Option<Validity> {
        tls::validity(&self.certificate_chain.first()?.0)
    }

    /// The key that verifies the manager's documents.
    pub fn document_key(&self) -> Result<VerifyingKey, NodeError> {
        identity_key(&self.document_key.0)
            .map_err(|_| NodeError::BadAnswer("the manager's document key is not a key".to_owned()))
    }
}

pub(crate) fn path(directory: &Path) -> PathBuf {
    directory.join(Identity::FILE)
}
