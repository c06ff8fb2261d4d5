//! What something would change for nodes, said before it is done. Nothing is written.

pub mod edit;
mod offers;
pub mod publication;
pub mod values;

use std::collections::BTreeMap;

use atoll_domain::fleet::name::{GroupPath, NodeName};
use atoll_domain::fleet::node::NodeStanding;
use atoll_domain::fleet::selector::Labels;
use atoll_domain::id::RevisionId;
use atoll_domain::kind::Kind;
use atoll_domain::sharing::offer::Version;

use self::offers::Offers;
use self::values::ValueChanges;
use super::gets::{Gets, Own, Receiver, own_edits};
use super::history::{Loaded, find, load};
use super::{reach, release};
use crate::error::Result;
use crate::service::fleet::{join_token, node};
use crate::service::{Caller, Services};
use crate::store::Database;
use crate::store::fleet::NodeRecord;
use crate::store::sharing::{PublicationRecord, publication_list};

/// What somebody is about to do.
#[derive(Debug)]
pub enum Planned {
    DeletePublication { name: String },
    Release { kind: Kind, resource: String, revision: Option<String>, version: Option<Version> },
    DeleteResource { kind: Kind, resource: String },
    Rename { node: String, name: NodeName },
    Confirm { node: String },
    Join { group: GroupPath, labels: Labels, name: Option<NodeName> },
}

/// What it would change.
#[derive(Debug, Default)]
pub struct Foreseen {
    /// Nodes that would get something else.
    pub nodes: usize,
    /// Those of them that are cordoned, and get it later.
    pub cordoned: usize,
    /// Those of them that go on with an edit of their own.
    pub own_edits: usize,
    /// Those of them that run an edit of their own now and would not any more.
    pub stopped_edits: usize,
    /// How many resources of each kind a node that joins would be offered.
    pub offered: BTreeMap<Kind, usize>,
    /// The node counts as the server of its name from then on, and did not before.
    pub confirms: bool,
    pub values: ValueChanges,
    /// Why it would be refused without the explicit word.
    pub refusal: Option<String>,
}

impl Foreseen {
    /// The same of one node, which gets it later if it is cordoned.
    fn held_by(self, node: &NodeRecord) -> Self {
        let is_held = self.nodes > 0 && node.standing == NodeStanding::Cordoned;
        Self { cordoned: usize::from(is_held), ..self }
    }
}

/// Says what something would change.
///
/// # Errors
/// What it is about does not exist, or it could not be done.
pub async fn foresee(services: &Services, caller: &Caller, planned: &Planned) -> Result<Foreseen> {
    match planned {
        Planned::DeletePublication { name } => publication::without(services, name).await,
        Planned::Release { kind, resource, revision, version } => {
            let loaded = load(&services.store, find(&services.store, *kind, resource).await?).await?;
            let revision = release::chosen(&services.store, &loaded, revision.as_deref()).await?;
            let version = release::next_version(&services.store, &loaded, *version, revision).await?;
            let refusal = refusal_of(services, caller, &loaded, (version, revision)).await?;
            Ok(Foreseen { refusal, ..of_resource(services, loaded, Some((version, revision))).await? })
        }
        Planned::DeleteResource { kind, resource } => {
            let loaded = load(&services.store, find(&services.store, *kind, resource).await?).await?;
            of_resource(services, loaded, None).await
        }
        Planned::Rename { node, name } => {
            let record = node::find(&services.store, node).await?;
            node::check_new_name(&services.store, &record, name).await?;
            let before = Receiver::with_edits(&record, &own_edits(&services.store).await?);
            let after = Receiver { name: Some(name.clone()), confirmed: true, ..before.clone() };
            let sealed = reach::sealed(&services.store, &publication_list(&services.store).await?).await?;
            let renamed = NodeRecord { name: name.clone(), confirmed: true, ..record.clone() };
            let refusal = reach::refusal_of_node(&sealed, &record, &renamed, caller)?;
            let foreseen = of_node(services, &before, &after).await?.held_by(&record);
            Ok(Foreseen { confirms: !before.confirmed, refusal, ..foreseen })
        }
        Planned::Confirm { node } => {
            let record = node::find(&services.store, node).await?;
            let before = Receiver::with_edits(&record, &own_edits(&services.store).await?);
            let after = Receiver { confirmed: true, ..before.clone() };
            Ok(of_node(services, &before, &after).await?.held_by(&record))
        }
        Planned::Join { group, labels, name } => {
            join_token::check_place(&services.store, group, name.as_ref()).await?;
            let confirmed = name.is_some();
            let (name, group, labels) = (name.clone(), group.clone(), labels.clone());
            let after = Receiver { name, group, labels, confirmed, is_member: true, own: Own::default() };
            let foreseen = of_node(services, &Receiver { is_member: false, ..after.clone() }, &after).await?;
            Ok(Foreseen { offered: offers::to_newcomer(services, (&after.group, &after.labels)).await?, ..foreseen })
        }
    }
}

