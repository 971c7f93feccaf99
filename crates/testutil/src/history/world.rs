//! The tree as it is before an operation, and the dice that choose from it.
//!
//! The hazard is a tree too large for collisions: few names and directories are used again and again,
//! so that what one round removes or moves the next one makes again in its place.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags, open};

use super::at::At;
use crate::Random;
use crate::below::{DIRECTORY, entries, join, open_below};
use crate::tree::ODD_NAMES;

const NAMES: [&[u8]; 12] =
    [b"a", b"b", b"c", b"d", b"e", b"f", b"foo", b"bar", b"a.b", b"a-", b"A", b"o258-9-0"];
/// Send refuses paths longer than `PATH_MAX`.
const LONGEST_PATH: usize = 3800;
const MOST_DIRECTORIES: usize = 16;

/// One entry of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Relative to the root, whose own path is empty.
    pub(super) path: Vec<u8>,
    pub(super) kind: FileType,
}

/// The tree of one subvolume.
#[derive(Debug)]
pub(super) struct World {
    root: OwnedFd,
    older: Vec<OwnedFd>,
    /// In the order of their paths, the root first.
    pub(super) entries: Vec<Entry>,
    pub(super) random: Random,
}

impl World {
    pub(super) fn open(root: &Path, older: &[PathBuf]) -> io::Result<Self> {
        let open = |path: &Path| open(path, DIRECTORY | OFlags::CLOEXEC, Mode::empty());
        let older = older.iter().map(|path| open(path)).collect::<Result<_, _>>()?;
        Ok(Self { root: open(root)?, older, entries: Vec::new(), random: Random::new(0) })
    }

    /// Looks at the tree as it is now; returns how many entries it has.
    pub(super) fn look(&mut self) -> io::Result<usize> {
        self.entries = look(&self.root)?;
        Ok(self.entries.len())
    }

    pub(super) fn chance(&mut self, of: u64) -> bool {
        self.random.below(of) == 0
    }

    /// Chooses one of several things.
    pub(super) fn one_of<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.random.below(all.len() as u64) as usize].clone()
    }

    /// Chooses an entry, never the root.
    pub(super) fn entry(&mut self, wanted: impl Fn(&Entry) -> bool) -> io::Result<Entry> {
        let found = self.entries.iter().skip(1).filter(|entry| wanted(entry));
        let found: Vec<Entry> = found.cloned().collect();
        if found.is_empty() {
            Err(io::Error::other("no such entry"))
        } else {
            Ok(self.one_of(&found))
        }
    }

    pub(super) fn file(&mut self) -> io::Result<Vec<u8>> {
        Ok(self.entry(|entry| entry.kind == FileType::RegularFile)?.path)
    }

    /// Chooses a directory other than the root.
    pub(super) fn directory(&mut self) -> io::Result<Vec<u8>> {
        Ok(self.entry(Entry::is_directory)?.path)
    }

    pub(super) fn any(&mut self) -> io::Result<Vec<u8>> {
        Ok(self.entry(|_| true)?.path)
    }

    /// Chooses a path at which nothing stands, in none of the trees `outside`.
    pub(super) fn free(&mut self, outside: &[&[u8]]) -> io::Result<Vec<u8>> {
        let fits = |entry: &&Entry| {
            entry.is_directory()
                && entry.path.len() < LONGEST_PATH
                && !outside.iter().any(|tree| is_within(&entry.path, tree))
        };
        let found: Vec<Entry> = self.entries.iter().filter(fits).cloned().collect();
        for _ in 0..20 {
            let (dir, name) = (self.one_of(&found).path, self.name());
            let path = join(&dir, &name);
            if self.entries.iter().all(|entry| entry.path != path) {
                return Ok(path);
            }
        }
        Err(io::Error::other("no name is free"))
    }

    fn name(&mut self) -> Vec<u8> {
        match self.random.below(20) {
            0 => vec![self.one_of(b"xyz"); 255],
            1..4 => self.one_of(&ODD_NAMES).to_vec(),
            _ => self.one_of(&NAMES).to_vec(),
        }
    }

    /// Whether there is room for one more directory.
    pub(super) fn may_branch(&self) -> io::Result<()> {
        let count = self.entries.iter().filter(|entry| entry.is_directory()).count();
        if count < MOST_DIRECTORIES { Ok(()) } else { Err(io::Error::other("enough directories")) }
    }

    pub(super) fn at(&self, path: &[u8]) -> io::Result<At> {
        At::new(&self.root, path)
    }

    /// Chooses a file of an older snapshot.
    pub(super) fn older_file(&mut self) -> io::Result<(Vec<u8>, File)> {
        let count = self.older.len() as u64;
        if count == 0 {
            return Err(io::Error::other("no older snapshot"));
        }
        let chosen = self.random.below(count) as usize;
        let entries = look(&self.older[chosen])?.into_iter();
        let files: Vec<Vec<u8>> = entries
            .filter(|entry| entry.kind == FileType::RegularFile)
            .map(|entry| entry.path)
            .collect();
        if files.is_empty() {
            return Err(io::Error::other("no file in the older snapshot"));
        }
        let path = self.one_of(&files);
        let file = File::open(At::new(&self.older[chosen], &path)?.path())?;
        Ok((path, file))
    }
}

impl Entry {
    pub(super) fn is_directory(&self) -> bool {
        self.kind == FileType::Directory
    }
}

/// Whether a path is that of a subtree or lies in it.
pub(super) fn is_within(path: &[u8], tree: &[u8]) -> bool {
    let rest = path.strip_prefix(tree);
    rest.is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
}

/// Shows paths in the log.
pub(super) fn shown(path: &[u8]) -> String {
    if path.len() > 120 {
        return format!("{}...({} bytes)", path[..60].escape_ascii(), path.len());
    }
    path.escape_ascii().to_string()
}

fn look(root: &OwnedFd) -> io::Result<Vec<Entry>> {
    let mut found = vec![Entry { path: Vec::new(), kind: FileType::Directory }];
    let mut next = 0;
    while next < found.len() {
        let Entry { path, kind } = found[next].clone();
        next += 1;
        if kind == FileType::Directory {
            let children = entries(&open_below(root, &path)?)?.into_iter();
            found.extend(children.map(|(name, kind)| Entry { path: join(&path, &name), kind }));
        }
    }
    // The order in a directory is that of hashes and of creation; that of names is the same everywhere.
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}
