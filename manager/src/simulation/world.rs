//! The fleet, what is known about it, and what has to be true of it.

use std::collections::{BTreeMap, BTreeSet};

use atoll_domain::id::{ResourceId, RevisionId};
use atoll_domain::kind::Kind;
use atoll_domain::sharing::offer::{EditMode, Version};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

use super::content::{ENVIRONMENTS, RESOURCES, beginning, meant_for, words};
use super::ledger::Ledger;
use crate::clock;
use crate::service::sharing::history::Loaded;
use crate::store::fleet::node_get;
use crate::store::sharing::{ResourceState, conflict_list, fork_list, release_list};
use crate::testing::{TestManager, TestNode};

/// An editor on a node that has a file open.
#[derive(Debug, Clone)]
pub struct Editor {
    pub resource: usize,
    /// The revision that the file said, and the content when it was opened.
    pub claimed: RevisionId,
    pub content: Value,
    /// How many saves of this resource the node had taken then.
    pub taken: usize,
}

/// A node and the people before it.
pub struct SimulatedNode {
    pub node: TestNode,
    pub name: String,
    pub environment: &'static str,
    /// Every environment that it was ever in: what it read there, it has read.
    pub environments: BTreeSet<&'static str>,
    pub editors: Vec<Editor>,
    /// The contents that were saved on it, by resource.
    pub saves: BTreeMap<usize, Vec<Value>>,
    /// How far its disk was written when it was backed up, and in which step that was.
    pub backup: Option<(usize, usize)>,
}

/// A publication as an administrator wrote it.
#[derive(Debug, Clone)]
pub struct Publication {
    pub name: &'static str,
    pub group: &'static str,
    pub priority: i32,
    pub mode: EditMode,
    /// Resources by place, with the version they are pinned to.
    pub items: BTreeMap<usize, Option<String>>,
}

pub struct World {
    pub seed: u64,
    pub random: StdRng,
    pub manager: TestManager,
    /// Another manager over the same database: everybody calls one of the two.
    pub second: Option<TestManager>,
    /// Things are renamed, deleted, brought back and rolled back too.
    pub is_wide: bool,
    /// The resources, whatever they are called by now.
    pub ids: Vec<ResourceId>,
    pub nodes: Vec<SimulatedNode>,
    pub publications: Vec<Publication>,
    pub ledger: Ledger,
    pub backup: Option<Backup>,
    pub step: usize,
    pub number: usize,
    pub trace: Vec<String>,
}

/// A backup of the manager, with what was true when it was made.
pub struct Backup {
    pub directory: tempfile::TempDir,
    pub step: usize,
    pub publications: Vec<Publication>,
    pub environments: Vec<&'static str>,
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() || std::env::var("ATOLL_SIMULATION_SEED").is_ok() {
            println!("ATOLL_SIMULATION_SEED={}", self.seed);
            self.trace.iter().for_each(|line| println!("{line}"));
        }
    }
}

impl World {
    pub async fn begin(seed: u64, manager: TestManager, is_wide: bool) -> Self {
        let mut ids = Vec::new();
        for (kind, name) in RESOURCES {
            manager.written(kind, &beginning(kind, name)).await;
            ids.push(manager.loaded(kind, name).await.record.id);
        }
        let mut random = StdRng::seed_from_u64(seed);
        let modes = [EditMode::Propose, EditMode::WriteThrough, EditMode::Fork, EditMode::Locked];
        let mode = modes[random.random_range(0..3)];
        let all = (0..RESOURCES.len()).map(|resource| (resource, None)).collect();
        let mut world = Self {
            seed,
            random,
            manager,
            second: None,
            is_wide,
            ids,
            nodes: Vec::new(),
            publications: vec![Publication { name: "all", group: "/", priority: 0, mode, items: all }],
            ledger: Ledger::default(),
            backup: None,
            step: 0,
            number: 0,
            trace: Vec::new(),
        };
        world.publish(0).await;
        for number in 0..3 {
            let (group, environment) = (["/", "/eu", "/eu"][number], ENVIRONMENTS[number]);
            let name = format!("node{number}");
            let mut node = world.manager.node(&name, group, &[("environment", environment)]).await;
            node.sync(&world.manager).await;
            world.nodes.push(SimulatedNode {
                node,
                name,
                environment,
                environments: [environment].into(),
                editors: Vec::new(),
                saves: BTreeMap::new(),
                backup: None,
            });
        }
        world
    }

    pub fn say(&mut self, text: impl Into<String>) {
        self.trace.push(format!("{:3} {}", self.step, text.into()));
    }

    pub fn word(&mut self) -> String {
        self.number += 1;
        format!("edit{}", self.number)
    }

