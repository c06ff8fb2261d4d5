//! What the store promises, proven on SQLite and on PostgreSQL.

mod audit;
mod web;

use std::future::Future;
use std::sync::Arc;

use atoll_domain::document::{Audience, Lane};
use atoll_domain::id::{NodeId, TokenId};
use atoll_domain::secret::SymmetricKey;
use atoll_domain::time::Timestamp;
use sea_orm::{ConnectionTrait as _, Database as SeaDatabase};
use serde_json::json;
use uuid::Uuid;

use super::audit::events_after;
use super::fleet::{
    JoinTokenRecord, Reached, SeenRecord, join_token_create, join_token_use, seen_list, seen_put, seen_reached,
};
use super::sharing::{
    ExceptionRecord, ResourceRecord, ResourceState, exception_put, exceptions_clear_older, exceptions_of,
    resource_create, resource_get, resource_list, resource_update,
};
use super::tx::{AuditEntry, SignedRow};
use super::{Store, Tx, feed};
use crate::clock;
use crate::error::ErrorKind;
use crate::keys::Keyring;
use crate::presence::Presence;

/// Runs a test on an empty database of each sort. PostgreSQL is the one that the test script started: its absence is a
/// failure in CI and a visible skip elsewhere.
async fn on_both<F: Future<Output = ()>>(test: impl Fn(Store) -> F) {
    let directory = tempfile::tempdir().unwrap();
    test(empty(Store::open_sqlite(directory.path()).await.unwrap()).await).await;
    let Some(store) = fresh_postgresql().await else { return };
    test(empty(store).await).await;
}

/// A database of its own on the PostgreSQL that the test script started.
pub(crate) async fn fresh_postgresql() -> Option<Store> {
    Some(Store::open_postgresql(&fresh_postgresql_url().await?).await.unwrap())
}

pub(crate) async fn fresh_postgresql_url() -> Option<String> {
    let Ok(url) = std::env::var("ATOLL_TEST_POSTGRESQL_URL") else {
        assert!(std::env::var_os("CI").is_none(), "PostgreSQL is missing: run the tests with `make test`");
        eprintln!("SKIPPED on PostgreSQL: run the tests with `make test`");
        return None;
    };
    let name = format!("store_{}", clock::new_id().simple());
    let server = SeaDatabase::connect(&url).await.unwrap();
    server.execute_unprepared(&format!("CREATE DATABASE {name}")).await.unwrap();
    let (base, _) = url.rsplit_once('/').unwrap();
    Some(format!("{base}/{name}"))
}

async fn empty(store: Store) -> Store {
    let tx = store.begin().await.unwrap();
    super::keys::epoch_get_or_create(&tx, atoll_domain::id::ManagerEpoch(clock::new_id())).await.unwrap();
    tx.commit().await.unwrap();
    store
}

async fn committed(store: &Store, write: impl AsyncFnOnce(&mut Tx)) {
    let mut tx = store.begin_ordered().await.unwrap();
    write(&mut tx).await;
    tx.commit().await.unwrap();
}

fn row(key: String) -> SignedRow {
    SignedRow {
        audience: Audience::Node(NodeId(Uuid::nil())),
        key,
        lane: Lane::Content,
        generation: 1,
        deleted: false,
        document: b"document".to_vec(),
        signature: b"signature".to_vec(),
        content_digest: String::new(),
    }
}

