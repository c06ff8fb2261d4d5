//! Takes changed files as edits of the node.

use std::io;
use std::path::{Path, PathBuf};

use atoll_node::domain::id::{Digest, RevisionId};
use atoll_node::{EditError, NewEdit, NodeError};

use super::{Adapter, NOT_TAKEN};
use crate::files::Host;
use crate::files::content::{self, Form};
use crate::files::disk;
use crate::files::memory::Owner;
use crate::files::plan::{self, Observed, Refusal, Step};

impl<H: Host> Adapter<H> {
    /// Takes a changed file as an edit. Whether the node has changed.
    pub(super) fn take_edit(&mut self, path: &str) -> bool {
        let Some(observed) = self.look(path) else { return false };
        let Observed::Present { hash, .. } = observed else { return false };
        if self.step(path, observed) != Step::Take {
            return false;
        }
        let full = self.config.directory.join(path);
        let bytes = match disk::read(&full) {
            Ok(bytes) if Digest::of(&bytes) == hash => bytes,
            // It is being written this very moment.
            _ => {
                self.waiting.insert(path.to_owned());
                return false;
            }
        };
        match self.edit(path, self.owner(path), &bytes) {
            Ok(revision) => {
                self.ours(path, hash);
                self.clear(path);
                tracing::info!(path, revision = revision.map(|id| id.short()), "took an edit of a file");
                true
            }
            Err(error) if error.is_temporary() => {
                self.problem(path, format!("an edit waits: {error}"));
                self.waiting.insert(path.to_owned());
                false
            }
            Err(error) => {
                self.refused(path, hash, &error);
                false
            }
        }
    }

    pub(super) fn edit(&self, path: &str, owner: Option<Owner>, bytes: &[u8]) -> Result<Option<RevisionId>, Refused> {
        let parsed = content::parse(bytes, Form::of(path)).map_err(Refused::Content)?;
        let Owner { resource, kind, name } =
            owner.ok_or_else(|| Refused::Content("it belongs to no resource of this node".to_owned()))?;
        let file = path.rsplit('/').next().unwrap_or(path);
        let author = if self.config.author.is_empty() { format!("file:{file}") } else { self.config.author.clone() };
        let resource = Some(resource);
        let edit = NewEdit {
            resource,
            kind,
            name,
            base: parsed.base,
            content: parsed.content,
            author,
            message: String::new(),
        };
        self.host.edit(edit).map_err(Refused::Node)
    }

    /// Whose file it is. A file that was handed out for a resource stays that resource's, whatever else is called so by now.
    pub(super) fn owner(&self, path: &str) -> Option<Owner> {
        let of = |resource, kind, name: &str| Owner { resource, kind, name: name.to_owned() };
        let entry = self.memory.entries.get(path).map(|entry| of(entry.resource, entry.kind, &entry.name));
        entry.or_else(|| self.targets.get(path).map(|target| of(target.resource, target.kind, &target.name)))
    }

    fn refused(&mut self, path: &str, hash: Digest, error: &Refused) {
        let full = self.config.directory.join(path);
        match plan::refusal(self.targets.get(path), self.memory.entries.get(path), error.is_for_good()) {
            Refusal::Leave => {
                let text = format!("{NOT_TAKEN}{error}");
                if self.problems.get(path) != Some(&text) {
                    let note = disk::beside(&full, ".error");
                    let is_ours = std::fs::symlink_metadata(&note).is_err() || disk::begins_with(&note, NOT_TAKEN);
                    if is_ours && let Err(error) = disk::write_note(&note, &format!("{text}\n")) {
                        tracing::warn!(path, %error, "the note beside the file cannot be written");
                    }
                }
                self.problem(path, text);
                // What is remembered tells later whether something newer has to stand there.
                self.known(path);
            }
            Refusal::PutAside => match self.keep_aside(path, &full) {
                Ok(None) => {
                    self.clear(path);
                    tracing::warn!(path, reason = %error, "an edit was not taken, and holds values that may have left this node");
                    self.ours(path, hash);
                    self.tell_of_refusal(path, None, error);
                }
                Ok(Some(kept)) => {
                    self.clear(path);
                    tracing::warn!(path, kept = %kept.display(), reason = %error, "an edit was not taken and is kept aside");
                    // It is safe, so what stands there may go.
                    self.ours(path, hash);
                    self.tell_of_refusal(path, Some(&kept), error);
                }
                Err(error) => self.problem(path, format!("an edit that is not taken cannot be put aside: {error}")),
            },
        }
    }

    /// Has the manager hear of an edit that was put aside, or of which nothing is kept, so that whoever made it is told there
    /// too.
    pub(super) fn tell_of_refusal(&mut self, path: &str, kept: Option<&Path>, reason: &Refused) {
        let target = self.targets.get(path).map(|target| (target.resource, target.revision));
        // Its resource may have left the node since.
        let entry = || self.memory.entries.get(path).map(|entry| (entry.resource, entry.revision));
        let left = || self.memory.left.get(path).map(|left| (left.owner.resource, left.revision));
        // Another resource may have the name by now: the edit is of the one whose content stood there.
        let is_anothers = entry().zip(target).is_some_and(|(entry, target)| entry.0 != target.0);
        let target = target.filter(|_| !is_anothers);
        let Some((resource, revision)) = target.or_else(entry).or_else(left) else { return };
        let name = kept.and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
        let whereabouts = match name {
            Some(name) => format!("and is kept there as {name}"),
            None => "and no copy of it is kept, for it may hold values that this node has lost".to_owned(),
        };
        let text = format!("an edit of {path} on the server was not taken {whereabouts}: {reason}");
        self.refusals.push((resource, revision, text));
    }

    /// Keeps what stands in a place beside it. A copy of an environment file holds values in the clear: it is remembered
    /// before it is made, with the content that the values are from, and goes with them. `None` where they have gone already,
    /// or where it is not certain whose they are: only what was changed from what this process saw standing there is.
    fn keep_aside(&mut self, path: &str, full: &Path) -> io::Result<Option<PathBuf>> {
        let kept = disk::free_name(full)?;
        if Form::of(path) == Form::Env {
            let wanted = self.targets.get(path).map(|target| target.hash);
            let written = self.memory.entries.get(path).map(|entry| entry.hashes.clone()).unwrap_or_default();
            let stood = self.stood.get(path).copied();
            let Some(of) = wanted.filter(|wanted| written == [*wanted] && stood == Some(*wanted)) else {
                return Ok(None);
            };
            if let Some(entry) = self.memory.entries.get_mut(path) {
                entry.aside.push((kept.clone(), of));
            }
            if !self.save() {
                return Err(io::Error::other("what is kept aside cannot be remembered"));
            }
        }
        disk::keep_copy(full, &kept, Form::of(path).mode())?;
        Ok(Some(kept))
    }
}

/// Why an edit of a file was not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    #[error("{0}")]
    Content(String),
    #[error(transparent)]
    Node(NodeError),
}

impl Refused {
    /// No edit of the file will be taken, however it is mended.
    fn is_for_good(&self) -> bool {
        matches!(self, Self::Node(NodeError::Edit(EditError::Locked(_) | EditError::OfAnother { .. })))
    }

    /// What was read is no document, or not a whole one.
    pub(super) fn is_of_content(&self) -> bool {
        matches!(self, Self::Content(_) | Self::Node(NodeError::Edit(EditError::Malformed(_) | EditError::Invalid(_))))
    }

    pub(super) fn is_temporary(&self) -> bool {
        matches!(self, Self::Node(error) if error.is_temporary())
    }
}
