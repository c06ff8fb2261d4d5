//! A whole fleet in one process for tests: the real services over a real store, and nodes that are the real replica.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use atoll_domain::document::{Document, Lane, Purpose, Report, RevisionReport, sign};
use atoll_domain::fleet::node::NodeStanding;
use atoll_domain::fleet::selector::Selector;
use atoll_domain::id::{NodeId, RevisionId, SecretId, TokenId};
use atoll_domain::kind::Kind;
use atoll_domain::link::delivery::{Answer, plan_settling};
use atoll_domain::link::manager::ManagerLink;
use atoll_domain::link::replica::{Arrived, Edit, EditBase, EditError, Incoming, Replica, Running, Stored};
use atoll_domain::secret::{SealingKey, SymmetricKey};
use atoll_domain::sharing::offer::{EditMode, Version, VersionPolicy};
use atoll_domain::sharing::revision::{Origin, Provenance, Revision};
use atoll_proto::v1;
use ed25519_dalek::SigningKey;
use prost::Message as _;
use serde_json::{Value, json};

use crate::config::Given;
use crate::error::{Error, Result};
use crate::hub::Hub;
use crate::keys::Keyring;
use crate::service::fleet::act::Act;
use crate::service::fleet::node;
use crate::service::sharing::fork::decide::{Decided, Decision, decide};
use crate::service::sharing::fork::rebase_all;
use crate::service::sharing::history::{Loaded, find, load};
use crate::service::sharing::receive::{Outcome, SignedReport, receive};
use crate::service::sharing::{conflict, membership, publication, release, save};
use crate::service::{Caller, Services};
use crate::store::Store;
use crate::store::fleet::{CertificateRecord, NodeRecord, node_create_many, node_get};
use crate::store::sharing::{ConflictRecord, ForkRecord, conflict_list, fork_list};
use crate::store::work::{work_finish, work_list};
use crate::{clock, rpc};

/// A manager without ports.
pub(crate) struct TestManager {
    pub services: Arc<Services>,
    pub caller: Caller,
    _directory: tempfile::TempDir,
}

