//! Data that was written as it was compressed, until it is known to be there.
//!
//! Where the kernel cannot write such data it drops the extents, and tells nobody of it: not `syncfs`, nor
//! `fsync` of the file (Linux 6.18). So each range is looked for when its file is written out. A file stays
//! open until then; its turn comes many files later, so hardly anything is waited for.

use std::collections::VecDeque;
use std::rc::Rc;

use super::apply_error::Applied;
use super::node::Node;

/// How many files are open for this at most.
const FILES: usize = 32;

/// Files with compressed data that was not looked for yet.
#[derive(Debug, Default)]
pub(super) struct Compressed {
    files: VecDeque<Rc<Node>>,
}

impl Compressed {
    /// Notes a file with such data.
    pub(super) fn note(&mut self, node: &Rc<Node>) -> Applied<()> {
        if self.files.back().is_none_or(|last| !Rc::ptr_eq(last, node)) {
            self.files.push_back(Rc::clone(node));
        }
        match self.files.len() > FILES {
            true => self.files.pop_front().map_or(Ok(()), |node| node.find_compressed()),
            false => Ok(()),
        }
    }

    /// Looks for the data of all files, and closes them.
    pub(super) fn settle(&mut self) -> Applied<()> {
        self.files.drain(..).try_for_each(|node| node.find_compressed())
    }
}
