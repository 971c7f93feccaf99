//! The directories of a stream that is made: their paths, and their times once nothing is made in them any more.
//!
//! Entries come in the order of their inode numbers, and can be in a directory with a higher one, which is then
//! made before its turn. Of all directories only those used last are kept in mind; the others are looked up.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::rc::Rc;

use btrsync_kernel as kernel;
use btrsync_stream::Command;
use rustix::io::Errno;

use super::error::FullError;
use super::maker::utimes;
use super::output::Output;

/// The root directory of a subvolume.
pub(super) const ROOT: u64 = 256;

/// How many are kept in mind at most.
const MOST: usize = 1024;

/// The longest path, in bytes, as for the kernel.
const PATH_MAX: usize = 4096;

/// The directories that have been made so far.
#[derive(Debug)]
pub(super) struct Directories<'a> {
    subvolume: &'a File,
    known: HashMap<u64, Directory>,
    /// Those that were made before their turn.
    early: HashSet<u64>,
    uses: u64,
}

#[derive(Debug)]
struct Directory {
    path: Rc<[u8]>,
    inode: kernel::Inode,
    /// Whether something was made in it since it got its times.
    changed: bool,
    used: u64,
}

impl<'a> Directories<'a> {
    pub(super) fn new(subvolume: &'a File) -> Self {
        Self { subvolume, known: HashMap::new(), early: HashSet::new(), uses: 0 }
    }

    /// Returns the path of an entry that is made in a directory, which is made if it was not; all that have a lower
    /// inode number than the entry were.
    pub(super) fn entry(
        &mut self,
        out: &mut Output<'_>,
        inode: u64,
        (directory, name): (u64, &[u8]),
    ) -> Result<Rc<[u8]>, FullError> {
        self.reach(out, inode, directory)?;
        self.below(directory, name)
    }

    /// Notes that a directory's turn has come; returns whether it was made before.
    pub(super) fn is_made(&mut self, inode: u64) -> bool {
        self.early.remove(&inode)
    }

    /// Notes a directory that is complete but for its entries.
    pub(super) fn add(&mut self, number: u64, path: Rc<[u8]>, inode: kernel::Inode) {
        let used = self.next_use();
        self.known.insert(number, Directory { path, inode, changed: true, used });
    }

    /// Makes a directory and those above it, as far as they are not, and keeps them in mind.
    fn reach(&mut self, out: &mut Output<'_>, inode: u64, directory: u64) -> Result<(), FullError> {
        let (mut missing, mut at) = (Vec::new(), directory);
        while !self.known.contains_key(&at) {
            let place = kernel::place(self.subvolume, at)?;
            let place = place.ok_or(FullError::Lacks { inode: at, what: "place" })?;
            // That many have no path, nor has a directory that is in itself, as in a damaged tree.
            if missing.len() > PATH_MAX {
                return Err(too_long());
            }
            let above = place.parent;
            missing.push((at, place));
            at = above;
        }
        while let Some((number, place)) = missing.pop() {
            let path = self.below(place.parent, &place.name)?;
            let changed = number > inode && self.early.insert(number);
            if changed {
                out.put(&Command::Mkdir { path: &path, ino: number })?;
            }
            let used = self.next_use();
            let directory = Directory { path, inode: place.inode, changed, used };
            self.known.insert(number, directory);
        }
        Ok(())
    }

    /// The path of something in a directory that is known, and is changed by that.
    fn below(&mut self, directory: u64, name: &[u8]) -> Result<Rc<[u8]>, FullError> {
        let used = self.next_use();
        let above = self.known.get_mut(&directory);
        let above = above.ok_or(FullError::Lacks { inode: directory, what: "path" })?;
        (above.changed, above.used) = (true, used);
        let above = &above.path;
        let slash: &[u8] = if above.is_empty() { b"" } else { b"/" };
        let path = [above, slash, name].concat();
        if path.len() > PATH_MAX { Err(too_long()) } else { Ok(path.into()) }
    }

    fn next_use(&mut self) -> u64 {
        self.uses += 1;
        self.uses
    }

    /// Forgets those that were not used for longest, where there are too many.
    pub(super) fn tidy(&mut self, out: &mut Output<'_>) -> Result<(), FullError> {
        if self.known.len() <= MOST {
            return Ok(());
        }
        let mut by_use: Vec<_> = self.known.iter().map(|(at, known)| (known.used, *at)).collect();
        by_use.sort_unstable();
        let old = by_use.iter().map(|(_, number)| *number).filter(|number| *number != ROOT);
        old.take(MOST / 2).try_for_each(|number| self.forget(out, number))
    }

    /// Gives all their times.
    pub(super) fn end(&mut self, out: &mut Output<'_>) -> Result<(), FullError> {
        let mut numbers: Vec<_> = self.known.keys().copied().collect();
        numbers.sort_unstable();
        numbers.into_iter().try_for_each(|number| self.forget(out, number))
    }

    /// Forgets one, which gets its times.
    fn forget(&mut self, out: &mut Output<'_>, number: u64) -> Result<(), FullError> {
        match self.known.remove(&number).filter(|known| known.changed) {
            Some(Directory { path, inode, .. }) => utimes(out, &path, &inode),
            None => Ok(()),
        }
    }
}

fn too_long() -> FullError {
    FullError::System(Errno::NAMETOOLONG.into())
}
