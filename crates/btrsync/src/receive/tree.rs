//! The subvolume being received: from a path, as it is at this point of the stream, to what is open.
//!
//! Opening by path is most of the work, so what is in use stays open. The hazard is a rename: a path
//! then means another file, and data written through what was open under it lands in the wrong one.
//! Whatever makes a path mean something else must call [`Tree::forget`] first.

use std::collections::HashMap;
use std::fs::File;
use std::os::fd::AsFd;
use std::rc::Rc;

use rustix::fs::{FileType, Mode, OFlags, Timestamps};
use rustix::process::{Resource, getrlimit};

use super::apply_error::{Applied, ApplyError, Told};
use super::compressed::Compressed;
use super::confine::{self, is_at_or_below};
use super::locks::Locks;
use super::node::{Access, Node};
use super::written::Written;

/// How many directories stay open at most. A process may have 1,024 descriptors by default; where it may have
/// fewer, a quarter of them is for this.
const DIRECTORIES: u64 = 128;

/// How many other entries stay open: the one at hand, and one that is cloned from.
const FILES: usize = 2;

/// How many directories above a path are looked for among the open ones.
const NEAR: usize = 8;

/// An open subvolume and what is in use of it.
#[derive(Debug)]
pub(super) struct Tree {
    root: Rc<Node>,
    device: (u32, u32),
    directories: HashMap<Box<[u8]>, Slot>,
    most_directories: u64,
    /// The last used comes last.
    files: Vec<(Box<[u8]>, Rc<Node>)>,
    clock: u64,
    pub(super) locks: Locks,
    /// The files whose data may not be on disk.
    pub(super) written: Written,
    pub(super) compressed: Compressed,
    /// The permissions of a new file: those that the last one got, which the next most often gets too.
    /// The root is closed meanwhile.
    new_mode: Mode,
}

#[derive(Debug)]
struct Slot {
    node: Rc<Node>,
    used: u64,
}

impl Tree {
    /// Takes over the root directory of a writable subvolume.
    pub(super) fn new(root: File) -> Applied<Self> {
        let look = confine::look(&root).told("look at the subvolume")?;
        let mut locks = Locks::default();
        if look.protected {
            locks.lift(&root, look.inode)?;
        }
        Ok(Self {
            root: Rc::new(Node::found(root, FileType::Directory, Access::Read)),
            device: look.device,
            directories: HashMap::new(),
            most_directories: most_open(4).min(DIRECTORIES),
            files: Vec::new(),
            clock: 0,
            locks,
            written: Written::new(most_open(16)),
            compressed: Compressed::default(),
            new_mode: Mode::RUSR | Mode::WUSR,
        })
    }

    pub(super) fn root(&self) -> &Rc<Node> {
        &self.root
    }

    /// Finds what stands at a path.
    pub(super) fn node(&mut self, path: &[u8]) -> Applied<Rc<Node>> {
        match self.opened(path) {
            Some(node) => Ok(node),
            None => self.open(path),
        }
    }

    fn opened(&mut self, path: &[u8]) -> Option<Rc<Node>> {
        self.opened_file(path).or_else(|| self.opened_directory(path))
    }

    fn opened_file(&mut self, path: &[u8]) -> Option<Rc<Node>> {
        let found = self.files.iter().rposition(|(known, _)| **known == *path)?;
        if found + 1 < self.files.len() {
            let file = self.files.remove(found);
            self.files.push(file);
        }
        self.files.last().map(|(_, node)| Rc::clone(node))
    }

    fn opened_directory(&mut self, path: &[u8]) -> Option<Rc<Node>> {
        if path.is_empty() {
            return Some(Rc::clone(&self.root));
        }
        self.clock += 1;
        let slot = self.directories.get_mut(path)?;
        slot.used = self.clock;
        Some(Rc::clone(&slot.node))
    }

    fn open(&mut self, path: &[u8]) -> Applied<Rc<Node>> {
        let (above, name) = self.parent(path)?;
        let (found, look) = confine::entry(above.file.as_fd(), name).told("find it")?;
        if look.device != self.device {
            return Err(ApplyError::outside(path));
        }
        if look.kind == FileType::Directory {
            return self.directory(path);
        }
        if look.protected {
            let file = confine::reopen(&found, OFlags::RDONLY).told("open the file")?;
            self.locks.lift(&file, look.inode)?;
        }
        Ok(self.hold(path, Node::found(found, look.kind, Access::Name)))
    }

