//! Edits of files: what is taken, when, and from what it was made.

use std::fs;
use std::time::Duration;

use atoll_agent::config::FileFormat;
use atoll_agent::files::Host;
use atoll_node::domain::sharing::fork::ForkState;
use atoll_node::domain::sharing::offer::EditMode;

use super::farm::{ID, Server, adapter};

#[test]
fn an_edit_of_a_file_becomes_the_nodes_own_revision_and_the_file_stays_as_it_was_saved() {
    let mut server = Server::start(FileFormat::Json);
    let released = server.publish("80", EditMode::Propose);
    let batch = server.tick(true);
    assert!(server.read().contains(&released.to_string()) && server.read().contains("\"80\""), "{}", server.read());
    assert_eq!(batch.pending.len(), 1);
    server.adapter.settled(&batch);
    assert!(!server.tick(false).needs_reload(), "nothing to do twice");

    let saved = server.read().replace("80", "8080");
    let batch = server.saved("json", &saved);
    let own = server.node.running()[0].revision;
    assert_ne!(own, released);
    assert_eq!(
        server.read(),
        saved,
        "a file that differs in its $revision alone is not touched under its editor's hands"
    );
    assert_eq!((server.edits(), batch.pending[0].2), (vec![(false, "file:web-settings.json".to_owned())], own));
    server.tick(false);
    assert_eq!(server.edits().len(), 1, "an edit is taken once");
    let state = server.adapter.state();
    let resource = ID.parse().unwrap();
    assert_eq!((state.verified[&resource], state.standing[&resource]), (own, released));
}

#[test]
fn one_editor_that_saves_again_and_again_goes_on_from_its_own_saves() {
    let mut server = Server::start(FileFormat::Json);
    server.publish("80", EditMode::Propose);
    server.tick(true);
    let opened = server.read();
    for value in ["81", "82", "83"] {
        server.saved("json", &opened.replace("80", value));
    }
    let parents: Vec<_> = server.revisions().iter().map(|(_, parents)| parents.clone()).collect();
    let ids: Vec<_> = server.revisions().iter().map(|(id, _)| *id).collect();
    assert_eq!(ids.len(), 3);
    assert_eq!(parents[1..], [vec![ids[0]], vec![ids[1]]], "each save succeeds the one before");
    // Saved unchanged: nothing new, and nothing is put back.
    server.saved("json", &opened.replace("80", "83").replace("  ", "    "));
    assert_eq!(server.revisions().len(), 3);
    assert_eq!(server.node.running()[0].revision, ids[2]);
    // An undo is an edit.
    server.saved("json", &opened);
    let (_, last) = server.revisions().pop().unwrap();
    assert_eq!(last, [ids[2]]);
    assert_eq!(server.taken_back().pop().unwrap().len(), 1, "and says what it takes back");
}

#[test]
fn an_edit_made_while_the_agent_was_down_is_taken_when_it_starts() {
    let mut server = Server::start(FileFormat::Yaml);
    server.publish("80", EditMode::Propose);
    server.tick(true);
    let text = fs::read_to_string(server.file("yaml")).unwrap();
    fs::write(server.file("yaml"), text.replace("80", "8080")).unwrap();
    server.adapter = adapter(&server.directory, &server.node, FileFormat::Yaml);
    server.tick(true);
    server.later();
    server.tick(false);
    assert_eq!(server.edits(), [(false, "file:web-settings.yaml".to_owned())]);

    // Restarted without an edit, nothing is taken even though something newer came meanwhile.
    server.publish("443", EditMode::Locked);
    server.adapter = adapter(&server.directory, &server.node, FileFormat::Yaml);
    server.tick(true);
    assert_eq!(server.edits().len(), 1);
    assert!(fs::read_to_string(server.file("yaml")).unwrap().contains("443"));
}

/// A valid prefix of YAML is a valid document with less in it: what is saved in parts is taken as a whole.
#[test]
fn a_file_that_is_written_in_parts_is_taken_as_a_whole() {
    let mut server = Server::start(FileFormat::Yaml);
    server.publish("80", EditMode::Propose);
    server.tick(true);
    let text = fs::read_to_string(server.file("yaml")).unwrap();
    let whole = text.replace("80", "8080");
    let lines: Vec<&str> = whole.split_inclusive('\n').collect();
    for count in 1..=lines.len() {
        fs::write(server.file("yaml"), lines[..count].concat()).unwrap();
        server.tick(false);
        server.now += Duration::from_millis(1_900);
        server.tick(false);
        assert!(server.edits().is_empty());
        assert!(!server.adapter.state().is_settled);
    }
    server.later();
    server.tick(false);
    assert_eq!(server.edits().len(), 1);
    assert_eq!(server.node.running()[0].body.as_ref().unwrap()["Variables"]["$items"].as_object().unwrap().len(), 1);
}

