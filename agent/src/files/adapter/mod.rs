//! One tick of the adapter: look, take edits, then write.

mod displaced;
mod put;
mod take;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Instant;

use atoll_node::domain::id::{Digest, ResourceId, RevisionId};
use atoll_node::domain::kind::Kind;
use atoll_node::domain::kind::file_name::slug;
use atoll_node::domain::kind::variable_set::required_names;
use atoll_node::{AdapterState, EditBase, Rejected, Running};

use crate::config::{FileFormat, FilesConfig};
use crate::files::Host;
use crate::files::content::{self, Form};
use crate::files::disk::{self, Seen};
use crate::files::environment;
use crate::files::memory::{Entry, Memory};
use crate::files::naming::stems;
use crate::files::plan::{self, Content, Observed, Step, Target};

/// The adapter with everything it knows between two ticks.
#[derive(Debug)]
pub struct Adapter<H> {
    host: H,
    config: FilesConfig,
    memory: Memory,
    memory_path: PathBuf,
    seen: BTreeMap<String, Option<Seen>>,
    targets: BTreeMap<String, Target>,
    /// What a person should look at, by file.
    problems: BTreeMap<String, String>,
    /// Writes that failed and were reported, by file and wanted content.
    failed: BTreeMap<String, Digest>,
    /// Files that differ from their target in nothing but the revision that they name, or do not, by both contents.
    alike: BTreeMap<String, Alike>,
    /// Edits that were refused and put aside since the last batch.
    refusals: Vec<(ResourceId, RevisionId, String)>,
    /// Files of which it is not certain yet what they are.
    waiting: BTreeSet<String>,
    /// What stands in each file as it should.
    in_place: BTreeMap<String, InPlace>,
    /// What this process saw standing in each file last, as it should.
    stood: BTreeMap<String, Digest>,
    /// Files beside the others that hold edits which were not taken, until somebody removes them.
    aside: BTreeSet<String>,
    /// Whether what an earlier run left was looked for.
    is_swept: bool,
    now: Instant,
    /// The version of what the node runs that the targets are of.
    as_of: u64,
}

/// What came of holding a file against its target.
#[derive(Debug, Clone, Copy)]
struct Alike {
    file: Digest,
    target: Digest,
    is_alike: bool,
    /// The revision that the file names.
    names: Option<RevisionId>,
}

/// A file that was verified.
#[derive(Debug, Clone, Copy)]
struct InPlace {
    resource: ResourceId,
    /// Whose content stands there.
    revision: RevisionId,
    /// Which revision the file names.
    names: RevisionId,
}

/// What a tick has done that others must hear of.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// Files whose resources wait for the reload command.
    pub pending: Vec<(String, ResourceId, RevisionId)>,
    /// Files that were taken away and that the server has not been told of.
    pub removed: usize,
    /// Resources whose file could not be written, with the reason.
    pub failed: Vec<(ResourceId, RevisionId, String)>,
    /// Edits that are not taken and were put aside, with the reason.
    pub refused: Vec<(ResourceId, RevisionId, String)>,
}

impl Batch {
    /// Whether the server should be told to read its files again.
    #[must_use]
    pub fn needs_reload(&self) -> bool {
        !self.pending.is_empty() || self.removed > 0
    }
}

impl<H: Host> Adapter<H> {
    /// An adapter that goes on where the last one with this memory stopped.
    pub fn new(host: H, mut config: FilesConfig, memory_path: PathBuf) -> Self {
        // However it is written: the same directory must not look like another.
        config.directory = std::path::absolute(&config.directory).unwrap_or(config.directory);
        let memory = Memory::load(&memory_path, &config.directory);
        let (seen, targets) = (BTreeMap::new(), BTreeMap::new());
        let (problems, failed) = (BTreeMap::new(), BTreeMap::new());
        let (alike, in_place, waiting) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
        let (refusals, is_swept, now) = (Vec::new(), false, Instant::now());
        Self {
            host,
            config,
            memory,
            memory_path,
            seen,
            targets,
            problems,
            failed,
            alike,
            refusals,
            waiting,
            in_place,
            stood: BTreeMap::new(),
            aside: BTreeSet::new(),
            is_swept,
            now,
            as_of: 0,
        }
    }

