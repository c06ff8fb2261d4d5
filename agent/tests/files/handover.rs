//! Telling the server that its files are new.

use std::fs;

use atoll_agent::config::{FileFormat, FilesConfig};
use atoll_agent::files::handover::RETRY;
use atoll_agent::files::{Handed, Handover};
use atoll_node::domain::sharing::offer::EditMode;

use super::farm::{Server, adapter};

#[tokio::test]
async fn a_reload_command_that_failed_is_run_again_without_a_change() {
    let mut server = Server::start(FileFormat::Json);
    let mended = server.directory.path().join("mended");
    let script = format!("test -e {} || {{ echo broken >&2; exit 1; }}", mended.display());
    let reload_command = ["sh", "-c", &script].map(str::to_owned).to_vec();
    let mut handover = Handover::new(&FilesConfig { reload_command, ..FilesConfig::default() });
    server.publish("80", EditMode::Propose);
    let batch = server.tick(true);
    let Handed::Failed(text) = handover.hand_over(&batch).await else { panic!("it did not fail") };
    assert!(text.contains("broken"), "{text}");
    assert!(handover.problem().unwrap().contains("next attempt at"));

    // Not in a circle, and without a word about what is known.
    let batch = server.tick(false);
    assert_eq!(handover.hand_over(&batch).await, Handed::Nothing);
    tokio::time::sleep(RETRY.0).await;
    assert_eq!(handover.hand_over(&batch).await, Handed::FailedAgain);
    assert!(handover.problem().unwrap().contains("failed 2 times"));
    // Something new does not wait.
    server.publish("90", EditMode::Propose);
    let batch = server.tick(true);
    assert!(matches!(handover.hand_over(&batch).await, Handed::Failed(_)));

    fs::write(&mended, "").unwrap();
    tokio::time::sleep(RETRY.0).await;
    let batch = server.tick(false);
    assert_eq!(handover.hand_over(&batch).await, Handed::Done);
    assert_eq!(handover.problem(), None);
    server.adapter.settled(&batch);
    let batch = server.tick(false);
    assert_eq!(handover.hand_over(&batch).await, Handed::Nothing);
}

#[tokio::test]
async fn a_server_that_was_not_told_of_a_removal_is_told_until_it_has_heard() {
    let mut server = Server::start(FileFormat::Json);
    let mended = server.directory.path().join("mended");
    let script = format!("test -e {}", mended.display());
    let reload_command = ["sh", "-c", &script].map(str::to_owned).to_vec();
    let handover = || Handover::new(&FilesConfig { reload_command: reload_command.clone(), ..FilesConfig::default() });
    server.publish("80", EditMode::Propose);
    let batch = server.tick(true);
    server.adapter.settled(&batch);
    server.unpublish();
    let batch = server.tick(true);
    let mut first = handover();
    assert!(matches!(first.hand_over(&batch).await, Handed::Failed(_)));
    assert!(!server.adapter.state().is_settled, "its server goes on with what was taken away");
    // Not forgotten by a restart, either.
    server.adapter = adapter(&server.directory, &server.node, FileFormat::Json);
    let batch = server.tick(true);
    let mut second = handover();
    assert!(matches!(second.hand_over(&batch).await, Handed::Failed(_)));
    let batch = server.tick(false);
    assert_eq!(second.hand_over(&batch).await, Handed::Nothing, "not in a circle");
    fs::write(&mended, "").unwrap();
    tokio::time::sleep(RETRY.0).await;
    assert_eq!(second.hand_over(&batch).await, Handed::Done);
    server.adapter.settled(&batch);
    assert!(server.adapter.state().is_settled);
    assert!(!server.tick(false).needs_reload());
}
