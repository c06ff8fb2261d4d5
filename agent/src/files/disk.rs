//! Files on the disk: looking, and replacing without losing what somebody saves at the same moment.

use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use atoll_node::domain::canonical::DOCUMENT_SIZE_LIMIT_BYTES;
use atoll_node::domain::id::Digest;
use atoll_node::file::{sync_parent, temporary_path, write_new};

use super::plan::Observed;

/// A file changed within this time of its last look may change again under the same time stamp.
const STAMP_GRAIN: Duration = Duration::from_secs(2);

/// Largest file that is read: far more than a document may have, as YAML or with blanks.
const READ_LIMIT_BYTES: u64 = 8 * DOCUMENT_SIZE_LIMIT_BYTES as u64;

/// What was last seen of a file.
#[derive(Debug, Clone)]
pub struct Seen {
    stamp: Option<Stamp>,
    hash: Option<Digest>,
    since: Instant,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp {
    modified: SystemTime,
    size_bytes: u64,
    inode: u64,
}

/// Looks at a file; reads it only when it may have changed.
///
/// # Errors
/// As the file system says, or the file is no file or far too large.
pub fn look(path: &Path, seen: &mut Option<Seen>) -> io::Result<Observed> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(note(seen, None, None)),
        Err(error) => return Err(error),
    };
    let stamp = stamp(&metadata)?;
    if let Some(before) = seen
        && before.stamp.as_ref() == Some(&stamp)
    {
        return Ok(observed(before));
    }
    let hash = Digest::of(&read(path)?);
    let fresh = stamp.modified.elapsed().is_ok_and(|age| age < STAMP_GRAIN);
    Ok(note(seen, (!fresh).then_some(stamp), Some(hash)))
}

/// Reads a whole file.
///
/// # Errors
/// As the file system says, or the file is far too large.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let metadata = fs::symlink_metadata(path)?;
    stamp(&metadata)?;
    fs::read(path)
}

fn note(seen: &mut Option<Seen>, stamp: Option<Stamp>, hash: Option<Digest>) -> Observed {
    let since = seen.as_ref().filter(|before| before.hash == hash).map_or_else(Instant::now, |before| before.since);
    observed(seen.insert(Seen { stamp, hash, since }))
}

fn observed(seen: &Seen) -> Observed {
    let for_ms = u64::try_from(seen.since.elapsed().as_millis()).unwrap_or(u64::MAX);
    seen.hash.map_or(Observed::Missing { for_ms }, |hash| Observed::Present { hash, for_ms })
}

fn stamp(metadata: &Metadata) -> io::Result<Stamp> {
    if !metadata.is_file() {
        return Err(io::Error::other("it is not a plain file; the agent replaces plain files only, remove it"));
    }
    if metadata.len() > READ_LIMIT_BYTES {
        return Err(io::Error::other(format!("it has {} bytes and the limit is {READ_LIMIT_BYTES}", metadata.len())));
    }
    Ok(Stamp { modified: metadata.modified()?, size_bytes: metadata.len(), inode: inode(metadata) })
}

#[cfg(unix)]
fn inode(metadata: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(metadata)
}

#[cfg(not(unix))]
fn inode(_metadata: &Metadata) -> u64 {
    0
}

/// Puts a file in its place at once. What stood there is swapped out rather than overwritten, so that something saved
/// at this very moment is found: it is answered with the path where it lies now, if its content is not one of `ours`.
///
/// # Errors
/// As the file system says; the place then holds the old or the new file.
pub fn replace(path: &Path, content: &[u8], mode: u32, ours: &[Digest]) -> io::Result<Option<PathBuf>> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let temporary = temporary_path(path);
    // A crash may have left somebody's content there.
    if temporary.exists() && settle(&temporary, ours)?.is_some() {
        put_aside(&temporary, path)?;
    }
    write_new(&temporary, content, mode)?;
    let displaced = match exchange(&temporary, path) {
        Ok(()) => true,
        Err(error) if error.kind() == io::ErrorKind::NotFound => match fs::hard_link(&temporary, path) {
            Ok(()) => {
                fs::remove_file(&temporary)?;
                false
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                exchange(&temporary, path)?;
                true
            }
            // File systems without hard links.
            Err(_) => {
                fs::rename(&temporary, path)?;
                false
            }
        },
        // File systems that cannot exchange.
        Err(_) => {
            fs::rename(&temporary, path)?;
            false
        }
    };
    sync_parent(path)?;
    if displaced { settle(&temporary, ours) } else { Ok(None) }
}

/// Takes a file away; answers with the path where it lies now, if its content is not one of `ours`.
///
/// # Errors
/// As the file system says.
pub fn remove(path: &Path, ours: &[Digest]) -> io::Result<Option<PathBuf>> {
    let temporary = temporary_path(path);
    fs::rename(path, &temporary)?;
    sync_parent(path)?;
    settle(&temporary, ours)
}

fn settle(displaced: &Path, ours: &[Digest]) -> io::Result<Option<PathBuf>> {
    if ours.contains(&Digest::of(&fs::read(displaced)?)) {
        fs::remove_file(displaced)?;
        return Ok(None);
    }
    Ok(Some(displaced.to_owned()))
}

/// Moves a file beside its place under a free name ending in `.rejected`. Whoever still has it open goes on writing
/// into the file that is kept.
///
/// # Errors
/// As the file system says; the file then stays where it is.
pub fn put_aside(from: &Path, place: &Path) -> io::Result<PathBuf> {
    let kept = free_name(place);
    fs::rename(from, &kept)?;
    sync_parent(&kept)?;
    Ok(kept)
}

/// Keeps what stands in a place beside it, while it goes on standing there.
///
/// # Errors
/// As the file system says.
pub fn keep_copy(place: &Path) -> io::Result<PathBuf> {
    let kept = free_name(place);
    // A link rather than a copy: whoever still writes into the file writes into what is kept.
    if fs::hard_link(place, &kept).is_err() {
        fs::copy(place, &kept)?;
        fs::File::open(&kept)?.sync_all()?;
    }
    sync_parent(&kept)?;
    Ok(kept)
}

fn free_name(place: &Path) -> PathBuf {
    let first = beside(place, ".rejected");
    if !first.exists() {
        return first;
    }
    (2..=u32::MAX)
        .map(|number| beside(place, &format!(".rejected-{number}")))
        .find(|path| !path.exists())
        .unwrap_or(first)
}

/// The path with something added to the file's name.
#[must_use]
pub fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

#[cfg(target_os = "linux")]
fn exchange(one: &Path, other: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    Ok(renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE)?)
}

#[cfg(not(target_os = "linux"))]
fn exchange(_one: &Path, other: &Path) -> io::Result<()> {
    match other.try_exists()? {
        true => Err(io::ErrorKind::Unsupported.into()),
        false => Err(io::ErrorKind::NotFound.into()),
    }
}
