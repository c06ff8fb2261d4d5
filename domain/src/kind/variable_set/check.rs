//! What must hold of a variable set, whoever wrote it and however it was merged.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::scope::Scope;
use super::{VARIABLES, is_sensitive, variables};
use crate::kind::{Kind, Problem, has_controls};
use crate::secret;
use crate::sharing::keyed_list::ITEMS;
use crate::sharing::path::Path;
use crate::terminal::kept;

pub(super) fn check(body: &Value) -> Vec<Problem> {
    let mut problems = Vec::new();
    if body.get("Name").and_then(Value::as_str).is_none_or(|name| name.trim().is_empty()) {
        problems.push(at(&["Name"], "Name must be a text that is not empty".to_owned()));
    }
    if body.get(VARIABLES).is_some_and(|list| list.get(ITEMS).is_none()) {
        problems.push(at(&[VARIABLES], "Variables must be a list".to_owned()));
    }
    let mut by_name: BTreeMap<String, Vec<(String, Scope)>> = BTreeMap::new();
    for (key, variable) in variables(body) {
        check_fields(&key, variable, &mut problems);
        check_variable(&key, variable, &mut by_name, &mut problems);
    }
    check_ties(&by_name, &mut problems);
    for path in secret::misplaced_references(Kind::VariableSet, body) {
        let message = "only the Value of a variable can be a sealed value".to_owned();
        problems.push(Problem { path, message });
    }
    problems
}

/// The fields that decide what a variable is and who reads it.
const FIELDS: [&str; 6] = ["IsSensitive", "Name", "Required", "Scope", "Type", "Value"];

/// Types that people write who mean that nobody else shall read a value.
const MEANS_SENSITIVE: [&str; 6] = ["sensitive", "secret", "password", "securestring", "encrypted", "confidential"];

/// A name as it sounds: without marks, blanks and invisible characters, in small letters.
fn letters(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// A field that is nearly one of those would be carried along and mean nothing: a password marked `isSensitive` would be plain,
/// and one with a `scope` for everybody.
fn check_fields(key: &str, variable: &Value, problems: &mut Vec<Problem>) {
    let path = [VARIABLES, ITEMS, key];
    for field in variable.as_object().into_iter().flat_map(|fields| fields.keys()) {
        let meant = FIELDS.into_iter().find(|meant| letters(field) == letters(meant) && field != meant);
        let meant = meant.or_else(|| (letters(field) == "sensitive").then_some("IsSensitive"));
        // Beside the value that is sealed, another would be carried along in the clear.
        let meant = meant.or_else(|| (is_sensitive(variable) && letters(field) == "values").then_some("Value"));
        problems.extend(meant.map(|meant| at(&path, format!("a variable has a field \"{field}\"; write it {meant}"))));
    }
    if let Some(kind) = variable.get("Type").and_then(Value::as_str)
        && MEANS_SENSITIVE.contains(&letters(kind).as_str())
        && !is_sensitive(variable)
    {
        problems.push(at(&path, format!("a variable has the type \"{kind}\"; write it Sensitive")));
    }
    if variable.get("IsSensitive").is_some_and(|sensitive| !sensitive.is_boolean() && !sensitive.is_null()) {
        problems.push(at(&path, "IsSensitive of a variable must be true or false".to_owned()));
    }
    if variable.get("Type").is_some_and(|kind| !kind.is_string() && !kind.is_null()) {
        problems.push(at(&path, "Type of a variable must be a text, such as String or Sensitive".to_owned()));
    }
}

fn check_variable(
    key: &str,
    variable: &Value,
    by_name: &mut BTreeMap<String, Vec<(String, Scope)>>,
    problems: &mut Vec<Problem>,
) {
    let path = [VARIABLES, ITEMS, key];
    let Some(name) = variable.get("Name").and_then(Value::as_str).filter(|name| !name.trim().is_empty()) else {
        problems.push(at(&path, "a variable needs a Name".to_owned()));
        return;
    };
    if has_controls(name) {
        problems.push(at(&path, "the name of a variable holds control characters; write it without them".to_owned()));
    }
    match variable.get("Value") {
        None | Some(Value::Null) => {}
        Some(Value::String(_)) if is_sensitive(variable) => problems.push(at(
            &path,
            format!("{name} is sensitive and its value was not sealed; set it with `atoll vars set --sensitive`"),
        )),
        Some(Value::String(_)) => {}
        Some(value) if is_sensitive(variable) && secret::reference(value).is_some() => {}
        Some(_) => problems.push(at(&path, format!("the value of {name} must be a text, null or a sealed value"))),
    }
    if variable.get("Required").is_some_and(|required| !required.is_boolean()) {
        problems.push(at(&path, format!("Required of {name} must be true or false")));
    }
    match Scope::of(variable) {
        // A declaration without a value never applies, and so it never ties.
        Ok(scope) if variable.get("Value").is_some() => {
            by_name.entry(name.to_lowercase()).or_default().push((key.to_owned(), scope));
        }
        Ok(_) => {}
        Err(problem) => problems.push(at(&path, format!("{name}: {problem}"))),
    }
}

/// Most of a scope or a name that a message repeats, in characters: a scope may name thousands of servers.
const SCOPE_LIMIT: usize = 200;

fn check_ties(by_name: &BTreeMap<String, Vec<(String, Scope)>>, problems: &mut Vec<Problem>) {
    for (name, values) in by_name {
        let (mut before, mut texts) = (Ties::default(), BTreeMap::new());
        // Said of both: either of them may be the one to give way.
        let mut told: BTreeSet<Problem> = BTreeSet::new();
        for (key, scope) in values {
            if let Some((other_key, other)) = before.tie(scope) {
                // Once for each: a large scope may tie with thousands.
                let mut text = |key, scope: &Scope| {
                    texts.entry(key).or_insert_with(|| kept(&scope.to_string(), SCOPE_LIMIT)).clone()
                };
                let (other, scope) = (text(other_key, other), text(key.as_str(), scope));
                let message = format!(
                    "two values of {} can apply at the same place with equal rank ({other}; {scope}); \
                     make one more specific or remove it",
                    kept(name, SCOPE_LIMIT)
                );
                told.insert(at(&[VARIABLES, ITEMS, other_key], message.clone()));
                told.insert(at(&[VARIABLES, ITEMS, key], message));
            }
            before.add(key, scope);
        }
        problems.extend(told);
    }
}

/// Scopes by the names in them: a set may hold thousands of values of one name, and only those that share a name under
/// every key can tie.
#[derive(Default)]
struct Ties<'a> {
    /// With the key of each value.
    values: Vec<(&'a str, &'a Scope)>,
    /// The first one without any key: any two of them tie.
    everywhere: Option<(&'a str, &'a Scope)>,
    by_name: BTreeMap<(&'static str, &'a str), Vec<usize>>,
}

