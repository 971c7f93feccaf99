//! Makes, marks and deletes subvolumes.
//!
//! Names are single directory entries: a slash in one would reach out of the directory whose
//! descriptor was given, so it is refused here before the kernel sees it.

use std::ffi::{OsStr, c_char};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::ffi::OsStrExt;

use linux_raw_sys::btrfs as raw;
use uuid::Uuid;

use crate::error::{Error, Operation, Result};
use crate::ioctl::{
    self, Request, SetReceived, SnapCreate, SnapDestroy, SubvolCreate, SubvolGetFlags,
    SubvolSetFlags,
};
use crate::raw::is_entry;
use crate::subvolume::Timestamp;

const READ_ONLY: u64 = raw::BTRFS_SUBVOL_RDONLY as u64;

/// Creates an empty subvolume `name` in the directory `directory`.
///
/// Needs the right to write there.
///
/// # Errors
///
/// [`Error::Name`] for an impossible name; [`Error::Call`], among others with `EEXIST`, `EROFS`,
/// `ENOSPC`, `EACCES`.
pub fn create(directory: impl AsFd, name: &OsStr) -> Result<()> {
    let mut args = ioctl::zeroed::<SubvolCreate>();
    put_name(&mut args.name, name, SubvolCreate::OPERATION)?;
    ioctl::call::<SubvolCreate>(directory, &mut args)
}

/// Creates a snapshot of `source` under `name` in the directory `directory`.
///
/// `source` must be the root directory of a subvolume of the same filesystem. Needs the right to
/// write to `directory`, and to own `source` or `CAP_SYS_ADMIN`.
///
/// # Errors
///
/// As [`create`]; `EXDEV` where the two are on different filesystems, `EINVAL` where `source` is not
/// the root of a subvolume.
pub fn snapshot(
    source: impl AsFd,
    directory: impl AsFd,
    name: &OsStr,
    read_only: bool,
) -> Result<()> {
    let mut args = ioctl::zeroed::<SnapCreate>();
    args.fd = source.as_fd().as_raw_fd().into();
    args.flags = if read_only { READ_ONLY } else { 0 };
    let mut bytes = [0; 4040];
    put_name(&mut bytes, name, SnapCreate::OPERATION)?;
    args.__bindgen_anon_2.name = bytes;
    ioctl::call::<SnapCreate>(directory, &mut args)
}

/// Deletes the subvolume `name` in the directory `directory`.
///
/// The name is gone at once, though not yet after a power cut; the space follows when the kernel's
/// cleaner has run. Needs `CAP_SYS_ADMIN`, or to own it on a filesystem mounted with
/// `user_subvol_rm_allowed`.
///
/// # Errors
///
/// As [`create`]; `ENOTEMPTY` where another subvolume is nested in it, `ENOENT` where it is not
/// there, `EINVAL` where it is not a subvolume.
pub fn delete(directory: impl AsFd, name: &OsStr) -> Result<()> {
    let mut args = ioctl::zeroed::<SnapDestroy>();
    put_name(&mut args.name, name, SnapDestroy::OPERATION)?;
    ioctl::call::<SnapDestroy>(directory, &mut args)
}

/// Returns whether the subvolume with the root directory `fd` is read-only. Needs no rights.
///
/// # Errors
///
/// [`Error::Call`], with `EINVAL` where `fd` is not the root of a subvolume.
pub fn is_read_only(fd: impl AsFd) -> Result<bool> {
    let mut flags = 0;
    ioctl::call::<SubvolGetFlags>(fd, &mut flags)?;
    Ok(flags & READ_ONLY != 0)
}

/// Makes the subvolume with the root directory `fd` read-only, or writable.
///
/// Needs to own it, or `CAP_SYS_ADMIN`.
///
/// # Errors
///
/// [`Error::Call`]; `EPERM` where a send of it is running and it is to become writable.
pub fn set_read_only(fd: impl AsFd, read_only: bool) -> Result<()> {
    let mut flags = 0;
    ioctl::call::<SubvolGetFlags>(&fd, &mut flags)?;
    flags = if read_only { flags | READ_ONLY } else { flags & !READ_ONLY };
    ioctl::call::<SubvolSetFlags>(fd, &mut flags)
}

/// What a received subvolume notes of its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received {
    /// The UUID that the stream names.
    pub uuid: Uuid,
    /// The `ctransid` that the stream names: a transaction of the sending filesystem.
    pub stransid: u64,
    /// The time of the sending.
    pub stime: Timestamp,
}

/// Notes on the subvolume with the root directory `fd` what it was received from, and returns the
/// transaction in which that was done.
///
/// The subvolume must be writable. Needs to own it, or `CAP_SYS_ADMIN`.
///
/// # Errors
///
/// [`Error::Call`], with `EROFS` where it is read-only already.
pub fn set_received(fd: impl AsFd, received: Received) -> Result<u64> {
    let mut args = ioctl::zeroed::<SetReceived>();
    args.uuid = received.uuid.into_bytes().map(|byte| byte as c_char);
    args.stransid = received.stransid;
    args.stime.sec = received.stime.seconds;
    args.stime.nsec = received.stime.nanoseconds;
    ioctl::call::<SetReceived>(fd, &mut args)?;
    Ok(args.rtransid)
}

/// Writes a name and its NUL into the field of an argument structure.
fn put_name(field: &mut [c_char], name: &OsStr, operation: Operation) -> Result<()> {
    let bytes = name.as_bytes();
    if !is_entry(bytes) || bytes.len() >= field.len() {
        return Err(Error::Name { operation, name: bytes.to_vec() });
    }
    for (to, from) in field.iter_mut().zip(bytes) {
        *to = *from as c_char;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raw::NAME_MAX;

    #[test]
    fn names_that_are_no_entry_never_reach_the_kernel() {
        let long = [b'x'; NAME_MAX + 1];
        for name in [&b""[..], b".", b"..", b"a/b", b"/", b"a\0b", &long] {
            let mut field = [0; 4088];
            let error = put_name(&mut field, OsStr::from_bytes(name), SubvolCreate::OPERATION);
            assert!(matches!(error, Err(Error::Name { .. })), "{}", name.escape_ascii());
        }
    }

    #[test]
    fn names_are_bytes() {
        for name in [&b"a b"[..], b"\xff\n\t", b"...", &[b'x'; NAME_MAX]] {
            let mut field = [0; 4088];
            put_name(&mut field, OsStr::from_bytes(name), SubvolCreate::OPERATION).unwrap();
            assert!(field.iter().map(|c| *c as u8).take(name.len()).eq(name.iter().copied()));
            assert_eq!(field[name.len()], 0);
        }
    }
}
