//! One node with everything that is not as usual about it.

use atoll_domain::fleet::name::NodeName;
use atoll_domain::sharing::fork::ForkState;

use super::node::{NodeView, find, view};
use crate::error::Result;
use crate::service::Services;
use crate::service::sharing::required::{self, Lack, Missing};
use crate::service::sharing::status::is_over;
use crate::store::sharing::{ForkRecord, ResourceNames, exceptions_of, forks_of, publication_list, resource_names};

/// A node with what reaches it and what it did not take.
#[derive(Debug)]
pub struct NodeDetail {
    pub view: NodeView,
    pub publications: Vec<String>,
    pub exceptions: Vec<ExceptionView>,
}

/// Something about one resource that is not as usual.
#[derive(Debug)]
pub struct ExceptionView {
    pub resource: String,
    pub code: String,
    pub text: String,
    pub since_ms: i64,
}

/// The name of the resource that a resource id or the key of a document is about.
pub(super) fn resource_of(names: &ResourceNames, subject: &str) -> String {
    let id = subject.strip_prefix("resource/").or_else(|| subject.strip_prefix("edit/")).unwrap_or(subject);
    let name = id.parse().ok().and_then(|id| names.get(&id)).map(|(_, name)| name.clone());
    name.unwrap_or_else(|| subject.to_owned())
}

/// Whether somebody may look for an edit of a node there: it is not decided, or was turned down and nothing was made since.
fn needs_a_look(fork: &ForkRecord, all: &[ForkRecord]) -> bool {
    let is_overtaken = || all.iter().any(|later| later.resource == fork.resource && later.edit > fork.edit);
    match fork.state {
        ForkState::Absorbed => false,
        ForkState::Rejected | ForkState::Declined => !is_overtaken(),
        _ => true,
    }
}

fn text_of(missing: &Missing, node: &NodeName) -> String {
    let name = &missing.name;
    match missing.why {
        Lack::Lost => format!(
            "the value of {name} was lost when the manager's database was restored; set it again (atoll vars set \
             --sensitive) and publish it"
        ),
        Lack::Unconfirmed => format!(
            "the value of {name} is for the server of this name, and is held back until you confirm that this node is that \
             server (atoll node confirm {node})"
        ),
        Lack::Required => {
            format!("{name} is required but has no value for this node; set one (atoll vars set) and publish it")
        }
    }
}

/// # Errors
/// There is no such node.
pub async fn get(services: &Services, name_or_id: &str) -> Result<NodeDetail> {
    let database = &services.store;
    let record = find(database, name_or_id).await?;
    // Whoever waits for a node to be well must not be told so before that was looked at.
    services.hub.refresh(database).await?;
    required::refresh(services).await?;
    let resources = resource_names(database).await?;
    let named = |subject: &str| resource_of(&resources, subject);
    let forks = forks_of(database, record.id).await?;
    let mut exceptions: Vec<ExceptionView> = forks
        .iter()
        .filter(|fork| needs_a_look(fork, &forks))
        .map(|fork| ExceptionView {
            resource: named(&fork.resource.to_string()),
            code: fork.state.name().to_uppercase(),
            text: fork.message.clone(),
            since_ms: fork.since_ms,
        })
        .collect();
    let reported = exceptions_of(database, record.id).await?.into_iter();
    let reported = reported.filter(|exception| !is_over(services, exception));
    exceptions.extend(reported.map(|exception| ExceptionView {
        resource: named(&exception.subject),
        code: exception.code,
        text: exception.text,
        since_ms: exception.since_ms,
    }));
    exceptions.extend(services.required.missing(record.id).into_iter().map(|missing| ExceptionView {
        resource: named(&missing.set.to_string()),
        code: missing.why.code().to_owned(),
        text: text_of(&missing, &record.name),
        since_ms: missing.since_ms,
    }));
    let publications = publication_list(database)
        .await?
        .into_iter()
        .filter(|publication| publication.selector.matches(&record.group, &record.labels))
        .map(|publication| publication.name)
        .collect();
    Ok(NodeDetail { view: view(services, record), publications, exceptions })
}
