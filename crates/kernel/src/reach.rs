//! Lists the subvolumes that can be reached from a directory, without any rights but those to open them.
//!
//! A btree search shows every name of a filesystem, and so needs `CAP_SYS_ADMIN`. What this shows is what the
//! user could find by walking: a subvolume in a directory that he may not read is not in it, and nobody can
//! tell how many there are.

use std::ffi::{OsString, c_char};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
use rustix::io::Errno;

use crate::error::Result;
use crate::filesystem::is_subvolume;
use crate::info::info;
use crate::ioctl::{self, GetSubvolRootref, InoLookupUser};
use crate::subvolume::Subvolume;

/// Far deeper than subvolumes are nested, and an end to what never ends.
const MAX_DEPTH: usize = 1 << 10;

/// Returns the subvolume whose root directory `fd` is, with an empty path, and all below it that can be
/// reached, each with its path from there.
///
/// Needs no rights but those to open them; a kernel from 4.18 on.
///
/// # Errors
///
/// [`Error::Call`](crate::Error::Call) where `fd` itself cannot be asked.
pub fn list_reachable(fd: impl AsFd) -> Result<Vec<Subvolume>> {
    let mut found = vec![Subvolume::new(info(&fd)?, PathBuf::new())];
    below(fd, Path::new(""), &mut found, 0)?;
    found.sort_by_key(|vol| vol.info.id);
    Ok(found)
}

fn below(fd: impl AsFd, path: &Path, found: &mut Vec<Subvolume>, depth: usize) -> Result<()> {
    for (id, directory) in children(&fd)? {
        // One that is moved, deleted or closed to us is not reached, and no failure.
        let Ok(inside) = place(&fd, id, directory) else { continue };
        let Some(child) = open(&fd, &inside) else { continue };
        let Ok(info) = info(&child) else { continue };
        if info.id != id || depth >= MAX_DEPTH || !is_subvolume(&child).unwrap_or(false) {
            continue;
        }
        let path = path.join(inside);
        found.push(Subvolume::new(info, path.clone()));
        // What it holds is not reached either where it cannot be asked.
        let _ = below(&child, &path, found, depth + 1);
    }
    Ok(())
}

/// The subvolumes that one holds, and the inodes of the directories that they are in.
fn children(fd: impl AsFd) -> Result<Vec<(u64, u64)>> {
    let mut all = Vec::new();
    let mut args = ioctl::zeroed::<GetSubvolRootref>();
    loop {
        let more = match ioctl::call::<GetSubvolRootref>(&fd, &mut args) {
            // The array is full, and where the rest begins is in it too.
            Err(error) if error.is(Errno::OVERFLOW) => true,
            other => other.map(|()| false)?,
        };
        let count = usize::from(args.num_items).min(args.rootref.len());
        all.extend(args.rootref[..count].iter().map(|child| (child.treeid, child.dirid)));
        if !more || count == 0 {
            return Ok(all);
        }
    }
}

/// The path of a subvolume in the one that holds it.
fn place(fd: impl AsFd, id: u64, directory: u64) -> Result<PathBuf> {
    let mut args = ioctl::zeroed::<InoLookupUser>();
    (args.treeid, args.dirid) = (id, directory);
    ioctl::call::<InoLookupUser>(fd, &mut args)?;
    Ok(PathBuf::from(text(&args.path)).join(text(&args.name)))
}

fn text(bytes: &[c_char]) -> OsString {
    let bytes = bytes.iter().map(|c| *c as u8).take_while(|c| *c != 0);
    OsString::from_vec(bytes.collect())
}

/// Opens a directory of the same mount.
fn open(fd: impl AsFd, path: &Path) -> Option<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let beneath = ResolveFlags::BENEATH
        | ResolveFlags::NO_SYMLINKS
        | ResolveFlags::NO_MAGICLINKS
        | ResolveFlags::NO_XDEV;
    openat2(fd, path, flags, Mode::empty(), beneath).ok()
}