    /// What the files hold of what they should, for the manager.
    #[must_use]
    pub fn state(&self) -> AdapterState {
        let all = || self.in_place.values();
        AdapterState {
            verified: all().map(|one| (one.resource, one.revision)).collect(),
            standing: all().map(|one| (one.resource, one.names)).collect(),
            is_settled: self.waiting.is_empty() && self.memory.removed == 0,
            as_of: self.as_of,
        }
    }

    /// What a person should look at, by file.
    #[must_use]
    pub fn problems(&self) -> &BTreeMap<String, String> {
        &self.problems
    }

    /// What a server needs and does not find in a file, with the reasons.
    #[must_use]
    pub fn left_out(&self, path: &str) -> Option<String> {
        let reasons = self.targets.get(path)?.left_out.as_ref()?;
        Some(format!("required variables cannot stand in the environment file: {reasons}"))
    }

    /// Edits that were not taken and lie beside their files, until somebody removes them; not all where there are many.
    #[must_use]
    pub fn aside(&self) -> &BTreeSet<String> {
        &self.aside
    }

    /// Does one round. `changed` says that the node may run something else than last time.
    pub fn tick(&mut self, changed: bool, now: Instant) -> Batch {
        self.now = now;
        self.waiting.clear();
        if changed || self.targets.is_empty() {
            self.refresh();
        }
        self.sweep();
        let paths: BTreeSet<String> = self.memory.entries.keys().chain(self.targets.keys()).cloned().collect();
        let mut edited = self.look_at_displaced();
        for path in &paths {
            edited |= self.take_edit(path);
        }
        if edited {
            // The node runs the edit now: what is written next is that, with its revision.
            self.refresh();
        }
        let paths: BTreeSet<String> = paths.into_iter().chain(self.targets.keys().cloned()).collect();
        let mut batch = self.write_all(&paths);
        batch.refused = std::mem::take(&mut self.refusals);
        batch
    }

    /// The batch was handed to the server: its resources wait no longer.
    pub fn settled(&mut self, batch: &Batch) {
        for (path, _, revision) in &batch.pending {
            if let Some(entry) = self.memory.entries.get_mut(path).filter(|entry| entry.revision == *revision) {
                entry.applied = true;
            }
            self.waiting.remove(path);
        }
        self.memory.removed = self.memory.removed.saturating_sub(batch.removed);
        self.save();
    }

    fn refresh(&mut self) {
        // Before what runs is read: a change that comes in between is seen with the next one.
        self.as_of = self.host.version();
        let running = self.host.running();
        let stems = stems(&running, |resource, stem| {
            let path = format!("{stem}.{}", self.form_of(resource.kind).extension());
            self.memory.entries.get(&path).map(|entry| entry.resource)
        });
        let mut targets = BTreeMap::new();
        for resource in &running {
            let Some(stem) = stems.get(&resource.resource) else { continue };
            // A resource that the node deleted for itself has no file.
            let Some(body) = &resource.body else { continue };
            let form = self.form_of(resource.kind);
            let path = format!("{stem}.{}", form.extension());
            match self.target(resource, body, form) {
                Ok(target) => {
                    targets.insert(path, target);
                }
                Err(text) => self.problem(&path, format!("it cannot be written: {text}")),
            }
        }
        self.targets = targets;
        let rejected = self.host.rejected();
        rejected.iter().for_each(|rejected| self.keep_rejected(rejected));
        let told: BTreeSet<RevisionId> = rejected.iter().map(|rejected| rejected.revision).collect();
        self.memory.kept.retain(|revision| told.contains(revision));
    }

