//! How much each subvolume holds, as far as quotas that somebody else has switched on know it.
//!
//! Quotas slow a filesystem down, so nothing here switches them on. And a number that is not kept right is
//! worse than none: while they are counted anew, or known to be off, nothing is told.

use std::collections::BTreeMap;
use std::mem::offset_of;
use std::os::fd::AsFd;

use linux_raw_sys::btrfs as raw;
use raw::{btrfs_qgroup_info_item as InfoItem, btrfs_qgroup_status_item as StatusItem};

use crate::error::Result;
use crate::raw::le64;
use crate::search::{Key, search};

const TREE: u64 = raw::BTRFS_QUOTA_TREE_OBJECTID as u64;
const STATUS: u32 = raw::BTRFS_QGROUP_STATUS_KEY;
const INFO: u32 = raw::BTRFS_QGROUP_INFO_KEY;
const ENOENT: i32 = rustix::io::Errno::NOENT.raw_os_error();

/// What a subvolume holds, in bytes on the disk, metadata included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// All that it refers to, shared with others or not.
    pub referenced: u64,
    /// What no other subvolume refers to: what its deletion would free.
    pub exclusive: u64,
}

/// Returns what each subvolume holds, by id, as of the last commit; nothing where quotas do not tell: where they
/// are off, counted anew, inconsistent, or simple ones, which count an extent for its first owner alone.
///
/// Needs `CAP_SYS_ADMIN`.
///
/// # Errors
///
/// [`Error::Call`](crate::Error::Call): `EPERM` without the capability, `ENOTTY` where `fd` is not on btrfs.
pub fn usages(fd: impl AsFd) -> Result<Option<BTreeMap<u64, Usage>>> {
    let (mut is_right, mut found) = (false, BTreeMap::new());
    let (first, last) = (Key::new(0, STATUS, 0), Key::new(0, INFO, u64::MAX));
    let walked = search(fd, TREE, first, last, |key, item| {
        match key.kind {
            STATUS => is_right = status(item) == u64::from(raw::BTRFS_QGROUP_STATUS_FLAG_ON),
            // The others are groups of groups.
            INFO if key.offset >> raw::BTRFS_QGROUP_LEVEL_SHIFT == 0 => {
                found.insert(key.offset, usage(item));
            }
            _ => {}
        }
        Ok(())
    });
    match walked {
        // There is no such tree where quotas are off.
        Err(error) if error.raw_os_error() == Some(ENOENT) => Ok(None),
        walked => walked.map(|()| is_right.then_some(found)),
    }
}

fn status(item: &[u8]) -> u64 {
    le64(item, offset_of!(StatusItem, flags))
}

fn usage(item: &[u8]) -> Usage {
    Usage {
        referenced: le64(item, offset_of!(InfoItem, rfer)),
        exclusive: le64(item, offset_of!(InfoItem, excl)),
    }
}
