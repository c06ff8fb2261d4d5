//! Files that were swapped out, and what an earlier run or somebody else left in the directory.

use std::collections::BTreeSet;
use std::fs::{self, FileType};
use std::path::{Path, PathBuf};

use atoll_node::domain::id::Digest;
use atoll_node::domain::kind::Kind;
use atoll_node::file::PART;
use atoll_node::{EditBase, clock};

use super::Adapter;
use crate::files::anchor::YARD;
use crate::files::content::{self, Form};
use crate::files::disk;
use crate::files::environment;
use crate::files::memory::Displaced;
use crate::files::{Host, plan};

/// A program may have a file open for so long after it was replaced, and save into what was swapped out.
pub const DISPLACED_FOR_MS: i64 = 10 * 60_000;
/// Files that nobody asked for and that are named as problems.
const STRAY_LIMIT: usize = 20;

impl<H: Host> Adapter<H> {
    /// Remembers a file that was swapped out, with what it held while it was ours. One with values in the clear goes at once:
    /// edits of it are not taken anyway, and the values may be gone from this node.
    pub(super) fn displaced(&mut self, path: &str, lies: PathBuf) {
        if Form::of(path) == Form::Env {
            if let Err(error) = disk::forget(&lies) {
                self.problem(path, format!("an old state lies in {}: {error}", lies.display()));
            }
            return;
        }
        let found = disk::read(&lies).map(|bytes| Digest::of(&bytes)).ok();
        // Where nothing is remembered of the place, it held what it holds now: an edit is what is saved into it from now on.
        let ours = match self.memory.entries.get(path) {
            Some(entry) => entry.hashes.clone(),
            // Whatever was saved here has come since its resource left the node.
            None if self.memory.left.contains_key(path) => Vec::new(),
            None => found.into_iter().collect(),
        };
        let held = found.filter(|hash| ours.contains(hash));
        // What is not ours was saved in the very moment in which it was swapped out.
        let hash = held.unwrap_or_else(|| ours.first().copied().unwrap_or_else(|| Digest::of(b"")));
        let until = clock::now().plus_ms(DISPLACED_FOR_MS);
        let left = || self.memory.left.get(path).map(|left| left.owner.clone());
        let owner = self.owner(path).or_else(left);
        self.memory.displaced.insert(lies, Displaced { path: path.to_owned(), owner, hash, until });
    }

    /// Takes what was saved into files after they were swapped out. Whether the node has changed.
    pub(super) fn look_at_displaced(&mut self) -> bool {
        let known: Vec<(PathBuf, Displaced)> =
            self.memory.displaced.iter().map(|(lies, displaced)| (lies.clone(), displaced.clone())).collect();
        let (mut edited, mut is_changed) = (false, false);
        for (lies, displaced) in known {
            let name = lies.display().to_string();
            let observed = disk::look(&lies, self.seen.entry(name.clone()).or_default(), self.now);
            let (hash, for_ms) = match observed {
                Ok(plan::Observed::Present { hash, for_ms }) => (hash, for_ms),
                _ => {
                    self.memory.displaced.remove(&lies);
                    is_changed = true;
                    continue;
                }
            };
            if hash != displaced.hash {
                if for_ms < plan::SETTLE_MS {
                    self.waiting.insert(displaced.path);
                    continue;
                }
                edited |= self.take_displaced(&lies, &displaced, hash);
                is_changed = true;
            } else if displaced.until <= clock::now() {
                if let Err(error) = disk::forget(&lies) {
                    tracing::warn!(path = name, %error, "a file that was swapped out cannot be removed");
                }
                self.memory.displaced.remove(&lies);
                self.seen.remove(&name);
                is_changed = true;
            }
        }
        if is_changed {
            self.save();
        }
        edited
    }

    /// An edit that was saved into a file that had been swapped out: it counts as any other. What cannot be read may be half
    /// written, and is waited for as long as its writer may have it open.
    fn take_displaced(&mut self, lies: &Path, displaced: &Displaced, hash: Digest) -> bool {
        let path = displaced.path.as_str();
        // Told of by itself: the file that has its place now is as it should be.
        let name = lies.strip_prefix(&self.config.directory).unwrap_or(lies).display().to_string();
        let Ok(bytes) = disk::read(lies) else { return false };
        let owner = displaced.owner.clone().or_else(|| self.owner(path));
        let refused = match self.edit(path, owner, &bytes) {
            Ok(_) => {
                self.clear(&name);
                tracing::info!(path, "took an edit that was saved into a file that had been replaced");
                let until = clock::now().plus_ms(DISPLACED_FOR_MS);
                self.memory.displaced.insert(lies.to_owned(), Displaced { hash, until, ..displaced.clone() });
                return true;
            }
            Err(refused) => refused,
        };
        let may_pass = refused.is_temporary() || refused.is_of_content();
        if may_pass && (refused.is_temporary() || displaced.until > clock::now()) {
            self.problem(
                &name,
                format!("what was saved into {path} while it was replaced is not taken yet: {refused}"),
            );
            return false;
        }
        self.clear(&name);
        match disk::put_aside(lies, &self.config.directory.join(path)) {
            Ok(kept) => {
                tracing::warn!(path, kept = %kept.display(), reason = %refused, "an edit that was saved while the file was replaced is kept aside");
                self.memory.displaced.remove(lies);
                self.tell_of_refusal(path, Some(&kept), &refused);
            }
            Err(error) => self.problem(path, format!("an edit lies in {}: {error}", lies.display())),
        }
        false
    }

