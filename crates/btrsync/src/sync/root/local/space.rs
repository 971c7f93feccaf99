//! How much room there is for what is received.
//!
//! The kernel's own answer to `df` knows the profiles of the filesystem and what is not allocated yet;
//! but it does not know of room that is about to come, and a number that is too small must not keep
//! anybody from a transfer that fits. So each reason for more is looked for and told.

use std::fs::File;
use std::os::fd::AsFd;
use std::path::Path;

use btrsync_kernel as kernel;
use rustix::fs::fstatvfs;

use super::super::contract::{Reserve, Space};
use super::{Shared, locate, open};
use crate::receive::is_unfinished;

/// Looks where `path` is, or is to be.
pub(super) fn space(shared: &Shared, path: &Path) -> Option<Space> {
    let dir = open::directory_below(&shared.dir, path).or_else(|_| shared.dir.try_clone()).ok()?;
    let stat = fstatvfs(&dir).ok()?;
    let bytes = |blocks: u64| blocks.saturating_mul(stat.f_frsize);
    let (free, used) = (bytes(stat.f_bavail), bytes(stat.f_blocks.saturating_sub(stat.f_bfree)));
    Some(Space { free, used, reserve: reserve(&dir)? })
}

/// Why more may fit than is free. What cannot be looked at could be anything: then nothing is known.
fn reserve(dir: &File) -> Option<Option<Reserve>> {
    let is_left = |vol: &kernel::Subvolume| vol.path.file_name().is_some_and(is_unfinished);
    Some(if compresses(dir)? {
        Some(Reserve::Compression)
    } else if kernel::waiting_for_cleaner(dir).ok()? > 0 {
        Some(Reserve::Deleted)
    } else if kernel::list(dir).ok()?.iter().any(is_left) {
        Some(Reserve::Unfinished)
    } else {
        None
    })
}

/// Whether the mount of a directory compresses what is written.
fn compresses(dir: impl AsFd) -> Option<bool> {
    let table = std::fs::read("/proc/self/mountinfo").ok()?;
    let mount = locate::mount_of(dir).ok()?.to_string();
    let mut lines = table.split(|c| *c == b'\n').map(|line| line.split(|c| *c == b' '));
    let mut line = lines.find(|line| line.clone().next() == Some(mount.as_bytes()))?;
    let options = line.next_back()?;
    Some(options.split(|c| *c == b',').any(|option| option.starts_with(b"compress")))
}