/// A program that has the file open while a release replaces it writes into what was swapped out.
#[test]
fn what_is_saved_into_a_file_that_was_replaced_is_an_edit_too() {
    use std::io::{Seek as _, Write as _};
    let mut server = Server::start(FileFormat::Json);
    let opened_from = server.publish("80", EditMode::Propose);
    server.tick(true);
    let mut open = fs::OpenOptions::new().write(true).open(server.file("json")).unwrap();
    let edit = server.read().replace("80", "8080");
    server.publish("90", EditMode::Propose);
    server.tick(true);
    assert!(server.read().contains("\"90\""));
    server.tick(false);
    open.seek(std::io::SeekFrom::Start(0)).unwrap();
    open.write_all(edit.as_bytes()).unwrap();
    open.set_len(edit.len() as u64).unwrap();
    open.sync_all().unwrap();
    server.tick(false);
    server.later();
    server.tick(false);
    let (_, parents) = server.revisions().pop().expect("the edit is taken");
    assert_eq!(parents, [opened_from]);
    assert!(server.read().contains("8080"), "{}", server.read());
}

/// Whatever a crash leaves beside a file is looked at, and never written over.
#[test]
fn a_crash_between_two_steps_loses_nothing() {
    let mut server = Server::start(FileFormat::Json);
    server.publish("80", EditMode::Propose);
    server.tick(true);
    let edit = server.read().replace("80", "8080");
    for (name, is_edit) in [
        (".web-settings.json.atoll-tmp", true),
        ("../.atoll/variable_set/web-settings.json.77", true),
        (".web-settings.json.atoll-tmp", false),
    ] {
        let before = server.edits().len();
        let lies = server.file("json").with_file_name(name);
        let value = format!("8080{before}");
        let text = if is_edit { edit.replace("8080", &value) } else { server.read() };
        fs::write(&lies, &text).unwrap();
        server.adapter = adapter(&server.directory, &server.node, FileFormat::Json);
        server.tick(true);
        server.later();
        server.tick(false);
        assert_eq!(server.edits().len(), before + usize::from(is_edit), "{name}");
        server.publish(&format!("9{before}"), EditMode::Propose);
        server.tick(true);
    }
}

#[test]
fn a_file_that_belongs_to_nothing_is_named() {
    let mut server = Server::start(FileFormat::Json);
    server.publish("80", EditMode::Propose);
    server.tick(true);
    let old = server.file("json").with_file_name("old-name.json");
    fs::write(&old, server.read()).unwrap();
    server.tick(false);
    let problems: Vec<&String> = server.adapter.problems().values().collect();
    assert!(problems.len() == 1 && problems[0].contains("belongs to no resource"), "{problems:?}");
    fs::remove_file(old).unwrap();
    server.tick(false);
    assert!(server.adapter.problems().is_empty());
}

#[test]
fn a_change_under_the_same_time_size_and_inode_is_seen() {
    use std::io::Write as _;
    let mut server = Server::start(FileFormat::Json);
    server.publish("80", EditMode::Propose);
    server.tick(true);
    server.now += Duration::from_secs(60);
    server.tick(false);
    let before = fs::metadata(server.file("json")).unwrap().modified().unwrap();
    let text = server.read().replace("80", "81");
    let mut file = fs::OpenOptions::new().write(true).open(server.file("json")).unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file.set_modified(before).unwrap();
    drop(file);
    server.tick(false);
    server.later();
    server.tick(false);
    assert_eq!(server.edits().len(), 1);
}

#[test]
fn an_edit_without_a_base_is_proposed_and_not_run() {
    let mut server = Server::start(FileFormat::Json);
    server.publish("80", EditMode::Propose);
    fs::create_dir_all(server.file("json").parent().unwrap()).unwrap();
    server.saved("json", r#"{"Name": "Web Settings", "Variables": [{"Name": "Port", "Value": "7"}]}"#);
    assert_eq!(server.edits(), [(true, "file:web-settings.json".to_owned())]);
    assert_eq!(server.node.running()[0].fork, Some(ForkState::Unapplied));
    assert!(server.read().contains("\"80\""), "what runs is what the file shows: {}", server.read());
}