    /// Looks for what an earlier run did not come to finish, once, and for files that belong to nothing.
    pub(super) fn sweep(&mut self) {
        if !self.is_swept {
            self.sweep_yard();
            self.sweep_copies();
        }
        let mut strays = Vec::new();
        self.aside.clear();
        for (kind, directory) in directories(&self.config.directory) {
            for (name, _) in files(&directory) {
                let hidden = |ending: &str| name.strip_prefix('.')?.strip_suffix(ending)?.strip_suffix('.');
                if !self.is_swept && hidden(PART).is_some_and(is_written_by_us) {
                    // Half of what an earlier run was about to write.
                    self.remove_part(&directory.join(&name));
                    continue;
                }
                if self.aside.len() < STRAY_LIMIT && is_put_aside(&name) {
                    self.aside.insert(format!("{kind}/{name}"));
                }
                match hidden("atoll-tmp") {
                    Some(file) if !self.is_swept => {
                        self.settle_left_over(&format!("{kind}/{file}"));
                    }
                    None if !name.starts_with('.') && strays.len() < STRAY_LIMIT => {
                        strays.extend(self.stray(&format!("{kind}/{name}")));
                    }
                    _ => {}
                }
            }
        }
        self.is_swept = true;
        strays.retain(|path| !self.take_late(path));
        self.name_strays(&strays);
    }

    /// What is saved under the name of a file whose resource has left the node is an edit of that resource, where it says what
    /// it was made from. It goes where files go that were swapped out, and is taken from there. Whether this is one.
    fn take_late(&mut self, path: &str) -> bool {
        if Form::of(path) == Form::Env || !self.memory.left.contains_key(path) {
            return false;
        }
        let full = self.config.directory.join(path);
        let parsed = disk::read(&full).ok().and_then(|bytes| content::parse(&bytes, Form::of(path)).ok());
        if !parsed.is_some_and(|parsed| matches!(parsed.base, EditBase::Revision(_))) {
            return false;
        }
        match disk::look(&full, self.seen.entry(path.to_owned()).or_default(), self.now) {
            Ok(plan::Observed::Present { for_ms, .. }) if for_ms >= plan::SETTLE_MS => {}
            _ => {
                self.waiting.insert(path.to_owned());
                return true;
            }
        }
        match disk::remove(&full, &self.yard(path)) {
            Ok(lies) => {
                self.displaced(path, lies);
                self.save();
            }
            Err(error) => self.problem(path, format!("what was saved here is not taken yet: {error}")),
        }
        true
    }

    fn remove_part(&mut self, part: &Path) {
        if let Err(error) = disk::forget(part) {
            let name = part.display().to_string();
            self.problem(&name, format!("what an earlier run left here cannot be removed: {error}"));
        }
    }

    fn name_strays(&mut self, strays: &[String]) {
        const NOTE: &str = "this file belongs to no resource of this node";
        let known: Vec<String> =
            self.problems.iter().filter(|(_, text)| text.starts_with(NOTE)).map(|(path, _)| path.clone()).collect();
        for path in known.iter().filter(|path| !strays.contains(path)) {
            self.problems.remove(path);
        }
        for path in strays {
            let what = match Form::of(path) {
                Form::Env => {
                    "an agent with another memory wrote it; remove it if no server reads it, for it may hold values that this node has lost"
                }
                _ => {
                    "so what is saved here is not taken; the resource may have been renamed: look for its file under the new name"
                }
            };
            self.problem(path, format!("{NOTE}; {what}"));
        }
    }

    /// Where files of a place go that were swapped out.
    pub(super) fn yard(&self, path: &str) -> PathBuf {
        let kind = path.rsplit_once('/').map_or("", |(kind, _)| kind);
        self.config.directory.join(YARD).join(kind)
    }

