//! Directories that are worked in by what was opened, and not by their name: whoever may write beside the files can put a link
//! in the place of a directory at any moment, but cannot exchange what is open.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// The directory for what was swapped out. Its name, among the files, is the agent's.
pub const YARD: &str = ".atoll";

/// A plain directory that is open.
#[derive(Debug)]
pub struct Anchor {
    _open: Option<File>,
    /// Leads there whatever has the directory's name by now.
    path: PathBuf,
}

impl Anchor {
    /// Opens a directory. No link in its place is followed, nor in that of the yard that it lies in.
    ///
    /// # Errors
    /// As the file system says, or it is a link or no directory.
    pub fn at(directory: &Path) -> io::Result<Self> {
        let Some(parent) = directory.parent().filter(|parent| parent.ends_with(YARD)) else {
            return Self::open(directory);
        };
        let (yard, name) = (Self::open(parent)?, directory.file_name().unwrap_or_default());
        Self::open(&yard.path.join(name))
    }

    /// Opens the directory that a file lies in, and says where the file is in it.
    ///
    /// # Errors
    /// As [`Self::at`].
    pub fn of(file: &Path) -> io::Result<(Self, PathBuf)> {
        let anchor = Self::at(file.parent().unwrap_or(Path::new(".")))?;
        let place = anchor.place(file);
        Ok((anchor, place))
    }

    /// Where a file is in what is open, by its name alone.
    pub fn place(&self, file: &Path) -> PathBuf {
        self.path.join(file.file_name().unwrap_or_default())
    }

    #[cfg(target_os = "linux")]
    fn open(directory: &Path) -> io::Result<Self> {
        use std::os::fd::AsRawFd as _;

        use rustix::fs::{Mode, OFlags, open};
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let open = match open(directory, flags, Mode::empty()) {
            Ok(open) => File::from(open),
            Err(rustix::io::Errno::LOOP | rustix::io::Errno::NOTDIR) => return Err(no_directory(directory)),
            Err(error) => return Err(error.into()),
        };
        let path = PathBuf::from(format!("/proc/self/fd/{}", open.as_raw_fd()));
        // Where processes cannot be looked at, the name has to do.
        let path = if path.exists() { path } else { directory.to_owned() };
        Ok(Self { _open: Some(open), path })
    }

    #[cfg(not(target_os = "linux"))]
    fn open(directory: &Path) -> io::Result<Self> {
        match std::fs::symlink_metadata(directory)?.is_dir() {
            true => Ok(Self { _open: None, path: directory.to_owned() }),
            false => Err(no_directory(directory)),
        }
    }
}

fn no_directory(path: &Path) -> io::Error {
    io::Error::other(format!(
        "{} is a symbolic link or not a directory; the agent works in plain directories only",
        path.display()
    ))
}
