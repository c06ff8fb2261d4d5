//! Real step templates, through the whole path and back.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use atoll_tests::{Agent, Fleet, eventually, real_data};
use serde_json::{Value, json};

fn read(path: &Path) -> Value {
    let bytes = fs::read(path).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    serde_json::from_str(text.trim_start_matches('\u{feff}')).unwrap()
}

fn by_name(directory: &Path) -> BTreeMap<String, Value> {
    let files = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    files.map(|path| read(&path)).map(|document| (document["Name"].as_str().unwrap().to_owned(), document)).collect()
}

#[test]
fn real_templates_come_back_equal_from_three_nodes_and_an_edit_differs_in_exactly_itself() {
    let Some(data) = real_data() else { return };
    let source = data.join("step-templates");
    let fleet = Fleet::start();
    let nodes: Vec<Agent> = ["a", "b", "c"].iter().map(|name| fleet.join(name, "/eu", &[])).collect();
    let files: Vec<String> =
        fs::read_dir(&source).unwrap().map(|entry| entry.unwrap().path().to_str().unwrap().to_owned()).collect();
    let arguments: Vec<&str> =
        ["template", "import", "--publish"].into_iter().chain(files.iter().map(String::as_str)).collect();
    fleet.cli.run(&arguments);
    fleet.cli.run(&["publication", "set", "all", "--all"]);
    fleet.synced();

    let sources = by_name(&source);
    assert_eq!(sources.len(), files.len(), "names are unique, so templates can be compared by them");
    for node in &nodes {
        let held: BTreeMap<String, Value> = eventually("the node has written everything out", || {
            let documents = node.documents("step_template");
            (documents.len() == sources.len()).then(|| {
                let strip = |mut document: Value| {
                    document.as_object_mut().unwrap().remove("$revision");
                    (document["Name"].as_str().unwrap().to_owned(), document)
                };
                documents.into_iter().map(strip).collect()
            })
        });
        for (name, document) in &sources {
            assert_eq!(&held[name], document, "{name} on {}", node.name);
        }
    }
    let exported = fleet.path("exported");
    fleet.cli.run(&["template", "export", "--all", exported.to_str().unwrap(), "--without-revision"]);
    assert_eq!(by_name(&exported), sources);

    // One edit, anywhere along the way, and the document differs by exactly that.
    let (name, document) = sources.iter().next().unwrap();
    let mut edited = document.clone();
    edited["Description"] = json!("edited");
    let file = fleet.write("edited.json", &edited);
    fleet.cli.run(&["template", "edit", name, "--file", &file, "--base", "head"]);
    fleet.cli.run(&["template", "publish", name, "--wait"]);
    nodes[2].sees("step_template", name, "the edit", |seen| *seen == edited);
}
