//! The file of a dump. Under its name stands a whole dump or nothing.
//!
//! It is written under a name of its own and linked to the final one when it is on disk. As long as it
//! is written it is locked, which tells it from what a dead run has left. What is left of a plain stream is
//! taken over by the run that dumps the same subvolume again.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, Dir, FileType, FlockOperation, Mode, OFlags, RenameFlags, flock, fstat, linkat,
    openat, renameat, renameat_with, unlinkat,
};
use rustix::io::Errno;
use uuid::Uuid;

use super::super::leftover::Leftover;
use super::error::DumpError;
use crate::{Unfinished, temporary};

const NAME_MAX: usize = 255;
const RENAME: &str = "rename the dump to";
/// How many bytes are compared at once.
const COMPARED: usize = 256 << 10;

/// A dump on its way. Dropped before it is published, it is removed.
#[derive(Debug)]
pub(crate) struct DumpFile<'a> {
    dir: &'a File,
    path: &'a Path,
    temporary: OsString,
    file: File,
    /// Whether it stays when it is dropped.
    kept: bool,
}

impl<'a> DumpFile<'a> {
    /// Creates the temporary file in an open directory.
    pub(crate) fn create(dir: &'a File, path: &'a Path, uuid: Uuid) -> Result<Self, DumpError> {
        Self::named_so(dir, path, &temporary::name(uuid, Unfinished::Dump))
    }

    /// Opens what an interrupted run has left of the plain stream of a subvolume, if that is wanted, or
    /// creates an empty file. Of several that are left all but one are removed.
    pub(super) fn plain(
        dir: &'a File,
        path: &'a Path,
        uuid: Uuid,
        resume: bool,
    ) -> Result<Self, DumpError> {
        let mut found = None;
        for (name, lock) in all_abandoned(dir, path, &[Unfinished::Stream])? {
            drop(lock);
            if temporary::is_of(&name, uuid) {
                let old = Self::take_over(dir, path, &name)?;
                found = found.or(old.filter(|_| resume));
            }
        }
        match found {
            Some(found) => Ok(found),
            None => Self::named_so(dir, path, &temporary::name(uuid, Unfinished::Stream)),
        }
    }

    fn take_over(
        dir: &'a File,
        path: &'a Path,
        temporary: &OsStr,
    ) -> Result<Option<Self>, DumpError> {
        let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let failed = |error| failure("open", path.join(temporary), error);
        let file = File::from(openat(dir, temporary, flags, Mode::empty()).map_err(failed)?);
        let is_ours = FileType::from_raw_mode(fstat(&file).map_err(failed)?.st_mode)
            == FileType::RegularFile
            && flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok();
        Ok(is_ours.then(|| Self { dir, path, temporary: temporary.into(), file, kept: false }))
    }

