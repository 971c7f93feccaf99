//! Reads the times of an inode in any subvolume, without a path to it.

use std::os::fd::AsFd;

use crate::error::Result;
use crate::raw::{InodeItem, ROOT_INODE};
use crate::search::{Key, search};

const INODE_ITEM: u32 = 1;

/// A time of an inode; unlike those of subvolumes it can lie before 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InodeTime {
    /// Whole seconds since 1970, negative before.
    pub seconds: i64,
    /// Nanoseconds into that second.
    pub nanoseconds: u32,
}

/// The times of an inode that a program can set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InodeTimes {
    /// The last access.
    pub atime: InodeTime,
    /// The last change of its data, or of the entries of a directory.
    pub mtime: InodeTime,
}

/// Returns the times of the root directory of the subvolume with the given id, as of the last commit,
/// or `None` where there is no such subvolume.
///
/// `fd` may be anything on the same filesystem. Needs `CAP_SYS_ADMIN`.
///
/// # Errors
///
/// [`Error::Call`](crate::Error::Call), with `EPERM` without the capability.
pub fn root_times(fd: impl AsFd, subvolume: u64) -> Result<Option<InodeTimes>> {
    let mut times = None;
    let key = Key::new(ROOT_INODE, INODE_ITEM, 0);
    let found = search(fd, subvolume, key, key, |_, item| {
        times = Some(InodeItem::new(item).times());
        Ok(())
    });
    match found {
        Err(error) if error.is(rustix::io::Errno::NOENT) => Ok(None),
        other => other.map(|()| times),
    }
}
