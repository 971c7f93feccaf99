//! The oracle: everything a file can carry, compared between two trees.
//!
//! The hazard is a receiver that exits 0 with a wrong tree; whatever this comparison overlooks, no
//! test sees. Names, targets and attribute values are bytes; nothing is sampled.

mod content;
mod node;
mod report;
mod tree;

use std::path::Path;

pub use tree::Tree;

use report::Report;

/// Reads a tree into memory, so that it can be compared with a later state.
#[must_use]
#[track_caller]
pub fn snapshot_of(path: &Path) -> Tree {
    Tree::read(path)
}

/// Returns how `dest` differs from `source`, with the default choices of [`Compare`].
#[must_use]
#[track_caller]
pub fn differences(source: &Path, dest: &Path) -> Vec<String> {
    Compare::default().differences(source, dest)
}

/// Panics with a list of the differences unless the trees are the same.
#[track_caller]
pub fn assert_identical(source: &Path, dest: &Path) {
    Compare::default().assert_identical(source, dest);
}

/// What counts as a difference. Always compared: names, types, content, sizes, modes, owners,
/// symlink targets, device numbers, all xattrs, and which names are hard links of one file.
#[derive(Clone, Debug)]
pub struct Compare {
    pub(crate) holes: bool,
    pub(crate) filled: bool,
    pub(crate) atime: bool,
    pub(crate) mtime: bool,
    pub(crate) root_mtime: bool,
    pub(crate) ignore_nested: bool,
    limit: usize,
}

impl Default for Compare {
    fn default() -> Self {
        Self {
            holes: false,
            filled: false,
            atime: false,
            mtime: true,
            root_mtime: true,
            ignore_nested: true,
            limit: 50,
        }
    }
}

impl Compare {
    /// Compares the maps of data and holes (default off: a version 1 stream moves holes).
    #[must_use]
    pub fn holes(mut self, on: bool) -> Self {
        self.holes = on;
        self
    }

    /// Compares only whether there is data in what is a hole in the source (default off).
    ///
    /// For streams that carry holes, but not what is preallocated, which a reader cannot tell from data
    /// or from a hole, as the kernel likes.
    #[must_use]
    pub fn filled_holes(mut self, on: bool) -> Self {
        self.filled = on;
        self
    }

    /// Compares access times to the nanosecond (default off).
    ///
    /// Only the first reading tells the truth about symlinks: reading one changes its access time.
    #[must_use]
    pub fn atime(mut self, on: bool) -> Self {
        self.atime = on;
        self
    }

    /// Compares modification times to the nanosecond (default on).
    #[must_use]
    pub fn mtime(mut self, on: bool) -> Self {
        self.mtime = on;
        self
    }

    /// Compares the root's modification time (default on; `btrfs receive` gets it wrong).
    #[must_use]
    pub fn root_mtime(mut self, on: bool) -> Self {
        self.root_mtime = on;
        self
    }

    /// Leaves out the source's nested subvolumes, which no stream carries (default on).
    ///
    /// That covers mounted ones and the empty directories that stand for them in a snapshot.
    #[must_use]
    pub fn ignore_nested(mut self, on: bool) -> Self {
        self.ignore_nested = on;
        self
    }

    /// Sets how many differences are listed before the rest is only counted (default 50).
    #[must_use]
    pub fn limit(mut self, lines: usize) -> Self {
        self.limit = lines;
        self
    }

    /// Returns how one tree in memory differs from another; names are escaped as in Rust literals.
    #[must_use]
    pub fn trees(&self, source: &Tree, dest: &Tree) -> Vec<String> {
        let mut report = Report::new(self.limit);
        tree::compare(self, source, dest, &mut report);
        report.finish()
    }

    /// Reads both trees and returns how `dest` differs from `source`.
    #[must_use]
    #[track_caller]
    pub fn differences(&self, source: &Path, dest: &Path) -> Vec<String> {
        self.trees(&Tree::read(source), &Tree::read(dest))
    }

    /// Panics with a list of the differences unless the trees are the same.
    #[track_caller]
    pub fn assert_identical(&self, source: &Path, dest: &Path) {
        let lines = self.differences(source, dest);
        let (source, dest) = (source.display(), dest.display());
        assert!(lines.is_empty(), "{dest} differs from {source}:\n  {}", lines.join("\n  "));
    }
}
