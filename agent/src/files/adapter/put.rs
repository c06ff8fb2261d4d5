//! Puts files in their place and takes them away.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use atoll_node::clock;

use super::{Adapter, Batch};
use crate::files::plan::{Step, Target};
use crate::files::{Host, disk};

impl<H: Host> Adapter<H> {
    pub(super) fn write_all(&mut self, paths: &BTreeSet<String>) -> Batch {
        let mut batch = Batch::default();
        let mut steps = Vec::new();
        self.in_place.retain(|path, _| paths.contains(path));
        for path in paths {
            let Some(observed) = self.look(path) else {
                self.in_place.remove(path);
                continue;
            };
            let step = self.step(path, observed);
            if step != Step::Keep {
                self.in_place.remove(path);
            }
            match step {
                Step::Keep => self.adopt(path),
                Step::Wait => {
                    self.waiting.insert(path.clone());
                }
                Step::Take => {}
                Step::Forget => {
                    self.forget(path);
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
            if *write { self.write(path, &mut batch) } else { self.remove(path) }
        }
        if !steps.is_empty() {
            self.save();
        }
        let pending = self.memory.entries.iter().filter(|(path, entry)| {
            let stands = |target: &Target| target.revision == entry.revision && self.in_place.contains_key(*path);
            !entry.applied && !self.failed.contains_key(*path) && self.targets.get(*path).is_some_and(stands)
        });
        batch.pending = pending.map(|(path, entry)| (path.clone(), entry.resource, entry.revision)).collect();
        batch.removed = self.memory.removed;
        self.waiting.extend(batch.pending.iter().map(|(path, _, _)| path.clone()));
        batch
    }

    /// The file is as it should be.
    fn adopt(&mut self, path: &str) {
        let Some(target) = self.targets.get(path) else { return };
        let stands = self.alike.get(path).filter(|known| known.is_alike && known.target == target.hash);
        let hash = stands.map_or(target.hash, |known| known.file);
        let known = self.memory.entries.get(path);
        if known.is_none_or(|entry| entry.revision != target.revision || entry.hashes != [hash]) {
            // Another revision with the same content: the server has read it already.
            let applied = known.is_some_and(|entry| entry.applied && entry.hashes == [hash]);
            self.written(path, applied);
            if let Some(entry) = self.memory.entries.get_mut(path) {
                entry.hashes = vec![hash];
            }
            self.save();
        }
        self.verified(path);
        self.clear(path);
    }

    fn write(&mut self, path: &str, batch: &mut Batch) {
        // Somebody's content may lie where the new one is about to be put together.
        if !self.settle_left_over(path) {
            return;
        }
        let Some(target) = self.targets.get(path) else { return };
        let full = self.config.directory.join(path);
        let mut displaced = Vec::new();
        let written = disk::replace(&full, &target.content.0, target.form.mode(), &self.yard(path), &mut displaced);
        let (resource, revision, hash) = (target.resource, target.revision, target.hash);
        displaced.into_iter().for_each(|displaced| self.displaced(path, displaced));
        match written {
            Ok(()) => {
                tracing::debug!(path, revision = revision.short(), "wrote a file");
                self.failed.remove(path);
                self.drop_aside(path);
                self.written(path, false);
                self.clear(path);
                self.seen.remove(path);
                // Only what is found there counts as being there.
                if let Some(observed) = self.look(path)
                    && self.step(path, observed) == Step::Keep
                {
                    self.verified(path);
                }
            }
            Err(error) => {
                let text = format!("it cannot be written: {error}");
                if self.failed.insert(path.to_owned(), hash) != Some(hash) {
                    batch.failed.push((resource, revision, format!("{path}: {text}")));
                }
                self.problem(path, text);
            }
        }
    }

    fn remove(&mut self, path: &str) {
        let full = self.config.directory.join(path);
        match disk::remove(&full, &self.yard(path)) {
            Ok(displaced) => {
                tracing::info!(path, "removed a file: its resource is gone");
                self.displaced(path, displaced);
                self.forget(path);
                self.seen.remove(path);
                self.memory.removed += 1;
            }
            Err(error) => self.problem(path, format!("it cannot be removed: {error}")),
        }
    }

    fn forget(&mut self, path: &str) {
        self.drop_aside(path);
        self.memory.leave(path, clock::now());
        self.clear(path);
    }

    /// Copies that hold values in the clear go with the values: the node may have lost them.
    pub(super) fn drop_aside(&mut self, path: &str) {
        let present = self.targets.get(path).map(|target| target.hash);
        let Some(entry) = self.memory.entries.get_mut(path) else { return };
        let (kept, gone) = std::mem::take(&mut entry.aside).into_iter().partition(|(_, of)| present == Some(*of));
        entry.aside = kept;
        let gone: Vec<(PathBuf, _)> = gone;
        gone.iter().for_each(|(copy, _)| self.forget_copy(path, copy));
    }

    pub(super) fn forget_copy(&mut self, path: &str, copy: &Path) {
        match disk::forget(copy) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                self.problem(path, format!("{} holds values and cannot be removed: {error}", copy.display()));
            }
            _ => {}
        }
    }
}
