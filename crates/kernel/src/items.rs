//! What a subvolume holds, item by item, as its tree has it.
//!
//! A search returns hundreds of files in one call, with what would take several calls for each of them. The
//! hazard is to take half an item for a whole one: what is shorter than it says is a failure. Numbers are
//! little endian; their places are those of `linux/btrfs_tree.h`.

use std::mem::offset_of;
use std::os::fd::AsFd;

use linux_raw_sys::btrfs as raw;

use crate::error::{Error, Result};
use crate::extents::{EXTENT_DATA, ExtentData, FIRST_FILE, FileExtent, OWN_TREE};
use crate::inode::InodeTime;
use crate::raw::{InodeItem, is_entry, le64};
use crate::search::{Key, malformed, walk};

const INODE_ITEM: u32 = 1;
const INODE_REF: u32 = 12;
const INODE_EXTREF: u32 = 13;
const XATTR_ITEM: u32 = 24;

/// Where the directory stands in the head of a name whose key does not tell it.
const PARENT: usize = offset_of!(raw::btrfs_inode_extref, parent_objectid);

/// Behind it come what is to be cleaned up and what the kernel keeps for itself (`BTRFS_LAST_FREE_OBJECTID`).
const LAST_FILE: u64 = u64::MAX - 255;

/// What an item tells of an inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Item<'a> {
    /// That there is one; always the first.
    Inode(Inode),
    /// A name of it.
    Name {
        /// The inode number of the directory.
        directory: u64,
        /// The name there, which leads nowhere else.
        name: &'a [u8],
    },
    /// An extended attribute.
    Attribute {
        /// Its name, with its namespace.
        name: &'a [u8],
        /// Its value.
        value: &'a [u8],
    },
    /// Data of a file, or the target of a symbolic link.
    Extent(FileExtent<'a>),
}

/// The record of an inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inode {
    /// How many names it has; none where it was removed and is still open, or waits to be cleaned up.
    pub links: u32,
    /// The length of a file, in bytes.
    pub size: u64,
    /// Type and permissions, as in `st_mode`.
    pub mode: u32,
    /// The owner.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// The number of a device, as the kernel keeps it: 12 bits major before 20 bits minor.
    pub device: u64,
    /// The last access.
    pub atime: InodeTime,
    /// The last change of its data, or of the entries of a directory.
    pub mtime: InodeTime,
    /// The last change of the inode.
    pub ctime: InodeTime,
    /// When it was made.
    pub otime: InodeTime,
}

/// Where a directory is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The record of the directory.
    pub inode: Inode,
    /// The inode number of the directory that it is in.
    pub parent: u64,
    /// Its name there.
    pub name: Vec<u8>,
}

