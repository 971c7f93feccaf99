//! Finds subvolumes by UUID in the filesystem's own index.

use std::os::fd::AsFd;

use uuid::Uuid;

use crate::error::Result;
use crate::raw;
use crate::search::{Key, search};

const UUID_TREE: u64 = 9;
const SUBVOLUME: u32 = 251;
const RECEIVED_SUBVOLUME: u32 = 252;

/// Returns the ids of the subvolumes with this UUID; more than one only on a damaged filesystem.
///
/// Needs `CAP_SYS_ADMIN`.
///
/// # Errors
///
/// [`Error::Call`](crate::Error::Call), with `ENOENT` where the filesystem has no UUID tree.
pub fn lookup_uuid(fd: impl AsFd, uuid: Uuid) -> Result<Vec<u64>> {
    lookup(fd, SUBVOLUME, uuid)
}

/// Returns the ids of all subvolumes that were received from the one with this UUID, in id order.
///
/// Needs `CAP_SYS_ADMIN`.
///
/// # Errors
///
/// As [`lookup_uuid`].
pub fn lookup_received_uuid(fd: impl AsFd, uuid: Uuid) -> Result<Vec<u64>> {
    lookup(fd, RECEIVED_SUBVOLUME, uuid)
}

fn lookup(fd: impl AsFd, kind: u32, uuid: Uuid) -> Result<Vec<u64>> {
    let mut ids = Vec::new();
    let key = key(kind, uuid);
    search(fd, UUID_TREE, key, key, |_, item| {
        ids.extend(raw::uuid_item(item));
        Ok(())
    })?;
    ids.sort_unstable();
    Ok(ids)
}

/// The two halves of a UUID, as the tree keeps them.
fn key(kind: u32, uuid: Uuid) -> Key {
    let number = u128::from_le_bytes(uuid.into_bytes());
    Key::new(number as u64, kind, (number >> 64) as u64)
}
