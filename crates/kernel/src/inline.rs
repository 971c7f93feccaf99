//! The data of small files, which stands in the tree of their subvolume and not in blocks of its own.
//!
//! To open, read and close a file costs more than its data where that is small; a search of the tree returns
//! the data of many files at once. The hazard is to return less than a file holds: so only what is stored as
//! it is and as long as its item says is returned, and all else is left to who reads the file.

use std::ops::Range;
use std::os::fd::AsFd;

use crate::error::Result;
use crate::extents::{EXTENT_DATA, OWN_TREE, inline};
use crate::ioctl::TreeSearch;
use crate::search::{BUFFER, Key, search_once};

/// Looks up the data of small files in one subvolume, which must not change meanwhile.
///
/// Each search of the tree goes from the file that is wanted as far as 64 KiB of items reach; so files are best
/// asked for in the order of their inode numbers.
#[derive(Debug)]
pub struct InlineData<F> {
    subvolume: F,
    area: TreeSearch,
    /// The files of which all is known that is to be known.
    known: Range<u64>,
    /// Of those the ones that have such data, by their inode numbers, in order, and where it is in `bytes`.
    files: Vec<(u64, Range<usize>)>,
    bytes: Vec<u8>,
}

impl<F: AsFd> InlineData<F> {
    /// Takes the root directory of a subvolume, or any file in it.
    pub fn new(subvolume: F) -> Self {
        let (files, bytes) = (Vec::new(), Vec::new());
        Self { subvolume, area: TreeSearch::new(BUFFER), known: 0..0, files, bytes }
    }

    /// Returns the data at the beginning of the file with an inode number, where that is in the tree and is not
    /// compressed or encrypted: a file that is no longer has nothing more (`BTRFS_IOC_TREE_SEARCH_V2`).
    ///
    /// It is what was on its way to the disk at the last search, without what was written and is in memory alone.
    /// Needs `CAP_SYS_ADMIN`.
    ///
    /// # Errors
    ///
    /// [`Error::Call`](crate::Error::Call): `EPERM` without the capability, `EIO` where the tree cannot be read.
    pub fn of(&mut self, inode: u64) -> Result<Option<&[u8]>> {
        if !self.known.contains(&inode) {
            self.search(inode)?;
        }
        let found = self.files.binary_search_by_key(&inode, |(inode, _)| *inode).ok();
        Ok(found.map(|at| &self.bytes[self.files[at].1.clone()]))
    }

    /// Reads the tree from a file on.
    fn search(&mut self, inode: u64) -> Result<()> {
        let Self { subvolume, area, known, files, bytes } = self;
        *known = 0..0;
        files.clear();
        bytes.clear();
        let range = (Key::new(inode, EXTENT_DATA, 0), Key::new(u64::MAX, EXTENT_DATA, 0));
        let last = search_once(subvolume, area, OWN_TREE, range, 0, |key, item| {
            let is_first = key.kind == EXTENT_DATA && key.offset == 0;
            if let Some(data) = inline(item).filter(|_| is_first) {
                let from = bytes.len();
                bytes.extend(data);
                files.push((key.object, from..bytes.len()));
            }
            Ok(())
        })?;
        *known = inode..last.map_or(u64::MAX, unknown_from);
        Ok(())
    }
}

/// The first file of which not all is known, where this is the last item that was seen.
fn unknown_from(last: Key) -> u64 {
    last.object.saturating_add((last.kind >= EXTENT_DATA).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_once_the_place_of_its_first_extent_is_passed() {
        for (kind, offset, known) in [
            (1, 0, 300),
            (EXTENT_DATA - 1, u64::MAX, 300),
            (EXTENT_DATA, 0, 301),
            (EXTENT_DATA, 4096, 301),
        ] {
            assert_eq!(unknown_from(Key::new(300, kind, offset)), known, "{kind} {offset}");
        }
        assert_eq!(unknown_from(Key::new(u64::MAX, EXTENT_DATA, 0)), u64::MAX);
    }
}
