//! The data of small files, out of the tree of the subvolume that is sent.
//!
//! It spares opening, reading and closing each. The hazard is to take less than a file has, or what it had at
//! another time: so the length must be the one that the stream tells, and the data is never asked for before
//! the kernel has begun to make that stream, for which it first puts all data where it is found.

use std::fs::File;

use btrsync_kernel::InlineData;

use super::Extent;

/// No file of which the data is in the tree is longer, where blocks have 4,096 bytes as nearly everywhere.
const MOST: u64 = 4096;

/// Looks up the data of small files.
#[derive(Debug)]
pub(super) struct Small {
    /// Nothing once a search has failed, as it does without rights.
    inline: Option<InlineData<File>>,
}

impl Small {
    /// Takes the root directory of a subvolume.
    pub(super) fn new(dir: File) -> Self {
        Self { inline: Some(InlineData::new(dir)) }
    }

    /// Returns the data of a file with an inode number, if it is one whose data is in the tree, as long as the
    /// stream tells.
    pub(super) fn data(&mut self, inode: u64, extent: Extent<'_>) -> Option<Box<[u8]>> {
        if extent.offset > 0 || extent.size > MOST {
            return None;
        }
        match self.inline.as_mut()?.of(inode) {
            Ok(data) => data.filter(|data| data.len() as u64 == extent.size).map(Box::from),
            Err(error) => {
                tracing::debug!(%error, "small files are opened");
                self.inline = None;
                None
            }
        }
    }
}
