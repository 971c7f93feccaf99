//! What stands under its name already, because an interrupted run has come so far.
//!
//! The hazard is a name that is something else's: another snapshot, a copy that somebody has changed. Only what is
//! as it was received, of the same subvolume in the same state, is there already.

use std::ffi::OsStr;

use btrsync_kernel as kernel;
use rustix::fs::fstat;

use super::directory::Directory;
use super::kept::{ROOT_INODE, open};
use super::source::is_changed;
use super::stage::Identity;

/// Whether this is there under this name. What cannot be looked at is not, and then the name is taken.
pub(super) fn is_present(into: &Directory, name: &OsStr, identity: Identity) -> bool {
    let Ok(there) = open(&into.file, name) else { return false };
    let is_root = fstat(&there).is_ok_and(|stat| stat.st_ino == ROOT_INODE);
    is_root && kernel::info(&there).is_ok_and(|info| is_received(&info, identity))
}

fn is_received(info: &kernel::Info, Identity { uuid, ctransid }: Identity) -> bool {
    info.read_only
        && info.received_uuid == Some(uuid)
        && info.stransid == ctransid
        && !is_changed(info)
}