fn entry(subject: &str) -> AuditEntry {
    AuditEntry {
        at: Timestamp(1),
        actor: "tester".to_owned(),
        action: "test",
        subject: subject.to_owned(),
        detail: json!({}),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_never_sees_a_smaller_sequence_number_appear_after_a_larger_one() {
    on_both(|store| async move {
        let writers = (0..8).map(|writer| {
            let store = store.clone();
            tokio::spawn(async move {
                for round in 0..15 {
                    let mut tx = store.begin().await.unwrap();
                    // Said without the lock: the counter alone has to keep them in order.
                    tx.is_ordered = true;
                    tx.put_document(row(format!("{writer}/{round}")));
                    tx.audit(entry(&format!("{writer}/{round}")));
                    tx.commit().await.unwrap();
                }
            })
        });
        let writers: Vec<_> = writers.collect();
        // Reads like a node's cursor: from the last number it saw, again and again, while the writers write.
        let (mut cursor, mut seen) = (0, Vec::new());
        while seen.len() < 8 * 15 {
            let end = feed::feed_sequence_get(&store).await.unwrap();
            let rows = feed::rows_between(&store, cursor, end).await.unwrap();
            seen.extend(rows.into_iter().map(|(row, _)| row.sequence));
            cursor = end;
        }
        for writer in writers {
            writer.await.unwrap();
        }
        seen.sort_unstable();
        assert_eq!(seen, (1..=8 * 15).collect::<Vec<u64>>(), "every commit has its number, and none was passed over");
        let numbers: Vec<u64> =
            events_after(&store, 0, 1_000).await.unwrap().iter().map(|event| event.number).collect();
        assert_eq!(numbers, (1..=8 * 15).collect::<Vec<u64>>(), "the audit record has no gaps");
    })
    .await;
}

/// Whoever decides who gets what without the lock decides on what another one is changing.
#[tokio::test]
async fn what_nodes_get_is_changed_in_order_or_not_at_all() {
    on_both(|store| async move {
        let mut tx = store.begin().await.unwrap();
        tx.put_document(row("out of order".to_owned()));
        assert!(tx.commit().await.is_err());
        let mut tx = store.begin().await.unwrap();
        tx.put_membership(NodeId(Uuid::nil()), Audience::Node(NodeId(Uuid::nil())), true);
        assert!(tx.commit().await.is_err());
        assert!(feed::rows_between(&store, 0, u64::MAX / 2).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_committed_has_not_happened() {
    on_both(|store| async move {
        let mut tx = store.begin().await.unwrap();
        tx.put_document(row("lost".to_owned()));
        tx.audit(entry("lost"));
        drop(tx);
        let mut tx = store.begin().await.unwrap();
        tx.audit(entry("kept"));
        let sequence = tx.commit().await.unwrap();
        assert_eq!(sequence, 0, "a transaction that nodes need not hear of takes no number");
        let events = events_after(&store, 0, 10).await.unwrap();
        assert_eq!(events.iter().map(|event| event.subject.as_str()).collect::<Vec<_>>(), ["kept"]);
        assert!(feed::rows_between(&store, 0, u64::MAX / 2).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_that_start_at_once_find_the_same_keys() {
    on_both(|store| async move {
        let master = Arc::new(SymmetricKey::new([7; 32]));
        let starting = (0..4).map(|_| {
            let (store, master) = (store.clone(), Arc::clone(&master));
            tokio::spawn(async move { Keyring::open(&store, &master).await.unwrap() })
        });
        let mut keyrings = Vec::new();
        for keyring in starting.collect::<Vec<_>>() {
            keyrings.push(keyring.await.unwrap());
        }
        for keyring in &keyrings {
            assert_eq!(keyring.epoch, keyrings[0].epoch);
            assert_eq!(keyring.authority.root_pin(), keyrings[0].authority.root_pin());
            assert_eq!(keyring.documents.to_bytes(), keyrings[0].documents.to_bytes());
        }
        let wrong = Keyring::open(&store, &SymmetricKey::new([8; 32])).await.unwrap_err();
        assert_eq!(wrong.reason, "WRONG_MASTER_KEY");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_use_of_a_join_token_is_taken_once() {
    on_both(|store| async move {
        let id = TokenId(clock::new_id());
        let record = JoinTokenRecord {
            id,
            description: String::new(),
            group: "/".parse().unwrap(),
            labels: Default::default(),
            secret_digest: String::new(),
            uses_limit: 3,
            uses: 0,
            expires_ms: i64::MAX,
            revoked: false,
            created_by: "tester".to_owned(),
            created_ms: 0,
            node_name: None,
        };
        let tx = store.begin().await.unwrap();
        join_token_create(&tx, &record).await.unwrap();
        tx.commit().await.unwrap();
        let attempts = (0..8).map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                let tx = store.begin().await.unwrap();
                let used = join_token_use(&tx, id, 1).await.unwrap();
                tx.commit().await.unwrap();
                used
            })
        });
        let mut used = 0;
        for attempt in attempts.collect::<Vec<_>>() {
            used += usize::from(attempt.await.unwrap());
        }
        assert_eq!(used, 3);
    })
    .await;
}

/// A template of which nothing is written yet.
fn resource(id: Uuid, name: &str, key: &str) -> ResourceRecord {
    ResourceRecord {
        id: atoll_domain::id::ResourceId(id),
        kind: atoll_domain::kind::Kind::StepTemplate,
        name: name.to_owned(),
        text_mode: atoll_domain::sharing::text::TextMode::Review,
        state: ResourceState::Ok,
        heads: Default::default(),
        heads_version: 1,
        released: None,
        changed_ms: 0,
        changed_by: "tester".to_owned(),
        name_key: key.to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_writes_heads_he_did_not_read_is_refused() {
    on_both(|store| async move {
        let record = resource(clock::new_id(), "T", &clock::new_id().to_string());
        let tx = store.begin().await.unwrap();
        resource_create(&tx, &record).await.unwrap();
        tx.commit().await.unwrap();
        let (mut one, mut other) = (record.clone(), record.clone());
        one.name = "One".to_owned();
        let tx = store.begin().await.unwrap();
        resource_update(&tx, &mut one).await.unwrap();
        tx.commit().await.unwrap();
        let tx = store.begin().await.unwrap();
        assert_eq!(resource_update(&tx, &mut other).await.unwrap_err().kind, ErrorKind::Aborted);
        drop(tx);
        assert_eq!(resource_get(&store, record.id).await.unwrap().unwrap().name, "One");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_seen_of_thousands_of_nodes_is_written_at_once_and_again() {
    on_both(|store| async move {
        let nodes: Vec<NodeId> = (0..2_500).map(|_| NodeId(clock::new_id())).collect();
        let (own, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let replica = Some(own);
        for acknowledged in [1, 2] {
            let seen: Vec<(NodeId, SeenRecord)> = nodes
                .iter()
                .map(|node| (*node, SeenRecord { acknowledged, replica, ..SeenRecord::default() }))
                .collect();
            let tx = store.begin().await.unwrap();
            seen_put(&tx, &seen).await.unwrap();
            tx.commit().await.unwrap();
        }
        let seen = seen_list(&store).await.unwrap();
        assert_eq!(seen.len(), nodes.len());
        assert!(seen.iter().all(|(_, seen)| seen.acknowledged == 2));

        let (reached, behind) = nodes.split_at(2_100);
        let tx = store.begin().await.unwrap();
        seen_reached(&tx, &nodes, Reached { acknowledged: 2, proven: Some(2) }, 5, own).await.unwrap();
        seen_reached(&tx, reached, Reached { acknowledged: 3, proven: None }, 7, own).await.unwrap();
        // They have called this one since: what the other one has not written yet is old.
        seen_reached(&tx, &nodes, Reached { acknowledged: 1, proven: Some(1) }, 9, other).await.unwrap();
        tx.commit().await.unwrap();
        for (node, seen) in seen_list(&store).await.unwrap() {
            let wanted = if behind.contains(&node) { (2, Some(2), 5) } else { (3, None, 7) };
            assert_eq!((seen.acknowledged, seen.proven, seen.last_seen_ms), wanted);
        }
    })
    .await;
}

/// What a node is seen with that called at a time.
fn called(since_ms: i64) -> SeenRecord {
    SeenRecord { online: true, since_ms, last_seen_ms: since_ms, ..SeenRecord::default() }
}

/// Two replicas that know of each other.
async fn two_replicas(store: &Store) -> [Presence; 2] {
    let replicas = [(); 2].map(|()| Presence::load(store, Arc::default(), Timestamp(0)));
    let [one, other] = replicas;
    let both = [one.await.unwrap(), other.await.unwrap()];
    for _ in 0..3 {
        for one in &both {
            one.take_up(store, Timestamp(0), |_| false).await.unwrap();
        }
    }
    both
}

#[tokio::test]
async fn a_node_that_has_called_another_replica_since_stays_online() {
    on_both(async |store| {
        let node = NodeId(clock::new_id());
        let [one, other] = two_replicas(&store).await;
        let look = async |presence: &Presence| presence.take_up(&store, Timestamp(0), |_| false).await.unwrap();
        one.connected(node, called(10));
        one.flush(&store).await.unwrap();
        other.connected(node, called(20));
        other.flush(&store).await.unwrap();
        one.disconnected(node, Timestamp(30), Timestamp(29));
        one.flush(&store).await.unwrap();
        look(&one).await;
        assert!(one.get(node).online, "it is connected to the other one");

        other.disconnected(node, Timestamp(40), Timestamp(39));
        other.flush(&store).await.unwrap();
        look(&one).await;
        let seen = one.get(node);
        assert_eq!(
            (seen.online, seen.since_ms, seen.last_seen_ms),
            (false, 39, 39),
            "it was gone before that was noticed"
        );
        // And back again, to one whose clock is behind.
        one.connected(node, called(35));
        one.flush(&store).await.unwrap();
        look(&other).await;
        assert!(other.get(node).online);
        one.disconnected(node, Timestamp(36), Timestamp(35));
        one.flush(&store).await.unwrap();
        look(&other).await;
        assert!(!other.get(node).online);
    })
    .await;
}

#[tokio::test]
async fn a_node_whose_replica_died_is_offline_at_the_others() {
    on_both(async |store| {
        let node = NodeId(clock::new_id());
        let [one, other] = two_replicas(&store).await;
        let look = async |presence: &Presence, second: i64| {
            presence.take_up(&store, Timestamp(second * 1_000), |_| false).await.unwrap();
            presence.get(node).online
        };
        other.connected(node, called(10));
        other.flush(&store).await.unwrap();
        other.take_up(&store, Timestamp(1_000), |_| true).await.unwrap();
        assert!(look(&one, 1).await);
        other.take_up(&store, Timestamp(2_000), |_| true).await.unwrap();
        assert!(look(&one, 2).await);
        assert_eq!(one.seen_elsewhere(&one.get(node)), Some(Timestamp(2_000)), "it is there as long as its replica is");
        // The other one dies, and writes nothing of the end of its connections.
        for second in 3..17 {
            assert!(look(&one, second).await, "it may only be slow");
        }
        assert!(!look(&one, 17).await);
        assert_eq!(one.seen_elsewhere(&one.get(node)), None);
        assert_eq!(one.get(node).since_ms, 2_000, "since its last sign of life");
        // Nor does a replica take it up that has never seen the other one alive.
        let third = Presence::load(&store, Arc::default(), Timestamp(18_000)).await.unwrap();
        assert!(!look(&third, 18).await && !look(&third, 19).await);
        // The node has found another replica.
        third.connected(node, called(20_000));
        third.flush(&store).await.unwrap();
        assert!(!look(&one, 20).await, "heard of for the first time");
        third.take_up(&store, Timestamp(21_000), |_| true).await.unwrap();
        assert!(look(&one, 21).await);
    })
    .await;
}

#[tokio::test]
async fn what_was_not_noticed_again_is_forgotten_and_nothing_else() {
    on_both(async |store| {
        let node = NodeId(Uuid::from_u128(1));
        let noticed = |subject: &str, code: &str, since_ms: i64| ExceptionRecord {
            node,
            subject: subject.to_owned(),
            code: code.to_owned(),
            text: String::new(),
            since_ms,
            revision: None,
        };
        committed(&store, async |tx| {
            for exception in [noticed("a", "CLONED", 1), noticed("b", "CLONED", 9), noticed("c", "REJECTED", 1)] {
                exception_put(tx, &exception).await.unwrap();
            }
            // Seen again: it stays.
            exception_put(tx, &noticed("d", "CLONED", 1)).await.unwrap();
            exception_put(tx, &noticed("d", "CLONED", 5)).await.unwrap();
            exceptions_clear_older(tx, "CLONED", 5).await.unwrap();
        })
        .await;
        let mut left: Vec<String> =
            exceptions_of(&store, node).await.unwrap().into_iter().map(|exception| exception.subject).collect();
        left.sort();
        assert_eq!(left, ["b", "c", "d"]);
    })
    .await;
}

/// Which letters look alike is a table that grows: a key that is not that of its name any more is made anew.
#[tokio::test]
async fn a_key_of_before_is_made_anew_when_the_database_is_opened() {
    on_both(async |store| {
        let keys = async || {
            let all = resource_list(&store).await.unwrap();
            let mut keys: Vec<(String, String)> = all.into_iter().map(|one| (one.name, one.name_key)).collect();
            keys.sort();
            keys
        };
        let pair = |name: &str, key: &str| (name.to_owned(), key.to_owned());
        committed(&store, async |tx| {
            // What a younger one takes has to be free by then, and a number that was given stays.
            for (number, name, key) in [
                (1, "МАТСН", "матсн of before"),
                (2, "match", "tect"),
                (3, "ТЕСТ", "match"),
                (4, "Web", "web"),
                (5, "web", "web~7"),
            ] {
                resource_create(tx, &resource(Uuid::from_u128(number), name, key)).await.unwrap();
            }
        })
        .await;
        super::name::give_keys(&store, Timestamp(5)).await.unwrap();
        let wanted = [("Web", "web"), ("match", "match~2"), ("web", "web~7"), ("МАТСН", "match"), ("ТЕСТ", "tect")];
        assert_eq!(keys().await, wanted.map(|(name, key)| pair(name, key)));
        let told = events_after(&store, 0, 100).await.unwrap();
        let told = told.iter().filter(|event| event.action == "name.collide").count();
        super::name::give_keys(&store, Timestamp(6)).await.unwrap();
        assert_eq!((keys().await.len(), told), (5, 1));
        let again = events_after(&store, 0, 100).await.unwrap();
        assert_eq!(again.iter().filter(|event| event.action == "name.collide").count(), 1, "nothing is left to do");
    })
    .await;
}