/// Visits what the tree of a subvolume has of its inodes, in the order of their numbers; of each first the record, then its
/// names, its attributes and its data.
///
/// It is what was on its way to the disk, without what was written and is in memory alone. Needs `CAP_SYS_ADMIN`.
///
/// # Errors
///
/// [`Error::Call`]: `EPERM` without the capability, `EIO` where the tree cannot be read;
/// [`Error::Malformed`] where it is damaged; what `visit` fails with.
pub fn items<E: From<Error>>(
    subvolume: impl AsFd,
    visit: impl FnMut(u64, Item<'_>) -> std::result::Result<(), E>,
) -> std::result::Result<(), E> {
    items_of(subvolume, OWN_TREE, visit)
}

/// As [`items`], of the subvolume with an id; `fd` may be anything on the same filesystem.
///
/// # Errors
///
/// As [`items`], and `ENOENT` where there is no such subvolume.
pub fn items_of<E: From<Error>>(
    fd: impl AsFd,
    subvolume: u64,
    mut visit: impl FnMut(u64, Item<'_>) -> std::result::Result<(), E>,
) -> std::result::Result<(), E> {
    let range = (Key::new(FIRST_FILE, 0, 0), Key::new(LAST_FILE, EXTENT_DATA, u64::MAX));
    walk(fd, subvolume, range, 0, |key, item| {
        each(key, item, |item| visit(key.object, item))?;
        Ok(true)
    })
}

/// Returns where a directory of a subvolume is, or `None` where there is none; the root is nowhere. Needs
/// `CAP_SYS_ADMIN`.
///
/// # Errors
///
/// As [`items`].
pub fn place(subvolume: impl AsFd, directory: u64) -> Result<Option<Place>> {
    let range = (Key::new(directory, INODE_ITEM, 0), Key::new(directory, INODE_REF, u64::MAX));
    let (mut record, mut found) = (None, None);
    walk(subvolume, OWN_TREE, range, 0, |key, item| {
        each(key, item, |item| {
            match (item, record) {
                (Item::Inode(inode), _) => record = Some(inode),
                (Item::Name { directory: parent, name }, Some(inode)) => {
                    found = Some(Place { inode, parent, name: name.to_vec() });
                }
                _ => {}
            }
            Result::Ok(())
        })?;
        Result::Ok(found.is_none())
    })?;
    Ok(found)
}

/// Returns where on the filesystem the extent has its blocks that begins at an offset of a file, if there is one.
/// Needs `CAP_SYS_ADMIN`.
///
/// # Errors
///
/// As [`items`].
pub fn stored_at(subvolume: impl AsFd, inode: u64, offset: u64) -> Result<Option<u64>> {
    let key = Key::new(inode, EXTENT_DATA, offset);
    let mut found = None;
    walk(subvolume, OWN_TREE, (key, key), 0, |key, item| {
        each(key, item, |item| {
            if let Item::Extent(FileExtent { data: ExtentData::Stored { start, .. }, .. }) = item {
                found = Some(start);
            }
            Result::Ok(())
        })?;
        Result::Ok(true)
    })?;
    Ok(found)
}

/// Visits what an item tells.
fn each<E: From<Error>>(
    key: Key,
    item: &[u8],
    mut visit: impl FnMut(Item<'_>) -> std::result::Result<(), E>,
) -> std::result::Result<(), E> {
    match key.kind {
        INODE_ITEM => {
            let inode = inode(item).ok_or_else(|| malformed("an inode is cut"))?;
            visit(Item::Inode(inode))
        }
        INODE_REF => names(item, key.offset, None, visit),
        INODE_EXTREF => names(item, 0, Some(PARENT), visit),
        XATTR_ITEM => attributes(item, visit),
        EXTENT_DATA => {
            let extent = FileExtent::read(key.offset, item);
            visit(Item::Extent(extent.ok_or_else(|| malformed("an extent is cut"))?))
        }
        _ => Ok(()),
    }
}

fn inode(item: &[u8]) -> Option<Inode> {
    let item = item.get(..size_of::<raw::btrfs_inode_item>())?;
    Some(InodeItem::new(item).record())
}

/// Visits names, which follow each other, each behind a head in which its length stands last; the directory
/// is the same for all, or stands in the head.
fn names<E: From<Error>>(
    mut item: &[u8],
    directory: u64,
    parent: Option<usize>,
    mut visit: impl FnMut(Item<'_>) -> std::result::Result<(), E>,
) -> std::result::Result<(), E> {
    let head = match parent {
        None => size_of::<raw::btrfs_inode_ref>(),
        Some(_) => offset_of!(raw::btrfs_inode_extref, name),
    };
    while !item.is_empty() {
        let (name, rest) =
            sized(item, head, &[head - 2]).ok_or_else(|| malformed("a name is cut"))?;
        let directory = parent.map_or(directory, |at| le64(item, at));
        // That of the root is none.
        if is_entry(name) {
            visit(Item::Name { directory, name })?;
        } else if name != b".." {
            return Err(malformed("a name that leads elsewhere").into());
        }
        item = rest;
    }
    Ok(())
}

fn attributes<E: From<Error>>(
    mut item: &[u8],
    mut visit: impl FnMut(Item<'_>) -> std::result::Result<(), E>,
) -> std::result::Result<(), E> {
    const HEAD: usize = size_of::<raw::btrfs_dir_item>();
    const NAME: usize = offset_of!(raw::btrfs_dir_item, name_len);
    const VALUE: usize = offset_of!(raw::btrfs_dir_item, data_len);
    while !item.is_empty() {
        let cut = || malformed("an attribute is cut");
        let (both, rest) = sized(item, HEAD, &[NAME, VALUE]).ok_or_else(cut)?;
        let (name, value) = both.split_at_checked(half(item, NAME).into()).ok_or_else(cut)?;
        visit(Item::Attribute { name, value })?;
        item = rest;
    }
    Ok(())
}

/// Splits off what follows a head in which the lengths of its parts stand.
fn sized<'a>(item: &'a [u8], head: usize, lengths: &[usize]) -> Option<(&'a [u8], &'a [u8])> {
    let length = lengths.iter().map(|at| usize::from(half(item, *at))).sum();
    item.get(head..)?.split_at_checked(length)
}

fn half(item: &[u8], at: usize) -> u16 {
    let bytes = item.get(at..).and_then(|rest| rest.first_chunk());
    bytes.map_or(0, |bytes| u16::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What an item of a kind tells.
    fn told(kind: u32, item: &[u8]) -> Result<Vec<String>> {
        let mut all = Vec::new();
        each(Key::new(257, kind, 300), item, |item| {
            all.push(match item {
                Item::Name { directory, name } => format!("{directory} {}", name.escape_ascii()),
                Item::Attribute { name, value } => {
                    format!("{}={}", name.escape_ascii(), value.escape_ascii())
                }
                other => format!("{other:?}"),
            });
            Result::Ok(())
        })?;
        Ok(all)
    }

    fn reference(name: &[u8]) -> Vec<u8> {
        [&7u64.to_le_bytes()[..], &(name.len() as u16).to_le_bytes(), name].concat()
    }

    fn far_reference(parent: u64, name: &[u8]) -> Vec<u8> {
        [&parent.to_le_bytes()[..], &reference(name)].concat()
    }

    fn attribute(name: &[u8], value: &[u8]) -> Vec<u8> {
        let lengths = [value.len() as u16, name.len() as u16].map(u16::to_le_bytes).concat();
        [&[0; 25][..], &lengths, &[8], name, value].concat()
    }

    #[test]
    fn one_item_can_hold_several() {
        let names = [reference(b"one"), reference(b"two\xff")].concat();
        assert_eq!(told(INODE_REF, &names).unwrap(), ["300 one", "300 two\\xff"]);
        let names = [far_reference(5, b"one"), far_reference(6, b"two")].concat();
        assert_eq!(told(INODE_EXTREF, &names).unwrap(), ["5 one", "6 two"]);
        let both = [attribute(b"user.a", b"1"), attribute(b"user.b", b"")].concat();
        assert_eq!(told(XATTR_ITEM, &both).unwrap(), ["user.a=1", "user.b="]);
        assert_eq!(told(84, b"an entry of a directory").unwrap(), [""; 0]);
    }

    #[test]
    fn what_is_cut_is_a_failure_and_no_panic() {
        let inode = vec![1; size_of::<raw::btrfs_inode_item>()];
        for (kind, item) in [
            (INODE_ITEM, inode),
            (INODE_REF, reference(b"name")),
            (INODE_EXTREF, far_reference(5, b"name")),
            (XATTR_ITEM, attribute(b"user.a", b"value")),
        ] {
            assert_eq!(told(kind, &item).unwrap().len(), 1);
            let first = if kind == INODE_ITEM { 0 } else { 1 };
            (first..item.len()).for_each(|end| {
                assert!(told(kind, &item[..end]).is_err(), "{kind}: {end}");
            });
        }
    }

    #[test]
    fn a_name_that_leads_elsewhere_is_a_failure() {
        for name in [&b"a/b"[..], b".", b"", b"a\0"] {
            assert!(told(INODE_REF, &reference(name)).is_err(), "{}", name.escape_ascii());
        }
        assert_eq!(told(INODE_REF, &reference(b"..")).unwrap(), [""; 0]);
    }
}
