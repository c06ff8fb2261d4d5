//! Takes changed files as edits of the node.

use atoll_node::domain::id::{Digest, RevisionId};
use atoll_node::domain::kind::Kind;
use atoll_node::{NewEdit, NodeError};

use super::Adapter;
use crate::files::Host;
use crate::files::content::{self, Form};
use crate::files::disk;
use crate::files::plan::{self, Observed, Refusal, Step};

impl<H: Host> Adapter<H> {
    /// Takes a changed file as an edit. Whether the node has changed.
    pub(super) fn take_edit(&mut self, path: &str) -> bool {
        let Some(observed) = self.look(path) else { return false };
        let Observed::Present { hash, for_ms } = observed else { return false };
        let (target, entry) = (self.targets.get(path), self.memory.entries.get(path));
        if plan::step(target, entry, observed) != Step::Take {
            return false;
        }
        let full = self.config.directory.join(path);
        let bytes = match disk::read(&full) {
            Ok(bytes) if Digest::of(&bytes) == hash => bytes,
            // It is being written this very moment.
            _ => return false,
        };
        match self.edit(path, &bytes) {
            Ok(revision) => {
                self.ours(path, hash);
                self.clear(path);
                tracing::info!(path, revision = revision.map(|id| id.short()), "took an edit of a file");
                true
            }
            Err(error) if error.is_temporary() => {
                self.problem(path, format!("an edit waits: {error}"));
                false
            }
            Err(error) => {
                self.refused(path, hash, for_ms, &error);
                false
            }
        }
    }

    pub(super) fn edit(&self, path: &str, bytes: &[u8]) -> Result<Option<RevisionId>, Refused> {
        let parsed = content::parse(bytes, Form::of(path)).map_err(Refused::Content)?;
        let (kind, name) = self.owner(path).ok_or_else(|| Refused::Content("it belongs to no resource".to_owned()))?;
        let file = path.rsplit('/').next().unwrap_or(path);
        let author = if self.config.author.is_empty() { format!("file:{file}") } else { self.config.author.clone() };
        let edit = NewEdit { kind, name, base: parsed.base, content: parsed.content, author, message: String::new() };
        self.host.edit(edit).map_err(Refused::Node)
    }

    fn owner(&self, path: &str) -> Option<(Kind, String)> {
        let target = self.targets.get(path).map(|target| (target.kind, target.name.clone()));
        target.or_else(|| self.memory.entries.get(path).map(|entry| (entry.kind, entry.name.clone())))
    }

    fn refused(&mut self, path: &str, hash: Digest, for_ms: u64, error: &Refused) {
        let full = self.config.directory.join(path);
        match plan::refusal(self.targets.get(path), self.memory.entries.get(path), for_ms) {
            Refusal::Wait => {}
            Refusal::Leave => {
                let text = format!("this edit is not taken: {error}");
                if self.problems.get(path) != Some(&text) {
                    let note = disk::beside(&full, ".error");
                    if let Err(error) = atoll_node::file::write_atomically(&note, format!("{text}\n").as_bytes(), 0o644)
                    {
                        tracing::warn!(path, %error, "the note beside the file cannot be written");
                    }
                }
                self.problem(path, text);
                // What is remembered tells later whether something newer has to stand there.
                self.known(path);
            }
            Refusal::PutAside => match disk::keep_copy(&full) {
                Ok(kept) => {
                    self.clear(path);
                    tracing::warn!(path, kept = %kept.display(), reason = %error, "an edit was not taken and is kept aside");
                    // It is safe, so what stands there may go.
                    self.ours(path, hash);
                }
                Err(error) => self.problem(path, format!("an edit that is not taken cannot be put aside: {error}")),
            },
        }
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
    fn is_temporary(&self) -> bool {
        matches!(self, Self::Node(error) if error.is_temporary())
    }
}
