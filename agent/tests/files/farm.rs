//! A node in memory, and the server that it takes its releases from.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use atoll_agent::config::{FileFormat, FilesConfig};
use atoll_agent::files::adapter::Batch;
use atoll_agent::files::{Adapter, Host};
use atoll_node::domain::document::{Audience, Document, DocumentKind, Lane, Report, RevisionReport};
use atoll_node::domain::id::{NodeId, PublicationId, ResourceId, RevisionId, SecretId};
use atoll_node::domain::kind::Kind;
use atoll_node::domain::kind::variable_set::effective::{Effective, effective};
use atoll_node::domain::link::replica::{Arrived, Edit, Incoming, Replica, Stored, Write};
use atoll_node::domain::secret::Plaintext;
use atoll_node::domain::sharing::offer::{EditMode, Offer, Version};
use atoll_node::domain::sharing::path::Path;
use atoll_node::domain::sharing::revision::{Origin, Provenance, Revision};
use atoll_node::domain::time::Timestamp;
use atoll_node::{NewEdit, NodeError, Rejected, Running};
use serde_json::{Value, json};

pub const ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

#[derive(Clone, Default)]
pub struct Memory(pub Arc<Mutex<Replica>>);

impl Host for Memory {
    fn running(&self) -> Vec<Running> {
        self.0.lock().unwrap().running()
    }
    fn rejected(&self) -> Vec<Rejected> {
        self.0.lock().unwrap().rejected()
    }
    fn put_elsewhere(&self, revision: RevisionId) -> Result<(), NodeError> {
        let mut replica = self.0.lock().unwrap();
        let writes = replica.plan_put_elsewhere(revision);
        replica.apply(writes);
        Ok(())
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

pub struct Server {
    pub directory: tempfile::TempDir,
    pub node: Memory,
    pub adapter: Adapter<Memory>,
    pub generation: u64,
    pub parent: Option<RevisionId>,
    pub now: Instant,
}

impl Server {
    pub fn start(format: FileFormat) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let node = Memory::default();
        let adapter = adapter(&directory, &node, format);
        Self { directory, node, adapter, generation: 0, parent: None, now: Instant::now() }
    }

    /// A variable set with one variable comes down.
    pub fn publish(&mut self, value: &str, edit_mode: EditMode) -> RevisionId {
        let outside = json!({"Name": "Web Settings", "Variables": [{"Name": "Port", "Value": value}]});
        let body = Kind::VariableSet.import(&outside, None).unwrap().body;
        let resource: ResourceId = ID.parse().unwrap();
        let parents: BTreeSet<RevisionId> = self.parent.into_iter().collect();
        let revision = Revision::child(resource, Kind::VariableSet, parents, None, &body);
        self.parent = Some(revision.id);
        self.offer(revision, "Web Settings", body, edit_mode)
    }

    /// Another variable set comes down, which is called so.
    pub fn publish_beside(&mut self, id: &str, name: &str) -> RevisionId {
        let outside = json!({"Name": name, "Variables": []});
        let body = Kind::VariableSet.import(&outside, None).unwrap().body;
        let revision = Revision::child(id.parse().unwrap(), Kind::VariableSet, BTreeSet::new(), None, &body);
        self.offer(revision, name, body, EditMode::Propose)
    }

    fn offer(&mut self, revision: Revision, name: &str, body: Value, edit_mode: EditMode) -> RevisionId {
        self.generation += 1;
        let resource = revision.header.resource;
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
            name: name.to_owned(),
            version: Version::FIRST,
            revision: revision.id,
            header: revision.header,
            provenance,
            body,
        };
        let audience = Audience::Publication(publication);
        self.arrive(
            Document::new(
                audience,
                Lane::Content,
                DocumentKind::Resource,
                resource.to_string(),
                self.generation,
                &offer,
            )
            .unwrap(),
        );
        offer.revision
    }

    pub fn tick(&mut self, changed: bool) -> Batch {
        self.adapter.tick(changed, self.now)
    }

    /// Whoever was writing has stopped for long enough.
    pub fn later(&mut self) {
        self.now += Duration::from_millis(2_100);
    }

    /// Somebody saves a file, and nobody touches it for a while.
    pub fn saved(&mut self, ending: &str, text: &str) -> Batch {
        fs::write(self.file(ending), text).unwrap();
        let before = self.edits().len();
        self.tick(false);
        assert_eq!(self.edits().len(), before, "it may be half written");
        self.later();
        self.tick(false)
    }

    /// The manager rejects the edit of a report.
    pub fn reject(&self, number: u64, reason: &str) {
        let mut replica = self.node.0.lock().unwrap();
        let report = replica.outbox()[&number].clone();
        let mut writes = replica.plan_rejection(&mut replica.own_edits(), number, &report, reason);
        writes.push(Write::RemoveReport(number));
        replica.apply(writes);
    }

    pub fn unpublish(&mut self) {
        self.generation += 1;
        let audience = Audience::Publication(ID.parse().unwrap());
        self.arrive(Document::deletion(audience, Lane::Content, DocumentKind::Resource, ID.into(), self.generation));
    }

    pub fn arrive(&self, document: Document) {
        let stored = Stored { document: document.to_bytes().unwrap(), signature: Vec::new(), sequence: 1 };
        let incoming =
            Incoming { last_part: true, documents: vec![Arrived { stored, document }], ..Incoming::default() };
        let mut replica = self.node.0.lock().unwrap();
        let (writes, refused) = replica.plan_batch(incoming);
        assert_eq!(refused, []);
        replica.apply(writes);
    }

    pub fn file(&self, ending: &str) -> PathBuf {
        self.directory.path().join(format!("files/variable_set/web-settings.{ending}"))
    }

    pub fn read(&self) -> String {
        fs::read_to_string(self.file("json")).unwrap()
    }

    pub fn edits(&self) -> Vec<(bool, String)> {
        let replica = self.node.0.lock().unwrap();
        let edit = |report: &Report| match report {
            Report::Revision(edit) => Some((edit.base_unknown, edit.provenance.author.clone())),
            Report::Applied(_) | Report::Returned(_) => None,
        };
        replica.outbox().values().filter_map(edit).collect()
    }
}

impl Server {
    pub fn reports(&self) -> Vec<RevisionReport> {
        let replica = self.node.0.lock().unwrap();
        let edit = |report: &Report| match report {
            Report::Revision(edit) => Some((**edit).clone()),
            Report::Applied(_) | Report::Returned(_) => None,
        };
        replica.outbox().values().filter_map(edit).collect()
    }

    pub fn revisions(&self) -> Vec<(RevisionId, Vec<RevisionId>)> {
        let of = |edit: RevisionReport| (edit.id, edit.header.parents.into_iter().collect());
        self.reports().into_iter().map(of).collect()
    }

    pub fn taken_back(&self) -> Vec<Vec<Path>> {
        self.reports().into_iter().map(|edit| edit.takes_back).collect()
    }
}

pub fn adapter(directory: &tempfile::TempDir, node: &Memory, format: FileFormat) -> Adapter<Memory> {
    let config = FilesConfig { directory: directory.path().join("files"), format, ..FilesConfig::default() };
    Adapter::new(node.clone(), config, directory.path().join("files.json"))
}

pub fn walk(directory: &std::path::Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}
