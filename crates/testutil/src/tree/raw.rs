//! The system calls the builders need, with panics that name the path.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, CWD, FallocateFlags, FileType, Gid, Mode, RenameFlags, Timespec, Timestamps, Uid,
    XattrFlags, chmodat, chownat, fallocate, ioctl_ficlone, lremovexattr, lsetxattr, makedev,
    mknodat, renameat_with, utimensat,
};

use crate::must::must;

/// Makes a directory and returns its path.
pub(super) fn directory(parent: &Path, name: &str) -> PathBuf {
    let path = parent.join(name);
    must("create the directory", &path, fs::create_dir(&path));
    path
}

/// Creates or replaces a file.
pub(super) fn write(path: &Path, bytes: &[u8]) {
    must("write", path, fs::write(path, bytes));
}

/// Opens an existing or new file without truncating it.
pub(super) fn open(path: &Path) -> File {
    let mut options = OpenOptions::new();
    must("open", path, options.read(true).write(true).create(true).truncate(false).open(path))
}

/// Writes into a file at an offset, growing it where needed.
pub(super) fn write_at(path: &Path, bytes: &[u8], offset: u64) {
    must("write into", path, open(path).write_all_at(bytes, offset));
}

/// Sets a file's length.
pub(super) fn set_len(path: &Path, length: u64) {
    must("set the length of", path, open(path).set_len(length));
}

/// Allocates or punches a range of a file, as the flags say.
pub(super) fn allocate(path: &Path, how: FallocateFlags, offset: u64, length: u64) {
    must("fallocate", path, fallocate(open(path), how, offset, length));
}

/// Makes `path` a file that shares all extents with `source`.
pub(super) fn reflink(source: &Path, path: &Path) {
    must("reflink", path, ioctl_ficlone(open(path), open(source)));
}

/// Sets owner and group of anything, symlinks too.
pub(super) fn own(path: &Path, uid: u32, gid: u32) {
    let (uid, gid) = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
    must("chown", path, chownat(CWD, path, uid, gid, AtFlags::SYMLINK_NOFOLLOW));
}

/// Sets all twelve mode bits.
pub(super) fn mode(path: &Path, bits: u32) {
    must("chmod", path, chmodat(CWD, path, Mode::from_raw_mode(bits), AtFlags::empty()));
}

/// Sets an xattr of anything, symlinks too.
pub(super) fn xattr(path: &Path, name: &str, value: &[u8]) {
    must("set an xattr of", path, lsetxattr(path, name, value, XattrFlags::empty()));
}

/// Removes an xattr, which must exist.
pub(super) fn remove_xattr(path: &Path, name: &str) {
    must("remove an xattr of", path, lremovexattr(path, name));
}

/// Makes a FIFO, socket or device node.
pub(super) fn node(path: &Path, kind: FileType, (major, minor): (u32, u32)) {
    let made = mknodat(CWD, path, kind, Mode::from_raw_mode(0o640), makedev(major, minor));
    must("mknod", path, made);
}

/// Sets access and modification time of anything, each in seconds and nanoseconds since 1970.
pub(super) fn times(path: &Path, accessed: (i64, u32), modified: (i64, u32)) {
    let stamp = |(seconds, nanos): (i64, u32)| Timespec { tv_sec: seconds, tv_nsec: nanos.into() };
    let times = Timestamps { last_access: stamp(accessed), last_modification: stamp(modified) };
    must("set the times of", path, utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW));
}

/// Exchanges two names in one step.
pub(super) fn exchange(a: &Path, b: &Path) {
    must("exchange", a, renameat_with(CWD, a, CWD, b, RenameFlags::EXCHANGE));
}

/// Renames, over an existing file too.
pub(super) fn rename(from: &Path, to: &Path) {
    must("rename", from, fs::rename(from, to));
}

/// Makes a second name for a file.
pub(super) fn link(from: &Path, to: &Path) {
    must("link", from, fs::hard_link(from, to));
}

/// Removes a name that is not a directory.
pub(super) fn remove(path: &Path) {
    must("remove", path, fs::remove_file(path));
}
