//! What is not as usual on nodes, or is in order again, waiting to be written.
//!
//! What a node says of documents is its own word: it stands under names that nothing else has, of two kinds only, and there
//! is so much of it for one node and no more. So no node hides what the manager noticed about it, and none fills the list.

use std::mem;

use atoll_domain::id::NodeId;
use atoll_domain::terminal::kept;
use atoll_domain::time::Timestamp;
use dashmap::DashMap;

use crate::error::Result;
use crate::store::Tx;
use crate::store::sharing::{ExceptionRecord, exception_clear, exception_put, exceptions_clear_below, exceptions_trim};

/// Documents that one node may say something of: those that it said last.
const DOCUMENTS_LIMIT: usize = 100;

/// How the subject of a notice about a document begins; its key follows.
const DOCUMENT: &str = "document/";

/// Kinds of what a node says of a document, with their codes.
const DOCUMENT_CODES: [&str; 2] = ["REJECTED", "DEFERRED"];

/// Something that changed about a node.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Notice {
    Found {
        subject: String,
        code: &'static str,
        text: String,
        since_ms: i64,
    },
    Over {
        subject: String,
    },
    /// The node was offered everything of a kind anew since a moment: what it did not refuse again, it has taken.
    TakenAnew {
        below: String,
        since_ms: i64,
    },
}

impl Notice {
    /// The newest of one subject counts.
    fn subject(&self) -> &str {
        match self {
            Self::Found { subject, .. } | Self::Over { subject } => subject,
            Self::TakenAnew { below, .. } => below,
        }
    }
}

/// Notices by node, in the order in which they came.
#[derive(Debug, Default)]
pub struct Notices(DashMap<NodeId, Vec<Notice>>);

/// Notices that were taken off to be written.
#[derive(Debug)]
pub struct Taken(Vec<(NodeId, Vec<Notice>)>);

impl Notices {
    /// The manager noticed something.
    pub fn found(&self, node: NodeId, subject: &str, code: &'static str, text: &str, now: Timestamp) {
        let (subject, text) = (subject.to_owned(), text.to_owned());
        self.put(node, Notice::Found { subject, code, text, since_ms: now.0 });
    }

    /// Something that was noticed is in order again.
    pub fn over(&self, node: NodeId, subject: &str) {
        self.put(node, Notice::Over { subject: subject.to_owned() });
    }

    /// A node did not take a document, and says why.
    pub fn not_taken(&self, node: NodeId, key: &str, code: &str, text: &str, now: Timestamp) {
        let [rejected, deferred] = DOCUMENT_CODES;
        let code = if code == deferred { deferred } else { rejected };
        let subject = kept(&format!("{DOCUMENT}{key}"), 200);
        self.put(node, Notice::Found { subject, code, text: kept(text, 2_000), since_ms: now.0 });
    }

    /// A node has been offered every document anew whose key begins so, since a moment.
    pub fn taken_anew(&self, node: NodeId, key: &str, since: Timestamp) {
        self.put(node, Notice::TakenAnew { below: format!("{DOCUMENT}{key}"), since_ms: since.0 });
    }

    fn put(&self, node: NodeId, notice: Notice) {
        let mut waiting = self.0.entry(node).or_default();
        waiting.retain(|one| one.subject() != notice.subject());
        let is_of_document =
            |one: &Notice| matches!(one, Notice::Found { subject, .. } if subject.starts_with(DOCUMENT));
        if is_of_document(&notice) && waiting.iter().filter(|one| is_of_document(one)).count() >= DOCUMENTS_LIMIT {
            return;
        }
        waiting.push(notice);
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes everything off, to be written.
    #[must_use]
    pub fn take(&self) -> Taken {
        let nodes: Vec<NodeId> = self.0.iter().map(|entry| *entry.key()).collect();
        Taken(nodes.into_iter().filter_map(|node| self.0.remove(&node)).collect())
    }

    /// Puts back what could not be written, before what came since.
    pub fn put_back(&self, taken: Taken) {
        for (node, notices) in taken.0 {
            let since = mem::take(&mut *self.0.entry(node).or_default());
            notices.into_iter().chain(since).for_each(|notice| self.put(node, notice));
        }
    }
}

impl Taken {
    /// Writes the notices.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn write(&self, tx: &Tx) -> Result<()> {
        for (node, notices) in &self.0 {
            for notice in notices {
                write(tx, *node, notice).await?;
            }
            for code in DOCUMENT_CODES {
                let is_told = |notice: &Notice| matches!(notice, Notice::Found { code: told, .. } if *told == code);
                if notices.iter().any(is_told) {
                    exceptions_trim(tx, *node, code, DOCUMENTS_LIMIT as u64).await?;
                }
            }
        }
        Ok(())
    }
}

async fn write(tx: &Tx, node: NodeId, notice: &Notice) -> Result<()> {
    match notice {
        Notice::Over { subject } => exception_clear(tx, node, subject).await,
        Notice::TakenAnew { below, since_ms } => exceptions_clear_below(tx, node, below, *since_ms).await,
        Notice::Found { subject, code, text, since_ms } => {
            let (subject, code, text) = (subject.clone(), (*code).to_owned(), text.clone());
            let exception = ExceptionRecord { node, subject, code, text, since_ms: *since_ms, revision: None };
            exception_put(tx, &exception).await
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000);

    fn node() -> NodeId {
        "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap()
    }

    #[test]
    fn the_newest_word_about_a_subject_counts() {
        let notices = Notices::default();
        notices.found(node(), "what it runs", "DRIFT", "it drifts", NOW);
        notices.over(node(), "what it runs");
        notices.found(node(), "what it runs", "DRIFT", "it drifts again", NOW);
        let taken = notices.take();
        assert!(notices.is_empty());
        notices.over(node(), "what it runs");
        notices.put_back(taken);
        let left = notices.take().0.remove(0).1;
        assert_eq!(left, [Notice::Over { subject: "what it runs".to_owned() }], "what came since is newer");
    }

    #[test]
    fn a_node_has_so_much_to_say_of_documents_and_hides_nothing_with_it() {
        let notices = Notices::default();
        notices.found(node(), "data directory", "CLONED", "it runs twice", NOW);
        for number in 0..10 * DOCUMENTS_LIMIT {
            notices.not_taken(node(), &format!("invented/{number}"), "FINE", "x", NOW);
        }
        notices.not_taken(node(), "data directory", "FINE", "nothing to see", NOW);
        notices.found(node(), "what it runs", "DRIFT", "it drifts", NOW);
        let left = notices.take().0.remove(0).1;
        assert_eq!(left.len(), DOCUMENTS_LIMIT + 2);
        let told = |wanted: &str| {
            left.iter()
                .any(|one| matches!(one, Notice::Found { subject, code, .. } if subject == wanted && *code != "FINE"))
        };
        assert!(told("data directory") && told("what it runs"), "{left:?}");
    }
}
