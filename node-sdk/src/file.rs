//! Files that are either the old or the new one, whenever the power goes.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// The name under which a file is written before it takes its place.
#[must_use]
pub fn temporary_path(path: &Path) -> PathBuf {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    path.with_file_name(format!(".{name}.atoll-tmp"))
}

/// Replaces a file at once: writes beside it, flushes it to the disk, renames it, and flushes the directory.
///
/// # Errors
/// The old file is then still there, unchanged.
pub fn write_atomically(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let temporary = temporary_path(path);
    write_new(&temporary, content, mode)?;
    fs::rename(&temporary, path)?;
    sync_parent(path)
}

/// Writes a file from nothing and flushes it to the disk. One that a crash left behind is replaced.
///
/// # Errors
/// As the file system says.
pub fn write_new(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
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

/// Makes a directory that only its owner may enter, with its parents.
///
/// # Errors
/// As the file system says.
pub fn create_private_directory(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return close_to_writers(path);
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

/// Whoever may write into a directory may replace what is in it, however its files are protected.
#[cfg(unix)]
fn close_to_writers(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = fs::metadata(path)?.permissions().mode();
    if mode & 0o022 != 0 {
        tracing::warn!(path = %path.display(), "others could replace what is in this directory; now only its owner can");
        fs::set_permissions(path, fs::Permissions::from_mode(mode & !0o022))?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn close_to_writers(_path: &Path) -> io::Result<()> {
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
