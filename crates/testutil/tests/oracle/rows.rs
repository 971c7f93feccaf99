//! One row per kind of difference: what is changed in one of two equal trees, and the lines that
//! must result, no more and no less. Times are made equal again after each change. Whatever else compares
//! trees is held against the same rows.

use std::fs;
use std::os::unix::fs::{chown, lchown};
use std::path::Path;

use rustix::fs::FileType;

use crate::pair::{
    chmod, directory_to_file, file_to_tree, latin, no_xattr, open, remove, renode, retarget, swap,
    take_away, unlink_from_group, write_at, xattr,
};

pub(crate) type Row = (&'static str, fn(&Path), &'static [&'static str]);

#[rustfmt::skip]
pub(crate) const CONTENT_AND_NAMES: &[Row] = &[
    ("nothing", |_| {}, &[]),
    ("first byte", |d| write_at(&d.join("file"), 0),
        &["file: content: differs first in the block at 0"]),
    ("last byte", |d| write_at(&d.join("file"), 19_999),
        &["file: content: differs first in the block at 16384"]),
    ("a byte in a hole", |d| write_at(&d.join("sparse"), 500_000),
        &["sparse: content: differs first in the block at 499712"]),
    ("size", |d| open(&d.join("file")).set_len(20_001).unwrap(),
        &["file: size: source 20000, dest 20001"]),
    ("size of a hole", |d| open(&d.join("sparse")).set_len(1).unwrap(),
        &["sparse: size: source 1048576, dest 1"]),
    ("missing file", |d| remove(&d.join("file")), &["file: missing in dest"]),
    ("missing directory", |d| fs::remove_dir(d.join("sub/empty")).unwrap(),
        &["sub/empty: missing in dest"]),
    ("missing tree", |d| take_away(d, "sub"), &["sub: missing in dest"]),
    ("extra file", |d| fs::write(d.join("sub/new\n"), b"").unwrap(),
        &["sub/new\\n: extra in dest"]),
    ("extra tree", |d| fs::create_dir_all(d.join("new/tree")).unwrap(), &["new: extra in dest"]),
    ("name as text", |d| fs::rename(latin(d), d.join("lat\u{e9}n")).unwrap(),
        &["lat\\xe9n: missing in dest", "lat\\xc3\\xa9n: extra in dest"]),
    ("file to directory", |d| file_to_tree(&latin(d)),
        &["lat\\xe9n: type: source \"file\", dest \"directory\""]),
    ("directory to file", |d| directory_to_file(&d.join("sub/empty")),
        &["sub/empty: type: source \"directory\", dest \"file\""]),
    ("fifo to socket", |d| renode(&d.join("fifo"), FileType::Socket, 1),
        &["fifo: type: source \"fifo\", dest \"socket\""]),
    ("char to block", |d| renode(&d.join("char"), FileType::BlockDevice, 1),
        &["char: type: source \"character device\", dest \"block device\""]),
    ("number of a device", |d| renode(&d.join("block"), FileType::BlockDevice, 2),
        &["block: device: source (9, 1), dest (9, 2)"]),
    ("target", |d| retarget(&d.join("symlink"), b"t\xe9"),
        &["symlink: target: source \"target\", dest \"t\\\\xe9\""]),
];

#[rustfmt::skip]
pub(crate) const ATTRIBUTES: &[Row] = &[
    ("mode", |d| chmod(&d.join("file"), 0o640), &["file: mode: source 0644, dest 0640"]),
    ("setuid", |d| chmod(&d.join("file"), 0o4644), &["file: mode: source 0644, dest 4644"]),
    ("setgid", |d| chmod(&d.join("file"), 0o2644), &["file: mode: source 0644, dest 2644"]),
    ("sticky", |d| chmod(&d.join("sub/empty"), 0o1755),
        &["sub/empty: mode: source 0755, dest 1755"]),
    ("mode of the root", |d| chmod(d, 0o700), &[".: mode: source 0755, dest 0700"]),
    ("uid", |d| chown(d.join("file"), Some(1), None).unwrap(), &["file: uid: source 0, dest 1"]),
    ("gid", |d| chown(d.join("fifo"), None, Some(1)).unwrap(), &["fifo: gid: source 0, dest 1"]),
    ("uid of a symlink", |d| lchown(d.join("symlink"), Some(1), None).unwrap(),
        &["symlink: uid: source 0, dest 1"]),
    ("uid of the root", |d| chown(d, Some(1), None).unwrap(), &[".: uid: source 0, dest 1"]),
    ("value", |d| xattr(&d.join("file"), "user.x", b"valuE"),
        &["file: xattr user.x: source Some(\"value\" (5 bytes)), dest Some(\"valuE\" (5 bytes))"]),
    ("missing xattr", |d| no_xattr(&d.join("file"), "trusted.x"),
        &["file: xattr trusted.x: source Some(\"value\" (5 bytes)), dest None"]),
    ("empty value", |d| xattr(&d.join("file"), "security.x", b""),
        &["file: xattr security.x: source Some(\"value\" (5 bytes)), dest Some(\"\" (0 bytes))"]),
    ("extra xattr on the root", |d| xattr(d, "user.new", b""),
        &[".: xattr user.new: source None, dest Some(\"\" (0 bytes))"]),
    ("xattr of a symlink", |d| no_xattr(&d.join("symlink"), "trusted.x"),
        &["symlink: xattr trusted.x: source Some(\"value\" (5 bytes)), dest None"]),
    ("xattr of a device", |d| xattr(&d.join("char"), "trusted.n", b"v"),
        &["char: xattr trusted.n: source None, dest Some(\"v\" (1 bytes))"]),
    ("default ACL", |d| no_xattr(&d.join("sub"), "system.posix_acl_default"),
        &["sub: xattr system.posix_acl_default: source Some(\"\\x02\\x00\\x00\\x00\\x01\\x00\\x06\
           \\x00\\xff\\xff\\xff\\xff\\x02\\x00\\x05\\x0090\\x00\\x00\\x04\\x00\\x04\\x00\\xff\\xff\
           \\xff\\xff\\x10\\x00\\x05\\x00\\xff\\xff\\xff\\xff \\x00\\x00\\x00\\xff\\xff\\xff\\xff\" \
           (44 bytes)), dest None"]),
    ("hard link broken", |d| unlink_from_group(&d.join("link-b")), &[
        "link-b: nlink: source 2, dest 1",
        "sub/link-a: nlink: source 2, dest 1",
        "sub/link-a: hard link of: source \"link-b\", dest \"sub/link-a\"",
    ]),
    ("hard links crossed", |d| swap(&d.join("link-b"), &d.join("other-b")), &[
        "sub/link-a: hard link of: source \"link-b\", dest \"other-b\"",
        "sub/other-a: hard link of: source \"other-b\", dest \"link-b\"",
    ]),
    ("hard link outside", |d| fs::hard_link(d.join("file"), d.with_file_name("out")).unwrap(),
        &["file: nlink: source 1, dest 2"]),
];
