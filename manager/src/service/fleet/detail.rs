//! One node with everything that is not as usual about it.

use std::collections::BTreeMap;

use super::node::{NodeView, find, view};
use crate::error::Result;
use crate::service::Services;
use crate::store::sharing::{exception_list, fork_list, publication_list, resource_list};

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

/// # Errors
/// There is no such node.
pub async fn get(services: &Services, name_or_id: &str) -> Result<NodeDetail> {
    let database = &services.store;
    let record = find(database, name_or_id).await?;
    let resources: BTreeMap<String, String> =
        resource_list(database).await?.into_iter().map(|resource| (resource.id.to_string(), resource.name)).collect();
    let named = |subject: &str| {
        let id = subject.strip_prefix("resource/").unwrap_or(subject);
        resources.get(id).cloned().unwrap_or_else(|| subject.to_owned())
    };
    let forks = fork_list(database).await?.into_iter().filter(|fork| fork.node == record.id);
    let mut exceptions: Vec<ExceptionView> = forks
        .filter(|fork| fork.state != atoll_domain::sharing::fork::ForkState::Absorbed)
        .map(|fork| ExceptionView {
            resource: named(&fork.resource.to_string()),
            code: fork.state.name().to_uppercase(),
            text: fork.message,
            since_ms: fork.since_ms,
        })
        .collect();
    let reported = exception_list(database).await?.into_iter().filter(|exception| exception.node == record.id);
    exceptions.extend(reported.map(|exception| ExceptionView {
        resource: named(&exception.subject),
        code: exception.code,
        text: exception.text,
        since_ms: exception.since_ms,
    }));
    let publications = publication_list(database)
        .await?
        .into_iter()
        .filter(|publication| publication.selector.matches(&record.group, &record.labels))
        .map(|publication| publication.name)
        .collect();
    Ok(NodeDetail { view: view(services, record), publications, exceptions })
}
