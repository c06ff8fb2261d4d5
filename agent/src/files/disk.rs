//! Files on the disk: looking, and replacing without losing what somebody saves at the same moment.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use atoll_node::domain::canonical::DOCUMENT_SIZE_LIMIT_BYTES;
use atoll_node::domain::id::Digest;
use atoll_node::file::{part_path, sync_parent, temporary_path, write_new};

use super::anchor::{Anchor, YARD};
use super::plan::Observed;

/// A file changed within this time of its last look may change again under the same time stamp.
const STAMP_GRAIN: Duration = Duration::from_secs(2);
/// A file that looks untouched is read again after this time all the same: time stamps can be set, and some writers do not
/// change them.
const READ_AGAIN: Duration = Duration::from_secs(10);

/// Largest file that is read: far more than a document can come to, as YAML or indented, so that what the agent wrote itself it
/// can always read.
const READ_LIMIT_BYTES: u64 = 64 * DOCUMENT_SIZE_LIMIT_BYTES as u64;

/// What was last seen of a file.
#[derive(Debug, Clone)]
pub struct Seen {
    stamp: Option<Stamp>,
    hash: Option<Digest>,
    /// Neither content nor stamp have changed since.
    since: Instant,
    read_at: Instant,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp {
    modified: SystemTime,
    /// Of the file's entry: it changes with every write, also where the time of the content is set back.
    changed: (i64, i64),
    size_bytes: u64,
    inode: u64,
}

/// Looks at a file; reads it when it may have changed, and now and then.
///
/// # Errors
/// As the file system says, or the file is no file or far too large.
pub fn look(path: &Path, seen: &mut Option<Seen>, now: Instant) -> io::Result<Observed> {
    let found = Anchor::of(path).and_then(|(_anchor, place)| fs::symlink_metadata(place));
    let metadata = match found {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(note(seen, None, None, now)),
        Err(error) => return Err(error),
    };
    let stamp = stamp(&metadata)?;
    let fresh = stamp.modified.elapsed().map_or(true, |age| age < STAMP_GRAIN);
    if let Some(before) = seen
        && !fresh
        && before.stamp.as_ref() == Some(&stamp)
        && now.saturating_duration_since(before.read_at) < READ_AGAIN
    {
        return Ok(observed(before, now));
    }
    let hash = Digest::of(&read(path)?);
    Ok(note(seen, Some(stamp), Some(hash), now))
}

/// Reads a whole file.
///
/// # Errors
/// As the file system says, or the file is no plain file or far too large.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let (_anchor, place) = Anchor::of(path)?;
    read_place(&place)
}

