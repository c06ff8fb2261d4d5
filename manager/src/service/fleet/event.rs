//! What happened to and on one node, from every source in one row of time.

use serde_json::Value;

use super::detail::resource_of;
use super::node::find;
use crate::error::Result;
use crate::service::Services;
use crate::service::list::{Field, Listed, Options, Page, page};
use crate::store::audit::{AuditRecord, events_about_node};
use crate::store::fleet::{NodeEventRecord, NodeRecord, node_event_list};
use crate::store::sharing::{ExceptionRecord, ForkRecord, exceptions_of, forks_of, resource_names};

/// How far back the list reaches.
const REACH: usize = 2_000;

/// Something that happened.
#[derive(Debug, Clone)]
pub struct NodeEventView {
    pub at_ms: i64,
    pub source: &'static str,
    pub action: String,
    pub actor: String,
    pub text: String,
}

impl Listed for NodeEventView {
    const FIELDS: &'static [&'static str] = &["source", "action", "actor", "at_ms"];
    const FACETS: &'static [&'static str] = &["source", "action"];
    fn title(&self) -> String {
        format!("{} {} {}", self.action, self.actor, self.text)
    }
    fn field(&self, name: &str) -> Option<Field> {
        match name {
            "source" => Field::text(self.source),
            "action" => Field::text(&self.action),
            "actor" => Field::text(&self.actor),
            "at_ms" => Some(Field::Number(self.at_ms)),
            _ => None,
        }
    }
}

/// The events of a node, newest first.
///
/// # Errors
/// There is no such node.
pub async fn list(services: &Services, node: &str, options: &Options) -> Result<Page<NodeEventView>> {
    let database = &services.store;
    let record = find(database, node).await?;
    let mut events: Vec<NodeEventView> =
        node_event_list(database, record.id, REACH as u64).await?.into_iter().map(connection).collect();
    let acts = events_about_node(database, record.name.as_str(), record.joined_ms, REACH as u64).await?;
    events.extend(acts.into_iter().map(|event| act(&record, event)));
    events.extend(on_resources(services, &record).await?);
    events.sort_by_key(|event| std::cmp::Reverse(event.at_ms));
    events.truncate(REACH);
    page(events, options)
}

fn connection(event: NodeEventRecord) -> NodeEventView {
    NodeEventView {
        at_ms: event.at_ms,
        source: "connection",
        action: event.action,
        actor: String::new(),
        text: event.text,
    }
}

fn act(node: &NodeRecord, event: AuditRecord) -> NodeEventView {
    let is_own = event.actor.strip_prefix("node:") == Some(node.name.as_str());
    NodeEventView {
        at_ms: event.at_ms,
        source: if is_own { "node" } else { "administrator" },
        text: in_words(&event),
        action: event.action,
        actor: event.actor,
    }
}

async fn on_resources(services: &Services, node: &NodeRecord) -> Result<Vec<NodeEventView>> {
    let names = resource_names(&services.store).await?;
    let named = |subject: &str| resource_of(&names, subject);
    let fork = |fork: ForkRecord| NodeEventView {
        at_ms: fork.since_ms,
        source: "sharing",
        action: fork.state.name().to_owned(),
        actor: String::new(),
        text: said(&named(&fork.resource.to_string()), &fork.message),
    };
    let exception = |exception: ExceptionRecord| NodeEventView {
        at_ms: exception.since_ms,
        source: "sharing",
        action: exception.code.to_lowercase(),
        actor: String::new(),
        text: said(&named(&exception.subject), &exception.text),
    };
    let forks = forks_of(&services.store, node.id).await?.into_iter().map(fork);
    let exceptions = exceptions_of(&services.store, node.id).await?.into_iter().map(exception);
    Ok(forks.chain(exceptions).collect())
}

fn said(about: &str, text: &str) -> String {
    if text.is_empty() { about.to_owned() } else { format!("{about}: {text}") }
}

/// An act as a person would tell it.
fn in_words(event: &AuditRecord) -> String {
    let detail: Value = serde_json::from_str(&event.detail).unwrap_or_default();
    let text = |key: &str| detail.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    match event.action.as_str() {
        "node.join" => format!("joined in {}", text("group")),
        "node.label" => labels(&detail),
        "node.move" => format!("moved from {} to {}", text("from"), text("to")),
        "node.rename" => format!("renamed from {}", text("from")),
        "node.cordon" => said("cordoned", &text("reason")),
        "node.uncordon" => "uncordoned".to_owned(),
        "node.remove" => "removed from the fleet".to_owned(),
        "node.certificate.renew" => "certificate renewed".to_owned(),
        "node.certificate.recover" => "recovered with its identity key".to_owned(),
        _ => format!("{} on {}", event.action, event.subject),
    }
}

fn labels(detail: &Value) -> String {
    let pairs = detail.get("set").and_then(Value::as_object).into_iter().flatten();
    let set = pairs.map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()));
    let removed = detail.get("remove").and_then(Value::as_array).into_iter().flatten();
    let removed = removed.filter_map(Value::as_str).map(|key| format!("{key} removed"));
    format!("labels: {}", set.chain(removed).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(action: &str, detail: &Value) -> AuditRecord {
        AuditRecord {
            number: 1,
            at_ms: 1,
            actor: "anna".to_owned(),
            action: action.to_owned(),
            subject: "n".to_owned(),
            detail: detail.to_string(),
        }
    }

    #[test]
    fn acts_are_told_in_words() {
        let labelled = event("node.label", &json!({ "set": { "role": "web" }, "remove": ["old"] }));
        assert_eq!(in_words(&labelled), "labels: role=web, old removed");
        assert_eq!(in_words(&event("node.cordon", &json!({ "reason": "audit" }))), "cordoned: audit");
        assert_eq!(in_words(&event("something.new", &json!({}))), "something.new on n");
    }
}
