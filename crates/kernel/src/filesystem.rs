//! Questions about a whole filesystem, and its commit.

use std::os::fd::AsFd;

use rustix::fs::{fstat, fstatfs, syncfs};
use rustix::io::retry_on_intr;
use uuid::Uuid;

use crate::error::{Error, Operation, Result};
use crate::ioctl::{self, GetFsInfo};
use crate::raw::{ROOT_INODE, present};

const SUPER_MAGIC: u64 = 0x9123_683e;
const WANT_CSUM: u64 = 1;
const WANT_GENERATION: u64 = 2;
const WANT_METADATA_UUID: u64 = 4;

/// What the kernel says of a mounted filesystem (`BTRFS_IOC_FS_INFO`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FsInfo {
    /// The UUID that users see.
    pub fsid: Uuid,
    /// The UUID that the metadata carries, where it differs from `fsid`.
    pub metadata_uuid: Option<Uuid>,
    /// The number of devices.
    pub devices: u64,
    /// The size of a metadata block, in bytes.
    pub node_size: u32,
    /// The size of a data block, in bytes.
    pub sector_size: u32,
    /// The generation of the running transaction, or of the last commit where none is running; 0
    /// where the kernel (before 5.10) does not tell.
    pub generation: u64,
}

/// Returns what the kernel says of the filesystem that `fd` is on. Needs no rights.
///
/// # Errors
///
/// [`Error::Call`], with `ENOTTY` where it is not btrfs.
pub fn fs_info(fd: impl AsFd) -> Result<FsInfo> {
    let mut args = ioctl::zeroed::<GetFsInfo>();
    args.flags = WANT_CSUM | WANT_GENERATION | WANT_METADATA_UUID;
    ioctl::call::<GetFsInfo>(fd, &mut args)?;
    let fsid = Uuid::from_bytes(args.fsid);
    Ok(FsInfo {
        fsid,
        // Most kernels tell it always, those before 5.11 never.
        metadata_uuid: present(Uuid::from_bytes(args.metadata_uuid)).filter(|uuid| *uuid != fsid),
        devices: args.num_devices,
        node_size: args.nodesize,
        sector_size: args.sectorsize,
        generation: args.generation,
    })
}

/// Returns whether `fd` is on btrfs. Needs no rights.
///
/// # Errors
///
/// [`Error::Call`] where `fstatfs` fails.
pub fn is_btrfs(fd: impl AsFd) -> Result<bool> {
    let stat = fstatfs(fd).map_err(|e| Error::call(Operation("fstatfs"), e))?;
    Ok(stat.f_type as u64 == SUPER_MAGIC)
}

/// Returns whether `fd` is the root directory of a btrfs subvolume. Needs no rights.
///
/// # Errors
///
/// [`Error::Call`] where `fstat` or `fstatfs` fails.
pub fn is_subvolume(fd: impl AsFd) -> Result<bool> {
    let stat = fstat(&fd).map_err(|e| Error::call(Operation("fstat"), e))?;
    Ok(stat.st_ino == ROOT_INODE && is_btrfs(fd)?)
}

/// Writes everything of the filesystem that `fd` is on to its devices and commits (`BTRFS_IOC_SYNC`). Needs
/// no rights.
///
/// It succeeds where data could not be written: its extents are then dropped, and the files are empty.
/// [`sync`] tells of that.
///
/// # Errors
///
/// [`Error::Call`] where the commit fails, for example with `EIO` or `EROFS`.
pub fn commit(fd: impl AsFd) -> Result<()> {
    ioctl::commit(fd).map_err(|e| Error::call(Operation("BTRFS_IOC_SYNC"), e))
}

/// As [`commit`], and fails where data could not be written (`syncfs`).
///
/// # Errors
///
/// [`Error::Call`], as [`commit`]; also where data of any file of the filesystem could not be written since `fd`
/// was opened, or before and nobody was told. It is told once.
pub fn sync(fd: impl AsFd) -> Result<()> {
    let synced = retry_on_intr(|| syncfs(&fd));
    synced.map_err(|e| Error::call(Operation("syncfs"), e))
}
