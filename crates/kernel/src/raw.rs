//! Decodes items of the root tree, which are little-endian and packed.
//!
//! An item may be shorter than today's structure (old kernels wrote 239 bytes) or carry fields that
//! an old kernel left stale; both read as zero here, never past the end.

use std::mem::offset_of;

use linux_raw_sys::btrfs as raw;
use uuid::Uuid;

use crate::inode::{InodeTime, InodeTimes};
use crate::items::Inode;
use crate::subvolume::{Info, Timestamp};

/// The inode of the root directory of every subvolume.
pub(crate) const ROOT_INODE: u64 = 256;

/// The longest name of a directory entry, in bytes.
pub(crate) const NAME_MAX: usize = 255;

const ROOT_READ_ONLY: u64 = 1;

/// Returns the bytes of a field, or zeroes where the item ends before it.
fn field<const N: usize>(item: &[u8], offset: usize) -> [u8; N] {
    item.get(offset..offset + N).and_then(|b| b.try_into().ok()).unwrap_or([0; N])
}

pub(crate) fn le64(item: &[u8], offset: usize) -> u64 {
    u64::from_le_bytes(field(item, offset))
}

fn uuid(item: &[u8], offset: usize) -> Option<Uuid> {
    present(Uuid::from_bytes(field(item, offset)))
}

fn timestamp(item: &[u8], offset: usize) -> Timestamp {
    Timestamp {
        seconds: le64(item, offset),
        nanoseconds: u32::from_le_bytes(field(item, offset + size_of::<u64>())),
    }
}

/// Turns the all-zero UUID into "none".
pub(crate) fn present(uuid: Uuid) -> Option<Uuid> {
    (!uuid.is_nil()).then_some(uuid)
}

macro_rules! at {
    ($field:ident) => {
        offset_of!(raw::btrfs_root_item, $field)
    };
}

/// A ROOT_ITEM: the record of one subvolume.
pub(crate) struct RootItem<'a>(&'a [u8]);

impl<'a> RootItem<'a> {
    pub(crate) fn new(item: &'a [u8]) -> Self {
        // Kernels before 3.6 know only the first part; a generation that differs from its copy says
        // that one of them wrote last, and that what follows is stale.
        let fresh = le64(item, at!(generation)) == le64(item, at!(generation_v2));
        let end = if fresh { item.len() } else { item.len().min(at!(generation_v2)) };
        Self(&item[..end])
    }

    /// Whether the subvolume was deleted and only waits for the cleaner.
    pub(crate) fn is_deleted(&self) -> bool {
        u32::from_le_bytes(field(self.0, at!(refs))) == 0
    }

    pub(crate) fn info(&self, id: u64) -> Info {
        let item = self.0;
        Info {
            id,
            parent_id: None,
            directory: 0,
            generation: le64(item, at!(generation)),
            ctransid: le64(item, at!(ctransid)),
            otransid: le64(item, at!(otransid)),
            stransid: le64(item, at!(stransid)),
            rtransid: le64(item, at!(rtransid)),
            uuid: uuid(item, at!(uuid)),
            parent_uuid: uuid(item, at!(parent_uuid)),
            received_uuid: uuid(item, at!(received_uuid)),
            ctime: timestamp(item, at!(ctime)),
            otime: timestamp(item, at!(otime)),
            stime: timestamp(item, at!(stime)),
            rtime: timestamp(item, at!(rtime)),
            read_only: le64(item, at!(flags)) & ROOT_READ_ONLY != 0,
        }
    }
}

/// An INODE_ITEM: the record of one inode.
pub(crate) struct InodeItem<'a>(&'a [u8]);

impl<'a> InodeItem<'a> {
    pub(crate) fn new(item: &'a [u8]) -> Self {
        Self(item)
    }

    pub(crate) fn times(&self) -> InodeTimes {
        let Inode { atime, mtime, .. } = self.record();
        InodeTimes { atime, mtime }
    }

    pub(crate) fn record(&self) -> Inode {
        let word = |offset| u32::from_le_bytes(field(self.0, offset));
        let time = |offset| {
            let time = timestamp(self.0, offset);
            // The same 64 bits, which are signed in an inode.
            InodeTime { seconds: time.seconds.cast_signed(), nanoseconds: time.nanoseconds }
        };
        Inode {
            links: word(offset_of!(raw::btrfs_inode_item, nlink)),
            size: le64(self.0, offset_of!(raw::btrfs_inode_item, size)),
            mode: word(offset_of!(raw::btrfs_inode_item, mode)),
            uid: word(offset_of!(raw::btrfs_inode_item, uid)),
            gid: word(offset_of!(raw::btrfs_inode_item, gid)),
            device: le64(self.0, offset_of!(raw::btrfs_inode_item, rdev)),
            atime: time(offset_of!(raw::btrfs_inode_item, atime)),
            mtime: time(offset_of!(raw::btrfs_inode_item, mtime)),
            ctime: time(offset_of!(raw::btrfs_inode_item, ctime)),
            otime: time(offset_of!(raw::btrfs_inode_item, otime)),
        }
    }
}

