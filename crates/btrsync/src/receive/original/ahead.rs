//! Data of the original that is at hand before its turn.
//!
//! Where many small files are not in memory, most of the time goes to waiting for one after the other. The
//! commands that have come tell which ones follow, so the data of those is looked up in the tree; or where it is
//! not there they are opened, and the kernel is asked to read the beginning of each: it does so while others are
//! copied. Nothing depends on it. What was not found here is opened when its turn comes, and only then a failure
//! counts.

use std::collections::VecDeque;
use std::fs::File;
use std::num::NonZeroU64;

use rustix::fs::{Advice, fadvise};

use super::Extent;
use super::files::Files;
use super::small::Small;

/// How many files are at hand ahead at most. Where a process may have few descriptors, an eighth of them is for this.
const FILES: u64 = 64;

/// How much of the first extent of each is read ahead, in bytes. What follows is read ahead by the kernel as
/// it is copied.
const PIECE: u64 = 1 << 20;

/// What data is copied from.
#[derive(Debug)]
pub(super) enum AtHand {
    File(File),
    /// All data of a small file.
    Data(Box<[u8]>),
}

/// Files that will be copied, by their inode numbers, in the order of the stream.
#[derive(Debug)]
pub(super) struct Ahead {
    /// The last file whose data was seen.
    seen: u64,
    files: VecDeque<(u64, AtHand)>,
    most: u64,
}

impl Ahead {
    /// Nothing yet; so many files can be open.
    pub(super) fn new(open: u64) -> Self {
        Self { seen: 0, files: VecDeque::new(), most: FILES.min(open) }
    }

    /// Whether it is of use to see more commands.
    pub(super) fn wants_more(&self) -> bool {
        (self.files.len() as u64) < self.most
    }

    /// Takes notice of data of a file that will be copied.
    pub(super) fn see(
        &mut self,
        extent: Extent<'_>,
        inode: u64,
        files: &mut Files,
        small: &mut Small,
    ) {
        if self.seen == inode {
            return;
        }
        self.seen = inode;
        let small = small.data(inode, extent).map(AtHand::Data);
        let from = small.or_else(|| open(extent, inode, files).map(AtHand::File));
        self.files.extend(from.map(|from| (inode, from)));
    }

    /// Returns what the data of a file is copied from, if it is at hand; what was before it is not needed any
    /// more.
    pub(super) fn take(&mut self, inode: u64) -> Option<AtHand> {
        let at = self.files.iter().position(|(known, _)| *known == inode)?;
        self.files.drain(..=at).next_back().map(|(_, from)| from)
    }
}

/// Opens a file, and has its beginning read.
fn open(extent: Extent<'_>, inode: u64, files: &mut Files) -> Option<File> {
    let file = files.open_at(extent.path, inode).ok()??;
    let length = NonZeroU64::new(extent.size.min(PIECE));
    // The kernel may have better to do.
    let _ = fadvise(&file, extent.offset, length, Advice::WillNeed);
    Some(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many files one that wants more has in the end.
    fn taken(open: u64) -> u64 {
        let mut ahead = Ahead::new(open);
        while ahead.wants_more() {
            ahead.files.push_back((0, AtHand::Data(Box::default())));
        }
        ahead.files.len() as u64
    }

    #[test]
    fn no_more_files_are_open_than_there_may_be() {
        assert_eq!([0, 1, 63, 64, u64::MAX].map(taken), [0, 1, 63, 64, 64]);
    }
}
