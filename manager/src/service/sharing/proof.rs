//! Whether a node runs what it should: the digest that it tells, held against what the feed makes it run.

use atoll_domain::id::NodeId;
use atoll_domain::link::digest::StateDigest;
use dashmap::DashMap;

use crate::error::Result;
use crate::service::Services;

/// What a node tells of what it runs.
#[derive(Debug, Clone, Copy)]
pub struct NodeState {
    pub digest: StateDigest,
    pub is_settled: bool,
    pub outbox_length: u64,
    pub deferred: u64,
}

/// What that means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Something is under way, so it cannot be compared yet.
    Open,
    /// It runs what it should, as of this number.
    Proven(u64),
    /// It runs something else. It is offered everything again, once for each thing that it should run.
    StartOver,
    /// It goes on running something else.
    Drift,
}

/// Nodes that were offered everything again, and what they should have run by then.
#[derive(Debug, Default)]
pub struct Repairs(DashMap<NodeId, Repair>);

#[derive(Debug, Clone, Copy)]
struct Repair {
    expected: StateDigest,
    /// Its next connection starts over.
    is_due: bool,
}

impl Repairs {
    /// Whether a node that calls is to be offered everything again.
    #[must_use]
    pub fn take_due(&self, node: NodeId) -> bool {
        self.0.get_mut(&node).is_some_and(|mut repair| std::mem::take(&mut repair.is_due))
    }

    fn note(&self, node: NodeId, expected: StateDigest) -> Verdict {
        if self.0.get(&node).is_some_and(|repair| repair.expected == expected) {
            return Verdict::Drift;
        }
        self.0.insert(node, Repair { expected, is_due: true });
        Verdict::StartOver
    }
}

/// Holds what a node runs against what it should run. It has stored everything up to `acknowledged`.
///
/// # Errors
/// The database does not answer.
pub async fn judge(services: &Services, node: NodeId, acknowledged: u64, state: NodeState) -> Result<Verdict> {
    let is_quiet = state.is_settled && state.outbox_length == 0 && state.deferred == 0;
    let compared = || {
        let (wanted, expected) = services.hub.read(|feed| (feed.wanted_sequence(node), feed.expected(node)));
        (is_quiet && acknowledged >= wanted).then_some(expected)
    };
    let mut expected = compared();
    if expected.is_some_and(|expected| expected != state.digest) {
        // Something may have been committed that this process has not taken up yet: an answer to the node's own edit, say.
        // Rare, and large: set aside, or every open stream would keep the room for it.
        Box::pin(services.hub.refresh(&services.store)).await?;
        expected = compared();
    }
    Ok(match expected {
        None => Verdict::Open,
        Some(expected) if expected == state.digest => {
            services.repairs.0.remove(&node);
            Verdict::Proven(acknowledged)
        }
        Some(expected) => services.repairs.note(node, expected),
    })
}
