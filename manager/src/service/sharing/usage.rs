//! Where a resource is used: which nodes should have it, by which publication, and how far they are.

use std::collections::BTreeMap;

use atoll_domain::document::Audience;
use atoll_domain::id::NodeId;
use atoll_domain::kind::Kind;
use atoll_domain::link::feed::{Feed, RowKey};
use atoll_domain::sharing::fork::ForkState;
use atoll_domain::sharing::offer::{Version, VersionPolicy};

use super::history::{find, load};
use super::offer::{offered, resource_key};
use crate::clock;
use crate::error::Result;
use crate::service::Services;
use crate::service::list::{Field, Listed, Options, Page, page};
use crate::store::fleet::{NodeRecord, SeenRecord};
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
    version: Option<Version>,
    key: RowKey,
}

/// The nodes that a resource is published to, by name.
///
/// # Errors
/// There is no such resource.
pub async fn list(services: &Services, kind: Kind, name: &str, options: &Options) -> Result<Page<UsageView>> {
    let database = &services.store;
    let loaded = load(database, find(database, kind, name).await?).await?;
    let mut carriers = Vec::new();
    // The highest priority comes first: it wins on a node that several reach.
    for publication in publication_list(database).await? {
        let Some(item) = publication.items.iter().find(|item| item.resource == loaded.record.id) else { continue };
        let policy = match item.policy {
            VersionPolicy::Latest => "latest",
            VersionPolicy::Pin { .. } => "pin",
        };
        let version = offered(database, &loaded, &item.policy).await?.map(|(version, _)| version);
        let key = RowKey { audience: Audience::Publication(publication.id), key: resource_key(item.resource) };
        carriers.push(Carrier { publication, policy, version, key });
    }
    let forks: BTreeMap<NodeId, ForkState> =
        forks_open(database, loaded.record.id).await?.into_iter().map(|fork| (fork.node, fork.state)).collect();
    let newest = loaded.record.released.map(|(version, _)| version);
    services.hub.refresh(database).await?;
    let (nodes, now) = (services.nodes().await?, clock::now());
    let usages = nodes.iter().filter_map(|node| {
        let carrier = carrier_for(&carriers, node)?;
        let seen = services.presence.get(node.id);
        let wanted = services.hub.read(|feed| wanted(feed, node.id, &carrier.key));
        Some(UsageView {
            node: node.name.to_string(),
            group: node.group.to_string(),
            publication: carrier.publication.name.clone(),
            policy: carrier.policy,
            version: carrier.version.map(|version| version.to_string()).unwrap_or_default(),
            newest: carrier.version.is_some() && carrier.version == newest,
            state: match forks.get(&node.id) {
                Some(fork) => fork.name(),
                None if carrier.version.is_none() => "unreleased",
                None if services.required.missing(node.id).iter().any(|one| one.set == loaded.record.id) => {
                    "incomplete"
                }
                None => state(&seen, wanted),
            },
            last_seen_ms: if seen.online { now.0 } else { seen.last_seen_ms },
        })
    });
    page(usages.collect(), options)
}

/// The publication from which a node gets the resource. One that has nothing to bring gives way to the next.
fn carrier_for<'a>(carriers: &'a [Carrier], node: &NodeRecord) -> Option<&'a Carrier> {
    let mut reaching =
        carriers.iter().filter(|carrier| carrier.publication.selector.matches(&node.group, &node.labels)).peekable();
    let first = reaching.peek().copied();
    reaching.find(|carrier| carrier.version.is_some()).or(first)
}

/// The sequence number at which a node has what is brought.
fn wanted(feed: &Feed, node: NodeId, key: &RowKey) -> Option<u64> {
    let since = feed.member_since(node, &key.audience)?;
    feed.row(key).map(|row| row.sequence.max(since))
}

fn state(seen: &SeenRecord, wanted: Option<u64>) -> &'static str {
    let has_it = seen.last_seen_ms > 0 && wanted.is_none_or(|wanted| seen.acknowledged >= wanted);
    match (has_it, seen.online) {
        (true, _) => "in_sync",
        (false, true) => "behind",
        (false, false) => "offline",
    }
}
