//! Files that are either the old or the new one, whenever the power goes.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// The name under which a file is written until all of it is there. Nobody else has a file of this name: one that a crash left
/// behind is worth nothing.
#[must_use]
pub fn part_path(path: &Path) -> PathBuf {
    hidden(path, PART)
}

/// The name under which a whole file waits before it takes its place, and under which what stood there is afterwards.
#[must_use]
pub fn temporary_path(path: &Path) -> PathBuf {
    hidden(path, "atoll-tmp")
}

/// How the name of a file ends that is not whole yet.
pub const PART: &str = "atoll-part";

fn hidden(path: &Path, ending: &str) -> PathBuf {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    path.with_file_name(format!(".{name}.{ending}"))
}

/// Replaces a file at once: writes beside it, flushes it to the disk, renames it, and flushes the directory.
///
/// # Errors
/// The old file is then still there, unchanged.
pub fn write_atomically(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let part = part_path(path);
    write_new(&part, content, mode)?;
    fs::rename(&part, path)?;
    sync_parent(path)
}

/// Writes a file from nothing and flushes it to the disk. One that a crash left behind is replaced.
///
/// # Errors
/// As the file system says; nothing of it is left then.
pub fn write_new(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    remove_if_there(path)?;
    let written = write_whole(path, content, mode);
    if written.is_err() {
        // Half a file is no file. Where even that fails, the next attempt begins with it.
        let _ = remove_if_there(path);
    }
    written
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn write_whole(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    restrict(&mut options, mode);
    let mut file = options.open(path)?;
    set_mode(&file, mode)?;
    file.write_all(content)?;
    file.sync_all()
}

/// Flushes the directory of a path, so that a rename in it survives a crash.
///
/// # Errors
/// As the file system says.
pub fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(parent) => File::open(parent)?.sync_all(),
        None => File::open(".")?.sync_all(),
    }
}

/// Makes a directory that only its owner may enter, with its parents, or closes the one that is there.
///
/// # Errors
/// As the file system says, or it belongs to another user.
pub fn create_private_directory(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return close(path, own_user());
    }
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)?;
    sync_parent(path)
}

/// Closes what a node keeps to everybody but its owner: the directory to writers, who could replace what is in it, and the
/// files in it that hold keys and values to readers.
///
/// # Errors
/// As the file system says, or something of it belongs to another user, who could put anything there.
pub fn close_to_others(directory: &Path, secrets: &[&str]) -> io::Result<()> {
    close(directory, own_user())?;
    for name in secrets {
        let file = directory.join(name);
        match fs::symlink_metadata(&file) {
            Ok(found) if found.is_file() => close(&file, own_user())?,
            // Whoever put it there while others could write here has the keys that it leads to.
            Ok(_) => {
                return Err(io::Error::other(format!(
                    "{name} is no plain file; remove it, or put the file itself there"
                )));
            }
            Err(_) => {}
        }
    }
    Ok(())
}

#[cfg(unix)]
fn own_user() -> u32 {
    rustix::process::geteuid().as_raw()
}

#[cfg(not(unix))]
fn own_user() -> u32 {
    0
}

#[cfg(unix)]
fn close(path: &Path, user: u32) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    let found = fs::metadata(path)?;
    if found.uid() != user {
        return Err(io::Error::other(format!(
            "it belongs to another user (number {}): run the node as that user, or give the directory and all in it to the \
             one that runs it (chown -R)",
            found.uid()
        )));
    }
    let open_to_others = if found.is_dir() { 0o022 } else { 0o077 };
    if found.mode() & open_to_others != 0 {
        tracing::warn!(path = %path.display(), "others could read or replace this; now only its owner can");
        fs::set_permissions(path, fs::Permissions::from_mode(found.mode() & 0o7777 & !open_to_others))?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn close(_path: &Path, _user: u32) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn restrict(options: &mut OpenOptions, mode: u32) {
    std::os::unix::fs::OpenOptionsExt::mode(options, mode);
}

/// The process's file mode mask must not widen or narrow what was asked for.
#[cfg(unix)]
fn set_mode(file: &File, mode: u32) -> io::Result<()> {
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(mode))
}

#[cfg(not(unix))]
fn restrict(_options: &mut OpenOptions, _mode: u32) {}

#[cfg(not(unix))]
fn set_mode(_file: &File, _mode: u32) -> io::Result<()> {
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn what_a_node_keeps_is_closed_to_others_and_a_foreign_owners_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let (path, secret) = (directory.path(), directory.path().join("identity.json"));
        fs::write(&secret, "a key").unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o777)).unwrap();
        fs::set_permissions(&secret, fs::Permissions::from_mode(0o666)).unwrap();
        close_to_others(path, &["identity.json", "not there"]).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(path), mode(&secret)), (0o755, 0o600));

        std::os::unix::fs::symlink(&secret, path.join("state.db")).unwrap();
        let refused = close_to_others(path, &["state.db"]).unwrap_err();
        assert!(refused.to_string().contains("no plain file"), "{refused}");
        let refused = close(&secret, own_user() + 1).unwrap_err();
        assert!(refused.to_string().contains("another user"), "{refused}");
    }
}
