//! A node: the real replica, without disk and network.

use std::collections::BTreeSet;

use atoll_domain::document::{Document, Lane, Purpose, Report, RevisionReport, sign};
use atoll_domain::id::{NodeId, ResourceId, RevisionId, SecretId};
use atoll_domain::kind::Kind;
use atoll_domain::link::delivery::{Answer, Order, plan_settling};
use atoll_domain::link::replica::{
    Arrived, Edit, EditBase, EditError, Incoming, Rejected, Replica, Running, Stored, Write,
};
use atoll_domain::secret::SealingKey;
use atoll_domain::sharing::revision::{Origin, Provenance, Revision};
use atoll_proto::v1;
use ed25519_dalek::SigningKey;
use prost::Message as _;
use serde_json::{Value, json};

use super::TestManager;
use crate::clock;
use crate::hub::Known;
use crate::service::sharing::fork::give_back;
use crate::service::sharing::receive::{Outcome, SignedReport, receive};
use crate::store::fleet::node_get;

/// A node, with its keys.
pub(crate) struct TestNode {
    pub id: NodeId,
    pub identity: SigningKey,
    pub sealing: SealingKey,
    pub replica: Replica,
    /// What is on its disk: every write, in order.
    pub stored: Vec<Write>,
}

impl TestNode {
    /// Stores a change, and only then has it in memory.
    fn apply(&mut self, writes: Vec<Write>) {
        self.stored.extend(writes.iter().cloned());
        self.replica.apply(writes);
    }

    /// How far its disk is written: [`Self::put_back`] takes it there again.
    pub fn written(&self) -> usize {
        self.stored.len()
    }

    /// Its process ends, and begins anew with what is on the disk.
    pub fn restart(&mut self) {
        self.put_back(self.stored.len());
    }

    /// Its data directory is restored from a backup.
    pub fn put_back(&mut self, written: usize) {
        self.stored.truncate(written);
        self.replica = Replica::default();
        self.replica.apply(self.stored.clone());
    }

    /// Somebody on the node saves a whole content.
    pub fn edit(&mut self, kind: Kind, base: EditBase, content: &Value) -> Result<Option<RevisionId>, EditError> {
        self.edit_of(None, kind, base, content)
    }

    /// The same over the file of a resource, whatever the content is called.
    pub fn edit_of(
        &mut self,
        resource: Option<ResourceId>,
        kind: Kind,
        base: EditBase,
        content: &Value,
    ) -> Result<Option<RevisionId>, EditError> {
        let edit = Edit {
            resource,
            kind,
            name: content["Name"].as_str().unwrap(),
            base,
            content,
            author: "operator",
            message: "",
            now: clock::now(),
        };
        let Some((revision, writes)) = self.replica.plan_edit(self.id, &edit)? else { return Ok(None) };
        self.apply(writes);
        Ok(Some(revision))
    }

    pub async fn push(&mut self, manager: &TestManager) -> Vec<Outcome> {
        let outcomes = self.push_some(manager, 20, true).await;
        manager.work().await;
        outcomes.into_iter().map(|(_, outcome)| outcome).collect()
    }

