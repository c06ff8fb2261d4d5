//! Typed identifiers. Mixing a node id with a resource id does not compile.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A text that does not name what it should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{text}\" is not a {what}; {expected}")]
pub struct IdError {
    pub what: &'static str,
    pub text: String,
    pub expected: &'static str,
}

macro_rules! uuid_id {
    ($($(#[$doc:meta])* $name:ident = $what:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(formatter)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Uuid::from_str(text).map(Self).map_err(|_| IdError {
                    what: $what,
                    text: text.to_owned(),
                    expected: "expected a UUID such as 01890a5d-ac96-774b-bcce-b302099a8057",
                })
            }
        }
    )*};
}

uuid_id! {
    /// One independent server of the fleet.
    NodeId = "node id";
    /// A shared thing with history.
    ResourceId = "resource id";
    /// A rule that says which resources go to which nodes.
    PublicationId = "publication id";
    /// One value of a secret; a new value is a new version.
    SecretId = "secret id";
    /// A key shared by an audience.
    AudienceKeyId = "audience key id";
    /// A question for a person.
    ConflictId = "conflict id";
    /// An administrator's token or a join token.
    TokenId = "token id";
    /// A browser that is signed in.
    SessionId = "session id";
    /// The life of a manager's database: another after a restore.
    ManagerEpoch = "manager epoch";
    /// The life of a node's data directory: another after a restore or a clone.
    Incarnation = "node incarnation";
}

/// SHA-256 over canonical bytes, written as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(pub [u8; 32]);

/// A revision's id: the digest of its header (see [`crate::sharing::revision`]).
pub type RevisionId = Digest;
/// A body's id: the digest of its canonical bytes.
pub type BodyHash = Digest;

impl Digest {
    /// The first twelve digits, for people.
    #[must_use]
    pub fn short(&self) -> String {
        hex::encode(&self.0[..6])
    }

    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        use sha2::Digest as _;
        Self(sha2::Sha256::digest(bytes).into())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.short())
    }
}

impl FromStr for Digest {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| IdError {
            what: "revision or body id",
            text: text.to_owned(),
            expected: "expected 64 hexadecimal digits",
        })?;
        Ok(Self(bytes))
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
