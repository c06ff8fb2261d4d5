//! The files adapter over a real directory and a replica in memory: what a person with an editor sees.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use atoll_agent::config::{FileFormat, FilesConfig};
use atoll_agent::files::adapter::Batch;
use atoll_agent::files::handover::RETRY;
use atoll_agent::files::{Adapter, Handed, Handover, Host};
use atoll_node::domain::document::{Audience, Document, DocumentKind, Lane, Report, RevisionReport};
use atoll_node::domain::id::{NodeId, PublicationId, ResourceId, RevisionId, SecretId};
use atoll_node::domain::kind::Kind;
use atoll_node::domain::kind::variable_set::effective::{Effective, effective};
use atoll_node::domain::link::replica::{Arrived, Edit, Incoming, Replica, Stored};
use atoll_node::domain::secret::Plaintext;
use atoll_node::domain::sharing::fork::ForkState;
use atoll_node::domain::sharing::offer::{EditMode, Offer, Version};
use atoll_node::domain::sharing::path::Path;
use atoll_node::domain::sharing::revision::{Origin, Provenance, Revision};
use atoll_node::domain::time::Timestamp;
use atoll_node::{NewEdit, NodeError, Rejected, Running};
use serde_json::{Value, json};

const ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Replica>>);

impl Host for Memory {
    fn running(&self) -> Vec<Running> {
        self.0.lock().unwrap().running()
    }
    fn rejected(&self) -> Vec<Rejected> {
        self.0.lock().unwrap().rejected()
    }
    fn version(&self) -> u64 {
        0
    }
    fn edit(&self, edit: NewEdit) -> Result<Option<RevisionId>, NodeError> {
        let mut replica = self.0.lock().unwrap();
        let NewEdit { resource, kind, name, base, content, author, message } = edit;
        let now = Timestamp(1);
        let edit =
            Edit { resource, kind, name: &name, base, content: &content, author: &author, message: &message, now };
        let Some((revision, writes)) = replica.plan_edit(ID.parse::<NodeId>().unwrap(), &edit)? else {
            return Ok(None);
        };
        replica.apply(writes);
        Ok(Some(revision))
    }
    fn resolve(&self, body: &Value) -> Vec<Effective> {
        effective(body, &Default::default())
    }
    fn reveal(&self, _: SecretId) -> Option<Plaintext> {
        None
    }
}

struct Server {
    directory: tempfile::TempDir,
    node: Memory,
    adapter: Adapter<Memory>,
    generation: u64,
    parent: Option<RevisionId>,
    now: Instant,
}

impl Server {
    fn start(format: FileFormat) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let node = Memory::default();
        let adapter = adapter(&directory, &node, format);
        Self { directory, node, adapter, generation: 0, parent: None, now: Instant::now() }
    }

    /// A variable set with one variable comes down.
    fn publish(&mut self, value: &str, edit_mode: EditMode) -> RevisionId {
        let outside = json!({"Name": "Web Settings", "Variables": [{"Name": "Port", "Value": value}]});
        let body = Kind::VariableSet.import(&outside, None).unwrap().body;
        let resource: ResourceId = ID.parse().unwrap();
        let parents: BTreeSet<RevisionId> = self.parent.into_iter().collect();
        let revision = Revision::child(resource, Kind::VariableSet, parents, None, &body);
        self.generation += 1;
        self.parent = Some(revision.id);
        let publication: PublicationId = ID.parse().unwrap();
        let provenance = Provenance {
            author: "admin".to_owned(),
            node: None,
            at: Timestamp(0),
            origin: Origin::Edit,
            message: String::new(),
            metadata: json!({}),
        };
        let offer = Offer {
            publication,
            priority: 0,
            edit_mode,
            resource,
            kind: Kind::VariableSet,
            name: "Web Settings".to_owned(),
            version: Version::FIRST,
            revision: revision.id,
            header: revision.header,
            provenance,
            body,
        };
        let audience = Audience::Publication(publication);
        self.arrive(
            Document::new(audience, Lane::Content, DocumentKind::Resource, ID.into(), self.generation, &offer).unwrap(),
        );
        offer.revision
    }

    fn tick(&mut self, changed: bool) -> Batch {
        self.adapter.tick(changed, self.now)
    }

    /// Whoever was writing has stopped for long enough.
    fn later(&mut self) {
        self.now += Duration::from_millis(2_100);
    }

    /// Somebody saves a file, and nobody touches it for a while.
    fn saved(&mut self, ending: &str, text: &str) -> Batch {
        fs::write(self.file(ending), text).unwrap();
        let before = self.edits().len();
        self.tick(false);
        assert_eq!(self.edits().len(), before, "it may be half written");
        self.later();
        self.tick(false)
    }

    fn unpublish(&mut self) {
        self.generation += 1;
        let audience = Audience::Publication(ID.parse().unwrap());
        self.arrive(Document::deletion(audience, Lane::Content, DocumentKind::Resource, ID.into(), self.generation));
    }

    fn arrive(&self, document: Document) {
        let stored = Stored { document: document.to_bytes().unwrap(), signature: Vec::new(), sequence: 1 };
        let incoming =
            Incoming { last_part: true, documents: vec![Arrived { stored, document }], ..Incoming::default() };
        let mut replica = self.node.0.lock().unwrap();
        let (writes, refused) = replica.plan_batch(incoming);
        assert_eq!(refused, []);
        replica.apply(writes);
    }

    fn file(&self, ending: &str) -> PathBuf {
        self.directory.path().join(format!("files/variable_set/web-settings.{ending}"))
    }

    fn read(&self) -> String {
        fs::read_to_string(self.file("json")).unwrap()
    }

    fn edits(&self) -> Vec<(bool, String)> {
        let replica = self.node.0.lock().unwrap();
        let edit = |report: &Report| match report {
            Report::Revision(edit) => Some((edit.base_unknown, edit.provenance.author.clone())),
            Report::Applied(_) | Report::Returned(_) => None,
        };
        replica.outbox().values().filter_map(edit).collect()
    }
}

impl Server {
    fn reports(&self) -> Vec<RevisionReport> {
        let replica = self.node.0.lock().unwrap();
        let edit = |report: &Report| match report {
            Report::Revision(edit) => Some((**edit).clone()),
            Report::Applied(_) | Report::Returned(_) => None,
        };
        replica.outbox().values().filter_map(edit).collect()
    }

    fn revisions(&self) -> Vec<(RevisionId, Vec<RevisionId>)> {
        let of = |edit: RevisionReport| (edit.id, edit.header.parents.into_iter().collect());
        self.reports().into_iter().map(of).collect()
    }

    fn taken_back(&self) -> Vec<Vec<Path>> {
        self.reports().into_iter().map(|edit| edit.takes_back).collect()
    }
}

fn adapter(directory: &tempfile::TempDir, node: &Memory, format: FileFormat) -> Adapter<Memory> {
    let config = FilesConfig { directory: directory.path().join("files"), format, ..FilesConfig::default() };
    Adapter::new(node.clone(), config, directory.path().join("files.json"))
}

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
    assert!(handover.problem().unwrap().contains("it is run again at"));

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

#[test]
fn no_copy_of_an_environment_file_outlives_the_values_in_it() {
    for goes in ["replaced", "gone", "replaced while the agent was down", "crashed while keeping"] {
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

fn walk(directory: &std::path::Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

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
