//! One file, directory or other entry with all it carries, and how two of them differ.
//!
//! The hazard is a path longer than the kernel takes: everything is reached from an open directory.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd};

use rustix::fs::{
    AtFlags, FileType, OFlags, Statx, StatxFlags, StatxTimestamp, lgetxattr, llistxattr,
    readlinkat, statx,
};
use rustix::io::{Errno, Result};

use super::Compare;
use super::content::Content;
use super::report::{Report, shown};
use crate::below::open_quietly;

/// The largest value and the longest list of names that the kernel gives.
const XATTR_MAX: usize = 64 * 1024;

/// What kind of entry, with what only that kind has.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    Directory,
    /// A nested subvolume, or the directory that stands for one in a snapshot; not entered.
    ///
    /// Both have another device number than the tree: a subvolume its own, the other the
    /// filesystem's.
    Nested,
    File(Content),
    Symlink(Vec<u8>),
    /// FIFO, socket or device, with major and minor number.
    Special(FileType, (u32, u32)),
}

impl Kind {
    fn name(&self) -> &'static str {
        match self {
            Self::Directory => "directory",
            Self::Nested => "nested subvolume",
            Self::File(_) => "file",
            Self::Symlink(_) => "symlink",
            Self::Special(FileType::Fifo, _) => "fifo",
            Self::Special(FileType::Socket, _) => "socket",
            Self::Special(FileType::CharacterDevice, _) => "character device",
            Self::Special(..) => "block device",
        }
    }

    pub(super) fn is_directory(&self) -> bool {
        matches!(self, Self::Directory | Self::Nested)
    }
}

/// One entry of a tree.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) kind: Kind,
    pub(super) inode: u64,
    nlink: u32,
    mode: u32,
    uid: u32,
    gid: u32,
    atime: (i64, u32),
    mtime: (i64, u32),
    xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Node {
    /// Reads the entry `name` of an open directory; `home` is the device of the tree's root.
    pub(super) fn read(dir: &OwnedFd, name: &[u8], home: Device) -> Result<Self> {
        let stat = statx(dir, name, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::BASIC_STATS)?;
        Ok(Self {
            kind: read_kind(dir, name, &stat, home)?,
            inode: stat.stx_ino,
            nlink: stat.stx_nlink,
            mode: u32::from(stat.stx_mode) & 0o7777,
            uid: stat.stx_uid,
            gid: stat.stx_gid,
            atime: time(stat.stx_atime),
            mtime: time(stat.stx_mtime),
            xattrs: read_xattrs(dir, name)?,
        })
    }

    /// Reports how `dest` differs from this node of the source.
    pub(super) fn compare(&self, dest: &Self, path: &[u8], choice: &Compare, report: &mut Report) {
        if self.kind.name() != dest.kind.name() {
            return report.check(path, "type", &self.kind.name(), &dest.kind.name());
        }
        self.compare_kind(dest, path, choice, report);
        report.check(path, "mode", &Octal(self.mode), &Octal(dest.mode));
        report.check(path, "uid", &self.uid, &dest.uid);
        report.check(path, "gid", &self.gid, &dest.gid);
        if choice.mtime && (choice.root_mtime || !path.is_empty()) {
            report.check(path, "mtime", &self.mtime, &dest.mtime);
        }
        if choice.atime {
            report.check(path, "atime", &self.atime, &dest.atime);
        }
        // Filesystems disagree on what a directory's count means.
        if !self.kind.is_directory() {
            report.check(path, "nlink", &self.nlink, &dest.nlink);
        }
        compare_xattrs(&self.xattrs, &dest.xattrs, path, report);
    }

    fn compare_kind(&self, dest: &Self, path: &[u8], choice: &Compare, report: &mut Report) {
        match (&self.kind, &dest.kind) {
            (Kind::File(a), Kind::File(b)) => compare_content(a, b, path, choice, report),
            (Kind::Symlink(a), Kind::Symlink(b)) => {
                report.check(path, "target", &shown(a), &shown(b));
            }
            (Kind::Special(_, a), Kind::Special(_, b)) => report.check(path, "device", a, b),
            _ => {}
        }
    }
}

