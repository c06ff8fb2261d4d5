//! Which value a node gets, and why.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::scope::{Place, Rank, Scope};
use super::variables;

/// The answer for one name at one place.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Effective {
    pub name: String,
    pub outcome: Outcome,
    /// Every value of that name in the set with what was thought about it, the winner first.
    pub considered: Vec<Considered>,
}

/// What a place gets for a name.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// The value, which may be an explicit null or a reference to a sealed one.
    Value { key: String, value: Value },
    /// No value applies here, and none is required.
    Absent,
    /// No value applies here although the variable is required.
    RequiredMissing,
    /// Two values apply with equal rank. Saving refuses this; it is said rather than decided by chance.
    Ambiguous { keys: Vec<String> },
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Considered {
    pub key: String,
    pub scope: String,
    /// Absent where the value does not apply.
    pub rank: Option<Rank>,
    pub why: String,
}

/// Resolves every name of a set at a place. Names are compared without regard to case, as Octopus does.
#[must_use]
pub fn effective(body: &Value, place: &Place) -> Vec<Effective> {
    let mut names: BTreeMap<String, Vec<(String, &Value)>> = BTreeMap::new();
    for (key, variable) in variables(body) {
        if let Some(name) = variable.get("Name").and_then(Value::as_str) {
            names.entry(name.to_lowercase()).or_default().push((key, variable));
        }
    }
    names.into_values().map(|values| effective_of(&values, place)).collect()
}

fn effective_of(values: &[(String, &Value)], place: &Place) -> Effective {
    let name =
        values.first().and_then(|(_, variable)| variable.get("Name")).and_then(Value::as_str).unwrap_or_default();
    let required = values.iter().any(|(_, variable)| variable.get("Required").and_then(Value::as_bool) == Some(true));
    let mut considered: Vec<(Considered, Option<&Value>)> =
        values.iter().map(|(key, variable)| consider(key, variable, place)).collect();
    considered.sort_by(|(left, _), (right, _)| right.rank.cmp(&left.rank).then_with(|| left.key.cmp(&right.key)));
    let best = considered.first().and_then(|(winner, _)| winner.rank);
    let winners: Vec<&(Considered, Option<&Value>)> =
        considered.iter().filter(|(candidate, _)| candidate.rank.is_some() && candidate.rank == best).collect();
    let outcome = match winners.as_slice() {
        [] if required => Outcome::RequiredMissing,
        [] => Outcome::Absent,
        [(winner, value)] => Outcome::Value { key: winner.key.clone(), value: value.cloned().unwrap_or(Value::Null) },
        several => Outcome::Ambiguous { keys: several.iter().map(|(candidate, _)| candidate.key.clone()).collect() },
    };
    let mut considered: Vec<Considered> = considered.into_iter().map(|(candidate, _)| candidate).collect();
    for (index, candidate) in considered.iter_mut().enumerate() {
        if candidate.rank.is_some() {
            candidate.why = if candidate.rank == best && index == 0 {
                "applies and is the most specific".to_owned()
            } else if candidate.rank == best {
                "applies with the same rank as another".to_owned()
            } else {
                "applies, and a more specific value wins".to_owned()
            };
        }
    }
    Effective { name: name.to_owned(), outcome, considered }
}

fn consider<'a>(key: &str, variable: &'a Value, place: &Place) -> (Considered, Option<&'a Value>) {
    let value = variable.get("Value");
    let (scope, rank) = match Scope::of(variable) {
        Ok(scope) => (scope.to_string(), scope.rank_at(place)),
        Err(problem) => (String::from("unknown"), Err(problem)),
    };
    let (rank, why) = match (value, rank) {
        (None, _) => (None, "declares the variable and gives no value".to_owned()),
        (Some(_), Ok(rank)) => (Some(rank), String::new()),
        (Some(_), Err(why)) => (None, why),
    };
    (Considered { key: key.to_owned(), scope, rank, why }, value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kind::Kind;

    fn place(environment: &str, role: &str, target: &str, group: &str) -> Place {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Place { environment: some(environment), role: some(role), target: some(target), group: some(group) }
    }

    fn answer(body: &Value, place: &Place) -> Outcome {
        effective(body, place).remove(0).outcome
    }

    #[test]
    fn target_beats_role_beats_environment_beats_group_beats_unscoped() {
        let set = json!({"Name": "db", "Variables": [
            {"Name": "Host", "Value": "anywhere"},
            {"Name": "Host", "Value": "eu", "Scope": {"Group": ["/eu"]}},
            {"Name": "Host", "Value": "eu-prod", "Scope": {"Group": ["/eu/prod"]}},
            {"Name": "Host", "Value": "prod", "Scope": {"Environment": ["Production"]}},
            {"Name": "host", "Value": "web", "Scope": {"Role": ["web"]}},
            {"Name": "Host", "Value": "one", "Scope": {"Machine": ["oct-1"]}},
        ]});
        let body = Kind::VariableSet.import(&set, None).unwrap().body;
        assert_eq!(Kind::VariableSet.check(&body), []);
        for (at, expected) in [
            (place("", "", "", ""), "anywhere"),
            (place("", "", "", "/eu/test"), "eu"),
            (place("", "", "", "/europe"), "anywhere"),
            (place("", "", "", "/eu/prod/a"), "eu-prod"),
            (place("production", "", "", "/eu/prod"), "prod"),
            (place("production", "web", "", "/eu/prod"), "web"),
            (place("production", "web", "OCT-1", "/eu/prod"), "one"),
        ] {
            let Outcome::Value { value, .. } = answer(&body, &at) else { panic!("no value at {at:?}") };
            assert_eq!(value, json!(expected), "{at:?}");
        }
    }

    #[test]
    fn two_values_with_equal_rank_are_refused_at_save() {
        let set = |left: Value, right: Value| {
            let set = json!({"Name": "s", "Variables": [
                {"Name": "A", "Value": "1", "Scope": left}, {"Name": "a", "Value": "2", "Scope": right}]});
            Kind::VariableSet.check(&Kind::VariableSet.import(&set, None).unwrap().body).len()
        };
        assert_eq!(set(json!({}), json!({})), 2, "both are told of");
        assert_eq!(set(json!({"Environment": ["x", "y"]}), json!({"Environment": ["Y"]})), 2);
        assert_eq!(set(json!({"Environment": ["x"]}), json!({"Environment": ["y"]})), 0);
        assert_eq!(set(json!({"Environment": ["x"]}), json!({"Role": ["x"]})), 0);
        assert_eq!(set(json!({"Tenant": ["x"]}), json!({"Role": ["x"]})), 1, "a scope nobody honours is refused");
    }

    #[test]
    fn a_required_variable_takes_an_explicit_null_and_misses_an_absent_value() {
        let set =
            |value: Value| Kind::VariableSet.import(&json!({"Name": "s", "Variables": [value]}), None).unwrap().body;
        let here = Place::default();
        assert_eq!(answer(&set(json!({"Name": "A", "Required": true})), &here), Outcome::RequiredMissing);
        assert!(matches!(
            answer(&set(json!({"Name": "A", "Required": true, "Value": null})), &here),
            Outcome::Value { value: Value::Null, .. }
        ));
    }
}
