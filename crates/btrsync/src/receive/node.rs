//! An open file, directory or other entry of the subvolume, and what can be set on it.
//!
//! Everything goes through the descriptor. What may not be opened (symbolic links, devices, pipes) is
//! held by a descriptor that only names it.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};

use btrsync_kernel as kernel;
use rustix::fs::{
    AtFlags, FileType, Gid, IFlags, Mode, SeekFrom, Timestamps, Uid, XattrFlags, chmod, chownat,
    fchmod, flistxattr, fremovexattr, fsetxattr, fstat, futimens, ioctl_getflags, ioctl_setflags,
    removexattr, seek, setxattr, utimensat,
};
use rustix::io::Errno;

use super::apply_error::{Applied, ApplyError, Told};
use super::attributes;
use super::confine::own_path;

/// What a descriptor is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// It only names the entry.
    Name,
    /// It reads the entry.
    Read,
    /// It reads and writes a file.
    Write,
}

/// An open entry.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) file: File,
    pub(super) kind: FileType,
    pub(super) access: Access,
    /// The times that a directory gets when it is left: each entry made in it changes them.
    times: RefCell<Option<Timestamps>>,
    /// Whether new entries get attributes from this directory; unknown until asked.
    inherited: Cell<Option<bool>>,
    /// Whether nothing was set on it since it was made here.
    plain: Cell<bool>,
    fresh: Cell<Option<Fresh>>,
    /// How much of its data may be in memory alone.
    unwritten: Cell<usize>,
    /// Where data was written as it was compressed, from and to.
    compressed: RefCell<Vec<(u64, u64)>>,
}

/// How many ranges of compressed data are noted of a file at most. Most files have one.
const RANGES: usize = 4096;

/// How much of a file is left in memory before the kernel is asked to write it, in bytes. It does so while
/// more comes, and while it has the data at hand; by itself it would wait for the end.
const UNWRITTEN: usize = 32 << 20;

/// What a new entry has.
#[derive(Debug, Clone, Copy)]
struct Fresh {
    uid: u32,
    gid: u32,
    mode: u32,
}

impl Node {
    pub(super) fn found(fd: impl Into<File>, kind: FileType, access: Access) -> Self {
        Self {
            file: fd.into(),
            kind,
            access,
            times: RefCell::new(None),
            inherited: Cell::new(None),
            plain: Cell::new(false),
            fresh: Cell::new(None),
            unwritten: Cell::new(0),
            compressed: RefCell::default(),
        }
    }

    /// An entry that was made just now.
    pub(super) fn made(fd: OwnedFd, kind: FileType, access: Access) -> Self {
        let node = Self::found(fd, kind, access);
        node.plain.set(true);
        node
    }

    pub(super) fn is_dir(&self) -> bool {
        self.kind == FileType::Directory
    }

    pub(super) fn set_owner(&self, uid: u32, gid: u32) -> Applied<()> {
        check_owner(uid, gid)?;
        let fresh = self.fresh()?;
        let mode = fresh.map_or_else(|| self.mode(), |fresh| Ok(fresh.mode))?;
        if fresh.is_some_and(|fresh| (fresh.uid, fresh.gid) == (uid, gid)) {
            return Ok(());
        }
        self.fresh.set(fresh.map(|fresh| Fresh { uid, gid, ..fresh }));
        let (uid, gid) = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
        chownat(&self.file, c"", uid, gid, AtFlags::EMPTY_PATH).told("set the owner")?;
        self.keep_special(mode)
    }

    /// Takes notice of data that was written to the file.
    pub(super) fn wrote(&self, bytes: usize) -> Applied<()> {
        self.unwritten.set(self.unwritten.get() + bytes);
        if self.unwritten.get() >= UNWRITTEN {
            self.unwritten.set(0);
            kernel::begin_write_out(&self.file)?;
        }
        Ok(())
    }

