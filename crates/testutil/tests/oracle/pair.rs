//! Two equal trees with one of each, and the small changes that rows are made of.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use btrsync_testutil::LoopFs;
use rustix::fs::{
    AtFlags, CWD, FileType, Mode, Timespec, Timestamps, XattrFlags, lremovexattr, lsetxattr,
    makedev, mknodat, utimensat,
};

const ACL: &[u8] = b"\x02\0\0\0\x01\0\x06\0\xff\xff\xff\xff\x02\0\x05\0\x39\x30\0\0\
    \x04\0\x04\0\xff\xff\xff\xff\x10\0\x05\0\xff\xff\xff\xff\x20\0\0\0\xff\xff\xff\xff";

/// Two equal trees, the second in a directory of its own so that a row can move things out.
pub(crate) fn pair(fs: &LoopFs, name: &str) -> (PathBuf, PathBuf) {
    let base = fs.path().join(name);
    fs::create_dir_all(base.join("right")).unwrap();
    let (left, right) = (base.join("left"), base.join("right/tree"));
    build(&left);
    build(&right);
    (left, right)
}

fn build(dir: &Path) {
    fs::create_dir_all(dir.join("sub/empty")).unwrap();
    fs::write(dir.join("file"), vec![b'f'; 20_000]).unwrap();
    File::create(dir.join("sparse")).unwrap().set_len(1 << 20).unwrap();
    fs::write(latin(dir), b"latin").unwrap();
    symlink("target", dir.join("symlink")).unwrap();
    for (first, second) in [("sub/link-a", "link-b"), ("sub/other-a", "other-b")] {
        fs::write(dir.join(first), b"same").unwrap();
        fs::hard_link(dir.join(first), dir.join(second)).unwrap();
    }
    node(&dir.join("fifo"), FileType::Fifo, 1);
    node(&dir.join("char"), FileType::CharacterDevice, 1);
    node(&dir.join("block"), FileType::BlockDevice, 1);
    for name in ["user.x", "trusted.x", "security.x"] {
        xattr(&dir.join("file"), name, b"value");
    }
    xattr(&dir.join("symlink"), "trusted.x", b"value");
    xattr(&dir.join("sub"), "system.posix_acl_default", ACL);
    fix_times(dir);
}

/// Makes all times equal again, so that a row shows its change alone.
pub(crate) fn fix_times(dir: &Path) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.symlink_metadata().unwrap().is_dir() {
            fix_times(&path);
        }
        set_times(&path, 77, 1);
    }
    set_times(dir, 77, 1);
}

/// Sets the access time in seconds, and the nanoseconds of a fixed modification time.
pub(crate) fn set_times(path: &Path, accessed: i64, nanos: i64) {
    let times = Timestamps {
        last_access: Timespec { tv_sec: accessed, tv_nsec: 5 },
        last_modification: Timespec { tv_sec: 1_000_000, tv_nsec: nanos },
    };
    utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW).unwrap();
}

/// A name that is no UTF-8.
pub(crate) fn latin(dir: &Path) -> PathBuf {
    dir.join(OsStr::from_bytes(b"lat\xe9n"))
}

pub(crate) fn open(path: &Path) -> File {
    OpenOptions::new().write(true).open(path).unwrap()
}

pub(crate) fn write_at(path: &Path, offset: u64) {
    open(path).write_all_at(b"X", offset).unwrap();
}

pub(crate) fn remove(path: &Path) {
    fs::remove_file(path).unwrap();
}

pub(crate) fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

pub(crate) fn xattr(path: &Path, name: &str, value: &[u8]) {
    lsetxattr(path, name, value, XattrFlags::empty()).unwrap();
}

pub(crate) fn no_xattr(path: &Path, name: &str) {
    lremovexattr(path, name).unwrap();
}

fn node(path: &Path, kind: FileType, number: u32) {
    mknodat(CWD, path, kind, Mode::from_raw_mode(0o600), makedev(9, number)).unwrap();
}

/// Replaces a node by one of another kind or number.
pub(crate) fn renode(path: &Path, kind: FileType, number: u32) {
    remove(path);
    node(path, kind, number);
}

/// Points the symlink elsewhere; its attributes stay.
pub(crate) fn retarget(path: &Path, target: &[u8]) {
    remove(path);
    symlink(OsStr::from_bytes(target), path).unwrap();
    xattr(path, "trusted.x", b"value");
}

pub(crate) fn file_to_tree(path: &Path) {
    remove(path);
    fs::create_dir_all(path.join("inner")).unwrap();
}

pub(crate) fn directory_to_file(path: &Path) {
    fs::remove_dir(path).unwrap();
    fs::write(path, b"").unwrap();
}

/// Replaces a hard link by an equal file of its own.
pub(crate) fn unlink_from_group(path: &Path) {
    remove(path);
    fs::write(path, b"same").unwrap();
}

pub(crate) fn swap(a: &Path, b: &Path) {
    let aside = a.with_extension("aside");
    fs::rename(a, &aside).unwrap();
    fs::rename(b, a).unwrap();
    fs::rename(&aside, b).unwrap();
}

/// Moves something out of the tree.
pub(crate) fn take_away(dir: &Path, name: &str) {
    fs::rename(dir.join(name), dir.with_file_name("away")).unwrap();
}
