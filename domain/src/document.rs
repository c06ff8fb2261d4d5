//! What flows down: versioned, signed documents. What flows up: numbered, signed reports.
//!
//! Both are verified by their own signatures, so one verifier serves a stream and a sealed file.

use std::fmt;
use std::str::FromStr;

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::id::{NodeId, PublicationId};

/// Documents of different urgency travel apart, so that none waits behind another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lane {
    Locks,
    Access,
    Content,
}

impl Lane {
    pub const ALL: [Self; 3] = [Self::Locks, Self::Access, Self::Content];
}

/// Those who may hold a document.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Audience {
    /// One node.
    Node(NodeId),
    /// The nodes a publication reaches.
    Publication(PublicationId),
    /// The nodes a publication reaches that lie in a value's scope, named by the scope's digest.
    Scope(PublicationId, String),
}

impl fmt::Display for Audience {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(node) => write!(formatter, "node/{node}"),
            Self::Publication(publication) => write!(formatter, "publication/{publication}"),
            Self::Scope(publication, scope) => write!(formatter, "publication/{publication}/scope/{scope}"),
        }
    }
}

impl FromStr for Audience {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("\"{text}\" is not an audience");
        let parts: Vec<&str> = text.split('/').collect();
        match parts.as_slice() {
            ["node", node] => node.parse().map(Self::Node).map_err(|_| bad()),
            ["publication", publication] => publication.parse().map(Self::Publication).map_err(|_| bad()),
            ["publication", publication, "scope", scope] => {
                publication.parse().map(|id| Self::Scope(id, (*scope).to_owned())).map_err(|_| bad())
            }
            _ => Err(bad()),
        }
    }
}

impl Serialize for Audience {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Audience {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// What a document is about; decides how its payload reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DocumentKind {
    /// A revision of a resource, offered by a publication ([`crate::sharing::offer::Offer`]).
    Resource,
    /// What became of a node's own edit ([`crate::sharing::fork::ForkDecision`]).
    Fork,
    /// A sealed value ([`crate::secret::SealedValue`]).
    Secret,
    /// An audience key, wrapped for one node ([`crate::secret::WrappedKey`]).
    KeyWrap,
}

/// Everything a node must know is one of these.
#[derive(Debug, Serialize, Deserialize)]
pub struct Document {
    pub audience: Audience,
    pub lane: Lane,
    pub kind: DocumentKind,
    /// Names the document within its audience.
    pub key: String,
    /// Counts up with each state of the document; a receiver refuses an older one.
    pub generation: u64,
    /// The document is gone.
    pub deleted: bool,
    /// As its kind says. Kept as text, so that what was signed is what is read.
    pub payload: Box<RawValue>,
}

/// Why a document or report is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    #[error("the signature does not fit; the sender is not who it claims to be, or the content was altered")]
    BadSignature,
    #[error("the content cannot be read: {0}")]
    Malformed(String),
}

impl Document {
    /// Builds a document around a payload.
    ///
    /// # Errors
    /// Only for a payload that has no JSON form.
    pub fn new<P: Serialize>(
        audience: Audience,
        lane: Lane,
        kind: DocumentKind,
        key: String,
        generation: u64,
        payload: &P,
    ) -> Result<Self, DocumentError> {
        let payload = serde_json::value::to_raw_value(payload).map_err(|error| malformed(&error))?;
        Ok(Self { audience, lane, kind, key, generation, deleted: false, payload })
    }

    /// A document that says a key is gone.
    #[must_use]
    pub fn deletion(audience: Audience, lane: Lane, kind: DocumentKind, key: String, generation: u64) -> Self {
        let payload = RawValue::NULL.to_owned();
        Self { audience, lane, kind, key, generation, deleted: true, payload }
    }

    /// Reads the payload as its kind says.
    ///
    /// # Errors
    /// Says what in it is not as it should be.
    pub fn read<P: DeserializeOwned>(&self) -> Result<P, DocumentError> {
        serde_json::from_str(self.payload.get()).map_err(|error| malformed(&error))
    }

    /// The bytes that are signed, stored and sent.
    ///
    /// # Errors
    /// Never for a document that was built by this module.
    pub fn to_bytes(&self) -> Result<Vec<u8>, DocumentError> {
        serde_json::to_vec(self).map_err(|error| malformed(&error))
    }

    /// Reads a document after its signature has been verified.
    ///
    /// # Errors
    /// A signature that does not fit, or content that is not a document.
    pub fn open(bytes: &[u8], signature: &[u8], key: &VerifyingKey) -> Result<Self, DocumentError> {
        verify(Purpose::Document, bytes, signature, key)?;
        serde_json::from_slice(bytes).map_err(|error| malformed(&error))
    }
}

fn malformed(error: &serde_json::Error) -> DocumentError {
    DocumentError::Malformed(error.to_string())
}

