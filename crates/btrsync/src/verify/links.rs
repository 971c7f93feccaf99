//! Which names are hard links of one file.
//!
//! Inode numbers say it, but mean nothing on the other side. So a name is told by the first name of its
//! file, in the order of the walk, that both sides share. Only files with several names are remembered,
//! each until its last name was seen.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;

use super::content::Content;
use super::digest::Digest;

/// What is known of a file with several names.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    /// The digest of the path of its first name.
    pub(super) first: Digest,
    pub(super) content: Content,
}

/// The files with names that are still to come, by inode.
#[derive(Debug, Default)]
pub(super) struct Links(HashMap<u64, (Known, u32)>);

impl Links {
    /// Returns what is known of a file by a name before this one.
    pub(super) fn again(&mut self, inode: u64) -> Option<Known> {
        let Slot::Occupied(mut slot) = self.0.entry(inode) else { return None };
        let (known, left) = slot.get_mut();
        let known = *known;
        *left = left.saturating_sub(1);
        if *left == 0 {
            slot.remove();
        }
        Some(known)
    }

    /// Remembers a file that has `links` names, of which `path` is the first.
    pub(super) fn remember(&mut self, inode: u64, path: &[u8], content: Content, links: u32) {
        let known = Known { first: Digest::of(path), content };
        self.0.insert(inode, (known, links - 1));
    }
}
