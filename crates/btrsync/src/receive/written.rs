//! The files whose data may be in memory only.
//!
//! A commit of the filesystem puts them all on disk, with all that others have written. Where few files
//! have changed these are written out by themselves instead, and come with the next commit, which is the
//! one that marks the subvolume as received. The hazard is a file that is missed: so each is noted when
//! it is opened for writing, and stays open until it is written out. Its path does not matter then, and
//! what the kernel has failed to write meanwhile is told. Where there are many, or one of them must be
//! closed, the whole filesystem is committed.

use std::fs::File;
use std::rc::Rc;

use btrsync_kernel as kernel;

use super::node::{Access, Node};

/// How many files are written out by themselves at most: each is open until then, and waited for.
const MOST: u64 = 64;

/// Files that were opened for writing.
#[derive(Debug)]
pub(super) struct Written {
    /// `None` where they are left to a commit.
    files: Option<Vec<Rc<Node>>>,
    most: usize,
}

impl Written {
    /// No files yet; so many can be open.
    pub(super) fn new(open: u64) -> Self {
        Self { files: kernel::writes_out().then(Vec::new), most: MOST.min(open) as usize }
    }

    /// Notes an entry that was opened, if it can be written to.
    pub(super) fn note(&mut self, node: &Rc<Node>) {
        if node.access != Access::Write {
            return;
        }
        match &mut self.files {
            Some(files) if files.len() < self.most => files.push(Rc::clone(node)),
            _ => self.give_up(),
        }
    }

    /// Closes all files, and leaves them to a commit.
    pub(super) fn give_up(&mut self) {
        self.files = None;
    }

    /// Puts the data of all files where the next commit has it, and closes them. `dir` is on their
    /// filesystem; `whole` is to commit that in any case.
    pub(super) fn settle(&mut self, dir: &File, whole: bool) -> kernel::Result<()> {
        let Some(files) = self.files.take().filter(|_| !whole) else {
            return kernel::sync(dir);
        };
        files.iter().try_for_each(|node| kernel::begin_write_out(&node.file))?;
        files.iter().try_for_each(|node| kernel::write_out(&node.file))
    }
}