    /// Keeps an edit that the manager rejected beside its file, whose place what is released has taken, or beside where it
    /// would be. The manager keeps nothing of it, so this is where its author finds it again.
    fn keep_rejected(&mut self, rejected: &Rejected) {
        let (id, Some(body)) = (rejected.resource, &rejected.body) else { return };
        let form = self.form_of(rejected.kind);
        let is_kept =
            self.memory.kept.contains(&rejected.revision) || self.memory.rejected.get(&id) == Some(&rejected.revision);
        if is_kept && !self.is_swept {
            // An earlier run may have ended before the node heard of it.
            self.note_kept(rejected.revision);
        }
        if form == Form::Env || is_kept {
            return;
        }
        let own = self.targets.iter().find(|(_, target)| target.resource == id).map(|(path, _)| path.clone());
        let known = || self.memory.entries.iter().find(|(_, entry)| entry.resource == id).map(|(path, _)| path.clone());
        let unknown = || format!("{}/{}.{}", rejected.kind, slug(&rejected.name), form.extension());
        let path = own.or_else(known).unwrap_or_else(unknown);
        let outside = rejected.kind.export(body, &rejected.metadata);
        let kept = content::render(outside, rejected.revision, form).and_then(|text| {
            disk::keep_text(&self.config.directory.join(&path), &text).map_err(|error| error.to_string())
        });
        match kept {
            Ok(kept) => {
                let reason = rejected.message.as_str();
                tracing::warn!(path, kept = %kept.display(), reason, "an edit was rejected and is kept aside");
                self.memory.kept.insert(rejected.revision);
                self.save();
                self.note_kept(rejected.revision);
            }
            Err(error) => self.problem(&path, format!("an edit that was rejected cannot be kept: {error}")),
        }
    }

    fn note_kept(&self, revision: RevisionId) {
        if let Err(error) = self.host.put_elsewhere(revision) {
            let revision = revision.short();
            tracing::warn!(revision, %error, "that a rejected edit is kept beside its file could not be noted");
        }
    }

    fn form_of(&self, kind: Kind) -> Form {
        match (self.config.format, kind) {
            (FileFormat::Yaml, _) => Form::Yaml,
            (FileFormat::Env, Kind::VariableSet) => Form::Env,
            (FileFormat::Json | FileFormat::Env, _) => Form::Json,
        }
    }

    fn target(&self, resource: &Running, body: &serde_json::Value, form: Form) -> Result<Target, String> {
        let (content, left_out) = match form {
            Form::Env => {
                let (variables, reveal) = (self.host.resolve(body), |version| self.host.reveal(version));
                let rendered = environment::render(resource.revision, &variables, &self.config, &reveal);
                let required = required_names(body);
                let left_out = rendered.left_out.into_iter().filter(|(name, _)| required.contains(name));
                let reasons: Vec<String> = left_out.map(|(name, why)| format!("{name}: {why}")).collect();
                (rendered.text, (!reasons.is_empty()).then(|| reasons.join("; ")))
            }
            Form::Json | Form::Yaml => {
                let outside = resource.kind.export(body, &resource.metadata);
                (Content(content::render(outside, resource.revision, form)?), None)
            }
        };
        Ok(Target {
            resource: resource.resource,
            kind: resource.kind,
            name: resource.name.clone(),
            revision: resource.revision,
            form,
            hash: Digest::of(&content.0),
            content,
            left_out,
        })
    }

    fn look(&mut self, path: &str) -> Option<Observed> {
        let full = self.config.directory.join(path);
        match disk::look(&full, self.seen.entry(path.to_owned()).or_default(), self.now) {
            Ok(observed) => Some(observed),
            Err(error) => {
                self.problem(path, format!("it cannot be read: {error}"));
                None
            }
        }
    }

    /// What to do with a file.
    fn step(&mut self, path: &str, observed: Observed) -> Step {
        let is_alike = self.is_alike(path, observed);
        plan::step(self.targets.get(path), self.memory.entries.get(path), observed, is_alike)
    }