/// A ROOT_BACKREF: under which name, in which directory, a subvolume stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RootRef<'a> {
    pub(crate) directory: u64,
    pub(crate) name: &'a [u8],
}

impl<'a> RootRef<'a> {
    /// Returns `None` where the item is shorter than it says, or where its name, joined to a path,
    /// would lead elsewhere: an absolute one would replace the path.
    pub(crate) fn parse(item: &'a [u8]) -> Option<Self> {
        const HEAD: usize = size_of::<raw::btrfs_root_ref>();
        let directory = le64(item, offset_of!(raw::btrfs_root_ref, dirid));
        let length = field(item, offset_of!(raw::btrfs_root_ref, name_len));
        let name = item.get(HEAD..HEAD + usize::from(u16::from_le_bytes(length)))?;
        is_entry(name).then_some(Self { directory, name })
    }
}

/// Whether a directory entry can have this name.
pub(crate) fn is_entry(name: &[u8]) -> bool {
    let special = name.is_empty() || name == b"." || name == b"..";
    !special && name.len() <= NAME_MAX && !name.iter().any(|c| matches!(c, b'/' | 0))
}

/// The first INODE_REF of an item: the name of an inode in its parent directory.
pub(crate) fn inode_ref_name(item: &[u8]) -> Option<&[u8]> {
    const HEAD: usize = size_of::<raw::btrfs_inode_ref>();
    let length = field(item, offset_of!(raw::btrfs_inode_ref, name_len));
    item.get(HEAD..HEAD + usize::from(u16::from_le_bytes(length)))
}

/// The subvolume ids in an item of the UUID tree.
pub(crate) fn uuid_item(item: &[u8]) -> impl Iterator<Item = u64> {
    item.chunks_exact(8).map(|id| le64(id, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(len: usize) -> Vec<u8> {
        let mut item = vec![0xff; len];
        for offset in [at!(generation), at!(generation_v2)] {
            if let Some(bytes) = item.get_mut(offset..offset + 8) {
                bytes.copy_from_slice(&7u64.to_le_bytes());
            }
        }
        item
    }

    #[test]
    fn a_short_item_reads_as_zero_past_its_end() {
        let bytes = item(at!(generation_v2));
        let info = RootItem::new(&bytes).info(256);
        assert_eq!((info.generation, info.uuid, info.ctransid), (7, None, 0));
    }

    #[test]
    fn an_item_of_any_length_is_read_without_panic() {
        for len in 0..size_of::<raw::btrfs_root_item>() + 8 {
            let _ = RootItem::new(&item(len)).info(256);
            let _ = RootRef::parse(&item(len));
            let _ = inode_ref_name(&item(len));
        }
    }

    #[test]
    fn fields_that_an_old_kernel_left_stale_are_not_believed() {
        let mut bytes = item(size_of::<raw::btrfs_root_item>());
        assert!(RootItem::new(&bytes).info(256).uuid.is_some());
        bytes[at!(generation)] = 8;
        assert_eq!(RootItem::new(&bytes).info(256).uuid, None);
    }

    #[test]
    fn an_item_that_nothing_refers_to_is_deleted() {
        let mut bytes = item(size_of::<raw::btrfs_root_item>());
        assert!(!RootItem::new(&bytes).is_deleted());
        bytes[at!(refs)..at!(refs) + 4].fill(0);
        assert!(RootItem::new(&bytes).is_deleted());
    }

    #[test]
    fn a_reference_that_claims_more_than_it_has_is_refused() {
        let mut bytes = vec![0; 18 + 3];
        bytes[16] = 3;
        bytes[18..].copy_from_slice(b"a\xffb");
        assert_eq!(RootRef::parse(&bytes).map(|r| r.name), Some(&b"a\xffb"[..]));
        bytes[16] = 4;
        assert_eq!(RootRef::parse(&bytes), None);
    }

    #[test]
    fn a_reference_whose_name_leads_elsewhere_is_refused() {
        for name in [&b"/etc"[..], b"..", b".", b"", b"a/b", b"a\0", &[b'x'; 256]] {
            let mut bytes = vec![0; 18];
            bytes[16..18].copy_from_slice(&(name.len() as u16).to_le_bytes());
            bytes.extend(name);
            assert_eq!(RootRef::parse(&bytes), None, "{}", name.escape_ascii());
        }
    }

    #[test]
    fn a_uuid_item_can_hold_several_ids() {
        let bytes: Vec<u8> = [256u64, 300].iter().flat_map(|id| id.to_le_bytes()).collect();
        assert_eq!(uuid_item(&bytes).collect::<Vec<_>>(), [256, 300]);
    }
}
