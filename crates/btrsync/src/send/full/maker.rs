//! From the items of a tree to the commands of a stream.
//!
//! An entry is made under its name as soon as that is known, or a symbolic link when its target is. Then it
//! gets its attributes and data, and what these would change last: owner, permissions, capabilities, times.

use std::fs::File;
use std::rc::Rc;

use btrsync_kernel as kernel;
use btrsync_stream::{Command, Timespec, Version};
use kernel::{ExtentData, FileExtent, Item};
use rustix::fs::FileType;

use super::directories::{Directories, ROOT};
use super::error::FullError;
use super::output::Output;
use super::shared::{Piece, Place, Range, Shared};

/// What goes with the owner, and so is set after it.
const CAPABILITY: &[u8] = b"security.capability";

/// The attributes with access control lists; one without entries is stored as nothing.
const ACCESS_LISTS: [&[u8]; 2] = [b"system.posix_acl_access", b"system.posix_acl_default"];

/// A list without entries: the version of its form.
const NO_ENTRIES: &[u8] = &2u32.to_le_bytes();

/// The most data of one command; one of version 1 has room for 64 KiB with all else.
const MOST: usize = 48 << 10;

/// Makes commands.
#[derive(Debug)]
pub(super) struct Maker<'a> {
    subvolume: &'a File,
    out: Output<'a>,
    directories: Directories<'a>,
    shared: Shared,
    at: Option<Entry>,
}

/// What the items at hand are about.
#[derive(Debug)]
struct Entry {
    number: u64,
    inode: kernel::Inode,
    kind: FileType,
    /// Where it was made.
    path: Option<Rc<[u8]>>,
    /// What a symbolic link gets when it is made.
    names: Vec<Rc<[u8]>>,
    attributes: Vec<(Vec<u8>, Vec<u8>)>,
    capability: Option<Vec<u8>>,
    /// Where its data ends.
    end: u64,
}

impl Entry {
    fn new(number: u64, inode: kernel::Inode) -> Self {
        Self {
            number,
            inode,
            kind: FileType::from_raw_mode(inode.mode),
            path: (number == ROOT).then(|| [].into()),
            names: Vec::new(),
            attributes: Vec::new(),
            capability: None,
            end: 0,
        }
    }

    fn path(&self) -> Result<Rc<[u8]>, FullError> {
        let what = if self.kind == FileType::Symlink { "target" } else { "name" };
        self.path.clone().ok_or(FullError::Lacks { inode: self.number, what })
    }
}

impl<'a> Maker<'a> {
    pub(super) fn new(subvolume: &'a File, out: Output<'a>, shared: Shared) -> Self {
        Self { subvolume, out, directories: Directories::new(subvolume), shared, at: None }
    }

    /// Takes the next item of the tree.
    pub(super) fn take(&mut self, number: u64, item: Item<'_>) -> Result<(), FullError> {
        if let Item::Inode(inode) = item {
            self.finish()?;
            // What has no name is not sent.
            self.at = (inode.links > 0).then(|| Entry::new(number, inode));
            return Ok(());
        }
        let Some(mut at) = self.at.take_if(|at| at.number == number) else { return Ok(()) };
        match item {
            Item::Name { directory, name } => self.name(&mut at, directory, name)?,
            Item::Attribute { name, value } => self.attribute(&mut at, name, value)?,
            Item::Extent(extent) if at.kind == FileType::Symlink => self.target(&mut at, extent)?,
            Item::Extent(extent) if at.kind == FileType::RegularFile => {
                self.extent(&mut at, extent)?;
            }
            _ => {}
        }
        self.at = Some(at);
        Ok(())
    }

    fn name(&mut self, at: &mut Entry, directory: u64, name: &[u8]) -> Result<(), FullError> {
        let path = self.directories.entry(&mut self.out, at.number, (directory, name))?;
        match &at.path {
            Some(existing) => self.out.put(&Command::Link { path: &path, existing }),
            None if at.kind == FileType::Symlink => {
                at.names.push(path);
                Ok(())
            }
            None => {
                self.make(at, &path)?;
                at.path = Some(path);
                Ok(())
            }
        }
    }

    fn make(&mut self, at: &Entry, path: &[u8]) -> Result<(), FullError> {
        let (ino, mode) = (at.number, at.inode.mode);
        let rdev = device(at.inode.device);
        self.out.put(&match at.kind {
            FileType::Directory if self.directories.is_made(ino) => return Ok(()),
            FileType::Directory => Command::Mkdir { path, ino },
            FileType::Fifo => Command::Mkfifo { path, ino, rdev, mode },
            FileType::Socket => Command::Mksock { path, ino, rdev, mode },
            FileType::CharacterDevice | FileType::BlockDevice => {
                Command::Mknod { path, ino, rdev, mode }
            }
            FileType::RegularFile => Command::Mkfile { path, ino },
            _ => return Err(FullError::Lacks { inode: ino, what: "known type" }),
        })
    }

    fn attribute(&mut self, at: &mut Entry, name: &[u8], value: &[u8]) -> Result<(), FullError> {
        if name == CAPABILITY {
            at.capability = Some(value.to_vec());
            return Ok(());
        }
        if at.kind == FileType::Symlink && at.path.is_none() {
            at.attributes.push((name.to_vec(), value.to_vec()));
            return Ok(());
        }
        let is_empty = value.is_empty() && ACCESS_LISTS.contains(&name);
        let value = if is_empty { NO_ENTRIES } else { value };
        self.out.put(&Command::SetXattr { path: &at.path()?, name, value })
    }

