//! The nodes of the fleet in memory, for showing them: a list of thousands is not read again for each look at it.
//!
//! What changes about nodes is in the audit record, written in the same transaction. So a look asks only for acts on nodes
//! since the last one, whichever replica of the manager did them. What decides about a node reads the database.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use atoll_domain::fleet::node::NodeStanding;
use atoll_domain::id::NodeId;
use tokio::sync::{Mutex, watch};

use crate::error::Result;
use crate::store::Store;
use crate::store::audit::{newest_number, subjects_between};
use crate::store::fleet::{NodeRecord, node_list, nodes_named, removed_names};

/// More acts on nodes since the last look than this, and all nodes are read again.
const ACTS_LIMIT: u64 = 500;

/// The nodes that are not removed, as they were at one moment.
#[derive(Debug, Default)]
pub struct Nodes {
    by_name: Vec<Arc<NodeRecord>>,
    by_id: HashMap<NodeId, Arc<NodeRecord>>,
    /// Names of those that were removed: what they left behind is still called after them.
    removed: BTreeMap<NodeId, String>,
}

impl Nodes {
    fn new(mut by_name: Vec<Arc<NodeRecord>>, removed: BTreeMap<NodeId, String>) -> Self {
        by_name.sort_by(|one, other| one.name.cmp(&other.name));
        let by_id = by_name.iter().map(|record| (record.id, Arc::clone(record))).collect();
        Self { by_name, by_id, removed }
    }

    /// Every node, by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Arc<NodeRecord>> {
        self.by_name.iter()
    }

    #[must_use]
    pub fn get(&self, id: NodeId) -> Option<&Arc<NodeRecord>> {
        self.by_id.get(&id)
    }

    #[must_use]
    pub fn named(&self, name: &str) -> Option<&Arc<NodeRecord>> {
        let place = self.by_name.binary_search_by(|record| record.name.as_str().cmp(name)).ok()?;
        self.by_name.get(place)
    }

    /// A node by name, for naming it in other lists, also when it was removed since.
    #[must_use]
    pub fn name(&self, id: NodeId) -> Option<String> {
        let present = self.get(id).map(|record| record.name.to_string());
        present.or_else(|| self.removed.get(&id).map(|name| format!("{name} (removed)")))
    }

    fn with(&self, changed: Vec<NodeRecord>) -> Self {
        let ids: BTreeSet<NodeId> = changed.iter().map(|record| record.id).collect();
        let mut removed = self.removed.clone();
        for record in &changed {
            match record.standing {
                NodeStanding::Removed => removed.insert(record.id, record.name.to_string()),
                _ => removed.remove(&record.id),
            };
        }
        let unchanged = self.by_name.iter().filter(|record| !ids.contains(&record.id)).cloned();
        let present = changed.into_iter().filter(|record| record.standing != NodeStanding::Removed).map(Arc::new);
        Self::new(unchanged.chain(present).collect(), removed)
    }
}

/// Looks at the nodes; kept up to date by looking.
#[derive(Debug)]
pub struct Directory {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    nodes: Arc<Nodes>,
    /// The newest event of the audit record that is taken up.
    after: u64,
    commits: watch::Receiver<u64>,
}

impl Directory {
    /// Reads every node.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn load(store: &Store) -> Result<Self> {
        let commits = store.changed();
        let after = newest_number(store).await?;
        let nodes = Arc::new(read(store).await?);
        Ok(Self { state: Mutex::new(State { nodes, after, commits }) })
    }

    /// The nodes as they are now.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn nodes(&self, store: &Store) -> Result<Arc<Nodes>> {
        let mut state = self.state.lock().await;
        // Without other processes a database that nobody has written to is as it was.
        if store.is_shared() || state.commits.has_changed().unwrap_or(true) {
            state.commits.mark_unchanged();
            state.refresh(store).await?;
        }
        Ok(Arc::clone(&state.nodes))
    }
}

impl State {
    async fn refresh(&mut self, store: &Store) -> Result<()> {
        let newest = newest_number(store).await?;
        if newest == self.after {
            return Ok(());
        }
        let acts = subjects_between(store, self.after, newest, "node.", ACTS_LIMIT + 1).await?;
        if acts.len() as u64 > ACTS_LIMIT || newest < self.after {
            self.nodes = Arc::new(read(store).await?);
        } else if !acts.is_empty() {
            let names: BTreeSet<String> = acts.into_iter().collect();
            self.nodes = Arc::new(self.nodes.with(nodes_named(store, &names).await?));
        }
        self.after = newest;
        Ok(())
    }
}

async fn read(store: &Store) -> Result<Nodes> {
    let present = node_list(store).await?.into_iter().map(Arc::new).collect();
    Ok(Nodes::new(present, removed_names(store).await?))
}
