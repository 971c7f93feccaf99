//! Walks a range of a btree with BTRFS_IOC_TREE_SEARCH_V2.
//!
//! The kernel compares whole keys, so a range over several objects also yields items of other types,
//! and it fills the buffer as far as it goes: the walk continues after the last key it has seen.

use std::mem::offset_of;
use std::os::fd::AsFd;

use linux_raw_sys::btrfs as raw;
use raw::btrfs_ioctl_search_header as Head;

use crate::error::{Error, Operation, Result};
use crate::ioctl::TreeSearch;

const OPERATION: Operation = Operation("BTRFS_IOC_TREE_SEARCH_V2");
/// The room for the items of one call.
pub(crate) const BUFFER: usize = 64 * 1024;

/// The key of an item: object, type, offset, in the order of the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) object: u64,
    pub(crate) kind: u32,
    pub(crate) offset: u64,
}

impl Key {
    pub(crate) const fn new(object: u64, kind: u32, offset: u64) -> Self {
        Self { object, kind, offset }
    }

    /// The key after this one, or `None` after the last.
    fn next(self) -> Option<Self> {
        let Self { object, kind, offset } = self;
        if offset < u64::MAX {
            Some(Self::new(object, kind, offset + 1))
        } else if kind < u8::MAX.into() {
            Some(Self::new(object, kind + 1, 0))
        } else {
            object.checked_add(1).map(|object| Self::new(object, 0, 0))
        }
    }
}

/// Visits every item of `tree` from `first` to `last`, both included, in key order; of an object those of kinds
/// behind that of `last` may be left out.
///
/// `visit` gets the key and the bytes of each item. Needs `CAP_SYS_ADMIN`.
pub(crate) fn search(
    fd: impl AsFd,
    tree: u64,
    first: Key,
    last: Key,
    mut visit: impl FnMut(Key, &[u8]) -> Result<()>,
) -> Result<()> {
    search_since(fd, tree, (first, last), 0, |key, item| visit(key, item).map(|()| true))
}

/// As [`search`], where the part of the tree was changed in the transaction `since` or later, and some
/// more of it; until `visit` wants no more.
pub(crate) fn search_since(
    fd: impl AsFd,
    tree: u64,
    (first, last): (Key, Key),
    since: u64,
    visit: impl FnMut(Key, &[u8]) -> Result<bool>,
) -> Result<()> {
    walk(fd, tree, (first, last), since, visit)
}

/// As [`search_since`], where visiting can fail in a way of its own.
pub(crate) fn walk<E: From<Error>>(
    fd: impl AsFd,
    tree: u64,
    (first, last): (Key, Key),
    since: u64,
    mut visit: impl FnMut(Key, &[u8]) -> std::result::Result<bool, E>,
) -> std::result::Result<(), E> {
    let mut area = TreeSearch::new(BUFFER);
    let mut from = first;
    let mut goes_on = true;
    loop {
        let visit = |key, item: &[u8]| -> std::result::Result<(), E> {
            goes_on = goes_on && visit(key, item)?;
            Ok(())
        };
        let visited = search_once(&fd, &mut area, tree, (from, last), since, visit);
        let Some(seen) = visited?.filter(|_| goes_on) else {
            return Ok(());
        };
        match following(seen, first, last) {
            Some(next) if next <= last => from = next,
            _ => return Ok(()),
        }
    }
}

/// Visits those items of a range that one call returns; returns the key of the last, or `None` where there
/// are no more.
fn search_once<E: From<Error>>(
    fd: impl AsFd,
    area: &mut TreeSearch,
    tree: u64,
    (first, last): (Key, Key),
    since: u64,
    mut visit: impl FnMut(Key, &[u8]) -> std::result::Result<(), E>,
) -> std::result::Result<Option<Key>, E> {
    let key = raw::btrfs_ioctl_search_key { min_transid: since, ..range(tree, first, last) };
    let (count, items) = area.run(&fd, key).map_err(|e| Error::call(OPERATION, e))?;
    each_item(items, count, &mut visit)
}

/// Where a walk from `first` to `last` goes on. A subvolume can hold thousands of others, each with an item that
/// no listing wants, so what is behind the kinds of the range is passed over.
fn following(seen: Key, first: Key, last: Key) -> Option<Key> {
    match seen.kind > last.kind {
        true => Some(Key::new(seen.object.checked_add(1)?, first.kind, 0)),
        false => seen.next(),
    }
}