/// A mode in debug output as everyone reads it.
#[derive(PartialEq)]
struct Octal(u32);

impl std::fmt::Debug for Octal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:04o}", self.0)
    }
}

fn compare_content(a: &Content, b: &Content, path: &[u8], choice: &Compare, report: &mut Report) {
    if a.size != b.size {
        return report.check(path, "size", &a.size, &b.size);
    }
    if let Some(offset) = a.first_difference(b) {
        report.add(path, &format!("content: differs first in the block at {offset}"));
    }
    if choice.holes {
        report.check(path, "data ranges", &a.data, &b.data);
    }
    if let Some((start, end)) = a.first_filled(b).filter(|_| choice.filled) {
        report.add(path, &format!("a hole is filled: data from {start} to {end}"));
    }
}

fn compare_xattrs(
    source: &BTreeMap<Vec<u8>, Vec<u8>>,
    dest: &BTreeMap<Vec<u8>, Vec<u8>>,
    path: &[u8],
    report: &mut Report,
) {
    let only_dest = dest.keys().filter(|name| !source.contains_key(*name));
    for name in source.keys().chain(only_dest) {
        let [a, b] = [source, dest].map(|all| all.get(name).map(|value| Bytes(value)));
        report.check(path, &format!("xattr {}", name.escape_ascii()), &a, &b);
    }
}

/// Bytes in debug output as a literal, cut where only the length says more.
#[derive(PartialEq)]
struct Bytes<'a>(&'a [u8]);

impl std::fmt::Debug for Bytes<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let start = &self.0[..self.0.len().min(64)];
        write!(f, "\"{}\" ({} bytes)", start.escape_ascii(), self.0.len())
    }
}

/// Major and minor number of the filesystem that an entry lies on; each subvolume has its own.
pub(super) type Device = (u32, u32);

/// Returns the device of an open directory.
pub(super) fn device(dir: &OwnedFd) -> Result<Device> {
    let stat = statx(dir, c"", AtFlags::EMPTY_PATH, StatxFlags::BASIC_STATS)?;
    Ok((stat.stx_dev_major, stat.stx_dev_minor))
}

fn read_kind(dir: &OwnedFd, name: &[u8], stat: &Statx, home: Device) -> Result<Kind> {
    Ok(match FileType::from_raw_mode(stat.stx_mode.into()) {
        FileType::Directory if (stat.stx_dev_major, stat.stx_dev_minor) != home => Kind::Nested,
        FileType::Directory => Kind::Directory,
        FileType::RegularFile => Kind::File(read_content(dir, name, stat.stx_size)?),
        FileType::Symlink => Kind::Symlink(readlinkat(dir, name, Vec::new())?.into_bytes()),
        other => Kind::Special(other, (stat.stx_rdev_major, stat.stx_rdev_minor)),
    })
}

fn read_content(dir: &OwnedFd, name: &[u8], size: u64) -> Result<Content> {
    let file = File::from(open_quietly(dir, name, OFlags::RDONLY)?);
    Content::read(&file, size).map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))
}

fn time(stamp: StatxTimestamp) -> (i64, u32) {
    (stamp.tv_sec, stamp.tv_nsec)
}

fn read_xattrs(dir: &OwnedFd, name: &[u8]) -> Result<BTreeMap<Vec<u8>, Vec<u8>>> {
    // The only way to the attributes of a symlink or a device that is not a full path.
    let path = [format!("/proc/self/fd/{}/", dir.as_raw_fd()).as_bytes(), name].concat();
    let mut buffer = vec![0; XATTR_MAX];
    let length = match llistxattr(&path, &mut buffer[..]) {
        Err(Errno::OPNOTSUPP) => 0,
        result => result?,
    };
    let names = buffer[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty());
    names.map(|name| Ok((name.to_vec(), read_xattr(&path, name)?))).collect()
}

fn read_xattr(path: &[u8], name: &[u8]) -> Result<Vec<u8>> {
    let mut value = vec![0; XATTR_MAX];
    let length = lgetxattr(path, name, &mut value[..])?;
    value.truncate(length);
    Ok(value)
}
