//! A database that is put back to an older state beneath running managers, and a manager that stands still in the middle of
//! a transaction.

use std::time::{Duration, Instant};

use atoll_domain::kind::Kind;
use atoll_domain::link::feed::Feed;
use atoll_domain::sharing::offer::EditMode;
use sea_orm::{ConnectionTrait, DbBackend, Statement, TransactionTrait};
use serde_json::json;

use super::{Database, Store};
use crate::clock;
use crate::testing::{TestManager, reason};

/// All that a database holds is as it was when this was called, once [`put_back`] is.
async fn keep(manager: &TestManager) {
    let database = manager.services.store.connection();
    database.execute_unprepared("CREATE SCHEMA kept").await.unwrap();
    for table in tables(manager).await {
        database.execute_unprepared(&format!("CREATE TABLE kept.{table} AS TABLE public.{table}")).await.unwrap();
    }
}

async fn put_back(manager: &TestManager) {
    let tx = manager.services.store.connection().begin().await.unwrap();
    tx.execute_unprepared("SET LOCAL session_replication_role = replica").await.unwrap();
    for table in tables(manager).await {
        let restored = format!("DELETE FROM public.{table}; INSERT INTO public.{table} SELECT * FROM kept.{table}");
        tx.execute_unprepared(&restored).await.unwrap();
    }
    tx.commit().await.unwrap();
}

async fn tables(manager: &TestManager) -> Vec<String> {
    let database = manager.services.store.connection();
    let sql = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename";
    let rows = database.query_all_raw(Statement::from_string(DbBackend::Postgres, sql)).await.unwrap();
    rows.iter().map(|row| row.try_get("", "tablename").unwrap()).collect()
}

fn content(text: &str) -> serde_json::Value {
    json!({"Name": "T", "ActionType": "Octopus.Script", "Properties": {"a": text}})
}

#[tokio::test]
async fn a_database_that_is_put_back_beneath_a_manager_is_never_written_from_what_it_remembers() {
    let Some((one, other)) = TestManager::two_on_postgresql().await else { return };
    let first = one.written(Kind::StepTemplate, &content("1")).await;
    other.services.hub.refresh(&other.services.store).await.unwrap();
    keep(&one).await;
    // A draft changes no number of the feed: only the history tells that it is gone.
    one.write(Kind::StepTemplate, &content("lost")).await.unwrap();
    assert_eq!(one.loaded(Kind::StepTemplate, "T").await.history.len(), 2);
    put_back(&one).await;
    assert_eq!(one.loaded(Kind::StepTemplate, "T").await.history.len(), 1);
    // The same number of revisions as before, and another one among them.
    let drafted = other.write(Kind::StepTemplate, &content("2")).await.unwrap().revision;
    let loaded = one.loaded(Kind::StepTemplate, "T").await;
    assert!(loaded.history.len() == 2 && loaded.history.contains(drafted) && loaded.history.contains(first));
    one.write(Kind::StepTemplate, &content("3")).await.unwrap();
    for manager in [&one, &other] {
        assert_eq!(manager.loaded(Kind::StepTemplate, "T").await.history.len(), 3);
    }
}

#[tokio::test]
async fn a_manager_stops_writing_once_its_database_was_put_back() {
    let Some(url) = super::suite::fresh_postgresql_url().await else { return };
    let one = TestManager::over(Store::open_postgresql(&url).await.unwrap(), tempfile::tempdir().unwrap()).await;
    let other = TestManager::again_on(&url).await;
    one.written(Kind::StepTemplate, &content("1")).await;
    one.publish("all", "/", 0, EditMode::Propose, &[(Kind::StepTemplate, "T", None)]).await;
    keep(&one).await;
    one.written(Kind::StepTemplate, &content("lost")).await;
    one.written(Kind::StepTemplate, &content("lost too")).await;
    for manager in [&one, &other] {
        manager.services.hub.refresh(&manager.services.store).await.unwrap();
    }
    put_back(&one).await;
    // It has met higher numbers than there are: nothing of what it would write can be right.
    assert_eq!(reason(one.write(Kind::StepTemplate, &content("2")).await), "DATABASE_PUT_BACK");
    assert_eq!(reason(one.services.hub.refresh(&one.services.store).await), "DATABASE_PUT_BACK");
    // A third, started since, goes on beyond the numbers that were lost: the same numbers have other marks now.
    let fresh = TestManager::again_on(&url).await;
    while fresh.services.hub.read(Feed::sequence) <= other.services.hub.read(Feed::sequence) {
        fresh.written(Kind::StepTemplate, &content(&clock::new_id().to_string())).await;
        fresh.services.hub.refresh(&fresh.services.store).await.unwrap();
    }
    assert_eq!(reason(other.services.hub.refresh(&other.services.store).await), "DATABASE_PUT_BACK");
}

#[tokio::test]
async fn a_manager_that_is_frozen_in_a_transaction_does_not_hold_up_the_others_for_long() {
    let Some((one, other)) = TestManager::two_on_postgresql().await else { return };
    one.written(Kind::StepTemplate, &content("1")).await;
    let frozen = one.services.store.begin_ordered().await.unwrap();
    let began = Instant::now();
    other.written(Kind::StepTemplate, &content("2")).await;
    let waited = began.elapsed();
    assert!(waited > Duration::from_secs(5) && waited < Duration::from_secs(20), "{waited:?}");
    assert_eq!(reason(frozen.commit().await), "STORAGE_UNAVAILABLE", "what it had begun is undone");
}
