//! Keeps two runs out of one directory.
//!
//! The lock is an flock on the directory itself: it leaves no file behind, and ends with the process
//! that holds it, however that ends. Without it, one run would delete the staging subvolume of
//! another as the leftover of a dead one.

use std::fs::File;
use std::io;
use std::os::linux::fs::MetadataExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::super::error::RootError;
use crate::receive::remove_leftovers;

/// The locks that a root holds.
#[derive(Debug, Default)]
pub(super) struct Locks(Mutex<Vec<File>>);

impl Locks {
    /// Locks a directory, unless this root has done so already, and then removes what dead runs have
    /// left in it.
    pub(super) fn lock(&self, dir: &File, path: &Path) -> Result<(), RootError> {
        let failed = |source| RootError::Lock { path: path.to_path_buf(), source };
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = identity(dir).map_err(failed)?;
        for lock in held.iter() {
            if identity(lock).map_err(failed)? == wanted {
                return Ok(());
            }
        }
        let lock = dir.try_clone().map_err(failed)?;
        take(&lock, path)?;
        remove_leftovers(&lock, path)?;
        held.push(lock);
        Ok(())
    }
}

fn take(dir: &File, path: &Path) -> Result<(), RootError> {
    match flock(dir, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(()),
        Err(Errno::WOULDBLOCK) => {
            Err(RootError::Locked { path: path.to_path_buf(), pid: holder(dir) })
        }
        Err(error) => Err(RootError::Lock { path: path.to_path_buf(), source: error.into() }),
    }
}

fn identity(dir: &File) -> io::Result<(u64, u64)> {
    let metadata = dir.metadata()?;
    Ok((metadata.st_dev(), metadata.st_ino()))
}

/// Finds in the kernel's table who holds the lock of a directory. The table names inodes without the
/// subvolume, so an answer that is not the only one is none.
fn holder(dir: &File) -> Option<i32> {
    let inode = format!(":{}", identity(dir).ok()?.1);
    let table = std::fs::read_to_string("/proc/locks").ok()?;
    let mut holders = table.lines().filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [_, "FLOCK", _, _, pid, file, ..] = fields[..] else { return None };
        file.ends_with(&inode).then(|| pid.parse().ok()).flatten()
    });
    holders.next().filter(|_| holders.next().is_none())
}
