//! Edits that do not run: they are kept where a person finds them.

use std::fs;

use atoll_agent::config::FileFormat;
use atoll_node::domain::document::Report;
use atoll_node::domain::sharing::offer::EditMode;

use super::farm::Server;

#[test]
fn a_wrong_edit_stays_with_a_note_and_is_kept_aside_when_something_newer_comes() {
    let mut server = Server::start(FileFormat::Json);
    server.publish("80", EditMode::Propose);
    server.tick(true);
    let good = server.read();
    fs::write(server.file("json"), "{ half").unwrap();
    server.tick(false);
    assert!(!server.file("json.error").exists(), "it may be half written");
    server.later();
    server.tick(false);
    assert!(server.file("json.error").exists());
    assert_eq!(server.read(), "{ half");
    assert!(server.adapter.state().verified.is_empty(), "a file that cannot be verified is not said to be in order");

    server.saved("json", &good.replace("80", "81"));
    assert!(!server.file("json.error").exists() && server.adapter.problems().is_empty());
    assert_eq!(server.edits().len(), 1);

    server.saved("json", "{ half again");
    server.publish("90", EditMode::Locked);
    server.tick(true);
    assert_eq!(fs::read_to_string(server.file("json.rejected")).unwrap(), "{ half again");
    assert!(server.read().contains("\"90\""), "{}", server.read());
}

#[test]
fn an_edit_of_a_locked_resource_is_kept_aside_and_what_is_published_stands_again() {
    let mut server = Server::start(FileFormat::Json);
    server.publish("80", EditMode::Locked);
    server.tick(true);
    let (published, edit) = (server.read(), server.read().replace("80", "81"));
    let batch = server.saved("json", &edit);
    assert_eq!(server.read(), published);
    assert_eq!(fs::read_to_string(server.file("json.rejected")).unwrap(), edit);
    assert!(batch.refused[0].2.contains("locked") && batch.refused[0].2.contains("web-settings.json.rejected"));
    assert!(server.edits().is_empty());
}

#[test]
fn a_resource_that_is_gone_takes_its_file_along_but_not_somebodys_edit() {
    let mut server = Server::start(FileFormat::Json);
    server.publish("80", EditMode::Propose);
    server.tick(true);
    server.unpublish();
    assert_eq!(server.tick(true).removed, 1);
    assert!(!server.file("json").exists());

    server.publish("80", EditMode::Propose);
    server.tick(true);
    server.unpublish();
    fs::write(server.file("json"), "{\"mine\": 1}").unwrap();
    server.tick(true);
    server.later();
    server.tick(false);
    assert!(!server.file("json").exists());
    assert_eq!(fs::read_to_string(server.file("json.rejected")).unwrap(), "{\"mine\": 1}");
}

#[test]
fn an_edit_that_the_manager_rejects_is_kept_beside_the_file_once() {
    let mut server = Server::start(FileFormat::Json);
    server.publish("80", EditMode::Propose);
    server.tick(true);
    let published = server.read();
    server.saved("json", &published.replace("80", "81"));
    {
        let mut replica = server.node.0.lock().unwrap();
        let report = replica.outbox().values().find(|report| matches!(report, Report::Revision(_))).unwrap().clone();
        let writes = replica.plan_rejection(&mut replica.own_edits(), &report, "a sensitive value was moved");
        replica.apply(writes);
    }
    for _ in 0..3 {
        server.tick(true);
    }
    assert_eq!(server.read(), published, "what is released stands again");
    let kept = fs::read_to_string(server.file("json.rejected")).unwrap();
    assert!(kept.contains("\"81\""), "nobody else has it: {kept}");
    assert!(!server.file("json.rejected-2").exists());
}

#[test]
fn a_rejected_edit_is_kept_where_its_file_was_when_the_resource_is_gone() {
    let mut server = Server::start(FileFormat::Json);
    server.publish("80", EditMode::Propose);
    server.tick(true);
    let published = server.read();
    server.saved("json", &published.replace("80", "81"));
    server.unpublish();
    {
        let mut replica = server.node.0.lock().unwrap();
        let report = replica.outbox().values().find(|report| matches!(report, Report::Revision(_))).unwrap().clone();
        let writes = replica.plan_rejection(&mut replica.own_edits(), &report, "there is another of this name");
        replica.apply(writes);
    }
    for _ in 0..3 {
        server.tick(true);
    }
    assert!(!server.file("json").exists());
    assert!(fs::read_to_string(server.file("json.rejected")).unwrap().contains("\"81\""));
    assert!(!server.file("json.rejected-2").exists());
}
