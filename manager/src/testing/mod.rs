//! A whole fleet in one process for tests: the real services over a real store, and nodes that are the real replica.

mod node;

use std::collections::BTreeMap;
use std::sync::Arc;

use atoll_domain::fleet::node::NodeStanding;
use atoll_domain::fleet::selector::Selector;
use atoll_domain::id::{NodeId, RevisionId, TokenId};
use atoll_domain::kind::Kind;
use atoll_domain::link::replica::Replica;
use atoll_domain::secret::{SealingKey, SymmetricKey};
use atoll_domain::sharing::offer::{EditMode, Version, VersionPolicy};
use ed25519_dalek::SigningKey;
use serde_json::{Value, json};

use crate::config::Given;
use crate::error::{Error, Result};
use crate::hub::Hub;
use crate::keys::Keyring;
use crate::service::fleet::act::Act;
use crate::service::fleet::node::act;
use crate::service::sharing::fork::decide::{Decided, Decision, decide};
use crate::service::sharing::fork::rebase_all;
use crate::service::sharing::history::{Loaded, find, load};
use crate::service::sharing::{conflict, membership, publication, release, save};
use crate::service::{Caller, Services};
use crate::store::Store;
use crate::store::fleet::{CertificateRecord, NodeRecord, node_create_many};
use crate::store::gate::Gate;
use crate::store::sharing::{ConflictRecord, ForkRecord, conflict_list, fork_list};
use crate::store::work::{work_finish, work_list};
use crate::{clock, rpc};

pub(crate) use node::TestNode;

/// A manager without ports.
pub(crate) struct TestManager {
    pub services: Arc<Services>,
    pub caller: Caller,
    directory: tempfile::TempDir,
    /// It has not read yet what others have written since it last had to.
    pub lags: bool,
}

impl TestManager {
    pub async fn start() -> Self {
        let directory = memory_directory();
        let store = Store::open_sqlite(directory.path()).await.unwrap();
        Self::over(store, directory).await
    }

    /// On a PostgreSQL database of its own; `None` where there is no PostgreSQL.
    ///
    /// What it commits goes through a gate, by which two acts really run at the same moment.
    pub async fn held_by(gate: &Arc<Gate>) -> Option<Self> {
        let mut store = crate::store::suite::fresh_postgresql().await?;
        store.gate = Some(Arc::clone(gate));
        Some(Self::over(store, tempfile::tempdir().unwrap()).await)
    }

    /// Two managers over one PostgreSQL database of their own.
    pub async fn two_on_postgresql() -> Option<(Self, Self)> {
        let url = crate::store::suite::fresh_postgresql_url().await?;
        let one = Self::over(Store::open_postgresql(&url).await.unwrap(), tempfile::tempdir().unwrap()).await;
        Some((one, Self::again_on(&url).await))
    }

    pub async fn over(store: Store, directory: tempfile::TempDir) -> Self {
        let manager = Self::again(store, directory).await;
        for group in ["/", "/eu"] {
            crate::service::fleet::group::create(&manager.services, &manager.caller, group.parse().unwrap(), "")
                .await
                .unwrap();
        }
        manager
    }

    /// Over a database that was used before.
    async fn again(store: Store, directory: tempfile::TempDir) -> Self {
        let keys = Keyring::open(&store, &SymmetricKey::new([1; 32])).await.unwrap();
        let (hub, settings) = (Hub::new(rpc::encode_document), Given::default().check().unwrap());
        let services = Services::load(store, keys, hub, settings, clock::now()).await.unwrap();
        let caller = Caller { name: "root".to_owned(), ..Caller::manager(clock::now()) };
        Self { services: Arc::new(services), caller, directory, lags: false }
    }

    /// Another manager over the same database.
    pub async fn beside(&self) -> Self {
        Self::again(self.services.store.clone(), tempfile::tempdir().unwrap()).await
    }

    /// Another manager over a PostgreSQL database that was used before.
    pub async fn again_on(url: &str) -> Self {
        Self::again(Store::open_postgresql(url).await.unwrap(), tempfile::tempdir().unwrap()).await
    }

