//! Single values of variable sets, and what applies where.

use std::collections::BTreeSet;

use atoll_domain::fleet::selector::place_of;
use atoll_domain::id::SecretId;
use atoll_domain::kind::Kind;
use atoll_domain::kind::variable_set::effective::{Effective, Outcome, effective};
use atoll_domain::kind::variable_set::is_sensitive;
use atoll_domain::kind::variable_set::scope::{Place, Scope};
use atoll_domain::secret::{Plaintext, reference_to};
use serde_json::{Map, Value, json};

use super::gets::{Gets, Receiver, is_for_targets, is_required, own_edits};
use super::history::{Loaded, find, load};
use super::save::{Saved, save_body};
use super::secret;
use crate::clock;
use crate::error::{Error, Result};
use crate::service::fleet::node;
use crate::service::{Caller, Services};
use crate::store::fleet::NodeRecord;
use crate::store::sharing::{ResourceState, publication_list, resource_list};

/// A value to write.
#[derive(Debug)]
pub struct NewValue {
    pub name: String,
    pub scope: WishedScope,
    pub value: ValueWish,
    pub message: String,
}

/// A scope as it is written into the set: names as they were given.
#[derive(Debug, Clone, Default)]
pub struct WishedScope {
    pub environments: Vec<String>,
    pub roles: Vec<String>,
    pub targets: Vec<String>,
    pub groups: Vec<String>,
}

/// The value itself.
#[derive(Debug)]
pub enum ValueWish {
    Null,
    Text(String),
    Sensitive(Plaintext),
}

impl WishedScope {
    fn to_json(&self) -> Value {
        let lists = [
            ("Environment", &self.environments),
            ("Role", &self.roles),
            ("Target", &self.targets),
            ("Group", &self.groups),
        ];
        lists
            .iter()
            .filter(|(_, names)| !names.is_empty())
            .map(|(key, names)| ((*key).to_owned(), json!(names)))
            .collect()
    }

    fn read(&self) -> Result<Scope> {
        Scope::of(&json!({ "Scope": self.to_json() })).map_err(|problem| Error::invalid("BAD_SCOPE", problem))
    }
}

/// Which variable of a set has a name and exactly a scope.
fn position(variables: &[Value], name: &str, scope: &Scope) -> Option<usize> {
    variables.iter().position(|variable| {
        let same_name = variable.get("Name").and_then(Value::as_str).is_some_and(|own| own.eq_ignore_ascii_case(name));
        same_name && Scope::of(variable).is_ok_and(|own| own == *scope)
    })
}

/// Writes the value of a name with exactly a scope, or adds one. The result is a draft until it is released.
///
/// # Errors
/// There is no such set, it is in conflict, or two values would apply with equal rank.
pub async fn set(services: &Services, caller: &Caller, set: &str, new: NewValue) -> Result<Saved> {
    let scope = new.scope.read()?;
    let (sensitive, plain) = match &new.value {
        ValueWish::Sensitive(plain) => (true, Some((SecretId(clock::new_id()), plain.clone()))),
        ValueWish::Null | ValueWish::Text(_) => (false, None),
    };
    let mut tx = services.store.begin_ordered().await?;
    if let Some((version, plain)) = &plain {
        secret::store(services, &tx, *version, plain, caller.now).await?;
    }
    let value = match (&new.value, &plain) {
        (ValueWish::Text(text), _) => Value::String(text.clone()),
        (_, Some((version, _))) => reference_to(*version),
        _ => Value::Null,
    };
    let fresh: BTreeSet<SecretId> = plain.iter().map(|(version, _)| *version).collect();
    let saved = change(caller, &mut tx, set, &fresh, &new.message, |variables| {
        let at = position(variables, &new.name, &scope).unwrap_or_else(|| {
            let mut fresh = Map::new();
            fresh.insert("Name".to_owned(), Value::String(new.name.clone()));
            if !scope.is_everywhere() {
                fresh.insert("Scope".to_owned(), new.scope.to_json());
            }
            variables.push(Value::Object(fresh));
            variables.len() - 1
        });
        let Some(Value::Object(fields)) = variables.get_mut(at) else { return Ok(()) };
        if sensitive {
            fields.insert("Type".to_owned(), json!("Sensitive"));
        } else if is_sensitive(&Value::Object(fields.clone())) && !value.is_null() {
            return Err(Error::precondition(
                "SENSITIVE",
                format!("{} is sensitive; mark the value as sensitive too, so that it is sealed", new.name),
            ));
        }
        fields.insert("Value".to_owned(), value.clone());
        Ok(())
    })
    .await?;
    if !saved.changed {
        return Ok(saved);
    }
    caller.record(
        &mut tx,
        "variable.set",
        &saved.loaded.record.name,
        json!({ "name": new.name, "scope": scope.to_string(), "sensitive": sensitive }),
    );
    tx.commit().await?;
    Ok(saved)
}

/// Removes the value of a name with exactly a scope.
///
/// # Errors
/// There is none.
pub async fn unset(
    services: &Services,
    caller: &Caller,
    set: &str,
    name: &str,
    scope: &WishedScope,
    message: &str,
) -> Result<Saved> {
    let scope = scope.read()?;
    let mut tx = services.store.begin_ordered().await?;
    let saved = change(caller, &mut tx, set, &BTreeSet::new(), message, |variables| {
        let at = position(variables, name, &scope)
            .ok_or_else(|| Error::not_found("value", &format!("{name} for {scope}")))?;
        variables.remove(at);
        Ok(())
    })
    .await?;
    caller.record(
        &mut tx,
        "variable.unset",
        &saved.loaded.record.name,
        json!({ "name": name, "scope": scope.to_string() }),
    );
    tx.commit().await?;
    Ok(saved)
}

