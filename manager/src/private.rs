//! What only the user that the manager runs as may read: its data directory and the secrets in it.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use crate::error::{Error, Result};

/// Held while a manager runs on a data directory.
pub const LOCK_FILE: &str = "manager.lock";

/// Makes the data directory, or takes the one that is there: one that others may enter is closed to them, with the files
/// in it that hold secrets.
///
/// # Errors
/// It cannot be made, or it belongs to another user, who could put anything there.
pub fn directory(path: &Path, secrets: &[&str]) -> Result<()> {
    let refused = |error: io::Error| refuse(format!("the data directory {} cannot be used: {error}", path.display()));
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(refused)?;
    restrict(path, 0o700)?;
    for name in secrets {
        let file = path.join(name);
        if is_there(&file)? {
            restrict(&file, 0o600)?;
        }
    }
    Ok(())
}

/// Refuses what is no plain file under names that are written to.
///
/// # Errors
/// There is a link, or something else that leads elsewhere.
pub fn plain(path: &Path, names: &[&str]) -> Result<()> {
    names.iter().try_for_each(|name| is_there(&path.join(name)).map(drop))
}

/// Whether a plain file is there. What leads elsewhere was put there while others could write here, and whoever did has what
/// it leads to: keys, or a database.
fn is_there(file: &Path) -> Result<bool> {
    match fs::symlink_metadata(file) {
        Ok(found) if found.is_file() => Ok(true),
        Ok(_) => Err(refuse(format!("{} is no plain file; remove it, or put the file itself there", file.display()))),
        Err(_) => Ok(false),
    }
}

/// Takes rights away from everybody else, and says so.
fn restrict(path: &Path, mode: u32) -> Result<()> {
    let failed = |error: io::Error| refuse(format!("{} cannot be closed to others: {error}", path.display()));
    let found = fs::metadata(path).map_err(failed)?;
    if found.uid() != rustix::process::geteuid().as_raw() {
        return Err(refuse(format!(
            "{} belongs to another user (number {}): run the manager as that user, or give the directory and all in it \
             to the one that runs it (chown -R)",
            path.display(),
            found.uid()
        )));
    }
    if found.mode() & 0o077 != 0 {
        tracing::warn!(path = %path.display(), "others could read this; now only its owner can");
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(failed)?;
    }
    Ok(())
}

/// Claims a data directory with a database file in it, until what is returned is dropped: two processes would each keep
/// what the other does not know of in memory, and contradict each other.
///
/// # Errors
/// Another process has it.
pub fn claim(path: &Path) -> Result<fs::File> {
    let file = path.join(LOCK_FILE);
    let failed = |error: io::Error| refuse(format!("{} cannot be used: {error}", file.display()));
    let lock =
        fs::OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&file).map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(fs::TryLockError::WouldBlock) => Err(refuse(format!(
            "another manager runs on the data directory {}; stop it, or run replicas over PostgreSQL (--database-url)",
            path.display()
        ))),
        Err(fs::TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// Makes a file that only its owner reads, where there is none: what is put beside it later takes its mode over (SQLite does).
///
/// # Errors
/// As the file system says.
pub fn create(path: &Path) -> Result<()> {
    let made = fs::OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path);
    made.map(drop).map_err(|error| refuse(format!("{} cannot be made: {error}", path.display())))
}

/// Writes a file that only its owner reads: a new one, so that neither the mode nor the target of what was there matters.
///
/// # Errors
/// As the file system says.
pub fn write(path: &Path, text: &str) -> Result<()> {
    let next = path.with_extension("new");
    let write = || {
        match fs::remove_file(&next) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&next)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&next, path)
    };
    write().map_err(|error| refuse(format!("{} cannot be written: {error}", path.display())))
}

fn refuse(text: String) -> Error {
    Error::precondition("DATA_DIRECTORY", text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn what_is_too_wide_is_closed_and_what_is_written_is_nobody_elses() {
        let parent = tempfile::tempdir().unwrap();
        let data = parent.path().join("data");
        directory(&data, &[]).unwrap();
        assert_eq!(mode(&data), 0o700);
        fs::write(data.join("atoll.db"), "rows").unwrap();
        fs::set_permissions(&data, fs::Permissions::from_mode(0o755)).unwrap();
        directory(&data, &["atoll.db", "absent"]).unwrap();
        assert_eq!((mode(&data), mode(&data.join("atoll.db"))), (0o700, 0o600));
        // What somebody else may have put there is not followed.
        std::os::unix::fs::symlink(parent.path().join("elsewhere"), data.join("master.key")).unwrap();
        assert!(directory(&data, &["master.key"]).unwrap_err().text.contains("no plain file"));
        assert!(plain(&data, &["master.key"]).is_err() && plain(&data, &["atoll.db", "absent"]).is_ok());
        // A file that waits there, open to all or as a link, is replaced and not written to.
        let elsewhere = parent.path().join("elsewhere");
        fs::write(&elsewhere, "mine").unwrap();
        std::os::unix::fs::symlink(&elsewhere, data.join("admin.token")).unwrap();
        write(&data.join("admin.token"), "secret").unwrap();
        assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "mine");
        assert_eq!(mode(&data.join("admin.token")), 0o600);
    }

    #[test]
    fn a_directory_has_one_manager() {
        let data = tempfile::tempdir().unwrap();
        let first = claim(data.path()).unwrap();
        assert!(claim(data.path()).unwrap_err().text.contains("another manager runs"));
        drop(first);
        claim(data.path()).unwrap();
    }

    #[test]
    fn another_users_directory_is_refused() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let data = tempfile::tempdir().unwrap();
        std::os::unix::fs::chown(data.path(), Some(65_534), None).unwrap();
        let refused = directory(data.path(), &[]).unwrap_err();
        assert!(refused.text.contains("belongs to another user"), "{refused}");
    }
}