    /// A resource by its place, as managers and nodes are asked for it.
    pub fn key(&self, resource: usize) -> (Kind, String) {
        (RESOURCES[resource].0, self.ids[resource].to_string())
    }

    pub async fn loaded(&self, resource: usize) -> Loaded {
        let (kind, id) = self.key(resource);
        self.manager.loaded(kind, &id).await
    }

    /// Whoever calls next may reach the other manager, and that one may not have read yet what this one wrote.
    fn call_either(&mut self) {
        let Some(second) = &mut self.second else { return };
        if self.random.random_bool(0.5) {
            std::mem::swap(&mut self.manager, second);
        }
        self.manager.lags = self.random.random_bool(0.5);
    }

    pub async fn step(&mut self) {
        self.step += 1;
        self.call_either();
        self.manager.caller.now = clock::now();
        let kinds = if self.is_wide { 112 } else { 100 };
        match self.random.random_range(0..kinds) {
            0..20 => self.edit_on_a_node().await,
            20..28 => self.save_at_the_manager().await,
            28..32 => self.seal_or_rescope().await,
            32..40 => self.release().await,
            40..56 => self.connect().await,
            56..64 => self.connect_badly().await,
            64..68 => self.restart_a_node().await,
            68..76 => self.decide().await,
            76..82 => self.resolve().await,
            82..86 => self.change_a_publication().await,
            86..89 => self.label().await,
            89..93 => self.back_up(),
            93..95 => self.restore_the_manager().await,
            95..97 => self.restore_a_node().await,
            100..105 => self.rename().await,
            105..110 => self.delete_or_bring_back().await,
            110..112 => self.roll_back().await,
            _ => self.manager.work().await,
        }
    }

    /// At every moment: no node can read a sealed value that is for an environment where it never was.
    pub async fn nothing_strays(&self) {
        for node in &self.nodes {
            for plaintext in node.node.plaintexts() {
                let environment = meant_for(&plaintext).unwrap();
                assert!(
                    node.environments.contains(environment),
                    "{} reads {plaintext} and was never in {environment}",
                    node.name
                );
            }
        }
    }

    /// All lines hold, and everybody is heard until nothing moves any more.
    pub async fn quiet(&mut self) {
        self.say("quiet");
        self.manager.lags = false;
        self.manager.caller.now = clock::now();
        for _ in 0..4 {
            for at in 0..self.nodes.len() {
                self.deliver(at, 20, true).await;
                self.manager.work().await;
                self.nodes[at].node.pull(&self.manager).await;
            }
        }
        // A node that runs something else is offered everything once more.
        for at in 0..self.nodes.len() {
            let expected = self.manager.services.hub.read(|feed| feed.expected(self.nodes[at].node.id));
            if self.nodes[at].node.replica.state_digest(None) != expected {
                self.say(format!("{} is offered everything once more", self.nodes[at].name));
                self.nodes[at].node.pull_some(&self.manager, usize::MAX, true).await;
            }
        }
        for _ in 0..4 {
            for at in 0..self.nodes.len() {
                self.deliver(at, 20, true).await;
                self.manager.work().await;
                self.nodes[at].node.pull(&self.manager).await;
            }
        }
    }

    pub async fn everything_holds(&self) {
        self.nothing_strays().await;
        if std::env::var("ATOLL_SIMULATION_SEED").is_ok() {
            for fork in self.manager.forks().await {
                println!("{fork:?}");
            }
        }
        self.no_edit_is_lost().await;
        self.nobody_runs_what_nobody_agreed_to();
        self.everybody_runs_what_is_published().await;
        for node in &self.nodes {
            assert!(node.node.replica.outbox().is_empty(), "{} has delivered everything", node.name);
            for plaintext in node.node.plaintexts() {
                assert_eq!(meant_for(&plaintext), Some(node.environment), "{} reads {plaintext}", node.name);
            }
            node.node.runs_what_it_should(&self.manager);
        }
    }

    /// What was drafted and not released, or declined on another node, runs nowhere but where it was made.
    fn nobody_runs_what_nobody_agreed_to(&self) {
        for node in &self.nodes {
            for (resource, id) in self.ids.iter().enumerate() {
                let running = node.node.runs(&id.to_string()).and_then(|running| running.body);
                for word in running.iter().flat_map(words) {
                    let Some(entry) = self.ledger.entries.get(&word).filter(|entry| entry.resource == resource) else {
                        continue;
                    };
                    let may_run = match entry.node {
                        None => entry.is_agreed,
                        Some(maker) => maker == node.node.id || !entry.is_declined,
                    };
                    assert!(may_run, "{} runs {word}, to which nobody agreed: {entry:?}", node.name);
                }
            }
        }
    }