    fn named_so(dir: &'a File, path: &'a Path, temporary: &OsStr) -> Result<Self, DumpError> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let failed = |error| failure("create", path.join(temporary), error);
        let file = openat(dir, temporary, flags, Mode::from_raw_mode(0o600)).map_err(failed)?;
        let file = File::from(file);
        let dump = Self { dir, path, temporary: temporary.into(), file, kept: false };
        flock(&dump.file, FlockOperation::LockExclusive).map_err(failed)?;
        // Between the two calls it looked like that of a dead run, and may have been removed.
        match fstat(&dump.file).map_err(failed)?.st_nlink {
            0 => Err(failed(Errno::AGAIN)),
            _ => Ok(dump),
        }
    }

    /// Removes those temporary files of dead runs from a directory that cannot be continued.
    pub(crate) fn remove_leftovers(dir: &File, path: &Path) -> Result<(), DumpError> {
        all_abandoned(dir, path, &[Unfinished::Dump])?.iter().try_for_each(|(name, _)| {
            let removed = unlinkat(dir, name, AtFlags::empty());
            removed.map_err(|error| failure("remove the leftover", path.join(name), error))
        })
    }

    /// Leaves it for the run that dumps the same subvolume again.
    pub(super) fn keep(mut self) {
        self.kept = true;
    }

    /// Finds the temporary files of dead runs in a directory that is at `below` of its root.
    pub(crate) fn leftovers(
        dir: &File,
        path: &Path,
        below: &Path,
    ) -> Result<Vec<Leftover>, DumpError> {
        let found = all_abandoned(dir, path, &Unfinished::FILES)?;
        Ok(found.iter().map(|(name, file)| leftover(file, name, below)).collect())
    }

    /// Removes the temporary file of a dead run.
    pub(crate) fn remove_leftover(dir: &File, path: &Path, name: &OsStr) -> Result<(), DumpError> {
        let failed = |error| failure("remove the leftover", path.join(name), error);
        let is_one = Unfinished::of(name).is_some_and(|kind| !kind.is_subvolume());
        let file = abandoned(dir, name).filter(|_| is_one).ok_or(failed(Errno::NOENT))?;
        let removed = unlinkat(dir, name, AtFlags::empty()).map_err(failed);
        drop(file);
        removed
    }

    /// Returns a handle to write with.
    pub(crate) fn writer(&self) -> Result<File, DumpError> {
        self.file.try_clone().map_err(DumpError::Write)
    }

    /// Puts the dump on disk and gives it the first of `names` that is free, unless the very same dump has
    /// one before that: then an interrupted run had come so far.
    pub(super) fn publish(self, names: &[OsString]) -> Result<OsString, DumpError> {
        self.to_disk()?;
        for name in names {
            match self.rename(name) {
                Ok(()) => {
                    self.named(name)?;
                    return Ok(name.clone());
                }
                Err(Errno::EXIST) if self.is_at(name).unwrap_or(false) => {
                    self.named(name)?;
                    return Ok(name.clone());
                }
                Err(Errno::EXIST) => {}
                Err(error) => return Err(failure(RENAME, self.path.join(name), error)),
            }
        }
        let path = names.last().map(|name| self.path.join(name)).unwrap_or_default();
        Err(DumpError::Exists { path })
    }

    /// Whether the file of that name holds the same.
    fn is_at(&self, name: &OsStr) -> io::Result<bool> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let other = File::from(openat(self.dir, name, flags, Mode::empty())?);
        let (here, there) = (self.file.metadata()?, other.metadata()?);
        Ok(there.is_file() && here.len() == there.len() && is_same(&self.file, &other)?)
    }

    /// Puts the dump on disk and gives it a name, whatever file has that now.
    pub(crate) fn replace(self, name: &OsStr) -> Result<(), DumpError> {
        self.to_disk()?;
        renameat(self.dir, &self.temporary, self.dir, name)
            .map_err(|error| failure(RENAME, self.path.join(name), error))?;
        self.named(name)
    }

    fn to_disk(&self) -> Result<(), DumpError> {
        let path = self.path.join(&self.temporary);
        let written = |source| DumpError::Io { what: "write to disk", path, source };
        self.file.sync_all().map_err(written)
    }

    /// Puts the new name on disk.
    fn named(&self, name: &OsStr) -> Result<(), DumpError> {
        let path = self.path.join(name);
        let durable = |source| DumpError::Io { what: "make durable", path, source };
        self.dir.sync_all().map_err(durable)
    }

    /// Renames without ever replacing; not every filesystem knows how in one call.
    fn rename(&self, name: &OsStr) -> rustix::io::Result<()> {
        match renameat_with(self.dir, &self.temporary, self.dir, name, RenameFlags::NOREPLACE) {
            Err(Errno::INVAL | Errno::NOSYS) => {
                linkat(self.dir, &self.temporary, self.dir, name, AtFlags::empty())
            }
            other => other,
        }
    }
}

impl Drop for DumpFile<'_> {
    fn drop(&mut self) {
        if self.kept {
            return;
        }
        // After a rename it is gone; what cannot be removed now, the next run removes.
        let _ = unlinkat(self.dir, &self.temporary, AtFlags::empty());
    }
}

/// Whether two files of one length have the same bytes.
fn is_same(one: &File, other: &File) -> io::Result<bool> {
    let (mut here, mut there) = (vec![0; COMPARED], vec![0; COMPARED]);
    let mut at = 0;
    loop {
        let count = one.read_at(&mut here, at)?;
        if count == 0 {
            return Ok(true);
        }
        other.read_exact_at(&mut there[..count], at)?;
        if here[..count] != there[..count] {
            return Ok(false);
        }
        at += count as u64;
    }
}

fn failure(what: &'static str, path: PathBuf, error: Errno) -> DumpError {
    DumpError::Io { what, path, source: error.into() }
}

/// Returns the names that a dump may get: that of its first volume, and if that is taken or too long one
/// that also has its UUID, for which the name is cut where it must be.
pub(super) fn names(first: &OsStr, uuid: Uuid, several: bool, extension: &OsStr) -> Vec<OsString> {
    let et_al = if several { ET_AL } else { "" };
    let end = |middle: &str| {
        [middle.as_bytes(), et_al.as_bytes(), STREAM.as_bytes(), extension.as_bytes()].concat()
    };
    let (plain, with_uuid) = (end(""), end(&format!(".{uuid}")));
    let whole = Some(first.as_bytes()).filter(|name| name.len() + plain.len() <= NAME_MAX);
    let cut = cut(first.as_bytes(), NAME_MAX.saturating_sub(with_uuid.len()));
    let names = whole.map(|name| [name, &plain].concat()).into_iter();
    names.chain([[cut, &with_uuid].concat()]).map(OsString::from_vec).collect()
}

const ET_AL: &str = "_et-al";
const STREAM: &str = ".btrfs_stream";

/// Fails where something cannot be appended to any name.
pub(super) fn check_extension(extension: &OsStr) -> Result<(), DumpError> {
    let bytes = extension.as_bytes();
    let uuid = ".".len() + uuid::fmt::Hyphenated::LENGTH;
    let fits = bytes.len() + uuid + ET_AL.len() + STREAM.len() <= NAME_MAX;
    match fits && !bytes.iter().any(|c| matches!(c, b'/' | 0)) {
        true => Ok(()),
        false => Err(DumpError::BadExtension { extension: extension.to_os_string() }),
    }
}

