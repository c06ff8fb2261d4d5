//! What a node is offered of a resource: the same rule as on the node, over what publications say.

use atoll_domain::fleet::name::GroupPath;
use atoll_domain::fleet::selector::Labels;
use atoll_domain::id::RevisionId;
use atoll_domain::sharing::fork::Delivery;
use atoll_domain::sharing::offer::EditMode;

use crate::error::Result;
use crate::service::sharing::history::Loaded;
use crate::service::sharing::offer;
use crate::store::Database;
use crate::store::fleet::NodeRecord;
use crate::store::sharing::{PublicationRecord, publication_list};

/// What the publication that wins at a node brings of a resource.
#[derive(Debug, Clone, Copy)]
pub struct Offered {
    pub edit_mode: EditMode,
    pub revision: RevisionId,
}

/// What a node is offered of a resource. A publication that has nothing to bring gives way to the next.
///
/// # Errors
/// The database does not answer.
pub async fn offered_to(database: &impl Database, loaded: &Loaded, node: &NodeRecord) -> Result<Option<Offered>> {
    offered_among(database, loaded, (&node.group, &node.labels), &publication_list(database).await?).await
}

/// How a node may edit a resource that publications carry to it, whether there is anything of it to offer or not: what was
/// deleted was offered before, and an edit of that is somebody's work.
///
/// # Errors
/// The database does not answer.
pub async fn mode_at(database: &impl Database, loaded: &Loaded, node: &NodeRecord) -> Result<Option<EditMode>> {
    let publications = publication_list(database).await?;
    if let Some(offered) = offered_among(database, loaded, (&node.group, &node.labels), &publications).await? {
        return Ok(Some(offered.edit_mode));
    }
    Ok(carrying(&publications, loaded, (&node.group, &node.labels)).first().map(|publication| publication.edit_mode))
}

/// What becomes of an edit by the edit mode of its resource.
#[must_use]
pub fn delivery_of(mode: EditMode) -> Delivery {
    match mode {
        EditMode::Locked => Delivery::Unapplied,
        EditMode::Fork => Delivery::Kept,
        EditMode::Propose | EditMode::WriteThrough => Delivery::Proposed,
    }
}

/// The publications that carry a resource to a place, the strongest first.
fn carrying<'a>(
    publications: &'a [PublicationRecord],
    loaded: &Loaded,
    (group, labels): (&GroupPath, &Labels),
) -> Vec<&'a PublicationRecord> {
    let mut reaching: Vec<&PublicationRecord> = publications
        .iter()
        .filter(|publication| publication.selector.matches(group, labels))
        .filter(|publication| publication.items.iter().any(|item| item.resource == loaded.record.id))
        .collect();
    reaching.sort_by_key(|publication| std::cmp::Reverse((publication.priority, publication.id)));
    reaching
}

/// What is offered in a group to whoever has some labels.
///
/// # Errors
/// The database does not answer.
pub async fn offered_among(
    database: &impl Database,
    loaded: &Loaded,
    (group, labels): (&GroupPath, &Labels),
    publications: &[PublicationRecord],
) -> Result<Option<Offered>> {
    for publication in carrying(publications, loaded, (group, labels)) {
        let item = publication.items.iter().find(|item| item.resource == loaded.record.id);
        let Some(item) = item else { continue };
        if let Some((_, revision)) = offer::offered(database, loaded, &item.policy).await? {
            return Ok(Some(Offered { edit_mode: publication.edit_mode, revision }));
        }
    }
    Ok(None)
}