impl<'a> Ties<'a> {
    fn add(&mut self, own: &'a str, scope: &'a Scope) {
        for (key, names) in scope.keys() {
            for name in names {
                self.by_name.entry((key, name.as_str())).or_default().push(self.values.len());
            }
        }
        if scope.is_everywhere() {
            self.everywhere.get_or_insert((own, scope));
        }
        self.values.push((own, scope));
    }

    /// The first value whose scope ties with another. Looked for where the fewest come into question.
    fn tie(&self, scope: &'a Scope) -> Option<(&'a str, &'a Scope)> {
        if scope.is_everywhere() {
            return self.everywhere;
        }
        let posted = |key, names: &'a BTreeSet<String>| -> Vec<&[usize]> {
            names.iter().filter_map(|name| self.by_name.get(&(key, name.as_str())).map(Vec::as_slice)).collect()
        };
        let keys = scope.keys().into_iter().filter(|(_, names)| !names.is_empty());
        let fewest = keys
            .map(|(key, names)| posted(key, names))
            .min_by_key(|candidates| candidates.iter().map(|some| some.len()).sum::<usize>())?;
        // The first of all, so that a set says the same of a tie whatever is added after it.
        let first_in = |some: &[usize]| some.iter().copied().find(|index| self.values[*index].1.ties_with(scope));
        fewest.into_iter().filter_map(first_in).min().map(|index| self.values[index])
    }
}

