//! What interrupted runs have left in a directory, told apart by what can be continued and what not.
//!
//! A run that was killed could clean up nothing. What it leaves is recognised by its name, and by
//! being a subvolume; a checkpoint must have a record that only root can have made besides. The hazard
//! is a staging subvolume that was written to after its checkpoint: the kernel's transaction ids tell.

use std::cmp::Reverse;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use btrsync_kernel as kernel;
use rustix::fs::{AtFlags, Dir, DirEntry, Mode, OFlags, openat, statat};
use rustix::io::Errno;
use uuid::Uuid;

use super::checkpoint::{Checkpoint, Origin};
use super::error::ReceiveError;
use super::meta::Partial;
use super::stage::{Identity, is_staging_name};
use crate::Unfinished;

pub(super) const ROOT_INODE: u64 = 256;

/// A transfer that can be continued.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) checkpoint: Checkpoint,
    /// The name of the snapshot.
    pub(crate) at: OsString,
    /// The name of the staging subvolume, where it is as it was when the snapshot was made.
    pub(crate) staging: Option<OsString>,
}

/// What interrupted runs have left.
#[derive(Debug, Default)]
pub(crate) struct Left {
    pub(crate) kept: Vec<Kept>,
    /// The names of what is of no use any more.
    pub(crate) rest: Vec<OsString>,
}

/// Returns whether a name is one that only a part of an unfinished receive has.
pub(crate) fn is_unfinished(name: &OsStr) -> bool {
    Unfinished::of(name).is_some_and(Unfinished::is_subvolume)
}

/// Looks at what interrupted runs have left in a directory.
///
/// Where another run is receiving into it, what that is making is among the rest.
pub(crate) fn look(dir: &File, path: &Path) -> Result<Left, ReceiveError> {
    let mut names = unfinished(dir).map_err(|error| io("read", path, error))?;
    let mut checkpoints: Vec<_> = names.iter().filter_map(|name| read(dir, name)).collect();
    // Of several of one subvolume, a crash came between the making of one and the end of the other.
    checkpoints.sort_by_key(|(kept, _)| Reverse((kept.uuid(), kept.checkpoint.prefix.bytes)));
    checkpoints.dedup_by_key(|(kept, _)| kept.uuid());
    let mut kept = Vec::new();
    for (mut found, made) in checkpoints {
        found.staging = names.iter().find(|name| is_unchanged(dir, name, &made)).cloned();
        names.retain(|name| *name != found.at && Some(name) != found.staging.as_ref());
        kept.push(found);
    }
    Ok(Left { kept, rest: names })
}

/// Returns what could be continued in a directory.
pub(crate) fn partial(dir: &File, path: &Path) -> Result<Vec<Partial>, ReceiveError> {
    let partial = |kept: Kept| {
        let Origin { identity: Identity { uuid, ctransid }, parent, .. } = kept.checkpoint.origin;
        let (parent, prefix) = (parent.map(|parent| parent.uuid), kept.checkpoint.prefix);
        Partial { uuid, ctransid, parent, prefix }
    };
    Ok(look(dir, path)?.kept.into_iter().map(partial).collect())
}

/// Deletes what interrupted runs have left in a directory whose lock is held, but for what can be
/// continued.
pub(crate) fn sweep(dir: &File, path: &Path) -> Result<(), ReceiveError> {
    look(dir, path)?.rest.iter().try_for_each(|name| remove(dir, path, name))
}

/// Deletes a staging subvolume or a checkpoint, if it is there and is one.
pub(super) fn remove(dir: &File, path: &Path, name: &OsStr) -> Result<(), ReceiveError> {
    match statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
        Err(Errno::NOENT) => return Ok(()),
        Ok(stat) if stat.st_ino != ROOT_INODE => {
            return Err(ReceiveError::Exists { path: path.join(name) });
        }
        Ok(_) => {}
        Err(error) => return Err(io("look at", &path.join(name), error)),
    }
    kernel::delete(dir, name).map_err(|source| {
        let (what, path) = ("delete the leftover", path.join(name));
        ReceiveError::Kernel { what, path, source }
    })
}

/// Opens a subvolume of a directory.
pub(super) fn open(dir: &File, name: &OsStr) -> rustix::io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(dir, name, flags, Mode::empty()).map(File::from)
}

impl Kept {
    /// The UUID that the stream gives its subvolume.
    pub(crate) fn uuid(&self) -> Uuid {
        self.checkpoint.origin.identity.uuid
    }

    /// Deletes it.
    pub(super) fn remove(&self, dir: &File, path: &Path) -> Result<(), ReceiveError> {
        let names = [Some(&self.at), self.staging.as_ref()];
        names.into_iter().flatten().try_for_each(|name| remove(dir, path, name))
    }
}

fn unfinished(dir: &File) -> rustix::io::Result<Vec<OsString>> {
    let name = |entry: &DirEntry| OsStr::from_bytes(entry.file_name().to_bytes()).to_os_string();
    let entries = Dir::read_from(dir)?;
    let names = entries.map(|entry| entry.map(|entry| name(&entry)));
    names.filter(|name| name.as_ref().map_or(true, |name| is_unfinished(name))).collect()
}

/// Reads a checkpoint, with what the kernel says of it; nothing where it cannot be used any more.
fn read(dir: &File, name: &OsStr) -> Option<(Kept, kernel::Info)> {
    let (file, info) =
        subvolume(dir, name).filter(|_| Unfinished::of(name) == Some(Unfinished::Checkpoint))?;
    let checkpoint = Checkpoint::read(&file).filter(|_| info.read_only)?;
    let stands = statat(dir, &checkpoint.name, AtFlags::SYMLINK_NOFOLLOW);
    let free = stands.is_err_and(|error| error == Errno::NOENT);
    free.then(|| (Kept { checkpoint, at: name.into(), staging: None }, info))
}

/// Whether a staging subvolume is the one that a checkpoint was made of, and as it was then.
fn is_unchanged(dir: &File, name: &OsStr, checkpoint: &kernel::Info) -> bool {
    let found = subvolume(dir, name).filter(|_| is_staging_name(name));
    found.is_some_and(|(_, stage)| {
        let same = stage.uuid.is_some() && stage.uuid == checkpoint.parent_uuid;
        same && !stage.read_only && stage.ctransid <= checkpoint.otransid
    })
}

fn subvolume(dir: &File, name: &OsStr) -> Option<(File, kernel::Info)> {
    let file = open(dir, name).ok()?;
    let info = kernel::info(&file).ok()?;
    kernel::is_subvolume(&file).ok()?.then_some((file, info))
}

fn io(what: &'static str, path: &Path, error: Errno) -> ReceiveError {
    ReceiveError::Io { what, path: path.into(), source: error.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::temporary;

    #[test]
    fn only_a_whole_name_is_that_of_something_unfinished() {
        let name = temporary::name(Uuid::from_u128(7), Unfinished::Checkpoint);
        assert!(is_unfinished(&name) && !is_staging_name(&name));
        for other in [".btrsync-.checkpoint", ".btrsync-0.checkpoint", "day", ".btrsync-"] {
            assert!(!is_unfinished(OsStr::new(other)), "{other}");
        }
    }
}
