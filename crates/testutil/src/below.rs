//! Reaching what lies deep below an open directory.
//!
//! The hazard is a path longer than the kernel takes: it is opened in steps that are each short enough.

use std::os::fd::OwnedFd;

use rustix::fs::{Dir, FileType, Mode, OFlags, openat};
use rustix::io::{Errno, Result};

/// How much of a path is opened at once; below `PATH_MAX`, above any name.
const CHUNK: usize = 2048;

pub(crate) const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY);

/// Opens a directory below the root; an empty path is the root itself.
pub(crate) fn open_below(root: &OwnedFd, path: &[u8]) -> Result<OwnedFd> {
    let mut dir = open_quietly(root, b".", DIRECTORY)?;
    let mut rest = path;
    while !rest.is_empty() {
        let (chunk, tail) = split(rest);
        dir = open_quietly(&dir, chunk, DIRECTORY)?;
        rest = tail;
    }
    Ok(dir)
}

fn split(path: &[u8]) -> (&[u8], &[u8]) {
    if path.len() <= CHUNK {
        return (path, b"");
    }
    let slash = path[..CHUNK].iter().rposition(|byte| *byte == b'/');
    let slash = slash.expect("a name is shorter than a chunk");
    (&path[..slash], &path[slash + 1..])
}

/// Opens without touching the access time, where the caller may do that.
pub(crate) fn open_quietly(dir: &OwnedFd, name: &[u8], flags: OFlags) -> Result<OwnedFd> {
    let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match openat(dir, name, flags | OFlags::NOATIME, Mode::empty()) {
        Err(Errno::PERM) => openat(dir, name, flags, Mode::empty()),
        result => result,
    }
}

/// Lists a directory, in the order in which the filesystem gives its entries.
pub(crate) fn entries(dir: &OwnedFd) -> Result<Vec<(Vec<u8>, FileType)>> {
    let entries = Dir::read_from(dir)?.map(|entry| {
        let entry = entry?;
        Ok((entry.file_name().to_bytes().to_vec(), entry.file_type()))
    });
    let special = |name: &[u8]| matches!(name, b"." | b"..");
    entries.filter(|entry| !matches!(entry, Ok((name, _)) if special(name))).collect()
}

/// Joins a path and a name; an empty path is the root's.
pub(crate) fn join(dir: &[u8], name: &[u8]) -> Vec<u8> {
    if dir.is_empty() { name.to_vec() } else { [dir, name].join(&b'/') }
}

/// Splits a path into that of its directory, which is empty for the root, and its name.
pub(crate) fn parent_and_name(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(slash) => (&path[..slash], &path[slash + 1..]),
        None => (b"", path),
    }
}
