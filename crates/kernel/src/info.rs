//! Information on one subvolume by file descriptor, without any rights.

use std::os::fd::AsFd;

use linux_raw_sys::btrfs::btrfs_ioctl_timespec;
use uuid::Uuid;

use crate::error::Result;
use crate::ioctl::{self, GetSubvolInfo};
use crate::raw::present;
use crate::subvolume::{Info, Timestamp};

const READ_ONLY: u64 = 1;

/// Returns what btrfs records of the subvolume that `fd` is in (`BTRFS_IOC_GET_SUBVOL_INFO`).
///
/// `fd` may be any directory or file of the subvolume. Needs no rights but those to open it; a
/// kernel from 4.18 on.
///
/// # Errors
///
/// [`Error::Call`](crate::Error::Call), with `ENOTTY` where `fd` is not on btrfs.
pub fn info(fd: impl AsFd) -> Result<Info> {
    let mut args = ioctl::zeroed::<GetSubvolInfo>();
    ioctl::call::<GetSubvolInfo>(fd, &mut args)?;
    let uuid = |bytes| present(Uuid::from_bytes(bytes));
    Ok(Info {
        id: args.treeid,
        parent_id: (args.parent_id != 0).then_some(args.parent_id),
        directory: args.dirid,
        generation: args.generation,
        ctransid: args.ctransid,
        otransid: args.otransid,
        stransid: args.stransid,
        rtransid: args.rtransid,
        uuid: uuid(args.uuid),
        parent_uuid: uuid(args.parent_uuid),
        received_uuid: uuid(args.received_uuid),
        ctime: timestamp(args.ctime),
        otime: timestamp(args.otime),
        stime: timestamp(args.stime),
        rtime: timestamp(args.rtime),
        read_only: args.flags & READ_ONLY != 0,
    })
}

fn timestamp(time: btrfs_ioctl_timespec) -> Timestamp {
    Timestamp { seconds: time.sec, nanoseconds: time.nsec }
}
