//! Reads one entry of a directory.
//!
//! What stands there may be anything: a pipe that hangs whoever opens it, a link that leads elsewhere, a
//! mount that hides what is below. So only files and directories are opened for reading, nothing is
//! followed, and a mount is an error: what it hides would not be compared.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;

use rustix::fs::{
    AtFlags, FileType, OFlags, Statx, StatxFlags, fgetxattr, flistxattr, getxattr, listxattr,
    readlinkat, statx,
};
use rustix::io::Errno;

use super::DigestOptions;
use super::content::{Content, Reader};
use super::digest::Digest;
use super::entry::{Entry, Kind, Xattr};
use super::links::Links;
use super::spool::NONE;
use crate::Cancel;
use crate::receive::confine::{beneath, own_path};

/// The largest value of an attribute, and the longest list of their names, that the kernel gives.
const XATTR_MAX: usize = 64 * 1024;

/// Why an entry could not be read.
#[derive(Debug)]
pub(super) struct Unread {
    pub(super) what: &'static str,
    pub(super) source: io::Error,
}

type Result<T> = std::result::Result<T, Unread>;

trait Told<T> {
    fn told(self, what: &'static str) -> Result<T>;
}

impl<T, E: Into<io::Error>> Told<T> for std::result::Result<T, E> {
    fn told(self, what: &'static str) -> Result<T> {
        self.map_err(|error| Unread { what, source: error.into() })
    }
}

/// Reads the entries of one tree.
#[derive(Debug)]
pub(super) struct Nodes {
    /// The device of the subvolume; what has another is not part of it.
    device: (u32, u32),
    reader: Reader,
    links: Links,
    buffer: Vec<u8>,
}

impl Nodes {
    pub(super) fn new(root: &File, options: DigestOptions, cancel: &Cancel) -> Result<Self> {
        let stat = statx(root, c"", AtFlags::EMPTY_PATH, StatxFlags::BASIC_STATS);
        let device = device(&stat.told("look at")?);
        let reader = Reader::new(options.holes, cancel);
        Ok(Self { device, reader, links: Links::default(), buffer: vec![0; XATTR_MAX] })
    }

    /// Reads the root of the tree; the digest of its entries is still to come.
    pub(super) fn root(&mut self, root: &File) -> Result<Entry> {
        let stat = statx(root, c"", AtFlags::EMPTY_PATH, StatxFlags::BASIC_STATS);
        let found = Access::Whole(root.as_fd());
        self.entry(Kind::Directory, b"", &stat.told("look at")?, &found)
    }

    /// Reads the entry `name` of a directory, all but what is in it where it is a directory itself; nothing
    /// where it is another subvolume. `path` is its path from the root.
    pub(super) fn read(
        &mut self,
        dir: BorrowedFd<'_>,
        name: &[u8],
        path: &[u8],
    ) -> Result<Option<Entry>> {
        let stat = statx(dir, name, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::BASIC_STATS);
        let stat = stat.told("look at")?;
        let kind = Kind::of(FileType::from_raw_mode(stat.stx_mode.into()));
        let kind = kind.ok_or(io::Error::other("its type is not known")).told("read")?;
        let found = open(dir, name, kind).told("open")?;
        if device(&stat) != self.device {
            return Ok(None);
        }
        let access = match kind {
            Kind::Directory | Kind::File => Access::Whole(found.as_fd()),
            _ => Access::Name(own_path(found.as_fd())),
        };
        let mut entry = self.entry(kind, name, &stat, &access)?;
        match kind {
            Kind::Directory => {}
            Kind::Symlink => {
                let target = readlinkat(dir, name, Vec::new()).told("read the target of")?;
                self.content(&mut entry, &stat, path, |_| Ok(Content::of(target.to_bytes())))?;
            }
            Kind::File => {
                let file = File::from(found);
                let size = stat.stx_size;
                let read = |reader: &mut Reader| reader.content(&file, size).told("read");
                self.content(&mut entry, &stat, path, read)?;
            }
            _ => self.content(&mut entry, &stat, path, |_| Ok(Content::of(b"")))?,
        }
        Ok(Some(entry))
    }