impl TestManager {
    pub async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open_sqlite(directory.path()).await.unwrap();
        Self::over(store, directory).await
    }

    /// On a PostgreSQL database of its own; `None` where there is no PostgreSQL.
    pub async fn on_postgresql() -> Option<Self> {
        let store = crate::store::suite::fresh_postgresql().await?;
        Some(Self::over(store, tempfile::tempdir().unwrap()).await)
    }

    pub async fn over(store: Store, directory: tempfile::TempDir) -> Self {
        let keys = Keyring::open(&store, &SymmetricKey::new([1; 32])).await.unwrap();
        let (hub, settings) = (Hub::new(rpc::encode_document), Given::default().check().unwrap());
        let services = Services::load(store, keys, hub, settings, clock::now()).await.unwrap();
        let caller = Caller { name: "root".to_owned(), ..Caller::manager(clock::now()) };
        let manager = Self { services: Arc::new(services), caller, _directory: directory };
        for group in ["/", "/eu"] {
            crate::service::fleet::group::create(&manager.services, &manager.caller, group.parse().unwrap(), "")
                .await
                .unwrap();
        }
        manager
    }

    /// Creates a resource, or writes its next revision over the newest.
    pub async fn write(&self, kind: Kind, content: &Value) -> Result<save::Saved> {
        let name = content["Name"].as_str().unwrap();
        let base = match find(&self.services.store, kind, name).await {
            Ok(record) => Some(load(&self.services.store, record).await?.shown()?.to_string()),
            Err(_) => None,
        };
        self.write_from(kind, content, base, false).await
    }

    pub async fn write_from(
        &self,
        kind: Kind,
        content: &Value,
        base: Option<String>,
        widen: bool,
    ) -> Result<save::Saved> {
        let wish = save::Save {
            kind,
            resource: None,
            content: content.to_string().into_bytes(),
            base,
            message: String::new(),
            imported: false,
            request_id: None,
        };
        save::save(&self.services, &self.caller.clone().widening(widen), wish).await
    }

    pub async fn release(&self, kind: Kind, name: &str) -> Result<Version> {
        let released = release::release(&self.services, &self.caller, kind, name, None, None, "*").await;
        self.work().await;
        Ok(released?.1.version)
    }

    pub async fn written(&self, kind: Kind, content: &Value) -> RevisionId {
        let revision = self.write(kind, content).await.unwrap().revision;
        self.release(kind, content["Name"].as_str().unwrap()).await.unwrap();
        revision
    }

    pub async fn publish(
        &self,
        name: &str,
        group: &str,
        priority: i32,
        mode: EditMode,
        items: &[(Kind, &str, Option<&str>)],
    ) {
        let item = |(kind, resource, pin): &(Kind, &str, Option<&str>)| publication::WishedItem {
            kind: *kind,
            resource: (*resource).to_owned(),
            policy: match pin {
                Some(version) => VersionPolicy::Pin { version: version.parse().unwrap() },
                None => VersionPolicy::Latest,
            },
        };
        let wish = publication::Wish {
            name: name.to_owned(),
            selector: Selector { group: group.parse().unwrap(), labels: BTreeMap::new() },
            priority,
            edit_mode: mode,
            items: items.iter().map(item).collect(),
            add_items: false,
            request_id: None,
            expected: "*".to_owned(),
        };
        publication::save(&self.services, &self.caller, wish).await.unwrap();
        self.work().await;
    }

    pub async fn node(&self, name: &str, group: &str, labels: &[(&str, &str)]) -> TestNode {
        self.node_with(name, group, labels, |_| {}).await
    }

    /// A node that took its name itself.
    pub async fn unconfirmed(&self, name: &str, group: &str) -> TestNode {
        self.node_with(name, group, &[], |record| record.confirmed = false).await
    }

    /// A node of before keys were tried at the join.
    pub async fn broken(&self, name: &str, group: &str, labels: &[(&str, &str)]) -> TestNode {
        self.node_with(name, group, labels, |record| record.sealing_key = vec![0; 32]).await
    }

    async fn node_with(
        &self,
        name: &str,
        group: &str,
        labels: &[(&str, &str)],
        change: impl FnOnce(&mut NodeRecord),
    ) -> TestNode {
        let seed: [u8; 32] = clock::random();
        let (identity, sealing) = (SigningKey::from_bytes(&seed), SealingKey::new(clock::random()));
        let mut record = NodeRecord {
            id: NodeId(clock::new_id()),
            name: name.parse().unwrap(),
            group: group.parse().unwrap(),
            labels: labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
            standing: NodeStanding::Active,
            standing_reason: String::new(),
            standing_since_ms: 0,
            joined_ms: 0,
            identity_key: identity.verifying_key().to_bytes().to_vec(),
            sealing_key: sealing.public().to_vec(),
            join_token: TokenId(clock::new_id()),
            certificate: CertificateRecord::default(),
            next_certificate: None,
            certificate_expires_ms: 0,
            recoveries: 0,
            name_key: atoll_domain::fleet::name::folded(name),
            confirmed: true,
        };
        change(&mut record);
        let mut tx = self.services.store.begin_ordered().await.unwrap();
        node_create_many(&tx, std::slice::from_ref(&record)).await.unwrap();
        membership::admit_nodes(&self.services, &mut tx, std::slice::from_ref(&record)).await.unwrap();
        tx.commit().await.unwrap();
        TestNode { id: record.id, identity, sealing, replica: Replica::default() }
    }

    pub async fn label(&self, node: &TestNode, key: &str, value: &str, widen: bool) -> Result<()> {
        let act = Act::Label { set: [(key.to_owned(), value.to_owned())].into(), remove: Vec::new() };
        let caller = self.caller.clone().widening(widen);
        node::act(&self.services, &caller, &node.id.to_string(), &act).await.map(|_| ())
    }

    pub async fn decide(&self, fork: &ForkRecord, accept: bool, release: bool) -> Result<Decided> {
        let decision = Decision { accept, message: String::new(), release, expected: fork.head.to_string() };
        let decided = decide(&self.services, &self.caller, &fork.id.to_string(), &decision).await;
        self.work().await;
        decided
    }

    pub async fn resolve(
        &self,
        record: &ConflictRecord,
        take: conflict::Take,
        widen: bool,
    ) -> Result<conflict::Resolved> {
        let answer = conflict::Answer {
            take: Some(take),
            expected: conflict::etag(record),
            release: false,
            ..conflict::Answer::default()
        };
        let caller = self.caller.clone().widening(widen);
        let resolved = conflict::resolve(&self.services, &caller, &record.id.to_string(), answer).await;
        self.work().await;
        resolved
    }

    /// Does what is queued, as the manager's task does.
    pub async fn work(&self) {
        loop {
            let pieces = work_list(&self.services.store, 32).await.unwrap();
            if pieces.is_empty() {
                return;
            }
            for piece in pieces {
                rebase_all(&self.services, piece.subject.parse().unwrap(), &self.caller).await.unwrap();
                let tx = self.services.store.begin().await.unwrap();
                work_finish(&tx, &piece.id).await.unwrap();
                tx.commit().await.unwrap();
            }
        }
    }

    pub async fn loaded(&self, kind: Kind, name: &str) -> Loaded {
        load(&self.services.store, find(&self.services.store, kind, name).await.unwrap()).await.unwrap()
    }

    /// What is released, in the outside form.
    pub async fn released(&self, kind: Kind, name: &str) -> Value {
        let loaded = self.loaded(kind, name).await;
        let (_, revision) = loaded.record.released.unwrap();
        kind.export(&loaded.body(&self.services.store, revision).await.unwrap().unwrap(), &json!({}))
    }

    /// What the newest state is, in the outside form.
    pub async fn newest(&self, kind: Kind, name: &str) -> Value {
        let loaded = self.loaded(kind, name).await;
        assert_eq!(loaded.record.heads.len(), 1, "one head");
        let head = loaded.shown().unwrap();
        kind.export(&loaded.body(&self.services.store, head).await.unwrap().unwrap(), &json!({}))
    }

    pub async fn forks(&self) -> Vec<ForkRecord> {
        let mut forks = fork_list(&self.services.store).await.unwrap();
        forks.sort_by_key(|fork| fork.edit);
        forks
    }

    pub async fn conflicts(&self) -> Vec<ConflictRecord> {
        let all = conflict_list(&self.services.store).await.unwrap();
        all.into_iter().filter(|conflict| conflict.closed_by.is_none()).collect()
    }
}

