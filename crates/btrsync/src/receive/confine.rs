//! Turns the paths of a stream into descriptors, and never leaves the subvolume.
//!
//! A path comes from another machine and is used with the rights of root. So it is taken apart here,
//! nothing in it is followed that could lead elsewhere (`..`, symbolic links, the magic links of
//! /proc, mounts), and what was opened must be of the device of the subvolume: a nested one has
//! another. Devices and pipes are never opened; to write to one has effects, and to open one can hang.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, ResolveFlags, StatxAttributes, StatxFlags, open, openat2,
    statx,
};
use rustix::io::Errno;

use super::apply_error::{Applied, ApplyError, Told};

/// The longest name of a directory entry, in bytes.
const NAME_MAX: usize = 255;

/// How much of a path is given to the kernel at once: under its limit of 4,096 bytes with the NUL.
const STEP: usize = 4000;

const BENEATH: ResolveFlags = ResolveFlags::BENEATH
    .union(ResolveFlags::NO_SYMLINKS)
    .union(ResolveFlags::NO_MAGICLINKS)
    .union(ResolveFlags::NO_XDEV);

/// Checks that a path is one that a file below a root can have; the empty one is the root.
pub(super) fn check(path: &[u8]) -> Applied<()> {
    if path.is_empty() {
        return Ok(());
    }
    for name in path.split(|byte| *byte == b'/') {
        if let Some(problem) = problem_of(name) {
            return Err(ApplyError::path(path, problem));
        }
    }
    Ok(())
}

fn problem_of(name: &[u8]) -> Option<&'static str> {
    match name {
        b"" => Some("has an empty name in it"),
        b"." | b".." => Some("leads to a directory by a special name"),
        name if name.len() > NAME_MAX => Some("has too long a name in it"),
        name if name.contains(&0) => Some("has a NUL in it"),
        _ => None,
    }
}

/// Splits a path that was checked into the directory and the name in it.
pub(super) fn split(path: &[u8]) -> Applied<(&[u8], &[u8])> {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(slash) => Ok((&path[..slash], &path[slash + 1..])),
        None if path.is_empty() => Err(ApplyError::path(path, "is the root of the subvolume")),
        None => Ok((&[], path)),
    }
}

/// Returns whether `path` is `above`, or lies below it.
pub(super) fn is_at_or_below(path: &[u8], above: &[u8]) -> bool {
    path.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
}

/// Opens a directory below another, however long its path is.
pub(crate) fn directory(base: BorrowedFd<'_>, path: &[u8]) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY;
    let mut above = None;
    let mut rest = path;
    while rest.len() > STEP {
        // A name has at most 255 bytes, so a slash is there.
        let slash = rest[..STEP].iter().rposition(|byte| *byte == b'/').unwrap_or(0);
        above = Some(beneath(at(&above, base), &rest[..slash], flags)?);
        rest = &rest[slash + 1..];
    }
    beneath(at(&above, base), rest, flags)
}

fn at<'a>(above: &'a Option<OwnedFd>, base: BorrowedFd<'a>) -> BorrowedFd<'a> {
    above.as_ref().map_or(base, AsFd::as_fd)
}

/// Opens what stands at a short path below a directory, not through a mount.
pub(crate) fn beneath(
    base: BorrowedFd<'_>,
    path: &[u8],
    flags: OFlags,
) -> rustix::io::Result<OwnedFd> {
    let path = if path.is_empty() { b"." } else { path };
    let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    loop {
        match openat2(base, path, flags, Mode::empty(), BENEATH) {
            // The kernel could not rule out a rename above it at that moment.
            Err(Errno::AGAIN | Errno::INTR) => {}
            other => return other,
        }
    }
}

/// What an open entry is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    pub(super) kind: FileType,
    pub(super) inode: u64,
    pub(super) device: (u32, u32),
    pub(super) size: u64,
    /// Whether it refuses changes.
    pub(super) protected: bool,
}

/// Looks at an open entry.
pub(super) fn look(fd: impl AsFd) -> rustix::io::Result<Look> {
    let stat = statx(fd, c"", AtFlags::EMPTY_PATH, StatxFlags::BASIC_STATS)?;
    let protected = StatxAttributes::IMMUTABLE | StatxAttributes::APPEND;
    Ok(Look {
        kind: FileType::from_raw_mode(stat.stx_mode.into()),
        inode: stat.stx_ino,
        device: (stat.stx_dev_major, stat.stx_dev_minor),
        size: stat.stx_size,
        protected: stat.stx_attributes.intersects(protected),
    })
}

/// Finds an entry of a directory without opening what it is.
pub(super) fn entry(dir: BorrowedFd<'_>, name: &[u8]) -> rustix::io::Result<(OwnedFd, Look)> {
    let fd = beneath(dir, name, OFlags::PATH)?;
    let look = look(&fd)?;
    Ok((fd, look))
}

/// Opens what was found, and is a regular file, by its descriptor: it cannot have become another.
pub(super) fn reopen(found: impl AsFd, flags: OFlags) -> rustix::io::Result<File> {
    let flags = flags | OFlags::CLOEXEC | OFlags::NONBLOCK;
    open(own_path(found.as_fd()), flags, Mode::empty()).map(File::from)
}

/// The path of a descriptor of this process. The calls that take only paths follow it to what is
/// open, and no further.
pub(crate) fn own_path(fd: BorrowedFd<'_>) -> String {
    format!("/proc/self/fd/{}", fd.as_raw_fd())
}

/// Opens a regular file below a root for reading, and checks that it is of the device of the root.
pub(super) fn file_to_read(root: &File, path: &[u8]) -> Applied<File> {
    check(path)?;
    let (above, name) = split(path)?;
    let device = look(root).told("look at the subvolume")?.device;
    let above = directory(root.as_fd(), above).told("open the directory")?;
    let (found, look) = entry(above.as_fd(), name).told("open the file")?;
    if look.device != device {
        return Err(ApplyError::outside(path));
    }
    if look.kind != FileType::RegularFile {
        return Err(ApplyError::not_a_file(path));
    }
    reopen(found, OFlags::RDONLY).told("open the file")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_that_stay_below_are_taken() {
        for path in ["/", "/etc", "a/", "a//b", ".", "..", "../a", "a/..", "a/./b", "a\0"] {
            assert!(check(path.as_bytes()).is_err(), "{path:?}");
        }
        assert!(check(&[b'x'; 256]).is_err());
        for path in ["", "a", "a/b", "...", "a/..b", " ", "a\n"] {
            check(path.as_bytes()).unwrap();
        }
        check(&[&[b'x'; 255][..]; 100].join(&b'/')).unwrap();
    }

    #[test]
    fn a_path_has_a_directory_and_a_name() {
        assert_eq!(split(b"a/b/c").unwrap(), (&b"a/b"[..], &b"c"[..]));
        assert_eq!(split(b"a").unwrap(), (&b""[..], &b"a"[..]));
        assert!(split(b"").is_err());
    }

    #[test]
    fn below_is_by_names_and_not_by_bytes() {
        assert!(is_at_or_below(b"a/b", b"a") && is_at_or_below(b"a", b"a"));
        assert!(!is_at_or_below(b"ab", b"a") && !is_at_or_below(b"a", b"a/b"));
    }
}
