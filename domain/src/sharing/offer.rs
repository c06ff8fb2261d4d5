//! What runs where.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::fork::Fork;
use super::revision::{Header, Provenance};
use crate::id::{PublicationId, ResourceId, RevisionId};
use crate::kind::Kind;

/// What a node may do with what a publication brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EditMode {
    /// An edit is delivered and runs only on its own node until an administrator accepts it.
    #[default]
    Propose,
    /// An edit stays on its node, visible to administrators.
    Fork,
    /// An edit is refused on the node.
    Locked,
    /// An edit becomes a head for all.
    WriteThrough,
}

impl EditMode {
    pub const ALL: [Self; 4] = [Self::Propose, Self::Fork, Self::Locked, Self::WriteThrough];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Propose => "propose",
            Self::Fork => "fork",
            Self::Locked => "locked",
            Self::WriteThrough => "write_through",
        }
    }
}

impl fmt::Display for EditMode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for EditMode {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wanted = text.replace('-', "_");
        Self::ALL
            .into_iter()
            .find(|mode| mode.name() == wanted)
            .ok_or_else(|| format!("\"{text}\" is not an edit mode; use propose, fork, locked or write-through"))
    }
}

/// Which release of a resource a publication brings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "policy", rename_all = "snake_case")]
pub enum VersionPolicy {
    /// The newest release, always.
    Latest,
    /// This release until somebody says otherwise.
    Pin { version: Version },
}

/// A semantic version without pre-release parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Version {
    pub major: u32,
    pub minor: u32,
    pub patch: u32,
}

impl Version {
    /// What the first release is called unless somebody says otherwise.
    pub const FIRST: Self = Self { major: 1, minor: 0, patch: 0 };

    #[must_use]
    pub fn next_patch(self) -> Self {
        Self { patch: self.patch.saturating_add(1), ..self }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl FromStr for Version {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("\"{text}\" is not a version; use the form 1.4.2");
        let parts: Result<Vec<u32>, _> = text.split('.').map(str::parse).collect();
        match parts.map_err(|_| bad())?.as_slice() {
            [major, minor, patch] => Ok(Self { major: *major, minor: *minor, patch: *patch }),
            _ => Err(bad()),
        }
    }
}

impl TryFrom<String> for Version {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Version> for String {
    fn from(version: Version) -> Self {
        version.to_string()
    }
}

/// A released revision as a publication brings it to its nodes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Offer {
    pub publication: PublicationId,
    /// Higher wins. Two publications that bring one resource to one node never have the same.
    pub priority: i32,
    pub edit_mode: EditMode,
    pub resource: ResourceId,
    pub kind: Kind,
    pub name: String,
    pub version: Version,
    pub revision: RevisionId,
    pub header: Header,
    pub provenance: Provenance,
    pub body: Value,
}

/// What a node runs of one resource, and why.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Effective<'a> {
    /// What the publication with the highest priority brings.
    Offered(&'a Offer),
    /// The node's own edit.
    Forked { offer: &'a Offer, fork: &'a Fork },
    /// No publication brings it any more. A fork that is left is kept and shown, and does not run.
    Nothing,
}

/// What a node runs of one resource: a pure function of what it holds.
#[must_use]
pub fn effective<'a>(offers: &[&'a Offer], fork: Option<&'a Fork>) -> Effective<'a> {
    let Some(offer) = winning(offers) else { return Effective::Nothing };
    match fork {
        Some(fork) if fork.runs() && offer.edit_mode != EditMode::Locked => Effective::Forked { offer, fork },
        _ => Effective::Offered(offer),
    }
}

/// The offer with the highest priority. Ties are refused at save; the publication's id decides if one slips through,
/// so that every place decides alike.
#[must_use]
pub fn winning<'a>(offers: &[&'a Offer]) -> Option<&'a Offer> {
    offers.iter().max_by_key(|offer| (offer.priority, offer.publication)).copied()
}