fn at(path: &[&str], message: String) -> Problem {
    Problem { path: Path(path.iter().map(|segment| (*segment).to_owned()).collect()), message }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use serde_json::json;

    use super::*;

    /// One name with many values, each for a place of its own: as much as fits a body.
    fn many(count: usize, scope: impl Fn(usize) -> Value) -> Value {
        let variable =
            |number: usize| json!({"Id": format!("{number}"), "Name": "a", "Value": "", "Scope": scope(number)});
        let list: Vec<Value> = (0..count).map(variable).collect();
        Kind::VariableSet.import(&json!({"Name": "s", "Variables": list}), None).unwrap().body
    }

    #[test]
    fn what_is_said_of_ties_stays_readable_however_large_the_scopes_are() {
        let roles: Vec<String> = (0..20_000).map(|number| format!("role-{number}")).collect();
        let mut variables = vec![json!({"Name": "A", "Value": "0", "Scope": {"Role": roles}})];
        variables
            .extend((0..5_000).map(|n| json!({"Name": "A", "Value": "1", "Scope": {"Role": [format!("role-{n}")]}})));
        let body = Kind::VariableSet.import(&json!({"Name": "s", "Variables": variables}), None).unwrap().body;
        let begun = Instant::now();
        let problems = Kind::VariableSet.check(&body);
        assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
        assert!(problems.len() >= 5_000, "{}", problems.len());
        assert!(problems.iter().all(|problem| problem.message.len() < 1_000));
    }

    #[test]
    fn thousands_of_values_of_one_name_are_checked_in_no_time() {
        let apart = |count| many(count, |number| json!({"Role": [format!("{number:x}")]}));
        let side = 120;
        let crossed = |count| {
            many(
                count,
                |number| json!({"Role": [format!("{}", number % side)], "Environment": [format!("{}", number / side)]}),
            )
        };
        let alike = |count| many(count, |_| json!({"Role": ["web"]}));
        // The quickest of three: other work on the machine takes its part of each.
        let checked = |body: &Value| {
            let once = |_| {
                let begun = Instant::now();
                (check(body).len(), begun.elapsed())
            };
            (0..3).map(once).min_by_key(|(_, took)| *took).unwrap()
        };
        // Compared in pairs, ten times as many would take a hundred times as long.
        for (make, told) in [(&apart as &dyn Fn(usize) -> Value, 0), (&crossed, 0), (&alike, 14_400)] {
            let (_, few) = checked(&make(1_440));
            let (found, many) = checked(&make(14_400));
            assert_eq!(found, told, "each is told of");
            assert!(many < few * 40, "{many:?} for ten times of what took {few:?}");
        }
    }

    #[test]
    fn what_is_nearly_a_field_that_decides_who_reads_a_value_is_refused() {
        let problems = |extra: Value| {
            let mut variable = json!({"Name": "Password", "Value": "secret"});
            variable.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            let body = Kind::VariableSet.import(&json!({"Name": "s", "Variables": [variable]}), None).unwrap().body;
            check(&body).into_iter().map(|problem| problem.message).collect::<Vec<_>>()
        };
        assert_eq!(
            problems(json!({"isSensitive": true})),
            ["a variable has a field \"isSensitive\"; write it IsSensitive"]
        );
        assert_eq!(
            problems(json!({"scope": {"Environment": ["x"]}})),
            ["a variable has a field \"scope\"; write it Scope"]
        );
        assert_eq!(problems(json!({"type ": "Sensitive"})), ["a variable has a field \"type \"; write it Type"]);
        for nearly in [
            json!({"Is_Sensitive": true}),
            json!({"Sensitive": true}),
            json!({"Type": "Secret"}),
            json!({"Type": "Sensitive\u{200b}"}),
        ] {
            assert_eq!(problems(nearly.clone()).len(), 1, "{nearly}");
        }
        let sealed =
            json!({"Name": "s", "Variables": [{"Name": "P", "IsSensitive": true, "Value": null, "Values": ["x"]}]});
        assert_eq!(check(&Kind::VariableSet.import(&sealed, None).unwrap().body).len(), 1);
        assert_eq!(problems(json!({"IsSensitive": "true"})), ["IsSensitive of a variable must be true or false"]);
        assert_eq!(problems(json!({"Type": ["Sensitive"]})).len(), 1);
        assert!(
            problems(json!({"IsSensitive": false, "Type": "String", "IsEditable": true, "Prompt": null})).is_empty()
        );
    }

    #[test]
    fn a_rule_that_was_broken_before_is_no_matter_of_who_changes_something_else() {
        let set = |kind: &str, other: &str| {
            let list =
                json!([{"Id": "p", "Name": "P", "Type": kind, "Value": "x"}, {"Id": "o", "Name": "O", "Value": other}]);
            Kind::VariableSet.import(&json!({"Name": "s", "Variables": list}), None).unwrap().body
        };
        let before = set("Secret", "1");
        assert_eq!(Kind::VariableSet.check(&set("Secret", "2")).len(), 1);
        assert_eq!(Kind::VariableSet.check_change([&before], &set("Secret", "2")), []);
        assert_eq!(Kind::VariableSet.check_change([&before], &set("Password", "2")).len(), 1, "another one");
        assert_eq!(Kind::VariableSet.check_change([], &set("Secret", "2")).len(), 1);
    }

    #[test]
    fn values_tie_where_they_share_a_name_under_every_key() {
        let ties = |one: Value, other: Value| {
            !check(&many(2, |number| if number == 0 { one.clone() } else { other.clone() })).is_empty()
        };
        assert!(ties(json!({}), json!({})));
        assert!(ties(json!({"Role": ["a", "b"]}), json!({"Role": ["b", "c"]})));
        assert!(ties(json!({"Role": ["a"], "Group": ["/eu"]}), json!({"Group": ["/eu"], "Role": ["a"]})));
        assert!(!ties(json!({"Role": ["a"]}), json!({})));
        assert!(!ties(json!({"Role": ["a"]}), json!({"Role": ["a"], "Environment": ["x"]})));
        assert!(!ties(json!({"Role": ["a"], "Environment": ["y"]}), json!({"Role": ["a"], "Environment": ["x"]})));
    }
}