async fn of_node(services: &Services, before: &Receiver, after: &Receiver) -> Result<Foreseen> {
    let publications = publication_list(&services.store).await?;
    let mut gets = for_node(&services.store, publications).await?;
    let mut values = ValueChanges::default();
    values.compare(&services.store, &mut gets, before, after).await?;
    Ok(Foreseen { nodes: usize::from(values.total > 0), values, ..Foreseen::default() })
}

/// Why a release would be refused for whom it lets read sealed values.
async fn refusal_of(
    services: &Services,
    caller: &Caller,
    loaded: &Loaded,
    released: (Version, RevisionId),
) -> Result<Option<String>> {
    // Dropped at the end without a commit: it only reads.
    let tx = services.store.begin().await?;
    let checked = release::check_reach(&tx, caller, loaded, released).await;
    checked.map_or_else(reach::refusal_or, |()| Ok(None))
}

/// What nodes get, with the sealed values of templates where there are any.
///
/// # Errors
/// The database does not answer.
pub async fn for_node(database: &impl Database, publications: Vec<PublicationRecord>) -> Result<Gets> {
    let sealed = reach::sealed(database, &publications).await?;
    let gets = Gets::load(database, publications, Box::new(|_| true)).await?;
    gets.with_sealed_templates(database, &reach::versions(&sealed)).await
}

/// Something else of a resource would be released, or nothing.
async fn of_resource(
    services: &Services,
    mut loaded: Loaded,
    released: Option<(Version, RevisionId)>,
) -> Result<Foreseen> {
    let publications = publication_list(&services.store).await?;
    let (id, kind, now) = (loaded.record.id, loaded.record.kind, loaded.record.released);
    let (mut offers, own) = (Offers::default(), own_edits(&services.store).await?);
    for nodes in offers::alike(&*services.nodes().await?, publications.iter()) {
        loaded.record.released = now;
        let before = offers::to(services, &loaded, &nodes, &publications).await?;
        loaded.record.released = released;
        let after = offers::to(services, &loaded, &nodes, &publications).await?;
        offers.compare(&own, &nodes, &loaded, (before, after));
    }
    let mut foreseen = offers.foreseen();
    loaded.record.released = now;
    let (sets, templates) = match kind {
        Kind::VariableSet => (vec![loaded], Vec::new()),
        Kind::StepTemplate => (Vec::new(), vec![loaded]),
    };
    let reached: Vec<&PublicationRecord> =
        publications.iter().filter(|one| one.items.iter().any(|item| item.resource == id)).collect();
    let nodes = services.nodes().await?;
    let is_reached = |node: &NodeRecord| reached.iter().any(|one| one.selector.matches(&node.group, &node.labels));
    // Also those that are offered nothing else: what does not win at a node is held there all the same.
    let receivers = nodes.iter().filter(|node| is_reached(node)).map(|node| Receiver::with_edits(node, &own));
    let receivers: Vec<Receiver> = receivers.collect();
    let mut gets = Gets::of_sets(sets, publications, Box::new(|_| true)).with_templates(templates);
    let release = |gets: &mut Gets| gets.release(id, released);
    foreseen.values = ValueChanges::around(&services.store, &mut gets, receivers.into_iter(), release).await?;
    Ok(foreseen)
}
