//! Turns the directory inode of a subvolume's entry into a path, as bytes.
//!
//! INO_LOOKUP answers with at most 4,080 bytes; deeper directories are walked up one name at a time.

use std::os::fd::AsFd;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use rustix::io::Errno;

use crate::error::{Error, Operation, Result};
use crate::ioctl::{self, InoLookup};
use crate::raw::{self, ROOT_INODE};
use crate::search::{Key, search};

const INODE_REF: u32 = 12;

/// Returns the path of a directory from the root of its subvolume, however long it is, or `None` where it is
/// gone; `fd` is anything on the filesystem. Needs `CAP_SYS_ADMIN`.
pub(crate) fn path(fd: impl AsFd, subvolume: u64, directory: u64) -> Result<Option<PathBuf>> {
    let found = match ask(&fd, subvolume, directory) {
        Err(e) if e.is(Errno::NAMETOOLONG) => walk_up(&fd, subvolume, directory),
        asked => asked.map(Some),
    };
    match found {
        Err(e) if e.is(Errno::NOENT) => Ok(None),
        found => found,
    }
}

/// Asks the kernel for the whole path of a directory.
fn ask(fd: impl AsFd, subvolume: u64, directory: u64) -> Result<PathBuf> {
    let mut args = ioctl::zeroed::<InoLookup>();
    args.treeid = subvolume;
    args.objectid = directory;
    ioctl::call::<InoLookup>(fd, &mut args)?;
    let name = args.name.iter().map(|c| *c as u8).take_while(|c| *c != 0);
    Ok(path_from(name.collect()))
}

/// Collects the path of a directory upwards, name by name.
fn walk_up(fd: impl AsFd, subvolume: u64, directory: u64) -> Result<Option<PathBuf>> {
    let mut names = Vec::new();
    let mut at = directory;
    while at != ROOT_INODE {
        let Some((parent, name)) = name_of(&fd, subvolume, at)? else { return Ok(None) };
        if names.len() > MAX_DEPTH {
            let operation = Operation("BTRFS_IOC_TREE_SEARCH_V2");
            return Err(Error::Malformed { operation, what: "a directory inside itself" });
        }
        names.push(name);
        at = parent;
    }
    names.reverse();
    Ok(Some(path_from(names.join(&b'/'))))
}

/// Far more directories than the kernel lets anyone nest by path, and an end to a damaged loop.
const MAX_DEPTH: usize = 1 << 20;

/// Returns the parent directory of an inode and its name there.
fn name_of(fd: impl AsFd, subvolume: u64, inode: u64) -> Result<Option<(u64, Vec<u8>)>> {
    let mut found = None;
    let (first, last) = (Key::new(inode, INODE_REF, 0), Key::new(inode, INODE_REF, u64::MAX));
    search(fd, subvolume, first, last, |key, item| {
        found = raw::inode_ref_name(item).map(|name| (key.offset, name.to_vec()));
        Ok(())
    })?;
    Ok(found)
}

/// INO_LOOKUP ends a directory with a slash, which a path does not need.
fn path_from(mut bytes: Vec<u8>) -> PathBuf {
    if bytes.last() == Some(&b'/') {
        bytes.pop();
    }
    PathBuf::from(std::ffi::OsString::from_vec(bytes))
}
