//! The audit record as a list, and the directory of nodes that follows it.

use atoll_domain::fleet::node::NodeStanding;
use atoll_domain::id::{NodeId, TokenId};
use uuid::Uuid;

use super::{committed, entry, on_both};
use crate::clock;
use crate::directory::Directory;
use crate::store::audit::{
    AuditField, AuditQuery, AuditTerm, event_counts, event_list, events_about_node, subjects_between,
};
use crate::store::fleet::{CertificateRecord, NodeRecord, node_create_many, node_update};
use crate::store::tx::AuditEntry;

fn act(actor: &str, action: &'static str, subject: &str) -> AuditEntry {
    AuditEntry { actor: actor.to_owned(), action, ..entry(subject) }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_record_is_filtered_counted_and_cut_by_the_database() {
    on_both(|store| async move {
        committed(&store, async |tx| {
            for number in 0..6 {
                tx.audit(act(["anna", "ben"][number % 2], "node.label", &format!("n{number}")));
            }
            tx.audit(act("anna", "group.create", "/50%_off"));
            tx.audit(act("node:n1", "node.join", "n1"));
        })
        .await;
        let list = async |terms: Vec<AuditTerm>, oldest_first: bool, beyond: Option<u64>| {
            let query = AuditQuery { terms, oldest_first, beyond, limit: 2 };
            let events = event_list(&store, &query).await.unwrap();
            events.iter().map(|event| event.number).collect::<Vec<_>>()
        };
        assert_eq!(list(vec![], false, None).await, [8, 7]);
        assert_eq!(list(vec![], false, Some(7)).await, [6, 5]);
        assert_eq!(list(vec![], true, Some(2)).await, [3, 4]);
        let is = |field, value: &str| AuditTerm::Is(field, value.to_owned());
        let by_anna = vec![is(AuditField::Actor, "anna"), AuditTerm::IsNot(AuditField::Subject, "n4".to_owned())];
        assert_eq!(list(by_anna.clone(), false, None).await, [7, 3]);
        let count = async |terms: &[AuditTerm]| event_counts(&store, terms, 2).await.unwrap().total;
        assert_eq!(count(&by_anna).await, 3);
        assert_eq!(count(&[]).await, 8);
        assert_eq!(count(&[is(AuditField::Number, "5")]).await, 1);
        assert_eq!(count(&[is(AuditField::Number, "x")]).await, 0);
        // What means something to the database is text here.
        for (word, wanted) in [("label", 6), ("50%_", 1), ("n_", 0), ("%", 1)] {
            assert_eq!(count(&[AuditTerm::Word(word.to_owned())]).await, wanted, "{word}");
        }
        // However it is counted, it comes to the same.
        let every = AuditTerm::IsNot(AuditField::Subject, "nothing".to_owned());
        for terms in [vec![], vec![every]] {
            let counts = event_counts(&store, &terms, 2).await.unwrap();
            assert_eq!(counts.actors, [("anna".to_owned(), 4), ("ben".to_owned(), 3)]);
            assert_eq!(counts.actions, [("node.label".to_owned(), 6), ("group.create".to_owned(), 1)]);
        }

        assert_eq!(subjects_between(&store, 5, 8, "node.", 10).await.unwrap(), ["n5", "n1"]);
        let about = events_about_node(&store, "n1", 0, 10).await.unwrap();
        assert_eq!(about.iter().map(|event| event.number).collect::<Vec<_>>(), [8, 2]);
        assert!(events_about_node(&store, "n1", 2, 10).await.unwrap().is_empty(), "before it joined");
    })
    .await;
}

fn node(name: &str) -> NodeRecord {
    NodeRecord {
        id: NodeId(clock::new_id()),
        name: name.parse().unwrap(),
        group: "/".parse().unwrap(),
        labels: Default::default(),
        standing: NodeStanding::Active,
        standing_reason: String::new(),
        standing_since_ms: 0,
        joined_ms: 0,
        identity_key: name.as_bytes().to_vec(),
        sealing_key: Vec::new(),
        join_token: TokenId(Uuid::nil()),
        certificate: CertificateRecord::default(),
        next_certificate: None,
        certificate_expires_ms: 0,
        recoveries: 0,
        name_key: clock::new_id().to_string(),
        confirmed: true,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_directory_follows_whoever_changes_nodes() {
    on_both(|store| async move {
        let (one, other) = (node("b"), node("a"));
        committed(&store, async |tx| {
            node_create_many(tx, std::slice::from_ref(&one)).await.unwrap();
            tx.audit(act("node:b", "node.join", "b"));
        })
        .await;
        let directory = Directory::load(&store).await.unwrap();
        let names = async || {
            let nodes = directory.nodes(&store).await.unwrap();
            nodes.iter().map(|node| node.name.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(names().await, ["b"]);
        committed(&store, async |tx| {
            node_create_many(tx, std::slice::from_ref(&other)).await.unwrap();
            tx.audit(act("node:a", "node.join", "a"));
            tx.audit(act("anna", "group.create", "/eu"));
        })
        .await;
        assert_eq!(names().await, ["a", "b"]);
        let renamed = NodeRecord { name: "c".parse().unwrap(), ..other.clone() };
        committed(&store, async |tx| {
            node_update(tx, &renamed).await.unwrap();
            tx.audit(act("anna", "node.rename", "c"));
        })
        .await;
        assert_eq!(names().await, ["b", "c"]);
        let removed = NodeRecord { standing: NodeStanding::Removed, ..one.clone() };
        committed(&store, async |tx| {
            node_update(tx, &removed).await.unwrap();
            tx.audit(act("anna", "node.remove", "b"));
        })
        .await;
        let nodes = directory.nodes(&store).await.unwrap();
        assert_eq!(nodes.named("c").map(|node| node.id), Some(other.id));
        assert!(nodes.get(one.id).is_none() && nodes.named("b").is_none());
        // More acts than are looked at one by one.
        committed(&store, async |tx| {
            node_create_many(tx, &[node("d")]).await.unwrap();
            (0..600).for_each(|_| tx.audit(act("node:d", "node.join", "d")));
        })
        .await;
        assert_eq!(names().await, ["c", "d"]);
    })
    .await;
}
