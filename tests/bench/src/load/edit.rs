//! A node's own edit, delivered as the node SDK delivers it.

use std::collections::BTreeSet;
use std::sync::Arc;

use atoll_domain::canonical;
use atoll_domain::document::{Purpose, Report, RevisionReport, sign};
use atoll_domain::id::{ResourceId, RevisionId};
use atoll_domain::kind::Kind;
use atoll_domain::sharing::revision::{Origin, Provenance, Revision};
use atoll_domain::time::Timestamp;
use atoll_proto::v1;
use atoll_proto::v1::node_link_client::NodeLinkClient;
use serde_json::{Value, json};
use tonic::codegen::http::Uri;

use super::connection::{ORIGIN, connect};
use super::identity::Identity;
use super::tls::Trust;
use crate::error::{Result, failed};

/// What a node edits: what it is offered.
#[derive(Debug, Clone)]
pub struct Base {
    pub resource: ResourceId,
    pub revision: RevisionId,
    pub content: Value,
}

/// Writes another description into a template and delivers it, over a connection of its own.
pub async fn deliver(address: &str, trust: &Trust, node: &Identity, base: &Base, text: String) -> Result<()> {
    let (connection, _driver) = connect(address, trust.config(Some(node.credential()))?, Arc::default()).await?;
    let mut client = NodeLinkClient::with_origin(connection, Uri::from_static(ORIGIN));
    let report = canonical::to_bytes(&serde_json::to_value(edited(node, base, text)?)?);
    let signature = sign(Purpose::Report, &report, &node.signing).to_vec();
    let request = v1::PushRequest {
        incarnation: uuid::Uuid::now_v7().to_string(),
        reports: vec![v1::Report { number: 1, report, signature }],
    };
    let answer = client.push(request).await?.into_inner();
    match answer.results.first() {
        Some(result) if result.outcome() == v1::ReportOutcome::Stored => Ok(()),
        other => Err(failed(format!("an edit was not stored: {other:?}"))),
    }
}

fn edited(node: &Identity, base: &Base, text: String) -> Result<Report> {
    let kind = Kind::StepTemplate;
    let before = kind.import(&base.content, None).map_err(failed)?.body;
    let mut content = base.content.clone();
    content["Description"] = json!(text);
    let after = kind.import(&content, Some(&before)).map_err(failed)?.body;
    let revision = Revision::child(base.resource, kind, BTreeSet::from([base.revision]), Some(&before), &after);
    let now = jiff::Timestamp::now().as_millisecond();
    Ok(Report::Revision(Box::new(RevisionReport {
        id: revision.id,
        header: revision.header,
        provenance: Provenance {
            author: "bench".to_owned(),
            node: Some(node.id),
            at: Timestamp(now),
            origin: Origin::Edit,
            message: String::new(),
            metadata: Value::Null,
        },
        body: Some(after),
        base_unknown: false,
        lost_parents: false,
        claimed: Some(base.revision),
        takes_back: Vec::new(),
    })))
}
