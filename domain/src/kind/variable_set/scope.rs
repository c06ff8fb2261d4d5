//! Where a value applies, and which of two values is the more specific.
//!
//! Precedence: target over role over environment over group over unscoped. Names within one key are alternatives,
//! keys are conditions that must all hold. A node has one environment and one role, given by its labels
//! `environment` and `role`; its target name is the node's own name.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The conditions of one value. Names are kept in lower case: Octopus compares them without regard to case.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Scope {
    pub target: BTreeSet<String>,
    pub role: BTreeSet<String>,
    pub environment: BTreeSet<String>,
    pub group: BTreeSet<String>,
}

/// Where a question is asked from: a node, or explicit arguments.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Place {
    pub target: Option<String>,
    pub role: Option<String>,
    pub environment: Option<String>,
    /// A group path such as `/eu/prod`.
    pub group: Option<String>,
}

/// How specific a value is at a place. Derived ordering is the order of precedence: earlier fields decide first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Rank {
    pub target: bool,
    pub role: bool,
    pub environment: bool,
    /// Depth of the matching group; 0 when the value names no group. Nearer groups win over wider ones.
    pub group_depth: usize,
}

impl Scope {
    /// Reads the scope of a variable. `Machine` is Octopus's word for target and `TargetRole` for role.
    ///
    /// # Errors
    /// Names a key that this version cannot honour; ignoring it would widen where a value applies.
    pub fn of(variable: &Value) -> Result<Self, String> {
        let mut scope = Self::default();
        let Some(given) = variable.get("Scope").filter(|scope| !scope.is_null()) else { return Ok(scope) };
        let Value::Object(keys) = given else { return Err("a Scope is an object of lists".to_owned()) };
        for (key, names) in keys {
            let names = names_of(key, names)?;
            match key.as_str() {
                "Target" | "Machine" => scope.target.extend(names),
                "Role" | "TargetRole" => scope.role.extend(names),
                "Environment" => scope.environment.extend(names),
                "Group" => scope.group.extend(names.iter().map(|path| path.trim_end_matches('/').to_owned())),
                _ if names.is_empty() => {}
                _ => {
                    return Err(format!(
                        "the scope {key} is not supported; use Environment, Role, Target (or Machine) and Group"
                    ));
                }
            }
        }
        Ok(scope)
    }

    /// How specific the value is at a place, or in words why it does not apply there.
    ///
    /// # Errors
    /// The first condition that does not hold.
    pub fn rank_at(&self, place: &Place) -> Result<Rank, String> {
        let rank = Rank {
            target: holds("target", &self.target, place.target.as_deref())?,
            role: holds("role", &self.role, place.role.as_deref())?,
            environment: holds("environment", &self.environment, place.environment.as_deref())?,
            group_depth: self.group_depth(place.group.as_deref())?,
        };
        Ok(rank)
    }

    fn group_depth(&self, place: Option<&str>) -> Result<usize, String> {
        if self.group.is_empty() {
            return Ok(0);
        }
        let place = place.unwrap_or_default().to_lowercase();
        self.group
            .iter()
            .filter(|group| contains_group(group, &place))
            .map(|group| 1 + group.matches('/').count())
            .max()
            .ok_or_else(|| format!("group is {}, the value is for {}", shown(&place), listed(&self.group)))
    }

    /// Whether some place exists where both apply with the same rank.
    #[must_use]
    pub fn ties_with(&self, other: &Self) -> bool {
        let pairs = [(&self.target, &other.target), (&self.role, &other.role), (&self.environment, &other.environment)];
        pairs.iter().all(|(left, right)| (left.is_empty() && right.is_empty()) || !left.is_disjoint(right))
            && ((self.group.is_empty() && other.group.is_empty()) || !self.group.is_disjoint(&other.group))
    }

    /// Its keys with the names under each.
    #[must_use]
    pub fn keys(&self) -> [(&'static str, &BTreeSet<String>); 4] {
        [("target", &self.target), ("role", &self.role), ("environment", &self.environment), ("group", &self.group)]
    }

    /// Whether every place where the other applies is one where this applies too.
    #[must_use]
    pub fn includes(&self, other: &Self) -> bool {
        let narrows = |wide: &BTreeSet<String>, narrow: &BTreeSet<String>| {
            wide.is_empty() || (!narrow.is_empty() && narrow.is_subset(wide))
        };
        let is_inside = |path: &String| self.group.iter().any(|group| contains_group(group, path));
        narrows(&self.target, &other.target)
            && narrows(&self.role, &other.role)
            && narrows(&self.environment, &other.environment)
            && (self.group.is_empty() || (!other.group.is_empty() && other.group.iter().all(is_inside)))
    }

    #[must_use]
    pub fn is_everywhere(&self) -> bool {
        self == &Self::default()
    }
}

fn names_of(key: &str, names: &Value) -> Result<Vec<String>, String> {
    let bad = || format!("the scope {key} is a list of names");
    let names = match names {
        Value::Null => return Ok(Vec::new()),
        Value::Array(names) => names,
        _ => return Err(bad()),
    };
    names.iter().map(|name| name.as_str().map(str::to_lowercase).ok_or_else(bad)).collect()
}

fn holds(what: &str, wanted: &BTreeSet<String>, have: Option<&str>) -> Result<bool, String> {
    if wanted.is_empty() {
        return Ok(false);
    }
    let have = have.unwrap_or_default().to_lowercase();
    if wanted.contains(&have) {
        Ok(true)
    } else {
        Err(format!("{what} is {}, the value is for {}", shown(&have), listed(wanted)))
    }
}

fn contains_group(group: &str, place: &str) -> bool {
    group.is_empty() || place == group || place.strip_prefix(group).is_some_and(|rest| rest.starts_with('/'))
}

fn shown(name: &str) -> &str {
    if name.is_empty() { "not set" } else { name }
}

fn listed(names: &BTreeSet<String>) -> String {
    names.iter().map(String::as_str).collect::<Vec<_>>().join(" or ")
}

impl fmt::Display for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_everywhere() {
            return formatter.write_str("everywhere");
        }
        let said: Vec<String> = self
            .keys()
            .into_iter()
            .filter(|(_, names)| !names.is_empty())
            .map(|(key, names)| format!("{key} {}", listed(names)))
            .collect();
        formatter.write_str(&said.join(" and "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(environments: &[&str], groups: &[&str]) -> Scope {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Scope { environment: names(environments), group: names(groups), ..Scope::default() }
    }

    #[test]
    fn a_scope_includes_another_only_where_all_of_that_lies_within_it() {
        let eu = scope(&[], &["/eu"]);
        assert!(
            eu.includes(&eu) && eu.includes(&scope(&[], &["/eu/prod"])) && eu.includes(&scope(&["test"], &["/eu"]))
        );
        assert!(!eu.includes(&scope(&[], &["/eu", "/us"])), "the other is for one more group");
        assert!(!eu.includes(&scope(&[], &["/us"])) && !eu.includes(&scope(&[], &["/europe"])));
        assert!(!eu.includes(&scope(&[], &[])) && scope(&[], &[]).includes(&eu));
        let both = scope(&["production", "test"], &[]);
        assert!(both.includes(&scope(&["test"], &[])) && !scope(&["test"], &[]).includes(&both));
    }
}