    /// The words that are where people look: in the newest states, open edits and open conflicts of the manager, and in
    /// what a node keeps of a rejected edit.
    pub async fn found(&self, resource: usize) -> BTreeSet<String> {
        let store = &self.manager.services.store;
        let loaded = self.loaded(resource).await;
        let id = loaded.record.id;
        let mut places: BTreeSet<RevisionId> = loaded.record.heads.clone();
        for fork in fork_list(store).await.unwrap() {
            if fork.resource == id && !fork.state.is_closed() {
                places.extend([fork.head, fork.node_head]);
            }
        }
        for conflict in conflict_list(store).await.unwrap() {
            if conflict.resource == id && conflict.closed_by.is_none() {
                places.extend(conflict.heads);
            }
        }
        let mut found = BTreeSet::new();
        // An edit that its node and a restored manager have both lost is in what was made of it.
        for place in places.into_iter().filter(|place| loaded.history.contains(*place)) {
            found.extend(loaded.body(store, place).await.unwrap().iter().flat_map(words));
        }
        let rejected = self.nodes.iter().flat_map(|node| node.node.rejected());
        let rejected = rejected.filter(|edit| edit.resource == id).filter_map(|edit| edit.body);
        found.extend(rejected.flat_map(|body| words(&body)));
        found
    }

    /// Every edit that nobody decided against is where people look, and every one that was acknowledged is in the history.
    async fn no_edit_is_lost(&self) {
        for (resource, (_, name)) in RESOURCES.into_iter().enumerate() {
            let loaded = self.loaded(resource).await;
            let found = self.found(resource).await;
            for word in self.ledger.owed(resource) {
                assert!(found.contains(word), "{name}: {word} is lost: {:?}", self.ledger.entries[word]);
            }
            // What was acknowledged is in the history, whatever became of it.
            for (word, entry) in self.ledger.entries.iter().filter(|(_, entry)| entry.resource == resource) {
                let may_be_gone =
                    entry.forgotten || entry.acknowledged.is_none() || entry.excused == Some("lost with a backup");
                assert!(
                    may_be_gone || loaded.history.get(entry.revision).is_some(),
                    "{name}: {word} is not in the history: {entry:?}"
                );
            }
        }
    }

    /// Who has no edit of its own runs, byte for byte, the version that the strongest publication names.
    async fn everybody_runs_what_is_published(&self) {
        let store = &self.manager.services.store;
        let forks = fork_list(store).await.unwrap();
        for resource in 0..RESOURCES.len() {
            let (kind, id) = self.key(resource);
            let (name, loaded) = (id.as_str(), self.loaded(resource).await);
            // What was deleted and brought back comes to nodes with its next release.
            let is_gone = loaded.record.state == ResourceState::Deleted || loaded.record.released.is_none();
            let releases = release_list(store, loaded.record.id).await.unwrap();
            for node in &self.nodes {
                let own = forks
                    .iter()
                    .find(|fork| fork.node == node.node.id && fork.resource == loaded.record.id && fork.state.runs());
                let published = self.published(node, resource).await.filter(|_| !is_gone);
                let Some((publication, pin)) = published else {
                    assert!(node.node.runs(name).is_none(), "{} runs {name}, which nobody published to it", node.name);
                    continue;
                };
                if own.is_some() && publication.mode != EditMode::Locked {
                    continue;
                }
                let newest = releases.iter().max_by_key(|release| release.version);
                let pinned = pin.map(|pin| pin.parse::<Version>().unwrap());
                let wanted = match pinned {
                    Some(version) => releases.iter().find(|release| release.version == version),
                    None => newest,
                };
                let body = loaded.body(store, wanted.unwrap().revision).await.unwrap().unwrap();
                let wanted = kind.export(&body, &json!({}));
                let runs = node.node.runs(name).map(|running| (running.revision, running.fork, running.message));
                assert_eq!(node.node.content(name), wanted, "{} runs another {name}: {runs:?}", node.name);
            }
        }
    }

    /// The strongest publication of a resource that reaches a node, as its author would say.
    async fn published(&self, node: &SimulatedNode, resource: usize) -> Option<(&Publication, Option<&String>)> {
        let record = node_get(&self.manager.services.store, node.node.id).await.unwrap().unwrap();
        let reaches = |publication: &&Publication| {
            publication.group == "/" || record.group.to_string().starts_with(publication.group)
        };
        let reaching = self.publications.iter().filter(reaches);
        let strongest = reaching.filter(|publication| publication.items.contains_key(&resource));
        let publication = strongest.max_by_key(|publication| publication.priority)?;
        Some((publication, publication.items[&resource].as_ref()))
    }
}