    /// Delivers some reports, and hears the answers or does not. Says what became of which revision.
    pub async fn push_some(
        &mut self,
        manager: &TestManager,
        most: usize,
        hears: bool,
    ) -> Vec<(Option<RevisionId>, Outcome)> {
        let mut outcomes = Vec::new();
        let mut order = Order::default();
        let mut sent = BTreeSet::new();
        for _ in 0..most {
            let node = node_get(&manager.services.store, self.id).await.unwrap().unwrap();
            let waiting = |number: &u64| hears || !sent.contains(number);
            let Some(number) = order.next(&self.replica).into_iter().find(waiting) else { break };
            sent.insert(number);
            let report = self.replica.outbox()[&number].clone();
            let revision = report.brings();
            let report = atoll_domain::canonical::to_bytes(&serde_json::to_value(&report).unwrap());
            let signature = sign(Purpose::Report, &report, &self.identity).to_vec();
            let signed = SignedReport { number, report, signature };
            let outcome = receive(&manager.services, &node, &signed, clock::now()).await.unwrap();
            let answer = match &outcome {
                Outcome::Stored(_) | Outcome::Duplicate => Answer::Delivered,
                Outcome::NeedParents(missing) => Answer::NeedParents(missing.clone()),
                Outcome::Rejected(reason) => Answer::Rejected(reason.clone()),
            };
            outcomes.push((revision, outcome));
            if !hears {
                continue;
            }
            let (mut writes, settled) = plan_settling(&self.replica, &[(number, answer)], &order);
            if !manager.lags {
                manager.services.hub.refresh(&manager.services.store).await.unwrap();
            }
            let (sequence, mark) = manager.services.hub.read(|feed| (feed.sequence(), feed.mark(feed.sequence())));
            writes.push(Write::SetHeard(sequence, mark));
            self.apply(writes);
            order.learn(&settled);
        }
        outcomes
    }

    /// Sends a revision that the node's own program would not make.
    pub async fn send_revision(&self, manager: &TestManager, revision: &Revision, body: Value) -> Outcome {
        let report = RevisionReport {
            id: revision.id,
            header: revision.header.clone(),
            provenance: Provenance {
                author: "operator".to_owned(),
                node: Some(self.id),
                at: clock::now(),
                origin: Origin::Edit,
                message: String::new(),
                metadata: Value::Null,
            },
            body: Some(body),
            base_unknown: false,
            lost_parents: false,
            claimed: None,
            takes_back: Vec::new(),
        };
        self.send(manager, report).await
    }

    /// Sends a report that the node's own program would not make.
    pub async fn send(&self, manager: &TestManager, report: RevisionReport) -> Outcome {
        self.send_any(manager, &Report::Revision(Box::new(report))).await
    }

    pub async fn send_any(&self, manager: &TestManager, report: &Report) -> Outcome {
        let report = serde_json::to_vec(report).unwrap();
        let signature = sign(Purpose::Report, &report, &self.identity).to_vec();
        let node = node_get(&manager.services.store, self.id).await.unwrap().unwrap();
        let signed = SignedReport { number: 1_000, report, signature };
        receive(&manager.services, &node, &signed, clock::now()).await.unwrap()
    }

    /// What the newest edit that waits to be delivered says that it takes back.
    pub fn takes_back(&self) -> Vec<atoll_domain::sharing::path::Path> {
        let newest = self.replica.outbox().values().rev().find_map(|report| match report {
            Report::Revision(report) => Some(report.takes_back.clone()),
            _ => None,
        });
        newest.unwrap_or_default()
    }

    /// It tells of all of its edits once more, as it does when it was offered everything again.
    pub fn tell_again(&mut self) {
        let writes = self.replica.return_documents(&[], true);
        self.apply(writes);
    }

    /// Connects, takes everything it is owed, and acknowledges. Answers whether it was offered everything once more.
    pub async fn pull(&mut self, manager: &TestManager) -> bool {
        self.pull_some(manager, usize::MAX, false).await
    }

