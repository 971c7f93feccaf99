//! The staging subvolume: where a stream is received before it gets its name.
//!
//! It stands beside the final name, since a read-only subvolume can be renamed only within its
//! directory. The order is what makes a crash harmless: all data is on disk before the received UUID
//! says that it is complete, that before the name, and the name before anyone is told. And a checkpoint
//! is deleted only when the next one, or the whole, is durable.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::path::PathBuf;
use std::rc::Rc;

use btrsync_kernel as kernel;
use rustix::fs::{AtFlags, RenameFlags, Timestamps, futimens, renameat_with, statat};
use rustix::io::Errno;
use uuid::Uuid;

use super::Directory;
use super::checkpoint::{self, Checkpoint};
use super::error::ReceiveError;
use super::kept::{self, Kept};
use super::tree::Tree;
use crate::temporary::{self, Unfinished};
use crate::text::escaped;

/// What a stream says of the subvolume it makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) uuid: Uuid,
    pub(crate) ctransid: u64,
}

/// A staging subvolume and its final name. Dropped before it is published, it is deleted unless it can
/// be continued.
#[derive(Debug)]
pub(super) struct Stage<'a> {
    into: &'a Directory,
    name: OsString,
    staging: OsString,
    /// The names of the checkpoints that are there; all but the last only until they can be deleted.
    checkpoints: Vec<OsString>,
    /// Whether the subvolume may have the record of a checkpoint.
    noted: bool,
    left: Left,
}

