//! A node in memory: a replica over a disk that keeps what was stored, whatever happens to the process.

use std::collections::{BTreeMap, VecDeque};

use atoll_domain::document::{Audience, Document, Lane, Report};
use atoll_domain::id::{ManagerEpoch, NodeId, ResourceId, RevisionId};
use atoll_domain::link::replica::{
    Arrived, DocumentKey, Edit, EditBase, EditError, Incoming, Refused, Replica, Stored, Write,
};
use atoll_domain::time::Timestamp;
use serde_json::json;

use crate::documents::{manager_key, node_id, resource_id, resource_kind, resource_name};
use crate::edits::{Change, apply};
use crate::manager::Taken;

/// When the process dies, seen from one transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crash {
    Never,
    /// What was planned is gone.
    BeforeStore,
    /// What was planned is on the disk, and nobody was told.
    AfterStore,
}

/// A batch under way to the node.
#[derive(Debug, Clone)]
pub struct Parcel {
    pub nonce: u64,
    pub lane: Lane,
    pub up_to: u64,
    pub last_part: bool,
    pub complete: bool,
    pub documents: Vec<Stored>,
    pub left: Vec<Audience>,
}

/// An edit that the node has taken: its author was told so.
#[derive(Debug, Clone)]
pub struct TakenEdit {
    pub resource: ResourceId,
    pub revision: RevisionId,
    pub number: u64,
}

#[derive(Debug)]
pub struct Node {
    pub id: NodeId,
    disk: Vec<Vec<Write>>,
    pub replica: Replica,
    /// The documents on the disk.
    pub held: BTreeMap<DocumentKey, Stored>,
    pub arriving: VecDeque<Parcel>,
    pub acknowledging: VecDeque<u64>,
    pub connected: bool,
    pub edits: Vec<TakenEdit>,
    pub refused: Vec<Refused>,
    /// Documents that arrived since the connection began.
    pub received: Vec<DocumentKey>,
    seen: Vec<RevisionId>,
}

impl Node {
    pub fn new(number: usize) -> Self {
        Self {
            id: node_id(number),
            disk: Vec::new(),
            replica: Replica::default(),
            held: BTreeMap::new(),
            arriving: VecDeque::new(),
            acknowledging: VecDeque::new(),
            connected: false,
            edits: Vec::new(),
            refused: Vec::new(),
            received: Vec::new(),
            seen: Vec::new(),
        }
    }

    /// Stores a transaction and applies it, unless the process dies on the way. Whether it survived.
    pub fn store(&mut self, writes: Vec<Write>, crash: Crash) -> bool {
        if crash != Crash::BeforeStore {
            self.note(&writes);
            self.disk.push(writes.clone());
        }
        if crash == Crash::Never {
            self.replica.apply(writes);
            self.note_running();
            return true;
        }
        self.replica = self.reread();
        self.note_running();
        self.disconnect();
        false
    }

    /// Remembers what people may have seen, and may still be editing.
    fn note_running(&mut self) {
        self.seen.extend(self.replica.running().iter().map(|running| running.revision));
    }

    fn note(&mut self, writes: &[Write]) {
        for write in writes {
            match write {
                Write::PutDocument(key, stored) => {
                    self.held.insert(key.clone(), (**stored).clone());
                }
                Write::RemoveDocument(key) => {
                    self.held.remove(key);
                }
                _ => {}
            }
        }
    }

    /// The replica as a process that starts now finds it.
    pub fn reread(&self) -> Replica {
        let mut replica = Replica::default();
        self.disk.iter().for_each(|writes| replica.apply(writes.clone()));
        replica
    }

    pub fn disconnect(&mut self) {
        self.connected = false;
        self.arriving.clear();
        self.acknowledging.clear();
    }

    pub fn connect(&mut self, epoch: ManagerEpoch, starts_over: bool) {
        self.disconnect();
        let writes = self.replica.connected(epoch, starts_over);
        self.store(writes, Crash::Never);
        self.received.clear();
        self.connected = true;
    }

    /// Takes the next batch. What was written is the answer, whether or not the process survived.
    pub fn receive(&mut self, crash: Crash) -> Vec<Write> {
        let Some(parcel) = self.arriving.pop_front() else { return Vec::new() };
        let documents: Vec<Arrived> = parcel.documents.into_iter().map(arrived).collect();
        self.received.extend(documents.iter().map(|one| (one.document.audience.clone(), one.document.key.clone())));
        let (writes, refused) = self.replica.plan_batch(Incoming {
            at: Timestamp(0),
            mark: 0,
            lane: Some(parcel.lane),
            up_to: parcel.up_to,
            last_part: parcel.last_part,
            complete: parcel.complete,
            documents,
            left: parcel.left,
        });
        self.refused.extend(refused);
        if self.store(writes.clone(), crash) {
            self.acknowledging.push_back(parcel.nonce);
        }
        if crash == Crash::BeforeStore { Vec::new() } else { writes }
    }

    /// A person edits a resource on the node.
    pub fn edit(&mut self, number: usize, base: Option<u8>, changes: &[Change], crash: Crash) {
        let (kind, name) = (resource_kind(number), resource_name(number));
        let Some(running) = self.replica.running().into_iter().find(|running| running.name == name) else { return };
        let Some(body) = &running.body else { return };
        let mut content = kind.export(body, &json!({}));
        changes.iter().for_each(|change| apply(kind, &mut content, change));
        let base = match base {
            None => EditBase::Running,
            Some(0) => EditBase::Unknown,
            Some(pick) => EditBase::Revision(self.seen[usize::from(pick) % self.seen.len()]),
        };
        let edit = Edit {
            resource: None,
            kind,
            name: &name,
            base,
            content: &content,
            author: "ann",
            message: "",
            now: Timestamp(self.edits.len() as i64),
        };
        let number_of_report = self.replica.next_report();
        match self.replica.plan_edit(self.id, &edit) {
            Ok(Some((revision, writes))) => {
                self.store(writes, crash);
                if crash != Crash::BeforeStore {
                    let resource = resource_id(number);
                    self.edits.push(TakenEdit { resource, revision, number: number_of_report });
                }
            }
            Ok(None) | Err(EditError::Invalid(_) | EditError::Locked(_) | EditError::OfAnother { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }

    /// What waits for delivery, read back from the bytes that would travel.
    pub fn waiting(&self) -> Vec<(u64, Report)> {
        let travelled = |report: &Report| serde_json::from_slice(&serde_json::to_vec(report).unwrap()).unwrap();
        self.replica.outbox().iter().map(|(number, report)| (*number, travelled(report))).collect()
    }

    /// The manager's answers to reports.
    pub fn answered(&mut self, answers: &[(u64, Taken)], crash: Crash) {
        let stored = answers.iter().filter(|(_, taken)| *taken != Taken::NeedsParents);
        self.store(stored.map(|(number, _)| Write::RemoveReport(*number)).collect(), crash);
    }
}

fn arrived(stored: Stored) -> Arrived {
    let document = Document::open(&stored.document, &stored.signature, &manager_key().verifying_key()).unwrap();
    Arrived { stored, document }
}