    /// Everything but what is in the entry.
    fn entry(
        &mut self,
        kind: Kind,
        name: &[u8],
        stat: &Statx,
        found: &Access<'_>,
    ) -> Result<Entry> {
        let (is_dir, is_file) = (kind == Kind::Directory, kind == Kind::File);
        let is_device = matches!(kind, Kind::CharacterDevice | Kind::BlockDevice);
        Ok(Entry {
            name: OsString::from_vec(name.to_vec()),
            kind,
            mode: u32::from(stat.stx_mode) & 0o7777,
            uid: stat.stx_uid,
            gid: stat.stx_gid,
            mtime: (stat.stx_mtime.tv_sec, stat.stx_mtime.tv_nsec),
            size: if is_file { stat.stx_size } else { 0 },
            device: if is_device { (stat.stx_rdev_major, stat.stx_rdev_minor) } else { (0, 0) },
            links: if is_dir { 1 } else { stat.stx_nlink },
            first: None,
            xattrs: self.xattrs(found).told("read the extended attributes of")?,
            body: Digest::default(),
            layout: None,
            place: NONE,
        })
    }

    /// Adds what is in the entry, which is read once for all names of a file.
    fn content(
        &mut self,
        entry: &mut Entry,
        stat: &Statx,
        path: &[u8],
        read: impl FnOnce(&mut Reader) -> Result<Content>,
    ) -> Result<()> {
        let known = if stat.stx_nlink > 1 { self.links.again(stat.stx_ino) } else { None };
        let content = match known {
            Some(known) => known.content,
            None => read(&mut self.reader)?,
        };
        if known.is_none() && stat.stx_nlink > 1 {
            self.links.remember(stat.stx_ino, path, content, stat.stx_nlink);
        }
        entry.first = known.map(|known| known.first);
        (entry.body, entry.layout) = (content.body, content.layout);
        Ok(())
    }

    fn xattrs(&mut self, found: &Access<'_>) -> rustix::io::Result<Vec<Xattr>> {
        let length = match found.list(&mut self.buffer) {
            Err(Errno::OPNOTSUPP) => 0,
            length => length?,
        };
        let names = self.buffer[..length].split(|byte| *byte == 0);
        let mut names: Vec<Vec<u8>> = names.filter(|n| !n.is_empty()).map(<[u8]>::to_vec).collect();
        names.sort_unstable();
        let xattr = |name: Vec<u8>| {
            let length = found.get(&name, &mut self.buffer)?;
            let value = Digest::of(&self.buffer[..length]);
            Ok(Xattr { name: OsString::from_vec(name), value })
        };
        names.into_iter().map(xattr).collect()
    }
}

impl Content {
    fn of(bytes: &[u8]) -> Self {
        Self { body: Digest::of(bytes), layout: None }
    }
}

fn device(stat: &Statx) -> (u32, u32) {
    (stat.stx_dev_major, stat.stx_dev_minor)
}

fn open(dir: BorrowedFd<'_>, name: &[u8], kind: Kind) -> rustix::io::Result<OwnedFd> {
    let flags = match kind {
        Kind::File => OFlags::RDONLY | OFlags::NONBLOCK,
        Kind::Directory => OFlags::RDONLY | OFlags::DIRECTORY,
        _ => OFlags::PATH,
    };
    beneath(dir, name, flags)
}

/// How the attributes of what was found are reached.
enum Access<'a> {
    /// It is open.
    Whole(BorrowedFd<'a>),
    /// It was found and not opened; this is its path in /proc.
    Name(String),
}

impl Access<'_> {
    fn list(&self, buffer: &mut [u8]) -> rustix::io::Result<usize> {
        match self {
            Self::Whole(fd) => flistxattr(fd, buffer),
            Self::Name(path) => listxattr(path, buffer),
        }
    }

    fn get(&self, name: &[u8], buffer: &mut [u8]) -> rustix::io::Result<usize> {
        match self {
            Self::Whole(fd) => fgetxattr(fd, name, buffer),
            Self::Name(path) => getxattr(path, name, buffer),
        }
    }
}
