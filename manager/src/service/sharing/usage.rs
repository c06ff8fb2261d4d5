//! Where a resource is used: which nodes should have it, by which publication, and how far they are.

use std::collections::HashMap;
use std::sync::Arc;

use atoll_domain::fleet::node::NodeStanding;
use atoll_domain::id::ResourceId;
use atoll_domain::kind::Kind;
use atoll_domain::sharing::fork::ForkState;
use atoll_domain::sharing::offer::{Version, VersionPolicy};
use uuid::Uuid;

use super::history::{Loaded, find, load};
use super::offer::offered;
use crate::error::Result;
use crate::service::Services;
use crate::service::fleet::node::{self, NodeView, SyncState};
use crate::service::list::{Field, Listed, Options, Page, page};
use crate::store::fleet::NodeRecord;
use crate::store::sharing::{PublicationRecord, forks_open, publication_list};

/// A resource on a node.
#[derive(Debug, Clone)]
pub struct UsageView {
    pub node: String,
    pub group: String,
    pub publication: String,
    pub policy: &'static str,
    /// Empty where nothing was released that the publication could bring.
    pub version: String,
    pub newest: bool,
    pub state: &'static str,
    pub last_seen_ms: i64,
}

impl Listed for UsageView {
    const FIELDS: &'static [&'static str] =
        &["node", "group", "publication", "policy", "version", "newest", "state", "last_seen_ms"];
    const FACETS: &'static [&'static str] = &["state", "version", "publication", "group"];
    fn title(&self) -> String {
        self.node.clone()
    }
    fn field(&self, name: &str) -> Option<Field> {
        match name {
            "node" => Field::text(&self.node),
            "group" => Field::text(&self.group),
            "publication" => Field::text(&self.publication),
            "policy" => Field::text(self.policy),
            "version" => Field::text(&self.version),
            "newest" => Field::text(self.newest),
            "state" => Field::text(self.state),
            "last_seen_ms" => Some(Field::Number(self.last_seen_ms)),
            _ => None,
        }
    }
    fn fits(&self, name: &str, value: &str) -> bool {
        use atoll_domain::fleet::name::GroupPath;
        if name == "group" {
            let (wanted, own) = (value.parse::<GroupPath>(), self.group.parse::<GroupPath>());
            return wanted.is_ok_and(|wanted| own.is_ok_and(|own| wanted.contains(&own)));
        }
        self.field(name).is_some_and(|field| field.reads(value))
    }
}

/// What one publication brings of the resource.
struct Carrier {
    publication: PublicationRecord,
    policy: &'static str,
    /// Nothing where nothing was released that it could bring.
    version: Option<Version>,
}

/// A node that should have a resource, and how far it is.
pub(super) struct Place {
    pub node: NodeView,
    pub usage: UsageView,
    /// It runs an edit of its own in the place of what it is offered.
    pub runs_own_edit: bool,
}

/// The nodes that a resource is published to.
///
/// # Errors
/// There is no such resource.
pub async fn list(services: &Services, kind: Kind, name: &str, options: &Options) -> Result<Page<UsageView>> {
    let loaded = load(&services.store, find(&services.store, kind, name).await?).await?;
    let places = places(services, &loaded).await?;
    page(places.into_iter().map(|place| place.usage).collect(), options)
}

/// Each node that a resource is published to.
pub(super) async fn places(services: &Services, loaded: &Loaded) -> Result<Vec<Place>> {
    let database = &services.store;
    let carriers = carriers(services, loaded).await?;
    let forks = forks_open(database, loaded.record.id).await?.into_iter();
    let forks: HashMap<Uuid, ForkState> = forks.map(|fork| (fork.edit, fork.state)).collect();
    services.hub.refresh(database).await?;
    let nodes = services.nodes().await?;
    let placed = nodes.iter().filter_map(|record| {
        let carrier = carrier_for(&carriers, record)?;
        let node = node::view(services, Arc::clone(record));
        let target = services.hub.read(|feed| feed.target(record.id, loaded.record.id));
        let own = target.and_then(|target| target.own);
        let state = match own.and_then(|(edit, _)| forks.get(&edit)) {
            Some(own_edit) => own_edit.name(),
            None => state(services, carrier, loaded.record.id, &node),
        };
        let usage = usage(carrier, &node, loaded, state);
        Some(Place { node, usage, runs_own_edit: own.is_some() })
    });
    Ok(placed.collect())
}

/// What brings the resource. The highest priority comes first: it wins on a node that several reach.
async fn carriers(services: &Services, loaded: &Loaded) -> Result<Vec<Carrier>> {
    let database = &services.store;
    let mut carriers = Vec::new();
    for publication in publication_list(database).await? {
        let Some(item) = publication.items.iter().find(|item| item.resource == loaded.record.id) else { continue };
        let policy = match item.policy {
            VersionPolicy::Latest => "latest",
            VersionPolicy::Pin { .. } => "pin",
        };
        let version = offered(database, loaded, &item.policy).await?.map(|(version, _)| version);
        carriers.push(Carrier { publication, policy, version });
    }
    Ok(carriers)
}

fn usage(carrier: &Carrier, node: &NodeView, loaded: &Loaded, state: &'static str) -> UsageView {
    let newest = loaded.record.released.map(|(version, _)| version);
    UsageView {
        node: node.record.name.to_string(),
        group: node.record.group.to_string(),
        publication: carrier.publication.name.clone(),
        policy: carrier.policy,
        version: carrier.version.map(|version| version.to_string()).unwrap_or_default(),
        newest: carrier.version.is_some() && carrier.version == newest,
        state,
        last_seen_ms: node.seen.last_seen_ms,
    }
}

/// The publication from which a node gets the resource. One that has nothing to bring gives way to the next.
fn carrier_for<'a>(carriers: &'a [Carrier], node: &NodeRecord) -> Option<&'a Carrier> {
    let mut reaching =
        carriers.iter().filter(|carrier| carrier.publication.selector.matches(&node.group, &node.labels)).peekable();
    let first = reaching.peek().copied();
    reaching.find(|carrier| carrier.version.is_some()).or(first)
}

/// How far a node is that runs no edit of its own. It has a release when it has proved to run what it should: what it has
/// stored need not stand in its files yet, and what it must give up need not be gone.
fn state(services: &Services, carrier: &Carrier, resource: ResourceId, node: &NodeView) -> &'static str {
    if carrier.version.is_none() {
        return "unreleased";
    }
    match node.sync_state {
        SyncState::Behind if node.record.standing == NodeStanding::Cordoned => "cordoned",
        SyncState::Behind if node.seen.online => "behind",
        SyncState::Behind => "offline",
        told @ (SyncState::Drift | SyncState::Unknown) => told.name(),
        SyncState::InSync | SyncState::Incomplete => {
            let missing = services.required.missing(node.record.id);
            if missing.iter().any(|one| one.set == resource) { "incomplete" } else { "in_sync" }
        }
    }
}
