//! The life of a node as the manager sees it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What an administrator has decided about a node. Whether it is online is seen, not decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeStanding {
    /// Takes part.
    Active,
    /// Gets no new content; what it has stays and its edits still arrive.
    Cordoned,
    /// Ended for good: its certificate is no longer accepted.
    Removed,
}

/// Something that happens to a node's standing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeEvent {
    Cordon,
    Uncordon,
    Remove,
}

/// A step that the lifecycle does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a {from} node cannot be {event}; {hint}")]
pub struct StandingError {
    pub from: NodeStanding,
    pub event: &'static str,
    pub hint: &'static str,
}

impl NodeStanding {
    /// The one transition function. Doing again what is done already changes nothing.
    ///
    /// # Errors
    /// A removed node stays removed.
    pub fn after(self, event: NodeEvent) -> Result<Self, StandingError> {
        match (self, event) {
            (Self::Active | Self::Cordoned, NodeEvent::Cordon) => Ok(Self::Cordoned),
            (Self::Active | Self::Cordoned, NodeEvent::Uncordon) => Ok(Self::Active),
            (_, NodeEvent::Remove) => Ok(Self::Removed),
            (Self::Removed, NodeEvent::Cordon) => Err(gone("cordoned")),
            (Self::Removed, NodeEvent::Uncordon) => Err(gone("uncordoned")),
        }
    }

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Cordoned => "cordoned",
            Self::Removed => "removed",
        }
    }
}

fn gone(event: &'static str) -> StandingError {
    StandingError { from: NodeStanding::Removed, event, hint: "join it again with a new token" }
}

impl fmt::Display for NodeStanding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for NodeStanding {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Active, Self::Cordoned, Self::Removed]
            .into_iter()
            .find(|standing| standing.name() == text)
            .ok_or_else(|| format!("\"{text}\" is not a standing of a node"))
    }
}
