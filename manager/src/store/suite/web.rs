//! Links, sessions, views, selections, events and samples.

use std::collections::BTreeSet;

use atoll_domain::id::{NodeId, SessionId, TokenId};
use uuid::Uuid;

use super::{committed, on_both};
use crate::clock;
use crate::store::access::{
    SessionRecord, SignInLinkRecord, ViewRecord, link_count, link_create, link_use, session_create, session_list,
    sign_ins_prune, view_count, view_list, view_named, view_put,
};
use crate::store::fleet::{
    NodeEventRecord, SelectionRecord, node_event_list, node_events_prune, node_events_put, selection_create,
    selection_get, selections_prune,
};
use crate::store::telemetry::{SampleRecord, sample_count, sample_list, sample_put, samples_prune};

fn link(id: Uuid, expires_ms: i64) -> SignInLinkRecord {
    SignInLinkRecord {
        id,
        secret_digest: String::new(),
        name: "anna".to_owned(),
        token: None,
        created_ms: 0,
        expires_ms,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_used_by_one_of_many() {
    on_both(|store| async move {
        let id = clock::new_id();
        committed(&store, async |tx| link_create(tx, &link(id, 10)).await.unwrap()).await;
        let attempts = (0..8).map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                let tx = store.begin().await.unwrap();
                let used = link_use(&tx, id).await.unwrap();
                tx.commit().await.unwrap();
                used
            })
        });
        let mut used = 0;
        for attempt in attempts.collect::<Vec<_>>() {
            used += usize::from(attempt.await.unwrap());
        }
        assert_eq!(used, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_run_out_is_forgotten() {
    on_both(|store| async move {
        let session = |expires_ms: i64| SessionRecord {
            id: SessionId(clock::new_id()),
            secret_digest: String::new(),
            name: "anna".to_owned(),
            token: Some(TokenId(Uuid::nil())),
            created_ms: 0,
            expires_ms,
            browser: "a browser".to_owned(),
        };
        committed(&store, async |tx| {
            for expires_ms in [5, 10] {
                link_create(tx, &link(clock::new_id(), expires_ms)).await.unwrap();
                session_create(tx, &session(expires_ms)).await.unwrap();
            }
            sign_ins_prune(tx, 5).await.unwrap();
        })
        .await;
        assert_eq!(link_count(&store).await.unwrap(), 1);
        let left = session_list(&store).await.unwrap();
        assert_eq!(left.iter().map(|session| session.expires_ms).collect::<Vec<_>>(), [10]);
        assert_eq!(left[0].token, Some(TokenId(Uuid::nil())));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_sees_own_views_and_shared_ones() {
    on_both(|store| async move {
        let view = |owner: &str, name: &str, shared: bool| ViewRecord {
            id: clock::new_id(),
            owner: owner.to_owned(),
            screen: "nodes".to_owned(),
            name: name.to_owned(),
            query: String::new(),
            shared,
        };
        committed(&store, async |tx| {
            for record in [view("anna", "a", false), view("ben", "b", false), view("ben", "c", true)] {
                view_put(tx, &record).await.unwrap();
            }
        })
        .await;
        let before = view_named(&store, "anna", "nodes", "a").await.unwrap().unwrap();
        let after = ViewRecord { query: "filter=x".to_owned(), ..before };
        committed(&store, async |tx| view_put(tx, &after).await.unwrap()).await;
        let seen = view_list(&store, "anna").await.unwrap();
        let seen: BTreeSet<(&str, &str)> = seen.iter().map(|view| (view.name.as_str(), view.query.as_str())).collect();
        assert_eq!(seen, BTreeSet::from([("a", "filter=x"), ("c", "")]));
        assert_eq!(view_count(&store, "ben").await.unwrap(), 2);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_oldest_selections_of_an_owner_make_room() {
    on_both(|store| async move {
        let selection = |owner: &str, created_ms: i64| SelectionRecord {
            id: clock::new_id(),
            owner: owner.to_owned(),
            nodes: vec![NodeId(clock::new_id())],
            created_ms,
            expires_ms: created_ms + 100,
        };
        let own: Vec<SelectionRecord> = (0..4).map(|created_ms| selection("anna", created_ms)).collect();
        let other = selection("ben", 0);
        committed(&store, async |tx| {
            for record in own.iter().chain([&other]) {
                selection_create(tx, record).await.unwrap();
            }
            selections_prune(tx, "anna", 2, 100).await.unwrap();
        })
        .await;
        let mut left = Vec::new();
        for record in own.iter().chain([&other]) {
            left.push(selection_get(&store, record.id).await.unwrap().map(|found| found.nodes == record.nodes));
        }
        // The other owner's has run out by then.
        assert_eq!(left, [None, None, Some(true), Some(true), None]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_each_node_the_newest_events_are_kept() {
    on_both(|store| async move {
        let (busy, quiet) = (NodeId(clock::new_id()), NodeId(clock::new_id()));
        let event = |node: NodeId, at_ms: i64| NodeEventRecord {
            id: clock::new_id(),
            node,
            at_ms,
            action: "connected".to_owned(),
            text: String::new(),
        };
        let mut events: Vec<NodeEventRecord> = (0..1_205).map(|at_ms| event(busy, at_ms)).collect();
        events.push(event(quiet, 1));
        committed(&store, async |tx| {
            node_events_put(tx, &events).await.unwrap();
            assert_eq!(node_events_prune(tx).await.unwrap(), 1_005);
        })
        .await;
        let kept = node_event_list(&store, busy, 2_000).await.unwrap();
        assert_eq!((kept.len(), kept[0].at_ms, kept[199].at_ms), (200, 1_204, 1_005));
        assert_eq!(node_event_list(&store, quiet, 2_000).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn samples_are_thinned_evenly_from_the_newest() {
    on_both(|store| async move {
        let sample = |at_ms: i64| SampleRecord { at_ms, nodes: 1, online: 1, in_sync: 1, conflicts: 0 };
        committed(&store, async |tx| {
            for at_ms in (0..10).chain([9]) {
                sample_put(tx, &sample(at_ms)).await.unwrap();
            }
            samples_prune(tx, 1).await.unwrap();
        })
        .await;
        assert_eq!(sample_count(&store, 3).await.unwrap(), 7);
        let times = |samples: Vec<SampleRecord>| samples.iter().map(|sample| sample.at_ms).collect::<Vec<_>>();
        assert_eq!(times(sample_list(&store, 0, 4).await.unwrap()), [1, 5, 9]);
        assert_eq!(times(sample_list(&store, 7, 1).await.unwrap()), [7, 8, 9]);
    })
    .await;
}