    /// A copy of its SQLite database while nothing writes.
    pub fn backup(&self) -> tempfile::TempDir {
        let copy = memory_directory();
        for file in std::fs::read_dir(self.directory.path()).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
        }
        copy
    }

    /// Another life of the manager, over a copy of such a copy.
    pub async fn restored(backup: &tempfile::TempDir) -> Self {
        let directory = memory_directory();
        for file in std::fs::read_dir(backup.path()).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), directory.path().join(file.file_name())).unwrap();
        }
        let store = Store::open_sqlite(directory.path()).await.unwrap();
        Self::again(store, directory).await
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
        self.write_to(kind, None, content, base, widen).await
    }

    /// The same for the resource of an id, whatever it is called by now.
    pub async fn write_to(
        &self,
        kind: Kind,
        resource: Option<String>,
        content: &Value,
        base: Option<String>,
        widen: bool,
    ) -> Result<save::Saved> {
        let wish = save::Save {
            kind,
            resource,
            content: content.to_string().into_bytes(),
            base,
            message: String::new(),
            imported: false,
            request_id: None,
        };
        save::save(&self.services, &self.caller.clone().widening(widen), wish).await
    }

    pub async fn release(&self, kind: Kind, name: &str) -> Result<Version> {
        let wish = release::Wish { expected: "*", ..Default::default() };
        let released = release::release(&self.services, &self.caller, kind, name, wish).await;
        self.work().await;
        Ok(released?.release.version)
    }

    pub async fn delete(&self, kind: Kind, name: &str) {
        save::delete(&self.services, &self.caller, kind, name, "", "*").await.unwrap();
        self.work().await;
    }

    pub async fn roll_back(&self, kind: Kind, name: &str, to: RevisionId) -> Result<save::Saved> {
        let saved = save::roll_back(&self.services, &self.caller, kind, name, &to.to_string(), "", "*").await;
        self.work().await;
        saved
    }

    pub async fn written(&self, kind: Kind, content: &Value) -> RevisionId {
        let revision = self.write(kind, content).await.unwrap().revision;
        self.release(kind, content["Name"].as_str().unwrap()).await.unwrap();
        revision
    }

    /// A publication as somebody wishes it.
    #[must_use]
    pub fn wish(
        &self,
        name: &str,
        group: &str,
        priority: i32,
        mode: EditMode,
        items: &[(Kind, &str, Option<&str>)],
    ) -> publication::Wish {
        let item = |(kind, resource, pin): &(Kind, &str, Option<&str>)| publication::WishedItem {
            kind: *kind,
            resource: (*resource).to_owned(),
            policy: match pin {
                Some(version) => VersionPolicy::Pin { version: version.parse().unwrap() },
                None => VersionPolicy::Latest,
            },
        };
        publication::Wish {
            name: name.to_owned(),
            selector: Selector { group: group.parse().unwrap(), labels: BTreeMap::new() },
            priority,
            edit_mode: mode,
            items: items.iter().map(item).collect(),
            add_items: false,
            request_id: None,
            expected: "*".to_owned(),
        }
    }

    pub async fn publish(
        &self,
        name: &str,
        group: &str,
        priority: i32,
        mode: EditMode,
        items: &[(Kind, &str, Option<&str>)],
    ) {
        let wish = self.wish(name, group, priority, mode, items);
        // A pin may bring an old scope back; whoever publishes here means it.
        publication::save(&self.services, &self.caller.clone().widening(true), wish).await.unwrap();
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
        self.caller.record(&mut tx, "node.join", &record.name, json!({ "group": record.group }));
        tx.commit().await.unwrap();
        TestNode { id: record.id, identity, sealing, replica: Replica::default(), stored: Vec::new() }
    }

    pub async fn label(&self, node: &TestNode, key: &str, value: &str, widen: bool) -> Result<()> {
        let labels = Act::Label { set: [(key.to_owned(), value.to_owned())].into(), remove: Vec::new() };
        let caller = self.caller.clone().widening(widen);
        act(&self.services, &caller, &node.id.to_string(), &labels).await.map(|_| ())
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
    ) -> Result<conflict::resolve::Resolved> {
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

/// A directory in memory, where the system has such a place: most of what the tests do is commits.
fn memory_directory() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

pub(crate) fn reason<T>(result: Result<T>) -> &'static str {
    result.err().map_or("done", |error: Error| error.reason)
}
