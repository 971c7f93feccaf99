//! The two flags of a file that keep everybody from changing it.
//!
//! They are set through `FS_IOC_FSSETXATTR`: the older request for flags would set the compression of
//! the file anew, too.

use std::os::fd::AsFd;

use linux_raw_sys::general::{FS_XFLAG_APPEND, FS_XFLAG_IMMUTABLE, fsxattr};

use crate::error::Result;
use crate::ioctl::{self, FsGetXattr, FsSetXattr};

/// What keeps a file from being changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Protection {
    /// It cannot be changed, renamed, linked or removed.
    pub immutable: bool,
    /// It can only grow; of a directory, entries can only be added.
    pub append_only: bool,
}

/// Returns the protection of a file or directory that is open for reading. Needs no rights.
///
/// # Errors
///
/// [`Error::Call`](crate::Error::Call), with `ENOTTY` where the filesystem has no such flags.
pub fn protection(file: impl AsFd) -> Result<Protection> {
    let flags = get(file)?.fsx_xflags;
    Ok(Protection {
        immutable: flags & FS_XFLAG_IMMUTABLE != 0,
        append_only: flags & FS_XFLAG_APPEND != 0,
    })
}

/// Sets the protection of a file or directory that is open for reading, and no other flag.
///
/// Needs `CAP_LINUX_IMMUTABLE`.
///
/// # Errors
///
/// As [`protection`]; `EPERM` without the capability, `EROFS`.
pub fn set_protection(file: impl AsFd, protection: Protection) -> Result<()> {
    let mut args = get(&file)?;
    let bit = |wanted: bool, bit: u32| if wanted { bit } else { 0 };
    args.fsx_xflags &= !(FS_XFLAG_IMMUTABLE | FS_XFLAG_APPEND);
    args.fsx_xflags |= bit(protection.immutable, FS_XFLAG_IMMUTABLE);
    args.fsx_xflags |= bit(protection.append_only, FS_XFLAG_APPEND);
    ioctl::call::<FsSetXattr>(file, &mut args)
}

fn get(file: impl AsFd) -> Result<fsxattr> {
    let mut args = ioctl::zeroed::<FsGetXattr>();
    ioctl::call::<FsGetXattr>(file, &mut args)?;
    Ok(args)
}