    /// Takes notice of data that was written as it was compressed.
    pub(super) fn wrote_compressed(&self, offset: u64, length: u64) -> Applied<()> {
        let end = offset.saturating_add(length);
        let mut ranges = self.compressed.borrow_mut();
        match ranges.last_mut().filter(|(_, last)| *last == offset) {
            Some((_, last)) => *last = end,
            None => ranges.push((offset, end)),
        }
        let many = ranges.len() >= RANGES;
        drop(ranges);
        if many { self.find_compressed() } else { Ok(()) }
    }

    /// Fails where data that was written as it was compressed is not there.
    pub(super) fn find_compressed(&self) -> Applied<()> {
        let ranges = self.compressed.take();
        if ranges.is_empty() {
            return Ok(());
        }
        match kernel::writes_out() {
            true => kernel::write_out(&self.file)?,
            false => kernel::commit(&self.file)?,
        }
        let size = fstat(&self.file).told("look at it")?.st_size.cast_unsigned();
        let is_there = |(from, to): (u64, u64)| -> Applied<bool> {
            let to = to.min(size);
            Ok(from >= to || seek(&self.file, SeekFrom::Hole(from)).told("look for data")? >= to)
        };
        for range in ranges {
            if !is_there(range)? {
                return Err(Errno::IO).told("write compressed data");
            }
        }
        Ok(())
    }

    fn mode(&self) -> Applied<u32> {
        Ok(fstat(&self.file).told("look at it")?.st_mode & 0o7777)
    }

    /// Sets the special bits of a mode again, which went with the owner: a stream says nothing of a mode
    /// that is that of the parent.
    fn keep_special(&self, mode: u32) -> Applied<()> {
        if mode & 0o6000 == 0 {
            return Ok(());
        }
        self.plain.set(false);
        self.set_mode(mode)
    }

    pub(super) fn set_mode(&self, mode: u32) -> Applied<()> {
        if mode & !0o7777 != 0 {
            return Err(ApplyError::Value { what: "the permissions", value: mode.into() });
        }
        if self.fresh()?.is_some_and(|fresh| fresh.mode == mode) {
            return Ok(());
        }
        self.plain.set(false);
        let mode = Mode::from_raw_mode(mode);
        match self.access {
            Access::Name if self.kind == FileType::Symlink => Err(Errno::OPNOTSUPP),
            Access::Name => chmod(own_path(self.file.as_fd()), mode),
            _ => fchmod(&self.file, mode),
        }
        .told("set the permissions")
    }

    /// Owner and permissions of an entry that was made here and has nothing more yet: what is right
    /// already need not be set.
    fn fresh(&self) -> Applied<Option<Fresh>> {
        if !self.plain.get() {
            return Ok(None);
        }
        if let Some(known) = self.fresh.get() {
            return Ok(Some(known));
        }
        let stat = fstat(&self.file).told("look at it")?;
        let fresh = Fresh { uid: stat.st_uid, gid: stat.st_gid, mode: stat.st_mode & 0o7777 };
        self.fresh.set(Some(fresh));
        Ok(Some(fresh))
    }

    /// Sets the times at once.
    pub(super) fn set_times(&self, times: &Timestamps) -> Applied<()> {
        match self.access {
            Access::Name => utimensat(&self.file, c"", times, AtFlags::EMPTY_PATH),
            _ => futimens(&self.file, times),
        }
        .told("set the times")
    }

    /// Notes the times that a directory gets when it is left.
    pub(super) fn set_times_later(&self, times: Timestamps) {
        *self.times.borrow_mut() = Some(times);
    }

    /// Gives a directory the times that were noted.
    pub(super) fn settle(&self) -> Applied<()> {
        let times = self.times.take();
        times.map_or(Ok(()), |times| self.set_times(&times))
    }

    pub(super) fn set_attribute(&self, name: &[u8], value: &[u8]) -> Applied<()> {
        self.changes_attributes();
        match self.access {
            Access::Name => setxattr(own_path(self.file.as_fd()), name, value, XattrFlags::empty()),
            _ => fsetxattr(&self.file, name, value, XattrFlags::empty()),
        }
        .told("set the extended attribute")
    }