    /// What an earlier run had swapped out and did not come to remember.
    fn sweep_yard(&mut self) {
        for (kind, directory) in directories(&self.config.directory.join(YARD)) {
            for (name, lies) in files(&directory) {
                let Some((file, number)) = name.rsplit_once('.') else { continue };
                // Under another name nothing was swapped out.
                if number.parse::<u32>().is_ok() && !self.memory.displaced.contains_key(&lies) {
                    self.displaced(&format!("{kind}/{file}"), lies);
                }
            }
        }
    }

    /// Copies of environment files whose values have gone, or of which nothing is remembered: nobody can say what the node
    /// has lost of what is in them. An earlier run may have ended before it took them away.
    fn sweep_copies(&mut self) {
        let entries: Vec<String> = self.memory.entries.keys().cloned().collect();
        entries.iter().for_each(|path| self.drop_aside(path));
        let kept: BTreeSet<PathBuf> =
            self.memory.entries.values().flat_map(|entry| entry.aside.iter().map(|(copy, _)| copy.clone())).collect();
        for (kind, directory) in directories(&self.config.directory) {
            for (name, copy) in files(&directory) {
                let Some(file) = copied_from(&name) else { continue };
                if !kept.contains(&copy) {
                    tracing::warn!(copy = %copy.display(), "a copy of an environment file is removed: it is not known whose values it holds");
                    self.forget_copy(&format!("{kind}/{file}"), &copy);
                }
            }
        }
    }

    /// What a crash left beside a place is nobody's edit, or is looked at as one; never written over.
    pub(super) fn settle_left_over(&mut self, path: &str) -> bool {
        let mut ours = self.memory.entries.get(path).map(|entry| entry.hashes.clone()).unwrap_or_default();
        ours.extend(self.targets.get(path).map(|target| target.hash));
        match disk::left_over(&self.config.directory.join(path), &ours, &self.yard(path)) {
            Ok(None) => true,
            Ok(Some(lies)) => {
                self.displaced(path, lies);
                true
            }
            Err(error) => {
                self.problem(path, format!("what lies beside it cannot be looked at: {error}"));
                false
            }
        }
    }

    /// A file that looks like one of ours and is not. An environment file is one only if an agent wrote it: others keep
    /// theirs under such names too.
    fn stray(&self, path: &str) -> Option<String> {
        let is_known = self.targets.contains_key(path) || self.memory.entries.contains_key(path);
        let is_written = || disk::begins_with(&self.config.directory.join(path), environment::FIRST);
        (is_document(path) && !is_known && (Form::of(path) != Form::Env || is_written())).then(|| path.to_owned())
    }
}

/// The environment file that a file of this name is a copy of, by the names that are given to copies and no others.
fn copied_from(name: &str) -> Option<&str> {
    let (file, number) = name.rsplit_once(".rejected")?;
    (is_number(number) && Form::of(file) == Form::Env).then_some(file)
}

/// Whether a file is called as those are that the agent writes.
fn is_document(name: &str) -> bool {
    [".json", ".yaml", ".env"].iter().any(|ending| name.ends_with(ending))
}

/// Whether a file is called as edits are that were not taken.
fn is_put_aside(name: &str) -> bool {
    let before = name.rsplit_once(".rejected").filter(|(_, number)| is_number(number)).map(|(before, _)| before);
    before.is_some_and(is_document)
}

/// What follows in the names of copies: nothing, or a number.
fn is_number(ending: &str) -> bool {
    let digits = |number: &str| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    ending.is_empty() || ending.strip_prefix('-').is_some_and(digits)
}

/// The directories of kinds in one, by name. What else lies there is not the agent's.
fn directories(path: &Path) -> Vec<(String, PathBuf)> {
    let is_kind = |name: &str| Kind::ALL.iter().any(|kind| kind.name() == name);
    entries(path, FileType::is_dir).into_iter().filter(|(name, _)| is_kind(name)).collect()
}

/// Whether a name is one of a file that the agent writes, or of what it writes beside it.
fn is_written_by_us(name: &str) -> bool {
    let document = name.strip_suffix(".error").unwrap_or(name);
    is_put_aside(name) || is_document(document)
}

fn files(path: &Path) -> Vec<(String, PathBuf)> {
    entries(path, FileType::is_file)
}

/// What lies in a directory itself: neither it nor what is in it may be a link to elsewhere.
fn entries(path: &Path, is: fn(&FileType) -> bool) -> Vec<(String, PathBuf)> {
    if !fs::symlink_metadata(path).is_ok_and(|found| found.is_dir()) {
        return Vec::new();
    }
    let Ok(entries) = fs::read_dir(path) else { return Vec::new() };
    entries
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_ok_and(|found| is(&found)))
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path()))
        .collect()
}
