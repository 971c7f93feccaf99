//! The directory that is received into, and its lock.
//!
//! The lock is an flock on the directory itself: it leaves no file behind, and ends with the process
//! that holds it, however that ends. Without it, one run would delete the staging subvolume of
//! another as the leftover of a dead one.

use std::fs::File;
use std::os::linux::fs::MetadataExt;
use std::path::{Path, PathBuf};

use btrsync_kernel as kernel;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::error::ReceiveError;
use super::kept;

/// An open directory that subvolumes are received into. Nothing outside of it is read or written.
#[derive(Debug)]
pub struct Directory {
    pub(super) file: File,
    pub(super) path: PathBuf,
    /// The directory that announced sources are below.
    pub(super) root: Option<File>,
    _lock: Option<Lock>,
}

impl Directory {
    /// Opens a directory, keeps other runs out of it for as long as the value lives, and removes what
    /// dead runs have left in it and cannot be continued.
    ///
    /// # Errors
    ///
    /// [`ReceiveError::Io`], [`ReceiveError::NotBtrfs`], [`ReceiveError::Locked`].
    pub fn open(path: &Path) -> Result<Self, ReceiveError> {
        let failed = |source| ReceiveError::Io { what: "open", path: path.into(), source };
        let file = File::open(path).map_err(failed)?;
        let is_dir = file.metadata().map_err(failed)?.is_dir();
        if !is_dir || !kernel::is_btrfs(&file).unwrap_or(false) {
            return Err(ReceiveError::NotBtrfs { path: path.into() });
        }
        let lock = Lock::take(file.try_clone().map_err(failed)?, path)?;
        kept::sweep(&file, path)?;
        Ok(Self { file, path: path.into(), root: None, _lock: Some(lock) })
    }

    /// Takes over a directory that its caller has locked. What the caller announces may also be below
    /// `root`.
    pub(crate) fn new(file: File, path: PathBuf, root: File) -> Self {
        Self { file, path, root: Some(root), _lock: None }
    }
}

/// The lock of a directory.
#[derive(Debug)]
pub(crate) struct Lock(File);

impl Lock {
    /// Locks a directory, without waiting.
    pub(crate) fn take(dir: File, path: &Path) -> Result<Self, ReceiveError> {
        match flock(&dir, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self(dir)),
            Err(Errno::WOULDBLOCK) => {
                Err(ReceiveError::Locked { path: path.into(), pid: holder(&dir) })
            }
            Err(error) => {
                Err(ReceiveError::Io { what: "lock", path: path.into(), source: error.into() })
            }
        }
    }

    /// Returns the directory that is locked.
    pub(crate) fn dir(&self) -> &File {
        &self.0
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Not by closing alone: a child process that is just being started has a copy until it runs.
        let _ = flock(&self.0, FlockOperation::Unlock);
    }
}

/// Finds in the kernel's table who holds the lock of a directory. The table names inodes without the
/// subvolume, so of those whose number fits the one that has this directory open is meant.
fn holder(dir: &File) -> Option<i32> {
    let metadata = dir.metadata().ok()?;
    let inode = format!(":{}", metadata.st_ino());
    let table = std::fs::read_to_string("/proc/locks").ok()?;
    let mut holders = table.lines().filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [_, "FLOCK", _, _, pid, file, ..] = fields[..] else { return None };
        file.ends_with(&inode).then(|| pid.parse().ok()).flatten()
    });
    let wanted = (metadata.st_dev(), metadata.st_ino());
    holders.find(|pid| has_open(*pid, wanted))
}

/// Whether a process has a file, by device and inode, open, as far as its descriptors can be looked at.
pub(crate) fn has_open(pid: i32, wanted: (u64, u64)) -> bool {
    let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd"));
    let mut open = descriptors.into_iter().flatten().flatten().filter_map(|entry| {
        let metadata = std::fs::metadata(entry.path()).ok()?;
        Some((metadata.st_dev(), metadata.st_ino()))
    });
    open.any(|found| found == wanted)
}
