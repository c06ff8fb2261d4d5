//! Edits that do not run: they are kept where a person finds them.

use std::fs;

use atoll_agent::config::{FileFormat, FilesConfig};
use atoll_agent::files::Adapter;
use atoll_node::domain::id::RevisionId;
use atoll_node::domain::link::replica::Write;
use atoll_node::domain::sharing::offer::EditMode;

use super::farm::{Server, adapter};

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
    server.reject(0, "a sensitive value was moved");
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
    server.reject(0, "there is another of this name");
    for _ in 0..3 {
        server.tick(true);
    }
    assert!(!server.file("json").exists());
    assert!(fs::read_to_string(server.file("json.rejected")).unwrap().contains("\"81\""));
    assert!(!server.file("json.rejected-2").exists());
}

/// Two people save one file while the node is cut off, and the manager rejects what each of them made.
#[test]
fn every_edit_that_the_manager_rejects_is_kept_and_not_only_the_newest() {
    let mut server = Server::start(FileFormat::Json);
    server.publish("80", EditMode::Propose);
    server.tick(true);
    let published = server.read();
    server.saved("json", &published.replace("80", "81"));
    server.saved("json", &published.replace("80", "82"));
    [0, 1].into_iter().for_each(|number| server.reject(number, "it moves a sensitive value"));
    let both = server.node.0.lock().unwrap().rejected();
    assert_eq!(both.len(), 2);
    server.tick(true);
    // The agent ends before the node has heard that the older one is kept: the next one says so, and keeps nothing twice.
    server.node.0.lock().unwrap().apply(vec![Write::PutRejected(0, Box::new(both[0].clone()))]);
    server.adapter = adapter(&server.directory, &server.node, FileFormat::Json);
    for _ in 0..3 {
        server.tick(true);
    }
    assert_eq!(server.read(), published, "what is released stands again");
    let kept = ["json.rejected", "json.rejected-2"].map(|ending| fs::read_to_string(server.file(ending)).unwrap());
    assert!(kept[0].contains("\"81\"") && kept[1].contains("\"82\""), "{kept:?}");
    assert!(!server.file("json.rejected-3").exists());
    let told: Vec<RevisionId> = server.node.0.lock().unwrap().rejected().iter().map(|edit| edit.revision).collect();
    assert_eq!(told, [both[1].revision], "the newest is told of until another edit takes its place");
}

/// Somebody has a file open across a release and saves into it slowly, and somebody else does so where edits are locked.
#[test]
fn what_is_saved_into_a_replaced_file_is_waited_for_and_told_of_where_it_is_not_taken() {
    use std::io::Write as _;
    let mut server = Server::start(FileFormat::Json);
    server.publish("80", EditMode::Propose);
    server.tick(true);
    let (edit, open) = (server.read().replace("80", "8080"), |server: &Server| {
        fs::OpenOptions::new().write(true).truncate(false).open(server.file("json")).unwrap()
    });
    let mut file = open(&server);
    server.publish("90", EditMode::Propose);
    server.tick(true);
    file.set_len(0).unwrap();
    file.write_all(&edit.as_bytes()[..40]).unwrap();
    for _ in 0..3 {
        server.later();
        server.tick(false);
    }
    assert!(server.edits().is_empty() && !server.file("json.rejected").exists(), "half of it is no edit");
    assert!(server.adapter.problems().values().any(|text| text.contains("is not taken yet")));
    file.write_all(&edit.as_bytes()[40..]).unwrap();
    server.tick(false);
    server.later();
    server.tick(false);
    assert_eq!(server.edits().len(), 1);
    assert!(server.adapter.problems().is_empty(), "{:?}", server.adapter.problems());

    let mut file = open(&server);
    server.publish("95", EditMode::Locked);
    server.tick(true);
    file.set_len(0).unwrap();
    file.write_all(edit.replace("8080", "9090").as_bytes()).unwrap();
    server.tick(false);
    server.later();
    let told = server.tick(false).refused;
    assert!(fs::read_to_string(server.file("json.rejected")).unwrap().contains("9090"));
    assert!(told.iter().any(|(_, _, text)| text.contains("json.rejected") && text.contains("locked")), "{told:?}");
}

