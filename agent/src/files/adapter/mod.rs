//! One tick of the adapter: look, take edits, then write.

mod put;
mod take;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use atoll_node::Running;
use atoll_node::domain::id::{Digest, ResourceId, RevisionId};
use atoll_node::domain::kind::Kind;

use crate::config::{FileFormat, FilesConfig};
use crate::files::Host;
use crate::files::content::{self, Form};
use crate::files::disk::{self, Seen};
use crate::files::environment;
use crate::files::memory::{Entry, Memory};
use crate::files::naming::stems;
use crate::files::plan::{Content, Observed, Target};

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
}

/// What a tick has done that others must hear of.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// Files whose resources wait for the reload command.
    pub pending: Vec<(String, ResourceId, RevisionId)>,
    /// Files that were taken away.
    pub removed: usize,
    /// Resources whose file could not be written, with the reason.
    pub failed: Vec<(ResourceId, RevisionId, String)>,
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
    pub fn new(host: H, config: FilesConfig, memory_path: PathBuf) -> Self {
        let memory = Memory::load(&memory_path, &config.directory);
        let (seen, targets) = (BTreeMap::new(), BTreeMap::new());
        let (problems, failed) = (BTreeMap::new(), BTreeMap::new());
        Self { host, config, memory, memory_path, seen, targets, problems, failed }
    }

    /// What a person should look at, by file.
    #[must_use]
    pub fn problems(&self) -> &BTreeMap<String, String> {
        &self.problems
    }

    /// Does one round. `changed` says that the node may run something else than last time.
    pub fn tick(&mut self, changed: bool) -> Batch {
        if changed || self.targets.is_empty() {
            self.refresh();
        }
        let paths: BTreeSet<String> = self.memory.entries.keys().chain(self.targets.keys()).cloned().collect();
        let mut edited = false;
        for path in &paths {
            edited |= self.take_edit(path);
        }
        if edited {
            // The node runs the edit now: what is written next is that, with its revision.
            self.refresh();
        }
        let paths: BTreeSet<String> = paths.into_iter().chain(self.targets.keys().cloned()).collect();
        self.write_all(&paths)
    }

    /// The batch was handed to the server: its resources wait no longer.
    pub fn settled(&mut self, batch: &Batch) {
        for (path, _, revision) in &batch.pending {
            if let Some(entry) = self.memory.entries.get_mut(path).filter(|entry| entry.revision == *revision) {
                entry.applied = true;
            }
        }
        self.save();
    }

    fn refresh(&mut self) {
        let running = self.host.running();
        let stems = stems(&running);
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
    }

    fn form_of(&self, kind: Kind) -> Form {
        match (self.config.format, kind) {
            (FileFormat::Yaml, _) => Form::Yaml,
            (FileFormat::Env, Kind::VariableSet) => Form::Env,
            (FileFormat::Json | FileFormat::Env, _) => Form::Json,
        }
    }

    fn target(&self, resource: &Running, body: &serde_json::Value, form: Form) -> Result<Target, String> {
        let content = match form {
            Form::Env => {
                let variables = self.host.resolve(body);
                environment::render(resource.revision, &variables, &|version| self.host.reveal(version))
            }
            Form::Json | Form::Yaml => content::render(resource, body, form)?,
        };
        Ok(Target {
            resource: resource.resource,
            kind: resource.kind,
            name: resource.name.clone(),
            revision: resource.revision,
            form,
            hash: Digest::of(&content),
            content: Content(content),
        })
    }

    fn look(&mut self, path: &str) -> Option<Observed> {
        let full = self.config.directory.join(path);
        match disk::look(&full, self.seen.entry(path.to_owned()).or_default()) {
            Ok(observed) => Some(observed),
            Err(error) => {
                self.problem(path, format!("it cannot be read: {error}"));
                None
            }
        }
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
            self.memory.entries.insert(path.to_owned(), entry_of(target, vec![target.hash], applied));
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
            tracing::warn!(path, reason = text, "a file needs a look");
            self.problems.insert(path.to_owned(), text);
        }
    }

    /// The file is in order again.
    fn clear(&mut self, path: &str) {
        let note = disk::beside(&self.config.directory.join(path), ".error");
        if self.problems.remove(path).is_some() || note.exists() {
            match std::fs::remove_file(&note) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    tracing::warn!(path, %error, "the note beside the file cannot be removed");
                }
                _ => {}
            }
        }
    }
}

fn entry_of(target: &Target, hashes: Vec<Digest>, applied: bool) -> Entry {
    Entry {
        resource: target.resource,
        kind: target.kind,
        name: target.name.clone(),
        revision: target.revision,
        hashes,
        applied,
    }
}