/// Returns the search key of the kernel for a range.
fn range(tree: u64, first: Key, last: Key) -> raw::btrfs_ioctl_search_key {
    raw::btrfs_ioctl_search_key {
        tree_id: tree,
        min_objectid: first.object,
        max_objectid: last.object,
        min_offset: first.offset,
        max_offset: last.offset,
        min_transid: 0,
        max_transid: u64::MAX,
        min_type: first.kind,
        max_type: last.kind,
        nr_items: u32::MAX,
        unused: 0,
        unused1: 0,
        unused2: 0,
        unused3: 0,
        unused4: 0,
    }
}

/// Visits the items in a filled buffer; returns the key of the last.
fn each_item<E: From<Error>>(
    mut buffer: &[u8],
    count: u32,
    visit: &mut impl FnMut(Key, &[u8]) -> std::result::Result<(), E>,
) -> std::result::Result<Option<Key>, E> {
    let mut last = None;
    for _ in 0..count {
        let Some((key, item, rest)) = split_item(buffer) else {
            let what = "an item ends past the buffer";
            return Err(malformed(what).into());
        };
        visit(key, item)?;
        (last, buffer) = (Some(key), rest);
    }
    Ok(last)
}

/// An item that is not what it should be.
pub(crate) fn malformed(what: &'static str) -> Error {
    Error::Malformed { operation: OPERATION, what }
}

/// Takes the first item off a buffer. Items follow one another without padding.
fn split_item(buffer: &[u8]) -> Option<(Key, &[u8], &[u8])> {
    let (head, rest) = buffer.split_at_checked(size_of::<Head>())?;
    let word = |at: usize| head[at..at + 8].try_into().map(u64::from_ne_bytes).ok();
    let half = |at: usize| head[at..at + 4].try_into().map(u32::from_ne_bytes).ok();
    let key = Key::new(
        word(offset_of!(Head, objectid))?,
        half(offset_of!(Head, type_))?,
        word(offset_of!(Head, offset))?,
    );
    let (item, rest) = rest.split_at_checked(half(offset_of!(Head, len))? as usize)?;
    Some((key, item, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(key: Key, content: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for word in [0, key.object, key.offset] {
            bytes.extend(u64::to_ne_bytes(word));
        }
        bytes.extend(key.kind.to_ne_bytes());
        bytes.extend((content.len() as u32).to_ne_bytes());
        bytes.extend(content);
        bytes
    }

    #[test]
    fn keys_follow_one_another_in_tree_order() {
        let key = |o, k, f| Key::new(o, k, f);
        assert_eq!(key(1, 2, 3).next(), Some(key(1, 2, 4)));
        assert_eq!(key(1, 2, u64::MAX).next(), Some(key(1, 3, 0)));
        assert_eq!(key(1, 255, u64::MAX).next(), Some(key(2, 0, 0)));
        assert_eq!(key(u64::MAX, 255, u64::MAX).next(), None);
    }

    #[test]
    fn a_walk_passes_over_what_is_behind_the_kinds_of_its_range() {
        let key = |o, k, f| Key::new(o, k, f);
        let after = |seen| following(seen, key(5, 132, 0), key(900, 144, u64::MAX));
        assert_eq!(after(key(5, 132, 0)), Some(key(5, 132, 1)));
        assert_eq!(after(key(256, 144, 5)), Some(key(256, 144, 6)));
        assert_eq!(after(key(5, 156, 300)), Some(key(6, 132, 0)));
        assert_eq!(after(key(u64::MAX, 156, 300)), None);
    }

    #[test]
    fn a_buffer_is_read_item_by_item_and_never_past_its_end() {
        let (a, b) = (Key::new(256, 132, 0), Key::new(256, 144, 5));
        let buffer = [item(a, b"abc"), item(b, b"")].concat();
        let mut seen = Vec::new();
        let mut visit = |key, bytes: &[u8]| -> Result<()> {
            seen.push((key, bytes.to_vec()));
            Ok(())
        };
        assert_eq!(each_item(&buffer, 2, &mut visit).unwrap(), Some(b));
        assert_eq!(seen, [(a, b"abc".to_vec()), (b, vec![])]);
        for end in 0..buffer.len() {
            assert!(each_item(&buffer[..end], 2, &mut |_, _| Result::Ok(())).is_err(), "at {end}");
        }
    }
}
