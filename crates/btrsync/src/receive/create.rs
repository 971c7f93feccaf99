//! Makes new entries.
//!
//! A sender makes each under a temporary name in the root and renames it in the next command. The two
//! are one step here, which halves the work; a creation that is not renamed at once is made as it
//! stands. What is made in its own directory gets that directory's default ACL and compression, which
//! the entry of the source may not have: that is taken away again before the stream gives it its own.

use std::os::fd::AsFd;

use btrsync_stream::Command;
use rustix::fs::{Dev, FileType, Mode, OFlags, makedev, mkdirat, mknodat, openat, symlinkat};

use super::apply_error::{Applied, ApplyError, Told};
use super::node::{Access, Node};
use super::tree::Tree;

/// Of what is no file, until the stream says more.
const NODE_MODE: Mode = Mode::RUSR.union(Mode::WUSR);

/// A new entry that is not made yet.
#[derive(Debug)]
pub(super) struct Creation {
    path: Vec<u8>,
    what: What,
}

#[derive(Debug)]
enum What {
    File,
    Directory,
    Link(Vec<u8>),
    Special(FileType, Dev),
}

impl Creation {
    /// Reads a command that makes something; `None` is any other.
    pub(super) fn of(command: &Command<'_>) -> Applied<Option<Self>> {
        let (path, what) = match *command {
            Command::Mkfile { path, .. } => (path, What::File),
            Command::Mkdir { path, .. } => (path, What::Directory),
            Command::Symlink { path, target, .. } => (path, What::Link(target.to_vec())),
            Command::Mkfifo { path, .. } => (path, What::Special(FileType::Fifo, 0)),
            Command::Mksock { path, .. } => (path, What::Special(FileType::Socket, 0)),
            Command::Mknod { path, rdev, mode, .. } => {
                (path, What::Special(device_kind(mode)?, device(rdev)))
            }
            _ => return Ok(None),
        };
        Ok(Some(Self { path: path.to_vec(), what }))
    }

    pub(super) fn path(&self) -> &[u8] {
        &self.path
    }

    /// Makes the entry under the name that the sender gave it.
    pub(super) fn make(&self, tree: &mut Tree) -> Applied<()> {
        self.make_as(tree, &self.path)
    }

    /// Makes the entry under another name.
    pub(super) fn make_as(&self, tree: &mut Tree, path: &[u8]) -> Applied<()> {
        let (above, name) = tree.parent(path)?;
        let strip = above.is_inherited()?;
        let above = above.file.as_fd();
        match &self.what {
            What::File => {
                let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
                let fd = openat(above, name, flags, tree.new_mode()).told("create the file")?;
                tree.hold(path, Node::made(fd, FileType::RegularFile, Access::Write));
            }
            What::Directory => {
                mkdirat(above, name, Mode::RWXU).told("create the directory")?;
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let fd = openat(above, name, flags, Mode::empty()).told("open the directory")?;
                let node = Node::made(fd, FileType::Directory, Access::Read);
                node.inherits_nothing();
                tree.hold_directory(path, node)?;
            }
            What::Link(target) => symlinkat(&target[..], above, name).told("create the link")?,
            What::Special(kind, device) => {
                mknodat(above, name, *kind, NODE_MODE, *device).told("create it")?;
            }
        }
        if strip { tree.node(path)?.strip() } else { Ok(()) }
    }
}

fn device_kind(mode: u32) -> Applied<FileType> {
    match FileType::from_raw_mode(mode) {
        kind @ (FileType::CharacterDevice | FileType::BlockDevice) if mode >> 16 == 0 => Ok(kind),
        _ => Err(ApplyError::Value { what: "the mode of a device", value: mode.into() }),
    }
}

/// The kernel's number of a device, from that of the stream.
fn device(number: u32) -> Dev {
    makedev((number >> 8) & 0xfff, (number & 0xff) | ((number >> 12) & 0xf_ff00))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_numbers_keep_all_their_bits() {
        for (number, major, minor) in
            [(0x0103, 1, 3), (0xffff_ffff, 4095, 1_048_575), (0xabc2_bcde, 0x2bc, 0xabcde)]
        {
            assert_eq!(device(number), makedev(major, minor), "{number:x}");
        }
    }
}