/// The beginning of a name, of so many bytes at most and without half a character.
fn cut(name: &[u8], length: usize) -> &[u8] {
    let is_inside = |at: &usize| name.get(*at).is_some_and(|byte| byte & 0xc0 == 0x80);
    let mut ends = (0..=length.min(name.len())).rev();
    let end = ends.find(|at| *at == name.len() || !is_inside(at)).unwrap_or(0);
    &name[..end]
}

/// The temporary files in a directory that nobody writes any more, of the kinds that are wanted.
fn all_abandoned(
    dir: &File,
    path: &Path,
    wanted: &[Unfinished],
) -> Result<Vec<(OsString, File)>, DumpError> {
    let failed = |error| failure("read", path.to_path_buf(), error);
    let mut found = Vec::new();
    for entry in Dir::read_from(dir).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = OsStr::from_bytes(entry.file_name().to_bytes());
        if Unfinished::of(name).is_some_and(|kind| wanted.contains(&kind)) {
            found.extend(abandoned(dir, name).map(|file| (name.to_os_string(), file)));
        }
    }
    Ok(found)
}

/// Opens and locks a temporary file that nobody writes any more; nothing where it is no file.
fn abandoned(dir: &File, name: &OsStr) -> Option<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(openat(dir, name, flags, Mode::empty()).ok()?);
    let is_file = file.metadata().is_ok_and(|found| found.is_file());
    let free = is_file && flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok();
    free.then_some(file)
}

fn leftover(file: &File, name: &OsStr, below: &Path) -> Leftover {
    let found = file.metadata().ok();
    Leftover {
        path: below.join(name),
        kind: Unfinished::of(name).unwrap_or(Unfinished::Dump),
        made: found.as_ref().and_then(|found| found.modified().ok()),
        bytes: found.map(|found| found.len()),
        subvolume: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dump_is_named_after_its_first_volume_and_then_by_uuid() {
        let uuid = Uuid::from_u128(7);
        let names = |first: &str, several, ext: &str| {
            names(OsStr::new(first), uuid, several, OsStr::new(ext))
        };
        assert_eq!(names("day", false, "")[0], "day.btrfs_stream");
        assert_eq!(names("day", true, ".zst")[0], "day_et-al.btrfs_stream.zst");
        assert_eq!(names("day", false, "")[1], format!("day.{uuid}.btrfs_stream").as_str());
        assert_eq!(names(&"x".repeat(242), false, "")[0].len(), 255);
        let long = names(&"x".repeat(243), false, "");
        assert_eq!(long, [format!("{}.{uuid}.btrfs_stream", "x".repeat(205)).as_str()]);
        // No character is cut in two.
        let long = names(&"ä".repeat(127), false, "");
        assert_eq!(long, [format!("{}.{uuid}.btrfs_stream", "ä".repeat(102)).as_str()]);
        let bytes = super::names(OsStr::from_bytes(&[0x80; 255]), uuid, true, OsStr::new(".z"));
        assert!(bytes.iter().all(|name| name.len() <= 255));
    }

    #[test]
    fn an_extension_is_part_of_a_name() {
        for good in ["", ".zst", "~", &"x".repeat(199)] {
            check_extension(OsStr::new(good)).unwrap();
        }
        for bad in ["/x", "a/b", "\0", &"x".repeat(200)] {
            assert!(check_extension(OsStr::new(bad)).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn what_a_dead_run_left_is_removed_and_what_a_living_one_writes_is_not() {
        let home = tempfile::tempdir().unwrap();
        let dir = File::open(home.path()).unwrap();
        let dead = temporary::name(Uuid::from_u128(1), Unfinished::Dump);
        std::fs::write(home.path().join(&dead), "x").unwrap();
        let living = DumpFile::create(&dir, home.path(), Uuid::from_u128(2)).unwrap();
        DumpFile::remove_leftovers(&dir, home.path()).unwrap();
        let left: Vec<_> =
            std::fs::read_dir(home.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(left, std::slice::from_ref(&living.temporary));
    }

    #[test]
    fn a_dump_never_replaces_another() {
        let home = tempfile::tempdir().unwrap();
        let dir = File::open(home.path()).unwrap();
        std::fs::write(home.path().join("a"), "old").unwrap();
        let dump = |content: &str| {
            let dump = DumpFile::create(&dir, home.path(), Uuid::nil()).unwrap();
            dump.writer().unwrap().write_all_at(content.as_bytes(), 0).unwrap();
            dump.publish(&["a".into(), "b".into()])
        };
        assert_eq!(dump("new").unwrap(), "b");
        assert!(matches!(dump("NEW"), Err(DumpError::Exists { .. })));
        assert!(matches!(dump("newer"), Err(DumpError::Exists { .. })));
        assert_eq!(std::fs::read(home.path().join("a")).unwrap(), b"old");
        // The same once more is no other one.
        assert_eq!((dump("old").unwrap(), dump("new").unwrap()), ("a".into(), "b".into()));
        assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 2, "no temporary file is left");
    }
}
