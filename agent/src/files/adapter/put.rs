//! Puts files in their place and takes them away.

use std::collections::BTreeSet;
use std::path::Path;

use super::{Adapter, Batch};
use crate::files::plan::{self, Step, Target};
use crate::files::{Host, disk};

impl<H: Host> Adapter<H> {
    pub(super) fn write_all(&mut self, paths: &BTreeSet<String>) -> Batch {
        let mut batch = Batch::default();
        let mut steps = Vec::new();
        for path in paths {
            let Some(observed) = self.look(path) else { continue };
            match plan::step(self.targets.get(path), self.memory.entries.get(path), observed) {
                Step::Keep => self.adopt(path),
                Step::Wait | Step::Take => {}
                Step::Forget => {
                    self.memory.entries.remove(path);
                    self.clear(path);
                    self.seen.remove(path);
                }
                Step::Write => {
                    if let Some(hash) = self.targets.get(path).map(|target| target.hash) {
                        self.ours(path, hash);
                        steps.push((path.clone(), true));
                    }
                }
                Step::Remove => steps.push((path.clone(), false)),
            }
        }
        // Before the files: after a crash in between, the new content must not look like somebody's edit.
        if !steps.is_empty() && !self.save() {
            return batch;
        }
        for (path, write) in &steps {
            if *write { self.write(path, &mut batch) } else { self.remove(path, &mut batch) }
        }
        if !steps.is_empty() {
            self.save();
        }
        let pending = self.memory.entries.iter().filter(|(path, entry)| {
            let written = |target: &Target| target.revision == entry.revision && entry.hashes == [target.hash];
            !entry.applied && !self.failed.contains_key(*path) && self.targets.get(*path).is_some_and(written)
        });
        batch.pending = pending.map(|(path, entry)| (path.clone(), entry.resource, entry.revision)).collect();
        batch
    }

    /// The file is as it should be.
    fn adopt(&mut self, path: &str) {
        let Some(target) = self.targets.get(path) else { return };
        let known = self.memory.entries.get(path);
        if known.is_none_or(|entry| entry.revision != target.revision || entry.hashes != [target.hash]) {
            self.written(path, known.is_some_and(|entry| entry.applied && entry.revision == target.revision));
            self.save();
        }
        self.clear(path);
    }

    fn write(&mut self, path: &str, batch: &mut Batch) {
        let Some(target) = self.targets.get(path) else { return };
        let full = self.config.directory.join(path);
        let ours = self.memory.entries.get(path).map(|entry| entry.hashes.clone()).unwrap_or_default();
        match disk::replace(&full, &target.content.0, target.form.mode(), &ours) {
            Ok(displaced) => {
                tracing::debug!(path, revision = target.revision.short(), "wrote a file");
                self.failed.remove(path);
                self.written(path, false);
                self.clear(path);
                self.seen.remove(path);
                if let Some(displaced) = displaced {
                    self.late(path, &full, &displaced);
                }
            }
            Err(error) => {
                let text = format!("it cannot be written: {error}");
                if self.failed.insert(path.to_owned(), target.hash) != Some(target.hash) {
                    batch.failed.push((target.resource, target.revision, format!("{path}: {text}")));
                }
                self.problem(path, text);
            }
        }
    }

    fn remove(&mut self, path: &str, batch: &mut Batch) {
        let full = self.config.directory.join(path);
        let ours = self.memory.entries.get(path).map(|entry| entry.hashes.clone()).unwrap_or_default();
        match disk::remove(&full, &ours) {
            Ok(displaced) => {
                tracing::info!(path, "removed a file: its resource is gone");
                if let Some(displaced) = displaced {
                    self.late(path, &full, &displaced);
                }
                self.memory.entries.remove(path);
                self.seen.remove(path);
                self.clear(path);
                batch.removed += 1;
            }
            Err(error) => self.problem(path, format!("it cannot be removed: {error}")),
        }
    }

    /// Somebody saved in the very moment in which the file was replaced: that edit counts too.
    fn late(&mut self, path: &str, full: &Path, displaced: &Path) {
        let taken = std::fs::read(displaced).is_ok_and(|bytes| self.edit(path, &bytes).is_ok());
        let kept = if taken {
            tracing::info!(path, "took an edit that was saved while the file was replaced");
            std::fs::remove_file(displaced).map(|()| None)
        } else {
            disk::put_aside(displaced, full).map(Some)
        };
        match kept {
            Ok(Some(kept)) => {
                tracing::warn!(path, kept = %kept.display(), "an edit that was saved while the file was replaced is kept aside");
            }
            Ok(None) => self.refresh(),
            Err(error) => self.problem(path, format!("an edit lies in {}: {error}", displaced.display())),
        }
    }
}