/// A node: the real replica, without disk and network.
pub(crate) struct TestNode {
    pub id: NodeId,
    pub identity: SigningKey,
    pub sealing: SealingKey,
    pub replica: Replica,
}

impl TestNode {
    /// Somebody on the node saves a whole content.
    pub fn edit(
        &mut self,
        kind: Kind,
        base: EditBase,
        content: &Value,
    ) -> std::result::Result<Option<RevisionId>, EditError> {
        let edit = Edit {
            resource: None,
            kind,
            name: content["Name"].as_str().unwrap(),
            base,
            content,
            author: "operator",
            message: "",
            now: clock::now(),
        };
        let Some((revision, writes)) = self.replica.plan_edit(self.id, &edit)? else { return Ok(None) };
        self.replica.apply(writes);
        Ok(Some(revision))
    }

    pub async fn push(&mut self, manager: &TestManager) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        let mut returned = BTreeSet::new();
        for _ in 0..20 {
            let node = node_get(&manager.services.store, self.id).await.unwrap().unwrap();
            let Some((number, report)) =
                self.replica.outbox().iter().next().map(|(number, report)| (*number, report.clone()))
            else {
                break;
            };
            let report = atoll_domain::canonical::to_bytes(&serde_json::to_value(&report).unwrap());
            let signature = sign(Purpose::Report, &report, &self.identity).to_vec();
            let signed = SignedReport { number, report, signature };
            let outcome = receive(&manager.services, &node, &signed, clock::now()).await.unwrap();
            let answer = match &outcome {
                Outcome::Stored(_) | Outcome::Duplicate => Answer::Delivered,
                Outcome::NeedParents(missing) => Answer::NeedParents(missing.clone()),
                Outcome::Rejected(reason) => Answer::Rejected(reason.clone()),
            };
            outcomes.push(outcome);
            let (writes, settled) = plan_settling(&self.replica, &[(number, answer)], &returned);
            returned.extend(settled.returned);
            self.replica.apply(writes);
            if !settled.blocked.is_empty() {
                break;
            }
        }
        manager.work().await;
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
        let report = serde_json::to_vec(&Report::Revision(Box::new(report))).unwrap();
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

    /// It was offered everything again, so it tells of all of its edits once more.
    pub fn tell_again(&mut self) {
        let writes = atoll_domain::link::delivery::plan_telling_again(&self.replica);
        self.replica.apply(writes);
    }

    /// Connects, takes everything it is owed, and acknowledges.
    pub async fn pull(&mut self, manager: &TestManager) {
        let services = &manager.services;
        services.hub.refresh(&services.store).await.unwrap();
        let known = services.hub.read(|feed| {
            self.replica.cursors().iter().all(|(lane, sequence)| feed.knows(*sequence, self.replica.mark(*lane)))
        });
        let (epoch, end) = (services.keys.epoch, services.hub.read(atoll_domain::link::feed::Feed::sequence));
        let complete = self.replica.cursors().get(&Lane::Content).is_some_and(|sequence| *sequence > 0);
        let theirs = self.replica.epoch().filter(|_| known && complete);
        let mut link = ManagerLink::begin(self.id, epoch, theirs, self.replica.cursors(), end);
        let writes = self.replica.connected(epoch, link.starts_over());
        self.replica.apply(writes);
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
            self.replica.apply(writes);
            link.acknowledge(batch.nonce).unwrap();
        }
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
        assert_eq!(self.replica.state_digest(None), expected, "{:#?}", self.replica.running());
    }

    pub fn runs(&self, name: &str) -> Option<Running> {
        self.replica.running().into_iter().find(|running| running.name == name)
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

    /// Whether it can open any sealed value at all.
    pub fn reads_any(&self) -> bool {
        self.replica.secrets().any(|sealed| self.reads(sealed.version))
    }
}

pub(crate) fn reason<T>(result: Result<T>) -> &'static str {
    result.err().map_or("done", |error: Error| error.reason)
}