/// The agent's memory is gone, or its directory is written in another way: what lies in its yard is nobody's edit.
#[test]
fn what_was_replaced_in_an_earlier_life_is_no_edit() {
    let mut server = Server::start(FileFormat::Json);
    for port in ["80", "90"] {
        server.publish(port, EditMode::WriteThrough);
        server.tick(true);
    }
    // What was replaced before it would take this edit back.
    let edited = server.read().replace("90", "91");
    server.saved("json", &edited);
    assert_eq!(server.edits().len(), 1);
    let config = FilesConfig {
        directory: server.directory.path().join("files/../files"),
        format: FileFormat::Json,
        ..FilesConfig::default()
    };
    let memory = server.directory.path().join("files.json");
    server.adapter = Adapter::new(server.node.clone(), config, memory.clone());
    for _ in 0..3 {
        server.tick(true);
        server.later();
    }
    fs::remove_file(memory).unwrap();
    server.adapter = adapter(&server.directory, &server.node, FileFormat::Json);
    for _ in 0..3 {
        server.tick(true);
        server.later();
    }
    assert_eq!(server.edits().len(), 1, "{:?}", server.edits());
    assert!(server.read().contains("91"));
}

/// The agent or the machine died while a file was written, or the disk was full: half of it is nobody's edit, though it names
/// the newest revision and can be read.
#[test]
fn half_a_file_that_the_agent_wrote_is_never_an_edit() {
    let mut server = Server::start(FileFormat::Yaml);
    server.publish("80", EditMode::WriteThrough);
    server.tick(true);
    let whole = fs::read_to_string(server.file("yaml")).unwrap();
    let half = server.file("yaml").with_file_name(".web-settings.yaml.atoll-part");
    fs::write(&half, &whole[..whole.len() - 4]).unwrap();
    server.adapter = adapter(&server.directory, &server.node, FileFormat::Yaml);
    for _ in 0..3 {
        server.tick(true);
        server.later();
    }
    assert!(server.edits().is_empty() && !half.exists());
    // Nor is one whose writing fails: nothing of it stays.
    let blocked = server.file("yaml").with_file_name(".web-settings.yaml.atoll-tmp");
    fs::create_dir(&blocked).unwrap();
    server.publish("90", EditMode::WriteThrough);
    server.tick(true);
    server.later();
    server.tick(true);
    assert!(server.edits().is_empty(), "{:?}", server.edits());
    assert_eq!(fs::read_to_string(server.file("yaml")).unwrap(), whole);
    fs::remove_dir(&blocked).unwrap();
    server.later();
    server.tick(true);
    assert!(fs::read_to_string(server.file("yaml")).unwrap().contains("90"));
}

