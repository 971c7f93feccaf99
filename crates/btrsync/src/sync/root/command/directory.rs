//! The directory of the other side that is received into: found, created where that is wanted, and locked.
//!
//! There, everything goes by path. A path below the root may come from the names of another machine's
//! subvolumes, so nothing is done with one that is not the real path of what it names.

use std::ffi::OsString;
use std::io;
use std::path::{Component, Path, PathBuf};

use super::lock::Lock;
use super::place::Place;
use super::script::Script;
use super::{Shared, lock, receive};
use crate::sync::root::error::RootError;

/// Prints what may be left of dead runs in a directory; 256 is the inode of a subvolume.
const FIND: &str =
    r#"r find "$1" -mindepth 1 -maxdepth 1 -name '.btrsync-*.partial' -inum 256 -print0"#;
const DELETE: &str = r#"for p; do r btrfs subvolume delete "$p" >&2; done"#;
const READ_ONLY: &str = r#"r btrfs property get -t subvol "$1" ro"#;
const MKDIR: &str = r#"r mkdir -p -- "$1""#;

const ENOENT: i32 = 2;
const EXDEV: i32 = 18;
const ELOOP: i32 = 40;

impl Shared {
    /// Makes sure that a directory can be received into, and keeps other runs out of it.
    pub(super) fn prepare(&self, path: &Path) -> Result<PathBuf, RootError> {
        let full = self.path.join(path);
        let plain = path.components().all(|part| matches!(part, Component::Normal(_)));
        let mut place = Place::ask(&self.shell, &full)?;
        if !place.missing.as_os_str().is_empty() && self.options.create_recvpath && plain {
            self.check(&place, &place.existing.join(&place.missing), &full)?;
            self.shell.ask(&Script::new(MKDIR).arg(&full))?;
            place = Place::ask(&self.shell, &full)?;
        }
        self.check(&place, &place.existing, &full)?;
        self.lock(&full)?;
        Ok(full)
    }

    /// Refuses a directory that is not where it seems to be, or that nothing can be written to.
    fn check(&self, place: &Place, real: &Path, full: &Path) -> Result<(), RootError> {
        self.is_real(place, real, full)?;
        let path = self.shell.shown(full);
        if place.mount.point.starts_with(&self.path) && place.mount.point != self.path {
            return Err(RootError::OtherMount { path });
        }
        if place.missing.as_os_str().is_empty() && !place.is_directory() {
            return Err(RootError::NotADirectory { path });
        }
        if place.mount.is_read_only {
            return Err(RootError::ReadOnly { path, what: "the filesystem" });
        }
        match !place.is_writable && self.is_read_only(&place.existing)? {
            true => Err(RootError::ReadOnly { path, what: "the subvolume" }),
            false => Ok(()),
        }
    }

    /// Refuses a path that leads out of the root, through a link, or to nothing.
    pub(super) fn is_real(&self, place: &Place, real: &Path, full: &Path) -> Result<(), RootError> {
        let errno = if !full.starts_with(&self.path) {
            EXDEV
        } else if real == full {
            return Ok(());
        } else if place.missing.as_os_str().is_empty() {
            ELOOP
        } else {
            ENOENT
        };
        let source = io::Error::from_raw_os_error(errno);
        Err(RootError::Open { path: self.shell.shown(full), source })
    }

    /// Whether it is the subvolume that keeps us from writing to a directory.
    fn is_read_only(&self, dir: &Path) -> Result<bool, RootError> {
        let (root, _) = Place::ask(&self.shell, dir)?.into_root(&self.shell)?;
        Ok(self.shell.ask(&Script::new(READ_ONLY).arg(root))?.starts_with(b"ro=true"))
    }

    /// Locks a directory, and removes what dead runs have left in it.
    fn lock(&self, full: &Path) -> Result<(), RootError> {
        match lock(&self.locks).lock(&self.shell, full)? {
            Lock::Taken => self.remove_leftovers(full),
            Lock::Held | Lock::Unknown => Ok(()),
        }
    }

    /// Removes what dead runs have left. Locks only where there is something: a lock takes longer than
    /// all the rest of a run that has nothing to do.
    pub(super) fn sweep(&self, path: &Path) -> Result<(), RootError> {
        match self.leftovers(&self.path.join(path))?.is_empty() {
            true => Ok(()),
            false => self.prepare(path).map(drop),
        }
    }

    fn leftovers(&self, dir: &Path) -> Result<Vec<OsString>, RootError> {
        let found = self.shell.ask(&Script::new(FIND).arg(dir))?;
        Ok(found.split(|c| *c == 0).filter_map(|found| receive::leftover(dir, found)).collect())
    }

    fn remove_leftovers(&self, dir: &Path) -> Result<(), RootError> {
        let left = self.leftovers(dir)?;
        if !left.is_empty() {
            self.shell.ask(&Script::new(DELETE).args(left))?;
        }
        Ok(())
    }
}
