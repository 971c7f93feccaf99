//! The root directory of a subvolume that is being received.
//!
//! Until that is complete nobody else has any business in it: what is in it may have wider permissions
//! for a moment than it gets, and could be changed. So the root is closed, and what the stream says of
//! it is done at the end.

use std::fs::File;

use rustix::fs::{AtFlags, Gid, Mode, Timestamps, Uid, chownat, fchmod, fstat};
use rustix::process::geteuid;

use super::apply_error::{Applied, Told};
use super::checkpoint;
use super::node::{Node, check_owner};

const ACL: &[u8] = b"system.posix_acl_access";

/// What the root directory gets at the end.
#[derive(Debug, Clone)]
pub(super) struct Root {
    pub(super) owner: Option<(u32, u32)>,
    pub(super) mode: u32,
    /// Nothing where the stream has not said yet, and there is no parent.
    pub(super) times: Option<Timestamps>,
    /// Whether the subvolume itself has the attribute in which a checkpoint is noted.
    pub(super) taken: bool,
}

impl Root {
    /// Closes a root directory, which gets `times` if the stream does not give it others.
    pub(super) fn close(dir: &File, times: Option<Timestamps>) -> Applied<Self> {
        let stat = fstat(dir).told("look at the root")?;
        let ours = geteuid();
        let owner = (stat.st_uid != ours.as_raw()).then_some((stat.st_uid, stat.st_gid));
        if owner.is_some() {
            let taken = chownat(dir, c"", Some(ours), None, AtFlags::EMPTY_PATH);
            taken.told("take over the root")?;
        }
        Ok(Self { owner, mode: shut(dir)?, times, taken: checkpoint::is_taken(dir) })
    }

    /// What a checkpoint says of a root directory, which is closed.
    pub(super) fn kept(owner: Option<(u32, u32)>, mode: u32, times: Option<Timestamps>) -> Self {
        Self { owner, mode: mode & 0o7777, times, taken: false }
    }

    pub(super) fn set_owner(&mut self, uid: u32, gid: u32) -> Applied<()> {
        check_owner(uid, gid)?;
        self.owner = Some((uid, gid));
        Ok(())
    }

    pub(super) fn set_mode(&mut self, mode: u32) {
        self.mode = mode & 0o7777;
    }

    /// Sets an extended attribute; an ACL holds permissions too.
    pub(super) fn set_attribute(&mut self, dir: &Node, name: &[u8], value: &[u8]) -> Applied<()> {
        dir.set_attribute(name, value)?;
        self.taken |= name == checkpoint::ATTRIBUTE.as_bytes();
        if name == ACL {
            self.mode = shut(&dir.file)?;
        }
        Ok(())
    }

    /// Gives the directory its owner and permissions.
    pub(super) fn open(&self, dir: &File) -> Applied<()> {
        if let Some((uid, gid)) = self.owner {
            let (uid, gid) = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
            chownat(dir, c"", uid, gid, AtFlags::EMPTY_PATH).told("set the owner of the root")?;
        }
        fchmod(dir, Mode::from_raw_mode(self.mode)).told("set the permissions of the root")
    }
}

/// Takes the permissions of all others, and returns those that were. In an ACL that is its mask, so
/// nothing of it is lost.
fn shut(dir: &File) -> Applied<u32> {
    let mode = fstat(dir).told("look at the root")?.st_mode & 0o7777;
    let closed = mode & 0o7000 | 0o700;
    fchmod(dir, Mode::from_raw_mode(closed)).told("close the root to others")?;
    Ok(mode)
}
