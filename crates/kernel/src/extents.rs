//! How much data the files of a subvolume hold, and how much of it they store.
//!
//! There is no call that tells. The items of the tree do, and they come from the disk: one that is shorter
//! than it should be counts for what it has.

use std::os::fd::AsFd;

use crate::error::Result;
use crate::search::{Key, search_since};

/// The first file of a subvolume.
pub(crate) const FIRST_FILE: u64 = 256;

/// The kind of an item that tells of an extent of a file.
pub(crate) const EXTENT_DATA: u32 = 108;

/// The tree that the descriptor is in.
pub(crate) const OWN_TREE: u64 = 0;

/// What files hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FileData {
    /// The length of the data when decompressed, without holes, in bytes.
    pub length: u64,
    /// What of that is stored, compressed where it is; never more than the length.
    pub stored: u64,
}

/// Adds up the extents in the files of a subvolume that were made after the transaction `since`, each as
/// often as files refer to it.
///
/// Ends early, with what was seen until then, once `enough` says so. Needs `CAP_SYS_ADMIN`.
///
/// # Errors
///
/// [`Error::Call`](crate::Error::Call): `EPERM` without the capability.
pub fn file_data(subvolume: impl AsFd, since: u64, enough: impl Fn() -> bool) -> Result<FileData> {
    let mut sum = FileData::default();
    let (first, last) = (Key::new(FIRST_FILE, 0, 0), Key::new(u64::MAX, u8::MAX.into(), u64::MAX));
    search_since(subvolume, OWN_TREE, (first, last), since.saturating_add(1), |key, item| {
        if key.kind == EXTENT_DATA && generation(item) > since {
            let one = extent(item);
            sum.length = sum.length.saturating_add(one.length);
            sum.stored = sum.stored.saturating_add(one.stored);
        }
        Ok(!enough())
    })?;
    Ok(sum)
}

/// An extent of a file, as its item tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileExtent<'a> {
    /// Where in the file it begins, in bytes.
    pub offset: u64,
    /// How long it is there, in bytes; it may reach behind the end of the file.
    pub length: u64,
    /// What is there.
    pub data: ExtentData<'a>,
}

/// What an extent of a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExtentData<'a> {
    /// No data: a hole, or room that was only allocated.
    Nothing,
    /// Data that stands in the tree, as it is.
    Plain(&'a [u8]),
    /// Data that stands in the tree and is compressed.
    Compressed,
    /// Data that has blocks of its own; several extents can share some.
    Stored {
        /// Where on the filesystem they begin, in bytes.
        start: u64,
        /// Where in the data that is there, when decompressed, that of this extent begins, in bytes.
        from: u64,
    },
    /// Data in an encoding that is not known.
    Unknown,
}

impl<'a> FileExtent<'a> {
    /// Reads an item; nothing where it is cut.
    pub(crate) fn read(offset: u64, item: &'a [u8]) -> Option<Self> {
        let ([compression, encoding @ .., kind], rest) =
            item.get(COMPRESSION..)?.split_first_chunk::<{ INLINE - COMPRESSION }>()?;
        let is_inline = *kind == 0;
        if !is_inline && item.len() < LENGTH + 8 {
            return None;
        }
        let length = number(item, if is_inline { RAM_BYTES } else { LENGTH });
        let data = match *kind {
            _ if *encoding != [0; 3] => ExtentData::Unknown,
            0 if *compression > 0 => ExtentData::Compressed,
            0 if length == rest.len() as u64 => ExtentData::Plain(rest),
            1 => match (number(item, DISK_START), number(item, FROM)) {
                (0, _) => ExtentData::Nothing,
                (start, from) => ExtentData::Stored { start, from },
            },
            2 => ExtentData::Nothing,
            _ => ExtentData::Unknown,
        };
        Some(Self { offset, length, data })
    }
}

/// Where the parts of an item are: all numbers are little endian.
const RAM_BYTES: usize = 8;
const COMPRESSION: usize = 16;
const KIND: usize = 20;
const INLINE: usize = 21;
const DISK_START: usize = 21;
const DISK_LENGTH: usize = 29;
const FROM: usize = 37;
const LENGTH: usize = 45;

fn generation(item: &[u8]) -> u64 {
    number(item, 0)
}

