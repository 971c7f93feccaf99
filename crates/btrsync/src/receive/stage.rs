//! The staging subvolume: where a stream is received before it gets its name.
//!
//! It stands beside the final name, since a read-only subvolume can be renamed only within its
//! directory. The order is what makes a crash harmless: all data is on disk before the received UUID
//! says that it is complete, that before the name, and the name before anyone is told.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use btrsync_kernel as kernel;
use rustix::fs::{
    AtFlags, Dir, Mode, OFlags, RenameFlags, Timestamps, futimens, openat, renameat_with, statat,
};
use rustix::io::Errno;
use uuid::Uuid;

use super::Directory;
use super::error::ReceiveError;
use crate::temporary;

const SUFFIX: &str = ".partial";
const ROOT_INODE: u64 = 256;

/// What a stream says of the subvolume it makes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Identity {
    pub(crate) uuid: Uuid,
    pub(crate) ctransid: u64,
}

/// A staging subvolume and its final name. Dropped before it is published, it is deleted.
#[derive(Debug)]
pub(super) struct Stage<'a> {
    into: &'a Directory,
    name: OsString,
    staging: OsString,
    published: bool,
}

impl<'a> Stage<'a> {
    /// Makes sure that the name is free. The lock of the directory is held.
    pub(super) fn new(
        into: &'a Directory,
        name: OsString,
        uuid: Uuid,
    ) -> Result<Self, ReceiveError> {
        let path = into.path.join(&name);
        match statat(&into.file, &name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => {}
            Ok(_) => return Err(ReceiveError::Exists { path }),
            Err(error) => return Err(io("look at", path, error)),
        }
        let mut stage = Self::nameless(into, uuid);
        stage.name = name;
        Ok(stage)
    }

    /// One that is never published.
    pub(super) fn nameless(into: &'a Directory, uuid: Uuid) -> Self {
        Self { into, name: OsString::new(), staging: staging_name(uuid), published: false }
    }

    /// Makes the staging subvolume: empty, or as a snapshot of the parent. Returns its root directory.
    pub(super) fn create(&self, parent: Option<&File>) -> Result<File, ReceiveError> {
        let (dir, name) = (&self.into.file, &self.staging);
        match parent {
            None => kernel::create(dir, name),
            Some(parent) => kernel::snapshot(parent, dir, name, false),
        }
        .map_err(|e| self.kernel("create", e))?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        openat(dir, name, flags, Mode::empty())
            .map(File::from)
            .map_err(|error| io("open", self.staging_path(), error))
    }

    /// Puts on disk what was received, gives the root directory its times, and marks the subvolume as
    /// complete. Nothing is written to it after that: any later change shows in its transaction ids.
    pub(super) fn seal(
        &self,
        dir: &File,
        identity: Identity,
        times: Option<&Timestamps>,
    ) -> Result<(), ReceiveError> {
        self.settle(dir, times)?;
        let marked = |e| self.kernel("complete", e);
        let Identity { uuid, ctransid: stransid } = identity;
        let received = kernel::Received { uuid, stransid, stime: kernel::Timestamp::default() };
        kernel::set_received(dir, received).map_err(marked)?;
        kernel::set_read_only(dir, true).map_err(marked)
    }

    /// Puts on disk what was received, and keeps it as it is, but does not say that it was received.
    pub(super) fn freeze(
        &self,
        dir: &File,
        times: Option<&Timestamps>,
    ) -> Result<(), ReceiveError> {
        self.settle(dir, times)?;
        kernel::set_read_only(dir, true).map_err(|e| self.kernel("complete", e))
    }

    fn settle(&self, dir: &File, times: Option<&Timestamps>) -> Result<(), ReceiveError> {
        kernel::sync(dir).map_err(|e| self.kernel("write to disk", e))?;
        if let Some(times) = times {
            futimens(dir, times).map_err(|e| io("set the times of", self.staging_path(), e))?;
        }
        Ok(())
    }

    /// Gives the subvolume its name, and returns that when it is durable.
    pub(super) fn publish(mut self) -> Result<OsString, ReceiveError> {
        let (dir, path) = (&self.into.file, self.into.path.join(&self.name));
        match renameat_with(dir, &self.staging, dir, &self.name, RenameFlags::NOREPLACE) {
            Ok(()) => self.published = true,
            Err(Errno::EXIST) => return Err(ReceiveError::Exists { path }),
            Err(error) => return Err(io("rename the received subvolume to", path, error)),
        }
        kernel::sync(dir).map_err(|source| {
            let what = "make durable";
            ReceiveError::Kernel { what, path, source }
        })?;
        Ok(std::mem::take(&mut self.name))
    }

    pub(super) fn staging_path(&self) -> PathBuf {
        self.into.path.join(&self.staging)
    }

    fn kernel(&self, what: &'static str, source: kernel::Error) -> ReceiveError {
        ReceiveError::Kernel { what, path: self.staging_path(), source }
    }
}

impl Drop for Stage<'_> {
    fn drop(&mut self) {
        if !self.published {
            // What cannot be deleted now, the next run deletes when it locks the directory.
            let _ = remove(&self.into.file, &self.into.path, &self.staging);
        }
    }
}

fn io(what: &'static str, path: PathBuf, error: Errno) -> ReceiveError {
    ReceiveError::Io { what, path, source: error.into() }
}

/// Makes a name for a staging subvolume.
pub(crate) fn staging_name(uuid: Uuid) -> OsString {
    temporary::name(uuid, SUFFIX)
}

/// Returns whether a name is one that only a staging subvolume has.
pub(crate) fn is_staging_name(name: &OsStr) -> bool {
    temporary::is_name(name, SUFFIX)
}

/// Deletes the staging subvolumes in a directory whose lock is held: those of dead runs.
pub(crate) fn remove_leftovers(dir: &File, path: &Path) -> Result<(), ReceiveError> {
    let entries = Dir::read_from(dir).map_err(|error| io("read", path.to_path_buf(), error))?;
    for entry in entries {
        let entry = entry.map_err(|error| io("read", path.to_path_buf(), error))?;
        let name = OsStr::from_bytes(entry.file_name().to_bytes());
        if is_staging_name(name) {
            remove(dir, path, name)?;
        }
    }
    Ok(())
}

/// Deletes a staging subvolume, if it is there and is one.
fn remove(dir: &File, path: &Path, name: &OsStr) -> Result<(), ReceiveError> {
    let path = path.join(name);
    match statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
        Err(Errno::NOENT) => return Ok(()),
        Ok(stat) if stat.st_ino != ROOT_INODE => return Err(ReceiveError::Exists { path }),
        Ok(_) => {}
        Err(error) => return Err(io("look at", path, error)),
    }
    kernel::delete(dir, name).map_err(|source| ReceiveError::Kernel {
        what: "delete the leftover",
        path,
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_staging_name_is_one() {
        let name = temporary::name(Uuid::from_u128(7), SUFFIX);
        assert!(is_staging_name(&name));
        for other in [".btrsync-.partial", ".btrsync-0.partial", "day", ".btrsync-"] {
            assert!(!is_staging_name(OsStr::new(other)), "{other}");
        }
        let text = name.to_str().unwrap();
        assert!(!is_staging_name(OsStr::new(&text[1..])));
        assert!(!is_staging_name(OsStr::new(&text.replace('7', "g"))));
    }
}