async fn change(
    caller: &Caller,
    tx: &mut crate::store::Tx,
    set: &str,
    fresh: &BTreeSet<SecretId>,
    message: &str,
    edit: impl FnOnce(&mut Vec<Value>) -> Result<()>,
) -> Result<Saved> {
    let mut loaded = load(tx, find(tx, Kind::VariableSet, set).await?).await?;
    if loaded.record.state != ResourceState::Ok {
        let state = loaded.record.state.name();
        return Err(Error::precondition("NOT_OK", format!("this variable set is in state {state}; settle that first")));
    }
    let base = loaded.shown()?;
    let body = loaded.body(tx, base).await?.unwrap_or(Value::Null);
    let mut outside = Kind::VariableSet.export(&body, &Value::Null);
    let Some(fields) = outside.as_object_mut() else { return Err(Error::internal("a variable set is not an object")) };
    let variables = fields.entry("Variables").or_insert_with(|| json!([]));
    if let Value::Array(variables) = variables {
        edit(variables)?;
    }
    let imported =
        Kind::VariableSet.import(&outside, Some(&body)).map_err(|problem| Error::invalid("BAD_CONTENT", problem))?;
    if imported.body == body {
        return Ok(Saved { loaded, revision: base, changed: false, conflict: None });
    }
    let revision = save_body(caller, tx, &mut loaded, base, &imported.body, fresh, message).await?;
    Ok(Saved { loaded, revision, changed: true, conflict: None })
}

/// What applies for one name of one set.
#[derive(Debug)]
pub struct EffectiveView {
    pub set: String,
    pub sensitive: bool,
    /// The value is for a server of this node's name, and nobody has said that the node is that server: it does not get it.
    pub withheld: bool,
    pub effective: Effective,
}

/// Where the question is asked from.
#[derive(Debug, Default)]
pub struct Asked {
    pub set: Option<String>,
    pub node: Option<String>,
    pub place: Place,
}

/// Effective values of a node or a scope, and why. For a node: what it holds, its own edits included.
///
/// # Errors
/// There is no such set or node, or the node does not get the set.
pub async fn effective_variables(services: &Services, asked: &Asked) -> Result<Vec<EffectiveView>> {
    let database = &services.store;
    let node = match &asked.node {
        Some(name) => Some(node::find(database, name).await?),
        None => None,
    };
    let place = node.as_ref().map_or_else(|| asked.place.clone(), |node| over(node, &asked.place));
    let mut views = Vec::new();
    let mut sets = resource_list(database).await?;
    sets.retain(|set| set.kind == Kind::VariableSet && set.state != ResourceState::Deleted);
    if let Some(name) = &asked.set {
        let wanted = find(database, Kind::VariableSet, name).await?.id;
        sets.retain(|set| set.id == wanted);
    }
    sets.sort_by(|one, other| one.name.cmp(&other.name));
    for set in sets {
        let name = set.name.clone();
        let loaded = load(database, set).await?;
        let found = match &node {
            Some(node) => on_node(services, node, loaded, &place).await?,
            None => {
                let body = loaded.body(database, loaded.shown()?).await?;
                body.map(|body| views_of(&name, &body, &place, false))
            }
        };
        match found {
            Some(found) => views.extend(found),
            None if asked.set.is_some() => {
                return Err(Error::precondition(
                    "NOT_PUBLISHED",
                    format!(
                        "this node does not get the variable set \"{name}\"; publish it to a selector that has the node"
                    ),
                ));
            }
            None => {}
        }
    }
    Ok(views)
}

fn over(node: &NodeRecord, asked: &Place) -> Place {
    let own = place_of(node.name.as_str(), &node.group, &node.labels);
    Place {
        target: asked.target.clone().or(own.target),
        role: asked.role.clone().or(own.role),
        environment: asked.environment.clone().or(own.environment),
        group: asked.group.clone().or(own.group),
    }
}

/// What applies on a node of a set, as far as the manager knows; `None` where the node does not get it.
async fn on_node(
    services: &Services,
    node: &NodeRecord,
    loaded: Loaded,
    place: &Place,
) -> Result<Option<Vec<EffectiveView>>> {
    let database = &services.store;
    let (name, publications) = (loaded.record.name.clone(), publication_list(database).await?);
    let mut gets = Gets::of_sets(vec![loaded], publications, Box::new(|_| true));
    let who = Receiver::with_edits(node, &own_edits(database).await?);
    let resolved = gets.resolved(database, &who).await?.pop();
    Ok(resolved.map(|resolved| {
        let mut views = views_of(&name, resolved.body, place, !node.confirmed);
        for view in &mut views {
            // Its own edit refers to a value that has been taken from it.
            let Outcome::Value { value, .. } = &view.effective.outcome else { continue };
            if resolved.is_out_of_reach(value) {
                let is_required = is_required(resolved.body, &view.effective.name);
                view.effective.outcome = if is_required { Outcome::RequiredMissing } else { Outcome::Absent };
            }
        }
        views
    }))
}

fn views_of(set: &str, body: &Value, place: &Place, is_unconfirmed: bool) -> Vec<EffectiveView> {
    effective(body, place)
        .into_iter()
        .map(|effective| {
            let (sensitive, withheld) = match &effective.outcome {
                Outcome::Value { key, value } if atoll_domain::secret::reference(value).is_some() => {
                    (true, is_unconfirmed && is_for_targets(body, key, value))
                }
                _ => (false, false),
            };
            EffectiveView { set: set.to_owned(), sensitive, withheld, effective }
        })
        .collect()
}
