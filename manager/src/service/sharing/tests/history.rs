//! What is remembered of histories.

use std::collections::BTreeSet;

use atoll_domain::kind::Kind;
use atoll_domain::sharing::revision::Revision;
use serde_json::json;

use crate::clock;
use crate::service::sharing::history::load;
use crate::testing::TestManager;

#[tokio::test]
async fn what_a_transaction_read_is_forgotten_with_it() {
    let manager = TestManager::start().await;
    let content = |text: &str| json!({"Name": "T", "ActionType": "Octopus.Script", "Properties": {"a": text}});
    let first = manager.written(Kind::StepTemplate, &content("1")).await;
    let record = manager.loaded(Kind::StepTemplate, "T").await.record;

    let tx = manager.services.store.begin_ordered().await.unwrap();
    let mut loaded = load(&tx, record.clone()).await.unwrap();
    let (before, after) = (loaded.body(&tx, first).await.unwrap(), content("2"));
    let parents = BTreeSet::from([first]);
    let revision = Revision::child(record.id, Kind::StepTemplate, parents, before.as_ref(), &after);
    let (id, provenance) = (revision.id, loaded.merge_provenance(&revision.header.parents));
    loaded.add(&tx, revision, provenance, Some(&after), None, clock::now()).await.unwrap();
    assert!(load(&tx, record).await.unwrap().history.contains(id), "the transaction sees its own work");
    // It is undone.
    drop(tx);
    assert!(!manager.loaded(Kind::StepTemplate, "T").await.history.contains(id));

    let next = manager.written(Kind::StepTemplate, &content("3")).await;
    let loaded = manager.loaded(Kind::StepTemplate, "T").await;
    assert!(loaded.history.descends(next, first) && loaded.history.len() == 2);
}
