//! The files adapter over a real directory and a replica in memory: what a person with an editor sees.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::Duration;

use atoll_agent::config::{FileFormat, FilesConfig};
use atoll_agent::files::handover::RETRY;
use atoll_agent::files::{Adapter, Handed, Handover, Host};
use atoll_node::domain::document::{Audience, Document, DocumentKind, Lane, Report};
use atoll_node::domain::id::{NodeId, PublicationId, ResourceId, RevisionId, SecretId};
use atoll_node::domain::kind::Kind;
use atoll_node::domain::kind::variable_set::effective::{Effective, effective};
use atoll_node::domain::link::replica::{Arrived, Edit, Incoming, Replica, Stored};
use atoll_node::domain::secret::Plaintext;
use atoll_node::domain::sharing::fork::ForkState;
use atoll_node::domain::sharing::offer::{EditMode, Offer, Version};
use atoll_node::domain::sharing::revision::{Origin, Provenance, Revision};
use atoll_node::domain::time::Timestamp;
use atoll_node::{NewEdit, NodeError, Running};
use serde_json::{Value, json};

const ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Replica>>);

impl Host for Memory {
    fn running(&self) -> Vec<Running> {
        self.0.lock().unwrap().running()
    }
    fn edit(&self, edit: NewEdit) -> Result<Option<RevisionId>, NodeError> {
        let mut replica = self.0.lock().unwrap();
        let NewEdit { kind, name, base, content, author, message } = edit;
        let now = Timestamp(1);
        let edit = Edit { kind, name: &name, base, content: &content, author: &author, message: &message, now };
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
}

impl Server {
    fn start(format: FileFormat) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let node = Memory::default();
        let adapter = adapter(&directory, &node, format);
        Self { directory, node, adapter, generation: 0, parent: None }
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

fn adapter(directory: &tempfile::TempDir, node: &Memory, format: FileFormat) -> Adapter<Memory> {
    let config = FilesConfig { directory: directory.path().join("files"), format, ..FilesConfig::default() };
    Adapter::new(node.clone(), config, directory.path().join("files.json"))
}

#[test]
fn an_edit_of_a_file_becomes_the_nodes_own_revision_and_the_file_says_so() {
    let mut server = Server::start(FileFormat::Json);
    let released = server.publish("80", EditMode::Propose);
    let batch = server.adapter.tick(true);
    assert!(server.read().contains(&released.to_string()) && server.read().contains("\"80\""), "{}", server.read());
    assert_eq!(batch.pending.len(), 1);
    server.adapter.settled(&batch);
    assert!(!server.adapter.tick(false).needs_reload(), "nothing to do twice");

    fs::write(server.file("json"), server.read().replace("80", "8080")).unwrap();
    let batch = server.adapter.tick(false);
    let own = server.node.running()[0].revision;
    assert_ne!(own, released);
    assert!(server.read().contains(&own.to_string()) && server.read().contains("8080"), "{}", server.read());
    assert_eq!((server.edits(), batch.pending[0].2), (vec![(false, "file:web-settings.json".to_owned())], own));
    server.adapter.tick(false);
    assert_eq!(server.edits().len(), 1, "an edit is taken once");
}

#[test]
fn an_edit_made_while_the_agent_was_down_is_taken_when_it_starts() {
    let mut server = Server::start(FileFormat::Yaml);
    server.publish("80", EditMode::Propose);
    server.adapter.tick(true);
    let text = fs::read_to_string(server.file("yaml")).unwrap();
    fs::write(server.file("yaml"), text.replace("80", "8080")).unwrap();
    server.adapter = adapter(&server.directory, &server.node, FileFormat::Yaml);
    server.adapter.tick(true);
    assert_eq!(server.edits(), [(false, "file:web-settings.yaml".to_owned())]);

    // Restarted without an edit, nothing is taken even though something newer came meanwhile.
    server.publish("443", EditMode::Locked);
    server.adapter = adapter(&server.directory, &server.node, FileFormat::Yaml);
    server.adapter.tick(true);
    assert_eq!(server.edits().len(), 1);
    assert!(fs::read_to_string(server.file("yaml")).unwrap().contains("443"));
}

#[test]
fn a_wrong_edit_stays_with_a_note_and_is_kept_aside_when_something_newer_comes() {
    let mut server = Server::start(FileFormat::Json);
    server.publish("80", EditMode::Propose);
    server.adapter.tick(true);
    let good = server.read();
    fs::write(server.file("json"), "{ half").unwrap();
    server.adapter.tick(false);
    assert!(!server.file("json.error").exists(), "it may be half written");
    sleep(Duration::from_millis(2_100));
    server.adapter.tick(false);
    assert!(server.file("json.error").exists());
    assert_eq!(server.read(), "{ half");

    fs::write(server.file("json"), good.replace("80", "81")).unwrap();
    server.adapter.tick(false);
    assert!(!server.file("json.error").exists() && server.adapter.problems().is_empty());
    assert_eq!(server.edits().len(), 1);

    fs::write(server.file("json"), "{ half again").unwrap();
    server.adapter.tick(false);
    sleep(Duration::from_millis(2_100));
    server.publish("90", EditMode::Locked);
    server.adapter.tick(true);
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
    let batch = server.adapter.tick(true);
    let Handed::Failed(text) = handover.hand_over(&batch).await else { panic!("it did not fail") };
    assert!(text.contains("broken"), "{text}");
    assert!(handover.problem().unwrap().contains("it is run again at"));

    // Not in a circle, and without a word about what is known.
    let batch = server.adapter.tick(false);
    assert_eq!(handover.hand_over(&batch).await, Handed::Nothing);
    tokio::time::sleep(RETRY.0).await;
    assert_eq!(handover.hand_over(&batch).await, Handed::FailedAgain);
    assert!(handover.problem().unwrap().contains("failed 2 times"));
    // Something new does not wait.
    server.publish("90", EditMode::Propose);
    let batch = server.adapter.tick(true);
    assert!(matches!(handover.hand_over(&batch).await, Handed::Failed(_)));

    fs::write(&mended, "").unwrap();
    tokio::time::sleep(RETRY.0).await;
    let batch = server.adapter.tick(false);
    assert_eq!(handover.hand_over(&batch).await, Handed::Done);
    assert_eq!(handover.problem(), None);
    server.adapter.settled(&batch);
    let batch = server.adapter.tick(false);
    assert_eq!(handover.hand_over(&batch).await, Handed::Nothing);
}

#[test]
fn an_edit_without_a_base_is_proposed_and_not_run() {
    let mut server = Server::start(FileFormat::Json);
    server.publish("80", EditMode::Propose);
    fs::create_dir_all(server.file("json").parent().unwrap()).unwrap();
    fs::write(server.file("json"), r#"{"Name": "Web Settings", "Variables": [{"Name": "Port", "Value": "7"}]}"#)
        .unwrap();
    server.adapter.tick(true);
    assert_eq!(server.edits(), [(true, "file:web-settings.json".to_owned())]);
    assert_eq!(server.node.running()[0].fork, Some(ForkState::Unapplied));
    assert!(server.read().contains("\"80\""), "what runs is what the file shows: {}", server.read());
}

#[test]
fn a_locked_resource_refuses_the_edit_and_says_why() {
    let mut server = Server::start(FileFormat::Json);
    server.publish("80", EditMode::Locked);
    server.adapter.tick(true);
    fs::write(server.file("json"), server.read().replace("80", "81")).unwrap();
    server.adapter.tick(false);
    sleep(Duration::from_millis(2_100));
    server.adapter.tick(false);
    assert!(fs::read_to_string(server.file("json.error")).unwrap().contains("locked"));
    assert!(server.edits().is_empty());
}

#[test]
fn a_resource_that_is_gone_takes_its_file_along_but_not_somebodys_edit() {
    let mut server = Server::start(FileFormat::Json);
    server.publish("80", EditMode::Propose);
    server.adapter.tick(true);
    server.unpublish();
    assert_eq!(server.adapter.tick(true).removed, 1);
    assert!(!server.file("json").exists());

    server.publish("80", EditMode::Propose);
    server.adapter.tick(true);
    server.unpublish();
    fs::write(server.file("json"), "{\"mine\": 1}").unwrap();
    server.adapter.tick(true);
    sleep(Duration::from_millis(2_100));
    server.adapter.tick(false);
    assert!(!server.file("json").exists());
    assert_eq!(fs::read_to_string(server.file("json.rejected")).unwrap(), "{\"mine\": 1}");
}

#[test]
fn an_environment_file_is_written_only() {
    let mut server = Server::start(FileFormat::Env);
    server.publish("80", EditMode::Propose);
    server.adapter.tick(true);
    let written = fs::read_to_string(server.file("env")).unwrap();
    assert!(written.contains("Port=80\n"), "{written}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(fs::metadata(server.file("env")).unwrap().permissions().mode() & 0o777, 0o600);
    }
    fs::write(server.file("env"), "Port=1\n").unwrap();
    server.adapter.tick(false);
    sleep(Duration::from_millis(2_100));
    server.adapter.tick(false);
    assert_eq!(fs::read_to_string(server.file("env")).unwrap(), written);
    assert_eq!(fs::read_to_string(server.file("env.rejected")).unwrap(), "Port=1\n");
    assert!(server.edits().is_empty());
}