    /// Finds the directory that holds a path, and the name in it.
    pub(super) fn parent<'p>(&mut self, path: &'p [u8]) -> Applied<(Rc<Node>, &'p [u8])> {
        confine::check(path)?;
        let (above, name) = confine::split(path)?;
        Ok((self.directory(above)?, name))
    }

    /// Opens the directory at a path that was checked.
    fn directory(&mut self, path: &[u8]) -> Applied<Rc<Node>> {
        if let Some(node) = self.opened_directory(path) {
            return Ok(node);
        }
        let (near, rest) = self.nearest(path);
        let found = confine::directory(near.file.as_fd(), rest).told("open the directory")?;
        let look = confine::look(&found).told("look at the directory")?;
        if look.device != self.device {
            return Err(ApplyError::outside(path));
        }
        if look.protected {
            self.locks.lift(&found, look.inode)?;
        }
        self.hold_directory(path, Node::found(found, FileType::Directory, Access::Read))
    }

    /// The nearest open directory above a path, and the way from there.
    fn nearest<'p>(&mut self, path: &'p [u8]) -> (Rc<Node>, &'p [u8]) {
        let mut above = path;
        for _ in 0..NEAR {
            let Some(slash) = above.iter().rposition(|byte| *byte == b'/') else { break };
            above = &path[..slash];
            if let Some(node) = self.opened_directory(above) {
                return (node, &path[slash + 1..]);
            }
        }
        (Rc::clone(&self.root), path)
    }

    /// Keeps a directory open, and leaves the one that was not used for longest.
    pub(super) fn hold_directory(&mut self, path: &[u8], node: Node) -> Applied<Rc<Node>> {
        if self.directories.len() as u64 >= self.most_directories {
            let oldest = self.directories.iter().min_by_key(|(_, slot)| slot.used);
            if let Some(oldest) = oldest.map(|(path, _)| path.clone()) {
                self.leave(&oldest)?;
            }
        }
        self.clock += 1;
        let node = Rc::new(node);
        let slot = Slot { node: Rc::clone(&node), used: self.clock };
        self.directories.insert(path.into(), slot);
        Ok(node)
    }

    fn leave(&mut self, path: &[u8]) -> Applied<()> {
        self.directories.remove(path).map_or(Ok(()), |slot| slot.node.settle())
    }

    /// Keeps an entry open that is no directory.
    pub(super) fn hold(&mut self, path: &[u8], node: Node) -> Rc<Node> {
        self.files.retain(|(known, _)| **known != *path);
        if self.files.len() >= FILES {
            self.files.remove(0);
        }
        let node = Rc::new(node);
        self.written.note(&node);
        self.files.push((path.into(), Rc::clone(&node)));
        node
    }

    /// Closes an entry that is no directory, wherever it is known by this path.
    pub(super) fn close(&mut self, path: &[u8]) {
        self.files.retain(|(known, _)| **known != *path);
    }

    /// Closes all that is known by a path and below, which are about to mean something else.
    pub(super) fn forget(&mut self, path: &[u8]) -> Applied<()> {
        self.files.retain(|(known, _)| !is_at_or_below(known, path));
        let below = self.directories.keys().filter(|known| is_at_or_below(known, path));
        let below: Vec<_> = below.cloned().collect();
        below.iter().try_for_each(|known| self.leave(known))
    }

    /// Opens the regular file at a path for reading.
    pub(super) fn readable(&mut self, path: &[u8]) -> Applied<Rc<Node>> {
        self.file(path, &[Access::Read, Access::Write])
    }

    /// Opens the regular file at a path for reading and writing.
    pub(super) fn writable(&mut self, path: &[u8]) -> Applied<Rc<Node>> {
        self.file(path, &[Access::Write])
    }

    fn file(&mut self, path: &[u8], wanted: &[Access]) -> Applied<Rc<Node>> {
        let node = self.node(path)?;
        if node.kind != FileType::RegularFile {
            return Err(ApplyError::not_a_file(path));
        }
        if wanted.contains(&node.access) {
            return Ok(node);
        }
        let access = wanted[0];
        let flags = if access == Access::Write { OFlags::RDWR } else { OFlags::RDONLY };
        let file = confine::reopen(&node.file, flags).told("open the file")?;
        Ok(self.hold(path, Node::found(file, FileType::RegularFile, access)))
    }

    pub(super) fn set_mode(&mut self, path: &[u8], mode: u32) -> Applied<()> {
        let node = self.node(path)?;
        if node.kind == FileType::RegularFile {
            self.new_mode = Mode::from_raw_mode(mode & 0o777);
        }
        node.set_mode(mode)
    }

    pub(super) fn new_mode(&self) -> Mode {
        self.new_mode
    }

    /// Gives all directories their times, but for the root, whose come last; and what refuses changes
    /// its protection.
    pub(super) fn settle(&mut self) -> Applied<()> {
        self.files.clear();
        self.compressed.settle()?;
        self.directories.drain().try_for_each(|(_, slot)| slot.node.settle())?;
        self.locks.restore(&self.root.file)
    }
}

/// How many descriptors are one part of so many of those that this process may have.
pub(super) fn most_open(parts: u64) -> u64 {
    getrlimit(Resource::Nofile).current.map_or(u64::MAX, |most| most / parts)
}

/// Turns the times of a stream into those of the kernel, which has numbers with another meaning.
pub(super) fn timestamps(
    atime: btrsync_stream::Timespec,
    mtime: btrsync_stream::Timespec,
) -> Applied<Timestamps> {
    Ok(Timestamps { last_access: timespec(atime)?, last_modification: timespec(mtime)? })
}

fn timespec(time: btrsync_stream::Timespec) -> Applied<rustix::fs::Timespec> {
    match time.nsec {
        0..1_000_000_000 => {
            Ok(rustix::fs::Timespec { tv_sec: time.sec, tv_nsec: time.nsec.into() })
        }
        nsec => Err(ApplyError::Value { what: "the number of nanoseconds", value: nsec.into() }),
    }
}
