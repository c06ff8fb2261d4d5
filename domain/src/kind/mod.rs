//! Kinds of shared resources. A kind is one file: schema, how its values merge, what must hold, and its outside form.

pub mod file_name;
mod outside;
mod step_template;
pub mod variable_set;

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::outside::Outside;
use crate::fleet::name::NAME_LIMIT;
use crate::sharing::merge::Strategy;
use crate::sharing::path::Path;
use crate::sharing::text::TextMode;
use crate::terminal::is_unseen;

/// What a resource is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    StepTemplate,
    VariableSet,
}

/// A rule of the kind that a body breaks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Problem {
    pub path: Path,
    pub message: String,
}

/// A resource as it is kept: content that merges, and volatile fields that are carried beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// The normal form: what revisions hash, merge and speak of.
    pub body: Value,
    /// Version counters, time stamps, export notes: carried and signed, outside of hash and merge.
    pub metadata: Value,
}

/// What a kind supplies.
pub(crate) trait KindRules: Strategy + Sync {
    fn name(&self) -> &'static str;
    /// Counted up whenever a body of the kind changes its meaning or shape.
    fn schema_version(&self) -> u32;
    fn default_text_mode(&self) -> TextMode;
    fn outside(&self) -> &'static Outside;
    /// Everything that must hold of a body, whoever wrote it.
    fn check(&self, body: &Value) -> Vec<Problem>;
}

impl Kind {
    pub const ALL: [Self; 2] = [Self::StepTemplate, Self::VariableSet];

    fn rules(self) -> &'static dyn KindRules {
        match self {
            Self::StepTemplate => &step_template::StepTemplate,
            Self::VariableSet => &variable_set::VariableSet,
        }
    }

    #[must_use]
    pub fn name(self) -> &'static str {
        self.rules().name()
    }

    #[must_use]
    pub fn schema_version(self) -> u32 {
        self.rules().schema_version()
    }

    #[must_use]
    pub fn default_text_mode(self) -> TextMode {
        self.rules().default_text_mode()
    }

    #[must_use]
    pub fn strategy(self) -> &'static dyn Strategy {
        self.rules()
    }

    /// Reads the outside form of a resource.
    ///
    /// # Errors
    /// Says what is missing or of the wrong shape, and where.
    pub fn import(self, outside: &Value, parent: Option<&Value>) -> Result<Imported, String> {
        outside::import(outside, parent, self.rules().outside())
    }

    /// The outside form. Import followed by export gives back an equal document.
    #[must_use]
    pub fn export(self, body: &Value, metadata: &Value) -> Value {
        outside::export(body, metadata, self.rules().outside())
    }

    /// The volatile fields among some metadata that somebody else gave, and nothing else of it.
    #[must_use]
    pub fn volatile(self, metadata: &Value) -> Value {
        outside::volatile(metadata, self.rules().outside())
    }

    /// A list of a body that is not as [`Self::import`] makes it.
    #[must_use]
    pub fn misshapen_list(self, body: &Value) -> Option<Path> {
        outside::misshapen_list(body, self.rules().outside())
    }

    /// The rules that a content breaks and none of what counted before does: what was so already is nobody's fault who changes
    /// something else.
    #[must_use]
    pub fn check_change<'a>(self, before: impl IntoIterator<Item = &'a Value>, after: &Value) -> Vec<Problem> {
        let mut problems = self.check(after);
        if !problems.is_empty() {
            let known: Vec<Problem> = before.into_iter().flat_map(|body| self.check(body)).collect();
            problems.retain(|problem| !known.contains(problem));
        }
        problems
    }

    /// The rules of the kind that a body breaks; none for a sound one.
    #[must_use]
    pub fn check(self, body: &Value) -> Vec<Problem> {
        let mut problems = self.rules().check(body);
        let name = body.get("Name").and_then(Value::as_str).unwrap_or_default();
        let mut problem = |message: String| problems.push(Problem { path: Path(vec!["Name".to_owned()]), message });
        if has_controls(name) {
            problem("Name contains control or bidirectional characters; remove them".to_owned());
        }
        if !name.trim().is_empty() && name.chars().all(|c| c.is_whitespace() || is_unseen(c)) {
            problem("Name shows nothing; give it letters or digits".to_owned());
        }
        if name.chars().count() > NAME_LIMIT {
            problem(format!("Name is longer than {NAME_LIMIT} characters"));
        }
        problems
    }
}

/// Whether a name holds what moves a cursor or ends a line wherever it is shown or written.
pub(crate) fn has_controls(name: &str) -> bool {
    // Overrides and isolates of direction (Unicode TR9), separators of lines and paragraphs. Single marks of direction belong
    // to the spelling of some languages.
    let turns = |c: char| matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    name.chars().any(|c| c.is_control() || turns(c))
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl std::str::FromStr for Kind {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|kind| kind.name() == text).ok_or_else(|| {
            let known: Vec<&str> = Self::ALL.iter().map(|kind| kind.name()).collect();
            format!("\"{text}\" is not a kind this version knows; it knows {}", known.join(", "))
        })
    }
}
