//! Which nodes something is about.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::name::GroupPath;
use crate::kind::variable_set::scope::Place;

/// Labels of a node. Set by the manager only.
pub type Labels = BTreeMap<String, String>;

/// A group subtree and label terms; all must hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selector {
    pub group: GroupPath,
    pub labels: Labels,
}

impl Selector {
    #[must_use]
    pub fn matches(&self, group: &GroupPath, labels: &Labels) -> bool {
        self.group.contains(group) && self.labels.iter().all(|(key, value)| labels.get(key) == Some(value))
    }
}

/// Where a node stands for the scopes of variables.
#[must_use]
pub fn place_of(name: &str, group: &GroupPath, labels: &Labels) -> Place {
    Place {
        target: Some(name.to_owned()),
        role: labels.get("role").cloned(),
        environment: labels.get("environment").cloned(),
        group: Some(group.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selector_takes_a_subtree_and_all_of_its_labels() {
        let selector =
            Selector { group: "/eu".parse().unwrap(), labels: Labels::from([("role".to_owned(), "web".to_owned())]) };
        let web = Labels::from([("role".to_owned(), "web".to_owned()), ("x".to_owned(), "y".to_owned())]);
        assert!(selector.matches(&"/eu/prod".parse().unwrap(), &web));
        assert!(!selector.matches(&"/europe".parse().unwrap(), &web));
        assert!(!selector.matches(&"/eu/prod".parse().unwrap(), &Labels::new()));
    }
}
