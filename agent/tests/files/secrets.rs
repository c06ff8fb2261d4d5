//! Environment files and whatever is left of them.

use std::fs;

use atoll_agent::config::FileFormat;
use atoll_node::domain::sharing::offer::EditMode;

use super::farm::{Server, adapter, walk};

#[test]
fn an_environment_file_is_written_only_and_leaves_no_old_values_behind() {
    let mut server = Server::start(FileFormat::Env);
    server.publish("80", EditMode::Propose);
    server.tick(true);
    let written = fs::read_to_string(server.file("env")).unwrap();
    assert!(written.contains("Port=80\n"), "{written}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(fs::metadata(server.file("env")).unwrap().permissions().mode() & 0o777, 0o600);
    }
    server.saved("env", "Port=1\n");
    assert_eq!(fs::read_to_string(server.file("env")).unwrap(), written);
    assert_eq!(fs::read_to_string(server.file("env.rejected")).unwrap(), "Port=1\n");
    assert!(server.edits().is_empty());

    // The copy may hold what the node has lost by now.
    server.publish("90", EditMode::Propose);
    server.tick(true);
    let names: Vec<String> = fs::read_dir(server.file("env").parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    assert_eq!(names, ["web-settings.env"]);
    let yard = server.directory.path().join("files/.atoll/variable_set");
    assert_eq!(fs::read_dir(yard).map_or(0, Iterator::count), 0, "nor is anything that was swapped out");
}

#[test]
fn no_copy_of_an_environment_file_outlives_the_values_in_it() {
    let ways = [
        "replaced",
        "gone",
        "replaced while the agent was down",
        "crashed while keeping",
        "killed before it was removed",
        "replaced while the memory was lost",
        "replaced while the memory was put back",
        "replaced and touched while it could not be written",
    ];
    for goes in ways {
        let mut server = Server::start(FileFormat::Env);
        server.publish("hunter2", EditMode::Propose);
        server.tick(true);
        let touched = fs::read_to_string(server.file("env")).unwrap() + "# note\n";
        match goes {
            "replaced while the agent was down" => {
                fs::write(server.file("env"), &touched).unwrap();
                server.publish("sesame", EditMode::Propose);
            }
            "crashed while keeping" => {
                server.saved("env", &touched);
                // What was remembered before the copy was made is all that a new process has.
                server.adapter = adapter(&server.directory, &server.node, FileFormat::Env);
                server.publish("sesame", EditMode::Propose);
            }
            "killed before it was removed" => {
                server.saved("env", &touched);
                let copy = fs::read(server.file("env.rejected")).unwrap();
                server.publish("sesame", EditMode::Propose);
                server.tick(true);
                fs::write(server.file("env.rejected"), copy).unwrap();
                server.adapter = adapter(&server.directory, &server.node, FileFormat::Env);
            }
            "replaced while the memory was lost" => {
                server.saved("env", &touched);
                fs::remove_file(server.directory.path().join("files.json")).unwrap();
                server.publish("sesame", EditMode::Propose);
                server.adapter = adapter(&server.directory, &server.node, FileFormat::Env);
            }
            "replaced and touched while it could not be written" => {
                let blocked = server.file("env").with_file_name(".web-settings.env.atoll-tmp");
                fs::create_dir(&blocked).unwrap();
                server.publish("sesame", EditMode::Propose);
                server.tick(true);
                server.saved("env", &touched);
                fs::remove_dir(&blocked).unwrap();
            }
            "replaced while the memory was put back" => {
                server.publish("sesame", EditMode::Propose);
                server.tick(true);
                let memory = fs::read(server.directory.path().join("files.json")).unwrap();
                server.publish("hunter2", EditMode::Propose);
                server.tick(true);
                server.publish("sesame", EditMode::Propose);
                fs::write(server.directory.path().join("files.json"), memory).unwrap();
                server.adapter = adapter(&server.directory, &server.node, FileFormat::Env);
            }
            "gone" => {
                server.saved("env", &touched);
                server.unpublish();
            }
            _ => {
                fs::write(server.file("env"), &touched).unwrap();
                server.tick(false);
                server.publish("sesame", EditMode::Propose);
            }
        }
        for _ in 0..3 {
            server.tick(true);
            server.later();
        }
        for entry in walk(&server.directory.path().join("files")) {
            let text = fs::read_to_string(&entry).unwrap();
            assert!(!text.contains("hunter2"), "{goes}: {} holds {text}", entry.display());
        }
    }
}

#[test]
fn what_only_looks_like_a_copy_is_left_alone() {
    let mut server = Server::start(FileFormat::Env);
    server.publish("hunter2", EditMode::Propose);
    server.tick(true);
    let others = ["mine.env.rejected.notes", "clean-up-.env.rejected-files.json", "x.env.rejected-", "y.json.rejected"];
    let place = |name: &str| server.file("env").with_file_name(name);
    others.iter().for_each(|name| fs::write(place(name), "mine").unwrap());
    fs::write(place("gone.env.rejected-2"), "Port=hunter2").unwrap();
    server.adapter = adapter(&server.directory, &server.node, FileFormat::Env);
    server.tick(true);
    let place = |name: &str| server.file("env").with_file_name(name);
    others.iter().for_each(|name| assert_eq!(fs::read_to_string(place(name)).unwrap(), "mine", "{name}"));
    assert!(!place("gone.env.rejected-2").exists());
}

/// The agent's memory is begun anew over files that an earlier one wrote, and the set is not published here any more.
#[test]
fn an_environment_file_of_an_earlier_life_is_named_and_those_of_others_are_not() {
    let mut server = Server::start(FileFormat::Env);
    server.publish("hunter2", EditMode::Propose);
    server.tick(true);
    fs::remove_file(server.directory.path().join("files.json")).unwrap();
    server.unpublish();
    fs::write(server.file("env").with_file_name("own.env"), "Port=1\n").unwrap();
    server.adapter = adapter(&server.directory, &server.node, FileFormat::Env);
    server.tick(true);
    let told: Vec<(&String, &String)> = server.adapter.problems().iter().collect();
    assert!(told.len() == 1 && told[0].0.ends_with("web-settings.env"), "{told:?}");
    assert!(told[0].1.contains("may hold values that this node has lost"), "{told:?}");
    assert!(server.file("env").exists(), "a server may read it yet: the node may not have heard everything");
}
