//! Keeps two runs out of one directory.
//!
//! Each directory is locked once and until the root is dropped, however many receives go into it.

use std::fs::{self, File};
use std::io;
use std::os::linux::fs::MetadataExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::super::error::{Holder, RootError};
use crate::agent::LISTENER;
use crate::receive::{Lock, ReceiveError, sweep};

/// The locks that a root holds.
#[derive(Debug, Default)]
pub(super) struct Locks(Mutex<Vec<Lock>>);

impl Locks {
    /// Locks a directory, unless this root has done so already, and then removes what dead runs have
    /// left in it.
    pub(super) fn lock(&self, dir: &File, path: &Path) -> Result<(), RootError> {
        let failed = |source| RootError::Lock { path: path.to_path_buf(), source };
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = identity(dir).map_err(failed)?;
        if holds(&held, wanted).map_err(failed)? {
            return Ok(());
        }
        let lock = take(dir.try_clone().map_err(failed)?, path)?;
        sweep(dir, path)?;
        held.push(lock);
        Ok(())
    }

    /// Locks a directory for as long as the result lives, and removes nothing; no lock is returned where
    /// this root has it anyway.
    pub(super) fn borrow(&self, dir: &File, path: &Path) -> Result<Option<Lock>, RootError> {
        let failed = |source| RootError::Lock { path: path.to_path_buf(), source };
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match holds(&held, identity(dir).map_err(failed)?).map_err(failed)? {
            true => Ok(None),
            false => take(dir.try_clone().map_err(failed)?, path).map(Some),
        }
    }
}

fn holds(held: &[Lock], wanted: (u64, u64)) -> io::Result<bool> {
    for lock in held {
        if identity(lock.dir())? == wanted {
            return Ok(true);
        }
    }
    Ok(false)
}

fn take(dir: File, path: &Path) -> Result<Lock, RootError> {
    Lock::take(dir, path).map_err(|error| match error {
        ReceiveError::Locked { path, pid } => {
            let holder = pid.and_then(heard_by).map_or(Holder::Here, Holder::Hears);
            RootError::Locked { path, pid, holder }
        }
        other => other.into(),
    })
}

/// How much a process has heard of another machine: what its threads have read that listen to one. It is
/// asked of the kernel, for the process could not tell while it waits.
fn heard_by(pid: i32) -> Option<u64> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).ok()?.flatten();
    let listening = threads.filter(|thread| {
        fs::read(thread.path().join("comm"))
            .is_ok_and(|name| name.trim_ascii() == LISTENER.as_bytes())
    });
    let read = |thread: fs::DirEntry| {
        let counts = fs::read_to_string(thread.path().join("io")).ok()?;
        counts.lines().find_map(|line| line.strip_prefix("rchar: "))?.parse::<u64>().ok()
    };
    listening.map(read).reduce(|all, one| Some(all? + one?)).flatten()
}

fn identity(dir: &File) -> io::Result<(u64, u64)> {
    let metadata = dir.metadata()?;
    Ok((metadata.st_dev(), metadata.st_ino()))
}