/// What a signature is for. A signature made for one purpose is worthless for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    Document,
    Report,
    Join,
    Recover,
}

impl Purpose {
    fn prefix(self) -> &'static [u8] {
        match self {
            Self::Document => b"atoll document v1\0",
            Self::Report => b"atoll report v1\0",
            Self::Join => b"atoll join v1\0",
            Self::Recover => b"atoll recover v1\0",
        }
    }
}

/// Signs bytes for a purpose.
#[must_use]
pub fn sign(purpose: Purpose, bytes: &[u8], key: &SigningKey) -> [u8; 64] {
    key.sign(&[purpose.prefix(), bytes].concat()).to_bytes()
}

/// Verifies a signature that was made for a purpose.
///
/// # Errors
/// [`DocumentError::BadSignature`], whatever is wrong.
pub fn verify(purpose: Purpose, bytes: &[u8], signature: &[u8], key: &VerifyingKey) -> Result<(), DocumentError> {
    let signature = Signature::from_slice(signature).map_err(|_| DocumentError::BadSignature)?;
    // Strict: a key of small order, under which one signature fits many texts, proves nothing (RFC 8032 section 5.1.7).
    key.verify_strict(&[purpose.prefix(), bytes].concat(), &signature).map_err(|_| DocumentError::BadSignature)
}

/// Something a node says upward.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "report", rename_all = "snake_case")]
pub enum Report {
    /// An edit that was made on the node.
    Revision(Box<RevisionReport>),
    /// A document of the manager that the manager itself turned out not to have any more.
    Returned(Box<ReturnedReport>),
    /// What an adapter did with a document.
    Applied(AppliedReport),
}

impl Report {
    /// The revision that it brings, or that it is about.
    #[must_use]
    pub fn revision(&self) -> Option<crate::id::RevisionId> {
        match self {
            Self::Revision(report) => Some(report.id),
            Self::Returned(report) => Some(report.revision),
            Self::Applied(_) => None,
        }
    }

    /// The revision whose content it holds.
    #[must_use]
    pub fn brings(&self) -> Option<crate::id::RevisionId> {
        match self {
            Self::Returned(report) if report.brings_nothing => None,
            other => other.revision(),
        }
    }

    /// Whether it says that nobody holds what it was made from.
    #[must_use]
    pub fn lost_parents(&self) -> bool {
        match self {
            Self::Revision(report) => report.lost_parents,
            Self::Returned(report) => report.lost_parents,
            Self::Applied(_) => false,
        }
    }

    /// The same report, saying that nobody holds what it was made from. `None` where it says so already.
    #[must_use]
    pub fn without_parents(&self) -> Option<Self> {
        let mut report = self.clone();
        let is_lost = match &mut report {
            Self::Revision(report) => &mut report.lost_parents,
            Self::Returned(report) => &mut report.lost_parents,
            Self::Applied(_) => return None,
        };
        (!std::mem::replace(is_lost, true)).then_some(report)
    }
}

/// An edit with everything needed to take it in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RevisionReport {
    pub id: crate::id::RevisionId,
    pub header: crate::sharing::revision::Header,
    pub provenance: crate::sharing::revision::Provenance,
    /// Absent for a tombstone.
    pub body: Option<Value>,
    /// The edit was not made from a known revision, so it is proposed and does not run on the node either.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub base_unknown: bool,
    /// The manager asked for the parents, and this node does not hold them either.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lost_parents: bool,
    /// The revision that the editor started from, as the file said. The parent is another one where the editor had saved
    /// from it before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed: Option<crate::id::RevisionId>,
    /// Places at which the edit takes back what was saved from the claimed revision before: an undo, or the buffer of an
    /// editor that had never seen it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub takes_back: Vec<crate::sharing::path::Path>,
}

/// A document that the node holds and a restored manager has lost. Its signature is the manager's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReturnedReport {
    /// The revision it carries, or that it is about: for the node's own order. The document says it again, signed.
    pub revision: crate::id::RevisionId,
    /// It is only about the revision and does not hold it: a decision about an edit, say.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub brings_nothing: bool,
    /// The bytes that were signed, which are JSON.
    pub document: String,
    #[serde(with = "hex")]
    pub signature: Vec<u8>,
    /// The manager asked for what it was made from, and this node does not hold that either.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lost_parents: bool,
}

/// What an adapter did with a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppliedReport {
    pub resource: crate::id::ResourceId,
    pub revision: crate::id::RevisionId,
    pub outcome: ApplyOutcome,
    /// What happened and what to do, for anything but success.
    pub text: String,
    pub at: crate::time::Timestamp,
}

/// How applying went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApplyOutcome {
    Applied,
    Failed,
    Deferred,
    /// It stands as it should again. What somebody saved over it is no edit that could be taken, and is kept aside on the
    /// server.
    EditRefused,
}