    pub(super) fn remove_attribute(&self, name: &[u8]) -> Applied<()> {
        self.try_remove_attribute(name).told("remove the extended attribute")
    }

    fn try_remove_attribute(&self, name: &[u8]) -> rustix::io::Result<()> {
        self.changes_attributes();
        match self.access {
            Access::Name => removexattr(own_path(self.file.as_fd()), name),
            _ => fremovexattr(&self.file, name),
        }
    }

    /// Notes that attributes or flags are about to change.
    pub(super) fn changes_attributes(&self) {
        self.plain.set(false);
        self.inherited.set(None);
    }

    /// Whether what is made in this directory gets attributes that the stream does not give it.
    pub(super) fn is_inherited(&self) -> Applied<bool> {
        if let Some(known) = self.inherited.get() {
            return Ok(known);
        }
        let inherited = self.hands_flags_on()? || self.hands_attributes_on()?;
        self.inherited.set(Some(inherited));
        Ok(inherited)
    }

    fn hands_flags_on(&self) -> Applied<bool> {
        let flags = ioctl_getflags(&self.file).told("read the flags of the directory")?;
        Ok(flags.intersects(INHERITED_FLAGS))
    }

    fn hands_attributes_on(&self) -> Applied<bool> {
        let mut names = [0; 4096];
        match flistxattr(&self.file, &mut names[..]) {
            Ok(length) => {
                Ok(names[..length].split(|byte| *byte == 0).any(|name| INHERITED.contains(&name)))
            }
            Err(Errno::RANGE) => Ok(true),
            Err(error) => Err(error).told("list the extended attributes of the directory"),
        }
    }

    /// Notes of a new directory that it hands nothing on.
    pub(super) fn inherits_nothing(&self) {
        self.inherited.set(Some(false));
    }

    /// Removes what a new entry got from its directory.
    pub(super) fn strip(&self) -> Applied<()> {
        let holds = matches!(self.kind, FileType::RegularFile | FileType::Directory);
        for name in GOT.into_iter().filter(|name| holds || *name != COMPRESSION) {
            match self.try_remove_attribute(name) {
                Ok(()) | Err(Errno::NODATA | Errno::OPNOTSUPP) => {}
                Err(error) => return Err(error).told("remove an inherited attribute"),
            }
        }
        if holds { self.strip_flags() } else { Ok(()) }
    }

    /// Removes the flags that a new file or directory got; it is empty, so none of them is in use.
    fn strip_flags(&self) -> Applied<()> {
        let flags = ioctl_getflags(&self.file).told("read the flags")?;
        match flags.intersects(INHERITED_FLAGS) {
            true => ioctl_setflags(&self.file, flags.difference(INHERITED_FLAGS))
                .told("remove inherited flags"),
            false => Ok(()),
        }
    }
}

/// Checks that an owner and a group are some: the kernel takes these for "leave it as it is".
pub(super) fn check_owner(uid: u32, gid: u32) -> Applied<()> {
    for (what, value) in [("the owner", uid), ("the group", gid)] {
        if value == u32::MAX {
            return Err(ApplyError::Value { what, value: value.into() });
        }
    }
    Ok(())
}

/// The flags that a directory hands on: no copy on write, compression, and no compression.
const INHERITED_FLAGS: IFlags =
    IFlags::NOCOW.union(IFlags::COMPRESSED).union(attributes::NO_COMPRESSION);

/// The attributes that a directory hands on.
const INHERITED: [&[u8]; 2] = [b"system.posix_acl_default", COMPRESSION];

/// What a new entry has from its directory.
const GOT: [&[u8]; 3] = [b"system.posix_acl_access", b"system.posix_acl_default", COMPRESSION];

const COMPRESSION: &[u8] = b"btrfs.compression";
