//! Notices a node that runs twice: somebody copied its data directory, and both copies call under one identity.

use atoll_domain::id::NodeId;
use atoll_domain::time::Timestamp;
use dashmap::DashMap;

/// The subject of the exception on such a node.
pub const SUBJECT: &str = "data directory";
/// Its code.
pub const CODE: &str = "CLONED";
/// Its text.
pub const TEXT: &str = "two processes call in turn with the identity of this node: its data directory was copied, and each takes the other's \
     connection and edits away; stop one of them, give it an empty data directory, and join it anew with a token";
/// Once only one has called for so long, the matter is over.
pub const OVER_AFTER_MS: i64 = 24 * 3_600_000;

/// Processes that are remembered of one node; one that is started again and again is no clone.
const PROCESS_LIMIT: usize = 8;

/// The processes that called lately, by node.
#[derive(Debug, Default)]
pub struct Twins(DashMap<NodeId, Vec<Process>>);

/// One run of a node's program.
#[derive(Debug)]
struct Process {
    boot: String,
    seen_ms: i64,
}

impl Twins {
    /// Takes up that a process calls. Whether another one of the same node called since it did: a process that ended never
    /// comes back, so both run.
    pub fn called(&self, node: NodeId, boot: &str, now: Timestamp) -> bool {
        if boot.is_empty() {
            return false;
        }
        let mut processes = self.0.entry(node).or_default();
        processes.retain(|process| now.0 - process.seen_ms < OVER_AFTER_MS);
        let before = processes.iter().position(|process| process.boot == boot);
        let is_twin = before.is_some_and(|place| place + 1 < processes.len());
        if let Some(place) = before {
            processes.remove(place);
        } else if processes.len() >= PROCESS_LIMIT {
            processes.remove(0);
        }
        processes.push(Process { boot: atoll_domain::terminal::kept(boot, 100), seen_ms: now.0 });
        is_twin
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_process_that_comes_back_after_another_is_a_twin_and_one_that_was_started_anew_is_none() {
        let (twins, node) = (Twins::default(), NodeId(Uuid::from_u128(1)));
        let called = |boot: &str, at_ms: i64| twins.called(node, boot, Timestamp(at_ms));
        assert!(!called("a", 1) && !called("a", 2), "it calls again after it was cut off");
        assert!(!called("b", 3), "it was started anew");
        assert!(called("a", 4) && called("b", 5));
        assert!(!called("b", 6));
        assert!(!called("a", 6 + OVER_AFTER_MS), "that is long ago");
        assert!((0..100).all(|number| !called(&format!("run {number}"), 7 + OVER_AFTER_MS)));
    }
}
