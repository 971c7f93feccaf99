//! An entry of the tree by its open directory, which reaches it however deep it lies.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::below::{open_below, parent_and_name};

/// A name in an open directory; something may stand there or not.
#[derive(Debug)]
pub(super) struct At {
    path: PathBuf,
    /// Held open, for the path leads through it.
    _dir: OwnedFd,
}

impl At {
    /// Finds a path below a root; its directory must exist.
    pub(super) fn new(root: &OwnedFd, path: &[u8]) -> io::Result<Self> {
        let (dir, name) = parent_and_name(path);
        // The root itself has no name; its own directory has it as a dot.
        let name = if name.is_empty() { b"." } else { name };
        let dir = open_below(root, dir)?;
        let open = PathBuf::from(format!("/proc/self/fd/{}", dir.as_raw_fd()));
        Ok(Self { path: open.join(OsStr::from_bytes(name)), _dir: dir })
    }

    /// A path that is short and valid as long as this value lives.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens an existing file.
    pub(super) fn open(&self) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).open(&self.path)
    }

    /// Creates a file where nothing stands.
    pub(super) fn create(&self) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).create_new(true).open(&self.path)
    }
}
