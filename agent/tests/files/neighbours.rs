//! What others put beside the files of the agent.

use std::fs;
use std::path::PathBuf;

use atoll_agent::config::FileFormat;
use atoll_node::domain::sharing::offer::EditMode;

use super::farm::{Server, adapter};

/// Whoever may write beside the files leads the agent nowhere, and stops it for nobody.
#[cfg(unix)]
#[test]
fn what_others_put_under_the_agents_names_is_neither_followed_nor_waited_for() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let mut server = Server::start(FileFormat::Json);
    server.publish("80", EditMode::Locked);
    server.tick(true);
    let elsewhere = tempfile::tempdir().unwrap();
    let directory = server.file("json").parent().unwrap().to_owned();

    // A link that leads to nothing yet, where an edit that is not taken will be kept.
    symlink(elsewhere.path().join("planted"), server.file("json.rejected")).unwrap();
    let edit = server.read().replace("80", "81");
    fs::write(server.file("json"), &edit).unwrap();
    fs::set_permissions(server.file("json"), fs::Permissions::from_mode(0o6755)).unwrap();
    server.tick(false);
    server.later();
    server.tick(false);
    assert_eq!(fs::read_to_string(server.file("json.rejected-2")).unwrap(), edit);

    // A pipe where the next release is put together, and one in the place of the file itself.
    let pipe = |path: PathBuf| {
        assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
    };
    pipe(directory.join(".web-settings.json.atoll-tmp"));
    server.publish("82", EditMode::Locked);
    server.tick(true);
    assert!(server.read().contains("\"82\""));
    fs::remove_file(server.file("json")).unwrap();
    pipe(server.file("json"));
    server.tick(true);
    assert!(server.adapter.problems().values().any(|problem| problem.contains("not a plain file")));
    fs::remove_file(server.file("json")).unwrap();

    // A yard that is a link to somebody else's directory: nothing is fetched from there, and nothing goes there.
    fs::write(elsewhere.path().join("server.key"), "secret").unwrap();
    fs::write(elsewhere.path().join("server.2"), "secret").unwrap();
    let yard = server.directory.path().join("files/.atoll");
    let _ = fs::remove_dir_all(&yard);
    fs::create_dir(&yard).unwrap();
    symlink(elsewhere.path(), yard.join("variable_set")).unwrap();
    server.adapter = adapter(&server.directory, &server.node, FileFormat::Json);
    server.tick(true);
    server.later();
    server.tick(true);
    for value in ["83", "84"] {
        server.publish(value, EditMode::Locked);
        server.tick(true);
        server.later();
        server.tick(true);
    }
    assert!(server.file("json").exists());
    let mut names: Vec<String> = fs::read_dir(elsewhere.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    assert_eq!(names, ["server.2", "server.key"]);
}

/// Otherwise a node that may edit one resource would change the name under which every server reads another.
#[test]
fn a_file_keeps_its_name_when_another_resource_gets_one_that_looks_like_it() {
    const OTHER: &str = "01890a5d-ac96-774b-bcce-b302099a8058";
    let mut server = Server::start(FileFormat::Json);
    server.publish("80", EditMode::Propose);
    server.publish_beside(OTHER, "Something Else");
    server.tick(true);
    let directory = server.file("json").parent().unwrap().to_owned();
    assert!(directory.join("something-else.json").exists());

    server.publish_beside(OTHER, "Web/Settings");
    server.tick(true);
    assert!(server.read().contains("\"80\""));
    let names = || {
        let names = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.ends_with(".json")).collect::<std::collections::BTreeSet<String>>()
    };
    let with_id = "web-settings-b302099a8058.json".to_owned();
    assert_eq!(names(), ["web-settings.json".to_owned(), with_id.clone()].into());

    // Nor does a restart of the agent change it, or that the other one goes.
    server.adapter = adapter(&server.directory, &server.node, FileFormat::Json);
    server.tick(true);
    assert_eq!(names(), ["web-settings.json".to_owned(), with_id.clone()].into());
    server.unpublish();
    server.tick(true);
    assert_eq!(names(), [with_id].into());
}

#[test]
fn a_file_of_somebody_elses_beside_ours_is_not_touched() {
    let mut server = Server::start(FileFormat::Json);
    server.publish("80", EditMode::Propose);
    server.tick(true);
    fs::write(server.file("json.error"), "notes of an operator").unwrap();
    server.tick(false);
    server.saved("json", "{ half");
    server.tick(true);
    assert_eq!(fs::read_to_string(server.file("json.error")).unwrap(), "notes of an operator");
}

/// The directory of a kind is a link to somebody else's: what lies there is nobody's edit.
#[cfg(unix)]
#[test]
fn what_lies_behind_a_linked_directory_is_neither_read_nor_written() {
    let mut server = Server::start(FileFormat::Json);
    server.publish("80", EditMode::Propose);
    server.tick(true);
    let elsewhere = tempfile::tempdir().unwrap();
    let secret = server.read().replace("80", "of somebody else");
    fs::write(elsewhere.path().join("web-settings.json"), &secret).unwrap();
    let directory = server.file("json").parent().unwrap().to_owned();
    fs::rename(&directory, directory.with_file_name("away")).unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), &directory).unwrap();
    for value in ["81", "82"] {
        server.tick(false);
        server.later();
        server.tick(false);
        server.publish(value, EditMode::Propose);
        server.tick(true);
    }
    assert!(server.edits().is_empty(), "nothing of it left the server");
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 1);
    assert_eq!(fs::read_to_string(elsewhere.path().join("web-settings.json")).unwrap(), secret);
    assert!(server.adapter.problems().values().any(|text| text.contains("a symbolic link or not a directory")));
    fs::remove_file(&directory).unwrap();
    fs::rename(directory.with_file_name("away"), &directory).unwrap();
    server.tick(true);
    assert!(server.read().contains("\"82\""), "and it goes on when it is gone");
}

/// A plain file in the place of the directory for what is swapped out would be in the way of every release.
#[test]
fn a_file_in_the_place_of_the_agents_directory_stops_nothing() {
    let mut server = Server::start(FileFormat::Json);
    let yard = server.directory.path().join("files/.atoll");
    server.publish("80", EditMode::Propose);
    server.tick(true);
    for value in ["81", "82"] {
        let _ = fs::remove_dir_all(&yard);
        fs::write(&yard, "x").unwrap();
        server.publish(value, EditMode::Propose);
        server.tick(true);
        assert!(server.read().contains(value));
        assert!(server.adapter.problems().is_empty(), "{:?}", server.adapter.problems());
    }
    let left: Vec<_> = fs::read_dir(server.file("json").parent().unwrap()).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}
