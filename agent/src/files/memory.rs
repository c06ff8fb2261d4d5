//! What the adapter has written: it survives a restart, so that an edit made meanwhile is still seen as one.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use atoll_node::domain::id::{Digest, ResourceId, RevisionId};
use atoll_node::domain::kind::Kind;
use atoll_node::domain::time::Timestamp;
use atoll_node::file;
use serde::{Deserialize, Serialize};

/// One file that the adapter wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub resource: ResourceId,
    pub kind: Kind,
    pub name: String,
    pub revision: RevisionId,
    /// Contents that are ours, or have been taken as an edit. Two of them while one replaces the other.
    pub hashes: Vec<Digest>,
    /// The reload command has run since.
    pub applied: bool,
    /// Copies of edits that were not taken and that hold values in the clear, each with the content that the file had then:
    /// they go when that goes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aside: Vec<(PathBuf, Digest)>,
}

/// A resource whose content was handed out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    pub resource: ResourceId,
    pub kind: Kind,
    pub name: String,
}

/// Files of resources that have left the node that are remembered.
const LEFT_LIMIT: usize = 500;

/// Whose place a path was until the resource left the node. Somebody may save under the old name yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    pub owner: Owner,
    /// What stood there last.
    pub revision: RevisionId,
    /// When it left.
    pub at: Timestamp,
}

/// A file that was swapped out. Somebody may have it open, and save into it yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Displaced {
    /// Whose place it was in.
    pub path: String,
    /// Whose content it held: its place may be another's by now, or nobody's. Absent in what the version before remembers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
    /// What it held when it was looked at last.
    pub hash: Digest,
    /// Looked at again until then.
    pub until: Timestamp,
}

/// The files that the adapter wrote, by their path in the directory.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Memory {
    pub directory: PathBuf,
    pub entries: BTreeMap<String, Entry>,
    /// By where they lie.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub displaced: BTreeMap<PathBuf, Displaced>,
    /// Paths of resources that have left the node.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub left: BTreeMap<String, Left>,
    /// Edits that the manager rejected and that were kept beside their file, as long as the node tells of them.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub kept: BTreeSet<RevisionId>,
    /// The same, of the version before: the newest of each resource.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rejected: BTreeMap<ResourceId, RevisionId>,
    /// Files that were taken away and that the server has not been told of.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub removed: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl Memory {
    /// Reads the memory. One of another directory, or one that cannot be read, is worth nothing: files found are then
    /// looked at as edits, which changes nothing where they are not.
    #[must_use]
    pub fn load(path: &Path, directory: &Path) -> Self {
        let empty = Self { directory: directory.to_owned(), ..Self::default() };
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return empty,
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "what was written before is not known");
                return empty;
            }
        };
        match serde_json::from_slice::<Self>(&bytes) {
            Ok(memory) if std::path::absolute(&memory.directory).is_ok_and(|same| same == directory) => {
                memory.under(directory)
            }
            Ok(memory) => {
                let before = memory.directory.display();
                tracing::warn!(%before, "files are now written to another directory; remove the old ones: nothing updates them, and they may hold values in the clear");
                empty
            }
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "what was written before is not known");
                empty
            }
        }
    }

    /// Forgets what was written to a path, but for whose it was.
    pub fn leave(&mut self, path: &str, at: Timestamp) {
        let Some(Entry { resource, kind, name, revision, .. }) = self.entries.remove(path) else { return };
        self.left.insert(path.to_owned(), Left { owner: Owner { resource, kind, name }, revision, at });
        while self.left.len() > LEFT_LIMIT {
            let oldest = self.left.iter().min_by_key(|(_, left)| left.at).map(|(path, _)| path.clone());
            oldest.and_then(|path| self.left.remove(&path));
        }
    }

    /// The same, where the directory was written otherwise.
    fn under(mut self, directory: &Path) -> Self {
        let before = std::mem::replace(&mut self.directory, directory.to_owned());
        let moved =
            |path: &Path| path.strip_prefix(&before).map_or_else(|_| path.to_owned(), |path| directory.join(path));
        self.displaced = self.displaced.into_iter().map(|(lies, displaced)| (moved(&lies), displaced)).collect();
        for (copy, _) in self.entries.values_mut().flat_map(|entry| &mut entry.aside) {
            *copy = moved(copy);
        }
        self
    }

    /// Writes the memory so that a crash leaves the old or the new one.
    ///
    /// # Errors
    /// As the file system says.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        let bytes = serde_json::to_vec_pretty(self).map_err(io::Error::other)?;
        file::write_atomically(path, &bytes, 0o600)
    }
}