/// What an item tells of.
fn extent(item: &[u8]) -> FileData {
    let (length, on_disk) = match item.get(KIND) {
        Some(0) => (number(item, RAM_BYTES), item.len().saturating_sub(INLINE) as u64),
        Some(1) if number(item, DISK_START) > 0 => {
            (number(item, LENGTH), number(item, DISK_LENGTH))
        }
        // A hole, or room that was only allocated.
        _ => (0, 0),
    };
    let is_compressed = item.get(COMPRESSION).is_some_and(|how| *how > 0);
    FileData { length, stored: if is_compressed { length.min(on_disk) } else { length } }
}

fn number(item: &[u8], at: usize) -> u64 {
    let bytes = item.get(at..).and_then(|rest| rest.first_chunk());
    bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn regular(compression: u8, [start, on_disk, length]: [u64; 3]) -> Vec<u8> {
        let mut item = [0u64.to_le_bytes(), 131_072u64.to_le_bytes()].concat();
        item.extend([compression, 0, 0, 0, 1]);
        for number in [start, on_disk, 0, length] {
            item.extend(number.to_le_bytes());
        }
        item
    }

    #[test]
    fn what_is_compressed_is_stored_as_it_is_unless_only_a_small_part_is_used() {
        let told = |item: &[u8]| (extent(item).length, extent(item).stored);
        assert_eq!(told(&regular(3, [1 << 20, 8192, 131_072])), (131_072, 8192));
        assert_eq!(told(&regular(3, [1 << 20, 8192, 4096])), (4096, 4096));
        assert_eq!(told(&regular(0, [1 << 20, 131_072, 4096])), (4096, 4096));
        assert_eq!(told(&regular(0, [0, 0, 1 << 40])), (0, 0));
        let mut inline = [7u64.to_le_bytes(), 100u64.to_le_bytes()].concat();
        inline.extend([1, 0, 0, 0, 0]);
        inline.extend([9; 30]);
        assert_eq!((generation(&inline), told(&inline)), (7, (100, 30)));
    }

    fn read(item: &[u8]) -> Option<(u64, ExtentData<'_>)> {
        FileExtent::read(0, item).map(|extent| (extent.length, extent.data))
    }

    #[test]
    fn data_in_the_tree_is_whole_or_not_known() {
        let item = |length: u64, encoding: [u8; 5]| {
            let head = [0u64.to_le_bytes(), length.to_le_bytes()].concat();
            [&head[..], &encoding, b"data"].concat()
        };
        assert_eq!(read(&item(4, [0; 5])), Some((4, ExtentData::Plain(b"data"))));
        for length in [0, 3, 5, u64::MAX] {
            assert_eq!(read(&item(length, [0; 5])), Some((length, ExtentData::Unknown)));
        }
        assert_eq!(read(&item(9, [3, 0, 0, 0, 0])), Some((9, ExtentData::Compressed)));
        for at in 1..4 {
            let mut encoding = [0; 5];
            encoding[at] = 1;
            assert_eq!(read(&item(4, encoding)), Some((4, ExtentData::Unknown)), "{at}");
        }
    }

    #[test]
    fn an_extent_has_blocks_or_nothing_and_is_never_read_when_it_is_cut() {
        let item = regular(3, [1 << 20, 8192, 131_072]);
        let stored = ExtentData::Stored { start: 1 << 20, from: 0 };
        assert_eq!(read(&item), Some((131_072, stored)));
        (0..item.len()).for_each(|end| assert_eq!(read(&item[..end]), None, "{end}"));
        assert_eq!(read(&regular(0, [0, 0, 4096])), Some((4096, ExtentData::Nothing)));
        let mut allocated = item;
        allocated[KIND] = 2;
        assert_eq!(read(&allocated), Some((131_072, ExtentData::Nothing)));
        allocated[KIND] = 3;
        assert_eq!(read(&allocated), Some((131_072, ExtentData::Unknown)));
    }

    #[test]
    fn an_item_that_is_cut_counts_for_what_it_has() {
        let item = regular(3, [1 << 20, 8192, 131_072]);
        let lengths: Vec<u64> = (0..=item.len()).map(|end| extent(&item[..end]).length).collect();
        assert!(lengths[..item.len()].iter().all(|length| *length == 0), "{lengths:?}");
        assert_eq!(lengths[item.len()], 131_072);
    }
}
