//! The flags of a file that chattr(1) sets.
//!
//! A stream has them as they stand on disk, and sends them after the data. Two hazards: the request
//! that sets them also sets the compression anew, with the default of the filesystem; and whether data
//! is copied on write cannot be changed while a file has any.

use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;

use btrsync_kernel::Protection;
use rustix::fs::{
    FileType, IFlags, Mode, OFlags, SeekFrom, XattrFlags, fgetxattr, fsetxattr, ftruncate,
    ioctl_ficlone, ioctl_getflags, ioctl_setflags, openat, seek,
};
use rustix::io::Errno;

use super::apply_error::{Applied, ApplyError, Told};
use super::confine::{look, reopen};
use super::tree::Tree;

/// The flags in the inode item, and those of chattr(1).
const FLAGS: [(u64, IFlags); 7] = [
    (1 << 1, IFlags::NOCOW),
    (1 << 3, NO_COMPRESSION),
    (1 << 5, IFlags::SYNC),
    (1 << 8, IFlags::NODUMP),
    (1 << 9, IFlags::NOATIME),
    (1 << 10, IFlags::DIRSYNC),
    (1 << 11, IFlags::COMPRESSED),
];
pub(super) const NO_COMPRESSION: IFlags = IFlags::from_bits_retain(0x400);
const COMPRESSIONS: IFlags = IFlags::COMPRESSED.union(NO_COMPRESSION);
const IMMUTABLE: u64 = 1 << 6;
const APPEND: u64 = 1 << 7;

/// What the filesystem notes for itself: no checksums (which follows from no copy on write), read-only
/// (not used), preallocated, and from 32 bits on, sealed.
const OWN: u64 = 1 | 1 << 2 | 1 << 4 | 0xffff_ffff << 32;

/// Sets the flags of an inode, as they stand in its item on disk.
pub(super) fn set_flags(tree: &mut Tree, path: &[u8], flags: u64) -> Applied<()> {
    let known = FLAGS.iter().fold(OWN | IMMUTABLE | APPEND, |known, (bit, _)| known | bit);
    if flags & !known != 0 {
        return Err(ApplyError::Value { what: "the inode flags", value: flags });
    }
    let node = tree.node(path)?;
    if !matches!(node.kind, FileType::RegularFile | FileType::Directory) {
        return Err(ApplyError::not_a_file(path));
    }
    node.changes_attributes();
    let file = reopen(&node.file, OFlags::RDONLY).told("open it")?;
    let inode = look(&file).told("look at it")?.inode;
    let protection =
        Protection { immutable: flags & IMMUTABLE != 0, append_only: flags & APPEND != 0 };
    tree.locks.set(inode, protection)?;
    put(tree, path, &file, wanted(flags))
}

fn wanted(flags: u64) -> IFlags {
    let of = |(bit, flag): &(u64, IFlags)| if flags & bit != 0 { *flag } else { IFlags::empty() };
    let wanted = FLAGS.iter().fold(IFlags::empty(), |all, pair| all | of(pair));
    // Both together only note that compression was tried in vain, and cannot be set.
    match wanted.contains(IFlags::COMPRESSED) {
        true => wanted.difference(NO_COMPRESSION),
        false => wanted,
    }
}

/// Sets those flags that are another's to choose, with the compression kept.
fn put(tree: &mut Tree, path: &[u8], file: &File, wanted: IFlags) -> Applied<()> {
    let settable = FLAGS.iter().fold(IFlags::empty(), |all, (_, flag)| all | *flag);
    let current = ioctl_getflags(file).told("read the flags")? & settable;
    if current == wanted {
        return Ok(());
    }
    let moved = (current ^ wanted).contains(IFlags::NOCOW) && !tree.node(path)?.is_dir();
    let size = look(file).told("look at it")?.size;
    if moved && size > 0 {
        return rewrite(tree, path, wanted, size);
    }
    set(file, wanted)
}

fn set(file: &File, wanted: IFlags) -> Applied<()> {
    let mut value = [0; 64];
    let compression = kept(fgetxattr(file, COMPRESSION, &mut value[..]))?.map(|len| &value[..len]);
    // Compression and no copy on write exclude each other, also from one moment to the next.
    if (ioctl_getflags(file).told("read the flags")? ^ wanted).contains(IFlags::NOCOW) {
        let neither = wanted.difference(COMPRESSIONS | IFlags::NOCOW);
        ioctl_setflags(file, neither).told("set the flags")?;
    }
    ioctl_setflags(file, wanted).told("set the flags")?;
    let keeps = wanted.intersects(COMPRESSIONS);
    if let Some(value) = compression.filter(|_| keeps) {
        let set = fsetxattr(file, COMPRESSION, value, XattrFlags::empty());
        set.told("set the compression")?;
    }
    Ok(())
}

const COMPRESSION: &str = "btrfs.compression";
const CAPABILITY: &str = "security.capability";

fn kept(read: rustix::io::Result<usize>) -> Applied<Option<usize>> {
    match read {
        Err(Errno::NODATA) => Ok(None),
        other => other.map(Some).told("read an extended attribute"),
    }
}

/// Empties a file for a moment, so that it can begin or cease to copy on write.
fn rewrite(tree: &mut Tree, path: &[u8], wanted: IFlags, size: u64) -> Applied<()> {
    let node = tree.writable(path)?;
    let file = &node.file;
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    let copy = openat(tree.root().file.as_fd(), c".", flags, Mode::RUSR | Mode::WUSR);
    let copy = File::from(copy.told("create a temporary file")?);
    let nocow = ioctl_getflags(file).told("read the flags")? & IFlags::NOCOW;
    let own = ioctl_getflags(&copy).told("read the flags")?.difference(IFlags::NOCOW);
    ioctl_setflags(&copy, own | nocow).told("set the flags")?;
    match ioctl_ficlone(&copy, file) {
        // Where the mount says that data has no checksums, files differ in more than that flag.
        Err(Errno::INVAL) => copy_data(file, &copy)?,
        other => other.told("share the data")?,
    }
    // A write takes the capabilities from a file.
    let mut value = [0; 64];
    let capability = kept(fgetxattr(file, CAPABILITY, &mut value[..]))?;
    ftruncate(file, 0).told("empty it")?;
    set(file, wanted)?;
    copy_data(&copy, file)?;
    ftruncate(file, size).told("set the size")?;
    if let Some(len) = capability {
        let set = fsetxattr(file, CAPABILITY, &value[..len], XattrFlags::empty());
        set.told("set the capabilities")?;
    }
    Ok(())
}

/// Copies everything but the holes.
fn copy_data(from: &File, to: &File) -> Applied<()> {
    let mut buffer = vec![0; 256 << 10];
    let mut at = 0;
    loop {
        at = match seek(from, SeekFrom::Data(at)) {
            Err(Errno::NXIO) => return Ok(()),
            other => other.told("find the data")?,
        };
        let length = from.read_at(&mut buffer, at).told("read the data")?;
        to.write_all_at(&buffer[..length], at).told("write")?;
        at += length as u64;
    }
}