    /// Makes a symbolic link.
    fn target(&mut self, at: &mut Entry, extent: FileExtent<'_>) -> Result<(), FullError> {
        let mut names = std::mem::take(&mut at.names).into_iter();
        let (ExtentData::Plain(target), Some(path)) = (extent.data, names.next()) else {
            return at.path().map(drop);
        };
        self.out.put(&Command::Symlink { path: &path, ino: at.number, target })?;
        for link in names {
            self.out.put(&Command::Link { path: &link, existing: &path })?;
        }
        at.path = Some(path);
        let mut attributes = std::mem::take(&mut at.attributes).into_iter();
        attributes.try_for_each(|(name, value)| self.attribute(at, &name, &value))
    }

    fn extent(&mut self, at: &mut Entry, extent: FileExtent<'_>) -> Result<(), FullError> {
        let (path, offset) = (at.path()?, extent.offset);
        let size = extent.length.min(at.inode.size.saturating_sub(offset));
        if size == 0 {
            return Ok(());
        }
        match extent.data {
            ExtentData::Nothing => return Ok(()),
            ExtentData::Plain(data) => self.write(&path, offset, &data[..size as usize])?,
            ExtentData::Stored { start, from } => {
                let to = Place { path, inode: at.number, begin: offset };
                self.stored(&to, Range { start, from, length: size })?;
            }
            ExtentData::Compressed => {
                self.out.put(&Command::UpdateExtent { path: &path, offset, size })?;
            }
            ExtentData::Unknown => {
                return Err(FullError::Lacks { inode: at.number, what: "known encoding" });
            }
        }
        at.end = offset + size;
        Ok(())
    }

    fn write(&mut self, path: &[u8], offset: u64, data: &[u8]) -> Result<(), FullError> {
        (offset..)
            .step_by(MOST)
            .zip(data.chunks(MOST))
            .try_for_each(|(offset, data)| self.out.put(&Command::Write { path, offset, data }))
    }

    /// Sends what is new of an extent, and clones the rest.
    fn stored(&mut self, to: &Place, mut rest: Range) -> Result<(), FullError> {
        let (clone_uuid, clone_ctransid) = self.shared.identity;
        let (path, mut offset) = (&*to.path, to.begin);
        while rest.length > 0 {
            let piece = self.shared.piece(rest, to, offset);
            let (Piece::New(len) | Piece::Again(len, ..)) = piece;
            self.out.put(&match &piece {
                Piece::Again(_, from, clone_offset) if self.has(from, rest.start)? => {
                    Command::Clone {
                        offset,
                        len,
                        path,
                        clone_uuid,
                        clone_ctransid,
                        clone_path: &from.path,
                        clone_offset: *clone_offset,
                    }
                }
                _ => Command::UpdateExtent { path, offset, size: len },
            })?;
            offset += len;
            rest = Range { from: rest.from + len, length: rest.length - len, ..rest };
        }
        Ok(())
    }

    /// Whether a file still has an extent where it had that when it was sent.
    fn has(&self, place: &Place, start: u64) -> Result<bool, FullError> {
        Ok(kernel::stored_at(self.subvolume, place.inode, place.begin)? == Some(start))
    }

    /// Completes what the last items were about.
    fn finish(&mut self) -> Result<(), FullError> {
        let Some(at) = self.at.take() else { return Ok(()) };
        let (path, inode) = (at.path()?, at.inode);
        if at.kind == FileType::RegularFile && at.end != inode.size {
            self.out.put(&Command::Truncate { path: &path, size: inode.size })?;
        }
        self.out.put(&Command::Chown { path: &path, uid: inode.uid, gid: inode.gid })?;
        if at.kind != FileType::Symlink {
            self.out.put(&Command::Chmod { path: &path, mode: inode.mode & 0o7777 })?;
        }
        if let Some(value) = &at.capability {
            self.out.put(&Command::SetXattr { path: &path, name: CAPABILITY, value })?;
        }
        match at.kind {
            FileType::Directory => self.directories.add(at.number, path, inode),
            _ => utimes(&mut self.out, &path, &inode)?,
        }
        self.directories.tidy(&mut self.out)
    }

    /// Completes the stream.
    pub(super) fn end(mut self) -> Result<(), FullError> {
        self.finish()?;
        self.directories.end(&mut self.out)?;
        self.out.put(&Command::End)?;
        self.out.flush()
    }
}

/// Sends the times of an inode.
pub(super) fn utimes(
    out: &mut Output<'_>,
    path: &[u8],
    inode: &kernel::Inode,
) -> Result<(), FullError> {
    let time = |time: kernel::InodeTime| Timespec { sec: time.seconds, nsec: time.nanoseconds };
    let [atime, mtime, ctime] = [inode.atime, inode.mtime, inode.ctime].map(time);
    let otime = (out.version() > Version::V1).then(|| time(inode.otime));
    out.put(&Command::Utimes { path, atime, mtime, ctime, otime })
}

/// The number of a device as a stream has it, from that of the kernel.
fn device(number: u64) -> u32 {
    let (major, minor) = ((number >> 20) as u32 & 0xfff, number as u32 & 0xf_ffff);
    (minor & 0xff) | (major << 8) | ((minor & !0xff) << 12)
}