/// What stays when a stage is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    Nothing,
    /// The last checkpoint, as the subvolume is in no state that the stream passes through.
    Checkpoint,
    /// The subvolume too, which is as it was at the last checkpoint.
    All,
    /// What was published.
    Published,
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
        let (name, staging) = (OsString::new(), staging_name(uuid));
        Self { into, name, staging, checkpoints: Vec::new(), noted: false, left: Left::Nothing }
    }

    /// Takes over what an interrupted run has kept.
    pub(super) fn take_over(&mut self, kept: &Kept) {
        self.checkpoints = vec![kept.at.clone()];
        self.noted = true;
        if let Some(staging) = &kept.staging {
            self.staging.clone_from(staging);
        }
    }

    /// Makes the staging subvolume: empty, or as a snapshot of the parent. Returns its root directory.
    pub(super) fn create(&self, parent: Option<&File>) -> Result<File, ReceiveError> {
        let (dir, name) = (&self.into.file, &self.staging);
        match parent {
            None => kernel::create(dir, name),
            Some(parent) => kernel::snapshot(parent, dir, name, false),
        }
        .map_err(|e| self.kernel("create", e))?;
        self.open(name)
    }

    /// Opens the staging subvolume that was taken over; it is made from the checkpoint where the
    /// interrupted run has left none that is as it was then.
    pub(super) fn reopen(&self, kept: &Kept) -> Result<File, ReceiveError> {
        match kept.staging {
            Some(_) => self.open(&self.staging),
            None => self.create(Some(&self.open(&kept.at)?)),
        }
    }

    fn open(&self, name: &OsStr) -> Result<File, ReceiveError> {
        let opened = kept::open(&self.into.file, name);
        opened.map_err(|error| io("open", self.into.path.join(name), error))
    }

    /// Makes a checkpoint of the subvolume, which is durable when this returns, and deletes the one
    /// before. For want of space it makes none: then the next one may succeed. The data is on disk before
    /// there is a record of it, for a snapshot does not tell of what could not be written; that is told
    /// once, and so ends the transfer for whatever reason it was.
    pub(super) fn save(
        &mut self,
        dir: &File,
        checkpoint: &Checkpoint,
    ) -> Result<bool, ReceiveError> {
        let at = temporary::name(checkpoint.origin.identity.uuid, Unfinished::Checkpoint);
        self.write_out(dir)?;
        self.noted = true;
        let noted =
            checkpoint.note(dir).map_err(|e| io("note a checkpoint in", self.staging_path(), e));
        let made = noted.and_then(|()| {
            let made = kernel::snapshot(dir, &self.into.file, &at, true);
            made.map_err(|e| self.kernel("make a checkpoint of", e))
        });
        match made {
            Err(error) if error.is_about_space() => return Ok(false),
            other => other?,
        }
        tracing::debug!(bytes = checkpoint.prefix.bytes, "a checkpoint is on the disk");
        self.checkpoints.push(at);
        self.remove_checkpoints(1);
        Ok(true)
    }

    /// Keeps what can be continued after a failure. What the stream itself is to blame for, or what
    /// was in the checkpoint, would fail again.
    pub(super) fn fail(&mut self, error: &ReceiveError) {
        if error.raw_os_error().is_some() {
            // The kernel tells once of data that it could not write: this run has failed, the next one has not.
            let _ = kernel::sync(&self.into.file);
        }
        if error.is_about_space() && self.left == Left::Nothing {
            self.left = Left::Checkpoint;
        }
    }

    /// Keeps what is as it was at the last checkpoint; where it is not, only that.
    pub(super) fn pause(&mut self, settled: bool) {
        self.left = if settled { Left::All } else { Left::Checkpoint };
    }

    /// The final name.
    pub(super) fn name(&self) -> OsString {
        self.name.clone()
    }

    pub(super) fn has_checkpoint(&self) -> bool {
        !self.checkpoints.is_empty()
    }

    /// Puts on disk what was received, gives the root directory its times, and marks the subvolume as
    /// complete. Nothing is written to it after that: any later change shows in its transaction ids.
    pub(super) fn seal(
        &self,
        tree: &mut Tree,
        identity: Identity,
        times: Option<&Timestamps>,
    ) -> Result<(), ReceiveError> {
        self.settle(tree, self.has_checkpoint(), times)?;
        let dir = &tree.root().file;
        let Identity { uuid, ctransid: stransid } = identity;
        let received = kernel::Received { uuid, stransid, stime: kernel::Timestamp::default() };
        let mark = || kernel::set_received(dir, received).map(drop);
        self.with_room(|| mark().map_err(|e| self.kernel("complete", e)))?;
        self.protect(dir)
    }

    fn protect(&self, dir: &File) -> Result<(), ReceiveError> {
        let protect = || kernel::set_read_only(dir, true);
        self.with_room(|| protect().map_err(|e| self.kernel("complete", e)))
    }

    /// Does what changes nothing when it fails; for want of space once more after a commit, which on a
    /// filesystem that is nearly full gives back what was deleted.
    fn with_room<T>(
        &self,
        change: impl Fn() -> Result<T, ReceiveError>,
    ) -> Result<T, ReceiveError> {
        match change() {
            Err(error) if error.is_about_space() && kernel::commit(&self.into.file).is_ok() => {
                change()
            }
            other => other,
        }
    }

    /// Puts on disk what was received, and keeps it as it is, but does not say that it was received.
    pub(super) fn freeze(
        &self,
        tree: &mut Tree,
        times: Option<&Timestamps>,
    ) -> Result<(), ReceiveError> {
        self.settle(tree, true, times)?;
        self.protect(&tree.root().file)
    }

    /// Puts on disk what was received, by a commit of the `whole` filesystem or so that the next one has it.
    /// Of what an interrupted run has written nobody knows which files it was.
    fn settle(
        &self,
        tree: &mut Tree,
        whole: bool,
        times: Option<&Timestamps>,
    ) -> Result<(), ReceiveError> {
        let root = Rc::clone(tree.root());
        let dir = &root.file;
        if self.noted {
            let forgotten = checkpoint::forget(dir);
            forgotten.map_err(|e| io("remove the checkpoint from", self.staging_path(), e))?;
        }
        let settled = tree.written.settle(dir, whole);
        settled.map_err(|e| self.kernel("write to disk", e))?;
        if let Some(times) = times {
            futimens(dir, times).map_err(|e| io("set the times of", self.staging_path(), e))?;
        }
        Ok(())
    }

    /// Puts on disk what was received. `dir` was opened before, so any failure to write since then is told.
    fn write_out(&self, dir: &File) -> Result<(), ReceiveError> {
        kernel::sync(dir).map_err(|e| self.kernel("write to disk", e))
    }

    /// Gives the subvolume its name, and returns that when it is durable.
    pub(super) fn publish(&mut self) -> Result<OsString, ReceiveError> {
        self.with_room(|| self.rename())?;
        self.left = Left::Published;
        let (dir, path) = (&self.into.file, self.into.path.join(&self.name));
        kernel::commit(dir).map_err(|source| {
            let what = "make durable";
            ReceiveError::Kernel { what, path, source }
        })?;
        tracing::debug!(name = %escaped(&self.name), "published, and on the disk");
        self.remove_checkpoints(0);
        Ok(std::mem::take(&mut self.name))
    }

    fn rename(&self) -> Result<(), ReceiveError> {
        let (dir, path) = (&self.into.file, self.into.path.join(&self.name));
        match renameat_with(dir, &self.staging, dir, &self.name, RenameFlags::NOREPLACE) {
            Err(Errno::EXIST) => Err(ReceiveError::Exists { path }),
            other => other.map_err(|error| io("rename the received subvolume to", path, error)),
        }
    }

    /// Deletes all checkpoints but so many of the last. What cannot be deleted now is tried again later,
    /// at the latest when the next run locks the directory.
    fn remove_checkpoints(&mut self, but: usize) {
        let Directory { file, path, .. } = self.into;
        let kept = self.checkpoints.split_off(self.checkpoints.len().saturating_sub(but));
        self.checkpoints.retain(|at| kept::remove(file, path, at).is_err());
        self.checkpoints.extend(kept);
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
        if matches!(self.left, Left::Nothing | Left::Checkpoint) {
            let _ = kept::remove(&self.into.file, &self.into.path, &self.staging);
        }
        if self.left == Left::Nothing {
            self.remove_checkpoints(0);
        }
    }
}

fn io(what: &'static str, path: PathBuf, error: Errno) -> ReceiveError {
    ReceiveError::Io { what, path, source: error.into() }
}

/// Makes a name for a staging subvolume.
pub(crate) fn staging_name(uuid: Uuid) -> OsString {
    temporary::name(uuid, Unfinished::Staging)
}

/// Returns whether a name is one that only a staging subvolume has.
pub(crate) fn is_staging_name(name: &OsStr) -> bool {
    Unfinished::of(name) == Some(Unfinished::Staging)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_staging_name_is_one() {
        let name = staging_name(Uuid::from_u128(7));
        assert!(is_staging_name(&name));
        for other in [".btrsync-.partial", ".btrsync-0.partial", "day", ".btrsync-"] {
            assert!(!is_staging_name(OsStr::new(other)), "{other}");
        }
        let text = name.to_str().unwrap();
        assert!(!is_staging_name(OsStr::new(&text[1..])));
        assert!(!is_staging_name(OsStr::new(&text.replace('7', "g"))));
    }
}