/// Deleted, or published to others only, while somebody was editing it: that is somebody's work.
#[test]
fn an_edit_of_what_has_left_the_node_is_told_of() {
    use std::io::Write as _;
    let mut server = Server::start(FileFormat::Json);
    let first = server.publish("80", EditMode::Propose);
    server.tick(true);
    let edited = server.read().replace("80", "81");
    fs::write(server.file("json"), &edited).unwrap();
    server.unpublish();
    for _ in 0..3 {
        server.tick(true);
        server.later();
    }
    assert_eq!(server.revisions().iter().map(|(_, parents)| parents.clone()).collect::<Vec<_>>(), [vec![first]]);
    assert!(!server.file("json").exists());
    server.reject(0, "it is not published to this node");
    server.tick(true);
    assert!(fs::read_to_string(server.file("json.rejected")).unwrap().contains("81"));
    server.tick(false);
    assert_eq!(server.adapter.aside().iter().collect::<Vec<_>>(), ["variable_set/web-settings.json.rejected"]);

    // A program had it open all the while.
    server.publish("90", EditMode::Propose);
    server.tick(true);
    let text = server.read().replace("90", "91");
    let mut open = fs::OpenOptions::new().write(true).open(server.file("json")).unwrap();
    server.unpublish();
    server.tick(true);
    assert!(!server.file("json").exists());
    open.set_len(0).unwrap();
    open.write_all(text.as_bytes()).unwrap();
    for _ in 0..3 {
        server.later();
        server.tick(false);
    }
    assert_eq!(server.edits().len(), 1, "{:?}", server.adapter.problems());

    // A program that writes the file from nothing names no revision.
    let mut server = Server::start(FileFormat::Json);
    server.publish("80", EditMode::Propose);
    server.tick(true);
    fs::write(server.file("json"), r#"{"Name": "Web Settings", "Variables": [{"Name": "Port", "Value": "7"}]}"#)
        .unwrap();
    server.unpublish();
    for _ in 0..3 {
        server.tick(true);
        server.later();
    }
    assert_eq!(server.edits().iter().map(|(base_unknown, _)| *base_unknown).collect::<Vec<_>>(), [true]);
    // Half of a file is no edit, and somebody is told why it lies aside.
    server.publish("90", EditMode::Propose);
    server.tick(true);
    fs::write(server.file("json"), "{ half").unwrap();
    server.unpublish();
    let mut told = Vec::new();
    for _ in 0..3 {
        told.extend(server.tick(true).refused);
        server.later();
    }
    assert!(told.iter().any(|(_, _, text)| text.contains("web-settings.json.rejected")), "{told:?}");
}

/// An editor that opens a file by its name saves it by its name, also where no file is any more.
#[test]
fn what_is_saved_under_the_name_of_what_has_left_the_node_is_told_of() {
    let mut server = Server::start(FileFormat::Json);
    let first = server.publish("80", EditMode::Propose);
    server.tick(true);
    let buffer = server.read().replace("80", "81");
    server.unpublish();
    server.tick(true);
    assert!(!server.file("json").exists());
    server.adapter = adapter(&server.directory, &server.node, FileFormat::Json);
    fs::write(server.file("json"), &buffer).unwrap();
    for _ in 0..4 {
        server.tick(false);
        server.later();
    }
    assert_eq!(server.revisions().iter().map(|(_, parents)| parents.clone()).collect::<Vec<_>>(), [vec![first]]);
    assert!(!server.file("json").exists(), "it is no file of a resource that is here");
    server.reject(0, "it is not published to this node");
    server.tick(true);
    assert!(fs::read_to_string(server.file("json.rejected")).unwrap().contains("81"));
    // What names no revision is somebody's own file, and is left alone.
    fs::write(server.file("json"), r#"{"Name": "notes"}"#).unwrap();
    for _ in 0..4 {
        server.tick(false);
        server.later();
    }
    assert!(server.file("json").exists());
    assert_eq!(server.edits().len(), 0);
}

/// What is wrong with a file is told to the manager, and in it may be a password.
#[test]
fn what_is_wrong_with_a_file_is_said_without_what_is_in_it() {
    let mut server = Server::start(FileFormat::Yaml);
    server.publish("80", EditMode::Propose);
    server.tick(true);
    server.saved("yaml", "Name: Web Settings\nVariables:\n  - Name: Port\n    Value: \"hunter2\n  oops: [");
    let told: Vec<String> = server.adapter.problems().values().cloned().collect();
    assert!(told.iter().any(|text| text.contains("not valid YAML at line")), "{told:?}");
    assert!(!told.iter().any(|text| text.contains("hunter2")), "{told:?}");
    assert!(!fs::read_to_string(server.file("yaml.error")).unwrap().contains("hunter2"));
}

/// What lies beside the directories of kinds, or is not called as the agent calls its files, is not the agent's.
#[test]
fn what_others_keep_beside_the_agents_files_stays() {
    let mut server = Server::start(FileFormat::Env);
    server.publish("80", EditMode::Propose);
    server.tick(true);
    let files = server.directory.path().join("files");
    let theirs = [
        "other/.mine.atoll-part",
        "other/.doc.json.atoll-tmp",
        "other/my.env.rejected",
        "variable_set/.notes.atoll-part",
    ];
    fs::create_dir_all(files.join("other")).unwrap();
    theirs.iter().for_each(|name| fs::write(files.join(name), "theirs").unwrap());
    server.adapter = adapter(&server.directory, &server.node, FileFormat::Env);
    for _ in 0..3 {
        server.tick(true);
        server.later();
    }
    assert!(theirs.iter().all(|name| files.join(name).exists()));
}
