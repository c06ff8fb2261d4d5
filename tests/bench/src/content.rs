//! What the bench publishes: step templates of a given size, and one publication for the whole fleet.

use atoll_domain::id::RevisionId;
use atoll_proto::v1;
use rand::Rng as _;
use rand::distr::Alphanumeric;
use serde_json::{Value, json};

use crate::error::{Result, failed};
use crate::manager::Sharing;

const KIND: &str = "step_template";
/// What a template's other fields come to.
const FRAME_BYTES: usize = 250;

/// A resource as the bench goes on writing it.
#[derive(Debug, Clone)]
pub struct Written {
    pub id: String,
    name: String,
    head: String,
    newest: String,
    /// Size of the newest content.
    pub content_bytes: usize,
}

impl Written {
    /// The newest revision.
    pub fn revision(&self) -> Result<RevisionId> {
        self.head.parse().map_err(|_| failed("the manager gave a revision that is none"))
    }

    /// The newest content.
    pub fn content(&self) -> Result<Value> {
        Ok(serde_json::from_str(&self.newest)?)
    }
}

/// A template of about `size_bytes` whose script is new each time.
fn template(name: &str, size_bytes: usize) -> String {
    let length = size_bytes.saturating_sub(FRAME_BYTES);
    let script: String = rand::rng().sample_iter(Alphanumeric).take(length).map(char::from).collect();
    json!({
        "Name": name,
        "ActionType": "Octopus.Script",
        "Description": "Written by the bench.",
        "Properties": {
            "Octopus.Action.Script.ScriptSource": "Inline",
            "Octopus.Action.Script.Syntax": "Bash",
            "Octopus.Action.Script.ScriptBody": script,
        },
        "Parameters": [],
    })
    .to_string()
}

/// Creates a resource.
pub async fn create(sharing: &mut Sharing, name: &str, size_bytes: usize) -> Result<Written> {
    let content = template(name, size_bytes);
    let written = Written {
        id: String::new(),
        name: name.to_owned(),
        head: String::new(),
        newest: String::new(),
        content_bytes: 0,
    };
    save(sharing, written, content).await
}

/// Writes the next revision.
pub async fn write(sharing: &mut Sharing, resource: &Written, size_bytes: usize) -> Result<Written> {
    let content = template(&resource.name, size_bytes);
    save(sharing, resource.clone(), content).await
}

/// Writes another description, and nothing else.
pub async fn describe(sharing: &mut Sharing, resource: &Written, text: &str) -> Result<Written> {
    let mut content = resource.content()?;
    content["Description"] = json!(text);
    save(sharing, resource.clone(), content.to_string()).await
}

async fn save(sharing: &mut Sharing, before: Written, content: String) -> Result<Written> {
    let content_bytes = content.len();
    let request = v1::SaveResourceRequest {
        kind: KIND.to_owned(),
        resource: before.id.clone(),
        content: content.clone(),
        base_revision: before.head,
        ..v1::SaveResourceRequest::default()
    };
    let saved = sharing.save_resource(request).await?.into_inner();
    let missing = || failed("the manager answered a write without saying what it wrote");
    let head = saved.revision.ok_or_else(missing)?.id;
    let id = saved.resource.ok_or_else(missing)?.id;
    Ok(Written { id, name: before.name, head, newest: content, content_bytes })
}

/// Releases the newest revision to all who follow.
pub async fn release(sharing: &mut Sharing, resource: &Written) -> Result<u64> {
    let request = v1::ReleaseResourceRequest {
        kind: KIND.to_owned(),
        resource: resource.id.clone(),
        expected_revision: "*".to_owned(),
        ..v1::ReleaseResourceRequest::default()
    };
    Ok(sharing.release_resource(request).await?.into_inner().sequence)
}

/// Publishes resources to the whole fleet.
pub async fn publish(sharing: &mut Sharing, resources: &[Written]) -> Result<()> {
    let items = resources.iter().map(|resource| v1::PublicationItem {
        resource_id: resource.id.clone(),
        kind: KIND.to_owned(),
        name: resource.name.clone(),
        policy: "latest".to_owned(),
        version: String::new(),
        offered_version: String::new(),
        deleted: false,
    });
    let publication = v1::Publication {
        name: "bench".to_owned(),
        selector: Some(v1::Selector { group: "/".to_owned(), ..v1::Selector::default() }),
        edit_mode: "propose".to_owned(),
        items: items.collect(),
        ..v1::Publication::default()
    };
    let request = v1::SavePublicationRequest {
        publication: Some(publication),
        expected_etag: "*".to_owned(),
        ..Default::default()
    };
    sharing.save_publication(request).await?;
    Ok(())
}