fn read_place(place: &Path) -> io::Result<Vec<u8>> {
    let file = open(place)?;
    // Of what was opened, and not of what has its name by now.
    stamp(&file.metadata()?)?;
    let mut bytes = Vec::new();
    file.take(READ_LIMIT_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Opens what stands in a place itself: no link is followed, and a pipe with nobody at its other end is not waited for.
#[cfg(unix)]
fn open(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).map_err(io::Error::other)?;
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

#[cfg(not(unix))]
fn open(path: &Path) -> io::Result<File> {
    stamp(&fs::symlink_metadata(path)?)?;
    File::open(path)
}

/// Makes the directory of files of a kind, or of what was swapped out of it, and opens it.
fn make_plain(path: &Path) -> io::Result<Anchor> {
    if let Some(yard) = path.parent().filter(|parent| parent.ends_with(YARD)) {
        // The name is the agent's: what somebody put there that is no directory is in the way of all files.
        if fs::symlink_metadata(yard).is_ok_and(|found| !found.is_dir()) {
            fs::remove_file(yard)?;
        }
    }
    fs::create_dir_all(path)?;
    Anchor::at(path)
}

/// The directory of a file, made where it is not there, and the file's place in it.
fn make_place(path: &Path) -> io::Result<(Anchor, PathBuf)> {
    let anchor = make_plain(path.parent().unwrap_or(Path::new(".")))?;
    let place = anchor.place(path);
    Ok((anchor, place))
}

fn note(seen: &mut Option<Seen>, stamp: Option<Stamp>, hash: Option<Digest>, now: Instant) -> Observed {
    let unchanged = seen.as_ref().filter(|before| before.hash == hash && before.stamp == stamp);
    let since = unchanged.map_or(now, |before| before.since);
    observed(seen.insert(Seen { stamp, hash, since, read_at: now }), now)
}

fn observed(seen: &Seen, now: Instant) -> Observed {
    let for_ms = u64::try_from(now.saturating_duration_since(seen.since).as_millis()).unwrap_or(u64::MAX);
    seen.hash.map_or(Observed::Missing { for_ms }, |hash| Observed::Present { hash, for_ms })
}

fn stamp(metadata: &Metadata) -> io::Result<Stamp> {
    if !metadata.is_file() {
        return Err(io::Error::other("it is not a plain file; the agent replaces plain files only, remove it"));
    }
    if metadata.len() > READ_LIMIT_BYTES {
        return Err(io::Error::other(format!("it has {} bytes and the limit is {READ_LIMIT_BYTES}", metadata.len())));
    }
    let (inode, changed) = entry_of(metadata);
    Ok(Stamp { modified: metadata.modified()?, changed, size_bytes: metadata.len(), inode })
}

#[cfg(unix)]
fn entry_of(metadata: &Metadata) -> (u64, (i64, i64)) {
    use std::os::unix::fs::MetadataExt as _;
    (metadata.ino(), (metadata.ctime(), metadata.ctime_nsec()))
}

#[cfg(not(unix))]
fn entry_of(_metadata: &Metadata) -> (u64, (i64, i64)) {
    (0, (0, 0))
}

/// Puts a file in its place at once. What stood there is swapped out into a yard rather than overwritten, and `displaced` says
/// where it lies now: somebody may be saving into it at this very moment.
///
/// # Errors
/// As the file system says; the place then holds the old or the new file.
pub fn replace(path: &Path, content: &[u8], mode: u32, yard: &Path, displaced: &mut Vec<PathBuf>) -> io::Result<()> {
    replace_by(exchange, (path, content, mode), yard, displaced)
}

fn replace_by(
    exchange: impl Fn(&Path, &Path) -> io::Result<()>,
    (path, content, mode): (&Path, &[u8], u32),
    yard: &Path,
    displaced: &mut Vec<PathBuf>,
) -> io::Result<()> {
    let (_anchor, path) = make_place(path)?;
    let path = path.as_path();
    let (part, temporary) = (part_path(path), temporary_path(path));
    // Whatever has the other name is whole: after a crash, half a file would look like somebody's edit.
    write_new(&part, content, mode)?;
    fs::rename(&part, &temporary)?;
    for _ in 0..ATTEMPTS {
        match exchange(&temporary, path) {
            Ok(()) => {
                displaced.push(displace(&temporary, yard)?);
                return sync_parent(path);
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            // A file system that cannot exchange: for a moment nothing stands there, but nothing is overwritten either.
            Err(_) => match displace(path, yard) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                lies => displaced.push(lies?),
            },
        }
        match place_free(&temporary, path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            placed => return placed.and_then(|()| sync_parent(path)),
        }
    }
    Err(io::Error::other("another process keeps writing it"))
}

/// Attempts to put a file where somebody else puts one at the same time.
const ATTEMPTS: usize = 3;

/// Puts a file where nothing stands.
fn place_free(temporary: &Path, path: &Path) -> io::Result<()> {
    match fs::hard_link(temporary, path) {
        Ok(()) => fs::remove_file(temporary),
        // A file system without hard links (link(2)).
        Err(error) if matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::Unsupported) => {
            fs::rename(temporary, path)
        }
        Err(error) => Err(error),
    }
}

/// Takes a file away; answers with the path where it lies now.
///
/// # Errors
/// As the file system says.
pub fn remove(path: &Path, yard: &Path) -> io::Result<PathBuf> {
    let (_anchor, place) = Anchor::of(path)?;
    let kept = displace(&place, yard)?;
    sync_parent(&place)?;
    Ok(kept)
}

/// What a crash left between two steps: the content that was about to take its place, or that had just been swapped out.
/// Answers where it lies now, if something is there that is not one of `ours`.
///
/// # Errors
/// As the file system says.
pub fn left_over(path: &Path, ours: &[Digest], yard: &Path) -> io::Result<Option<PathBuf>> {
    let (_anchor, place) = match Anchor::of(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let temporary = temporary_path(&place);
    match fs::symlink_metadata(&temporary) {
        // The name is the agent's: a link or a pipe under it is nobody's edit, and only the name goes.
        Ok(found) if !found.is_file() && !found.is_dir() => return fs::remove_file(&temporary).map(|()| None),
        _ => {}
    }
    match read_place(&temporary) {
        Ok(bytes) if ours.contains(&Digest::of(&bytes)) => fs::remove_file(&temporary).map(|()| None),
        Ok(_) => displace(&temporary, yard).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Moves a file out of everybody's sight to a free name in a yard. Whoever has it open goes on writing into it there.
fn displace(from: &Path, yard: &Path) -> io::Result<PathBuf> {
    let anchor = make_plain(yard)?;
    let name = from.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let name = name.trim_start_matches('.').trim_end_matches(TEMPORARY).to_owned();
    let kept = free(|number| anchor.place(Path::new(&format!("{name}.{number}"))))?;
    fs::rename(from, &kept)?;
    sync_parent(&kept)?;
    Ok(yard.join(kept.file_name().unwrap_or_default()))
}

/// How a file ends that is about to take its place.
const TEMPORARY: &str = ".atoll-tmp";

/// Moves a file beside its place under a free name ending in `.rejected`. Whoever still has it open goes on writing
/// into the file that is kept.
///
/// # Errors
/// As the file system says; the file then stays where it is.
pub fn put_aside(from: &Path, place: &Path) -> io::Result<PathBuf> {
    let (_yard, from) = Anchor::of(from)?;
    let (_anchor, at) = make_place(place)?;
    let kept = free_beside(&at)?;
    fs::rename(from, &kept)?;
    sync_parent(&kept)?;
    Ok(named_as(place, &kept))
}

/// Keeps what stands in a place beside it under a free name, while it goes on standing there.
///
/// # Errors
/// As the file system says.
pub fn keep_copy(place: &Path, kept: &Path, mode: u32) -> io::Result<()> {
    let (anchor, place) = Anchor::of(place)?;
    let kept = anchor.place(kept);
    let is_closed = mode & 0o077 == 0;
    // A link rather than a copy: whoever still writes into the file writes into what is kept. A link allows what the file
    // allows, though, which is for its owner alone where it holds values in the clear.
    if is_closed || fs::hard_link(&place, &kept).is_err() {
        let bytes = read_place(&place)?;
        // Nothing that has taken the name meanwhile is written into, and what the file allows is not taken over.
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
        let mut file = options.open(&kept)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
    }
    sync_parent(&kept)
}

/// Keeps a text beside a place that something else stands in.
///
/// # Errors
/// As the file system says.
pub fn keep_text(place: &Path, text: &[u8]) -> io::Result<PathBuf> {
    let (_anchor, at) = make_place(place)?;
    let kept = free_beside(&at)?;
    atoll_node::file::write_atomically(&kept, text, 0o644)?;
    Ok(named_as(place, &kept))
}

/// Writes a note beside a file.
///
/// # Errors
/// As the file system says.
pub fn write_note(path: &Path, text: &str) -> io::Result<()> {
    let (_anchor, place) = Anchor::of(path)?;
    atoll_node::file::write_atomically(&place, text.as_bytes(), 0o644)
}

/// Takes a file away for good.
///
/// # Errors
/// As the file system says.
pub fn forget(path: &Path) -> io::Result<()> {
    let (_anchor, place) = Anchor::of(path)?;
    fs::remove_file(place)
}

/// Whether a plain file begins with a text.
#[must_use]
pub fn begins_with(path: &Path, text: &str) -> bool {
    read(path).is_ok_and(|found| found.starts_with(text.as_bytes()))
}

/// A name beside a place, under which nothing stands, for what is not taken.
///
/// # Errors
/// Too much is kept there already.
pub fn free_name(place: &Path) -> io::Result<PathBuf> {
    let (_anchor, at) = make_place(place)?;
    Ok(named_as(place, &free_beside(&at)?))
}

/// What was found or kept in an open directory, by the name that everybody knows it under.
fn named_as(place: &Path, found: &Path) -> PathBuf {
    place.with_file_name(found.file_name().unwrap_or_default())
}

fn free_beside(place: &Path) -> io::Result<PathBuf> {
    let first = beside(place, ".rejected");
    if fs::symlink_metadata(&first).is_err() {
        return Ok(first);
    }
    free(|number| beside(place, &format!(".rejected-{number}")))
}

/// Most files of one sort that are kept beside one place.
const KEPT_LIMIT: u32 = 10_000;

fn free(name: impl Fn(u32) -> PathBuf) -> io::Result<PathBuf> {
    let mut names = (2..KEPT_LIMIT).map(name);
    names
        .find(|path| fs::symlink_metadata(path).is_err())
        .ok_or_else(|| io::Error::other("too much is kept beside it already; look at it and remove it"))
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Some network and user-space file systems cannot exchange two files.
    #[test]
    fn nothing_is_overwritten_where_files_cannot_be_exchanged() {
        let directory = tempfile::tempdir().unwrap();
        let (path, yard) = (directory.path().join("kind/a.json"), directory.path().join(YARD).join("kind"));
        let cannot = |_: &Path, _: &Path| Err(io::Error::from(io::ErrorKind::InvalidInput));
        let mut displaced = Vec::new();
        replace_by(cannot, (&path, b"1", 0o644), &yard, &mut displaced).unwrap();
        assert_eq!((fs::read(&path).unwrap(), displaced.len()), (b"1".to_vec(), 0));
        // A program has the file open, and saves into it after something else has taken its place.
        let mut open = OpenOptions::new().write(true).open(&path).unwrap();
        replace_by(cannot, (&path, b"2", 0o644), &yard, &mut displaced).unwrap();
        open.write_all(b"an edit").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"2");
        assert_eq!(fs::read(&displaced[0]).unwrap(), b"an edit");
        assert!(!temporary_path(&path).exists() && !part_path(&path).exists());
    }
}
