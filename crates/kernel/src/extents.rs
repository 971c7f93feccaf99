//! How much data the files of a subvolume hold, and how much of it they store.
//!
//! There is no call that tells. The items of the tree do, and they come from the disk: one that is shorter
//! than it should be counts for what it has.

use std::os::fd::AsFd;

use crate::error::Result;
use crate::search::{Key, search_since};

/// The first file of a subvolume.
const FIRST_FILE: u64 = 256;

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

/// Where the parts of an item are: all numbers are little endian.
const RAM_BYTES: usize = 8;
const COMPRESSION: usize = 16;
const KIND: usize = 20;
const INLINE: usize = 21;
const DISK_START: usize = 21;
const DISK_LENGTH: usize = 29;
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

/// The data in an item, where it has some that is stored as it is.
pub(crate) fn inline(item: &[u8]) -> Option<&[u8]> {
    // Compression, encryption, another encoding (two bytes), and what kind of extent it is.
    let is_plain = item.get(COMPRESSION..INLINE)? == [0; INLINE - COMPRESSION];
    let data = item.get(INLINE..).filter(|_| is_plain)?;
    (number(item, RAM_BYTES) == data.len() as u64).then_some(data)
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

    #[test]
    fn only_data_that_is_stored_as_it_is_and_whole_is_returned() {
        let item = |length: u64, encoding: [u8; 5]| {
            let head = [0u64.to_le_bytes(), length.to_le_bytes()].concat();
            [&head[..], &encoding, b"data"].concat()
        };
        let plain = item(4, [0; 5]);
        assert_eq!(inline(&plain), Some(&b"data"[..]));
        for length in [0, 3, 5, u64::MAX] {
            assert_eq!(inline(&item(length, [0; 5])), None, "{length}");
        }
        for at in 0..5 {
            let mut encoding = [0; 5];
            encoding[at] = 1;
            assert_eq!(inline(&item(4, encoding)), None, "{at}");
        }
        (0..plain.len()).for_each(|end| assert_eq!(inline(&plain[..end]), None, "{end}"));
    }

    #[test]
    fn an_item_that_is_cut_counts_for_what_it_has() {
        let item = regular(3, [1 << 20, 8192, 131_072]);
        let lengths: Vec<u64> = (0..=item.len()).map(|end| extent(&item[..end]).length).collect();
        assert!(lengths[..item.len()].iter().all(|length| *length == 0), "{lengths:?}");
        assert_eq!(lengths[item.len()], 131_072);
    }
}