    /// Whether a file differs from its target in nothing but the revision that it names.
    fn is_alike(&mut self, path: &str, observed: Observed) -> bool {
        let (Some(target), Observed::Present { hash, .. }) = (self.targets.get(path), observed) else { return false };
        if let Some(known) = self.alike.get(path)
            && known.file == hash
            && known.target == target.hash
        {
            return known.is_alike;
        }
        let read = disk::read(&self.config.directory.join(path)).ok().filter(|bytes| Digest::of(bytes) == hash);
        let (is_alike, names) = match (hash == target.hash, target.form) {
            (true, _) => (true, Some(target.revision)),
            (false, Form::Env) => (false, None),
            (false, form) => {
                let parse = |bytes: &[u8]| content::parse(bytes, form).ok();
                let file = read.as_deref().and_then(parse);
                let names = file.as_ref().and_then(|parsed| match parsed.base {
                    EditBase::Revision(id) => Some(id),
                    EditBase::Running | EditBase::Unknown => None,
                });
                let wanted = parse(&target.content.0);
                let same = file.zip(wanted).is_some_and(|(file, wanted)| file.content == wanted.content);
                (same, names)
            }
        };
        self.alike.insert(path.to_owned(), Alike { file: hash, target: target.hash, is_alike, names });
        is_alike
    }

    /// Notes that a file is as it should be.
    fn verified(&mut self, path: &str) {
        let Some(target) = self.targets.get(path) else { return };
        let names = self.alike.get(path).filter(|known| known.target == target.hash).and_then(|known| known.names);
        let (resource, revision) = (target.resource, target.revision);
        self.stood.insert(path.to_owned(), target.hash);
        let names = names.unwrap_or(revision);
        self.in_place.insert(path.to_owned(), InPlace { resource, revision, names });
    }

    /// Remembers that a content is ours, or has been captured.
    fn ours(&mut self, path: &str, hash: Digest) {
        self.known(path);
        if let Some(entry) = self.memory.entries.get_mut(path)
            && !entry.hashes.contains(&hash)
        {
            entry.hashes.push(hash);
        }
    }

    /// Makes sure that there is an entry for a file that has a target.
    fn known(&mut self, path: &str) {
        let Some(target) = self.targets.get(path).filter(|_| !self.memory.entries.contains_key(path)) else { return };
        self.memory.entries.insert(path.to_owned(), entry_of(target, Vec::new(), false));
    }

    /// Remembers what stands in the file now.
    fn written(&mut self, path: &str, applied: bool) {
        if let Some(target) = self.targets.get(path) {
            let aside = self.memory.entries.remove(path).map(|entry| entry.aside).unwrap_or_default();
            let entry = Entry { aside, ..entry_of(target, vec![target.hash], applied) };
            self.memory.entries.insert(path.to_owned(), entry);
        }
    }

    fn save(&mut self) -> bool {
        match self.memory.save(&self.memory_path) {
            Ok(()) => {
                self.problems.remove("files.json");
                true
            }
            Err(error) => {
                self.problem(
                    "files.json",
                    format!("what is written cannot be remembered, so nothing is written: {error}"),
                );
                false
            }
        }
    }

    fn problem(&mut self, path: &str, text: String) {
        if self.problems.get(path) != Some(&text) {
            tracing::warn!(path, reason = text, "a file needs attention");
            self.problems.insert(path.to_owned(), text);
        }
    }

    /// The file is in order again.
    fn clear(&mut self, path: &str) {
        let note = disk::beside(&self.config.directory.join(path), ".error");
        self.problems.remove(path);
        if disk::begins_with(&note, NOT_TAKEN) {
            match std::fs::remove_file(&note) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    tracing::warn!(path, %error, "the note beside the file cannot be removed");
                }
                _ => {}
            }
        }
    }
}

/// How a note beside a file begins that says why an edit of it is not taken. A file of that name that begins otherwise is
/// somebody else's.
const NOT_TAKEN: &str = "this edit is not taken: ";

fn entry_of(target: &Target, hashes: Vec<Digest>, applied: bool) -> Entry {
    Entry {
        resource: target.resource,
        kind: target.kind,
        name: target.name.clone(),
        revision: target.revision,
        hashes,
        applied,
        aside: Vec::new(),
    }
}