    /// Connects, and is cut off before it has stored more than some batches. A repair offers everything once more.
    pub async fn pull_some(&mut self, manager: &TestManager, most: usize, repair: bool) -> bool {
        let services = &manager.services;
        if repair {
            give_back(services, self.id, &manager.caller).await.unwrap();
        }
        if !manager.lags {
            services.hub.refresh(&services.store).await.unwrap();
        }
        // What it holds of an offer that never ended is worth nothing to it.
        let complete = self.replica.cursors().get(&Lane::Content).is_some_and(|sequence| *sequence > 0);
        let cursors =
            self.replica.cursors().iter().map(|(lane, sequence)| (*lane, (*sequence, self.replica.mark(*lane))));
        let known = Known {
            epoch: self.replica.epoch().filter(|_| complete),
            cursors: cursors.collect(),
            heard: self.replica.heard(),
        };
        let epoch = services.keys.epoch;
        let mut link = services.hub.begin(&services.store, self.id, (epoch, &known), repair).await.unwrap();
        let starts_over = link.starts_over();
        let writes = self.replica.connected(epoch, starts_over);
        self.apply(writes);
        let mut taken = 0;
        while let Some((batch, documents)) = services.hub.next_batch(&services.store, &mut link).await.unwrap() {
            let key = services.keys.documents.verifying_key();
            let arrived = documents.into_iter().map(|bytes| {
                let signed = v1::SignedDocument::decode(bytes).unwrap();
                let document = Document::open(&signed.document, &signed.signature, &key).unwrap();
                let stored = Stored {
                    document: signed.document.to_vec(),
                    signature: signed.signature.to_vec(),
                    sequence: signed.sequence,
                };
                Arrived { stored, document }
            });
            let incoming = Incoming {
                lane: Some(batch.lane),
                up_to: batch.owed.up_to,
                mark: services.hub.read(|feed| feed.mark(batch.owed.up_to)),
                last_part: batch.owed.last_part,
                complete: batch.complete,
                documents: arrived.collect(),
                left: batch.owed.left.clone(),
                at: clock::now(),
            };
            let (writes, refused) = self.replica.plan_batch(incoming);
            assert_eq!(refused, []);
            if taken == most {
                // Planned, and the process is gone before it is stored.
                self.restart();
                break;
            }
            taken += 1;
            self.apply(writes);
            link.acknowledge(batch.nonce).unwrap();
        }
        starts_over
    }

    /// Delivers and takes until nothing moves any more. At the end it runs just what the manager thinks that it runs.
    pub async fn sync(&mut self, manager: &TestManager) {
        for _ in 0..4 {
            self.push(manager).await;
            self.pull(manager).await;
        }
        self.runs_what_it_should(manager);
    }

    pub fn runs_what_it_should(&self, manager: &TestManager) {
        let expected = manager.services.hub.read(|feed| feed.expected(self.id));
        let runs = |running: Running| {
            let Running { name, revision, edit_mode, fork, message, .. } = running;
            format!("{name} {} {edit_mode} {fork:?} {message}", revision.short())
        };
        let running: Vec<String> = self.replica.running().into_iter().map(runs).collect();
        assert_eq!(self.replica.state_digest(None), expected, "runs {running:#?}");
    }

    /// What it runs of a resource, by name or id.
    pub fn runs(&self, name: &str) -> Option<Running> {
        self.replica.running().into_iter().find(|running| running.name == name || running.resource.to_string() == name)
    }

    /// Edits of it that the manager rejected.
    pub fn rejected(&self) -> Vec<Rejected> {
        self.replica.rejected()
    }

    /// What it runs, in the outside form.
    pub fn content(&self, name: &str) -> Value {
        let running = self.runs(name).unwrap_or_else(|| panic!("{name} does not run"));
        running.kind.export(&running.body.unwrap(), &json!({}))
    }

    /// Whether it can open a sealed value.
    pub fn reads(&self, version: SecretId) -> bool {
        self.replica.secrets().filter(|sealed| sealed.version == version).any(|sealed| {
            let mut keys = self.replica.key_wraps().filter(|wrapped| wrapped.key == sealed.key);
            keys.any(|wrapped| wrapped.unwrap_with(&self.sealing).is_ok_and(|key| sealed.open(&key).is_ok()))
        })
    }

    /// Every sealed value that it can open.
    pub fn plaintexts(&self) -> Vec<String> {
        let opened = self.replica.secrets().filter_map(|sealed| {
            let mut keys = self.replica.key_wraps().filter(|wrapped| wrapped.key == sealed.key);
            keys.find_map(|wrapped| sealed.open(&wrapped.unwrap_with(&self.sealing).ok()?).ok())
        });
        opened.map(|text| text.reveal().to_owned()).collect()
    }

    /// Whether it can open any sealed value at all.
    pub fn reads_any(&self) -> bool {
        self.replica.secrets().any(|sealed| self.reads(sealed.version))
    }
}
