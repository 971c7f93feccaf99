//! Modes, owners, xattrs, ACLs, capabilities and times.
//!
//! The hazard is their order: chown clears setuid bits and capabilities, chmod rewrites an ACL's
//! mask, and each write changes the time.

use std::os::unix::fs::symlink;
use std::path::Path;

use rustix::fs::FileType;

use super::raw;
use crate::Random;
use crate::must::must;

pub(crate) const ACL_ACCESS: &str = "system.posix_acl_access";
pub(crate) const ACL_DEFAULT: &str = "system.posix_acl_default";
pub(crate) const CAPABILITY: &str = "security.capability";

pub(super) fn populate(dir: &Path) {
    populate_modes(dir);
    populate_owners(dir);
    populate_xattrs(dir);
    populate_acls(dir);
    for (name, owner) in [("capability", 0), ("capability-owned", 12_345)] {
        let path = dir.join(name);
        raw::write(&path, b"#!/bin/false\n");
        raw::own(&path, owner, owner);
        raw::mode(&path, 0o755);
        raw::xattr(&path, CAPABILITY, &capability(13));
    }
}

fn populate_modes(dir: &Path) {
    for bits in [0o4755, 0o2755, 0o6711, 0o1644, 0o0000, 0o7777, 0o0200] {
        let path = dir.join(format!("mode-{bits:04o}"));
        raw::write(&path, b"");
        raw::mode(&path, bits);
    }
    for bits in [0o1777, 0o2770, 0o0000, 0o0500] {
        raw::mode(&raw::directory(dir, &format!("dir-{bits:04o}")), bits);
    }
}

fn populate_owners(dir: &Path) {
    let setuid = dir.join("owned-setuid");
    raw::write(&setuid, b"owned");
    raw::own(&setuid, 12_345, 54_321);
    raw::mode(&setuid, 0o6755);
    raw::own(&raw::directory(dir, "owned-dir"), 12_345, 0);
    let link = dir.join("owned-symlink");
    must("symlink", &link, symlink("owned", &link));
    raw::own(&link, 12_345, 4_294_967_294);
    let fifo = dir.join("owned-fifo");
    raw::node(&fifo, FileType::Fifo, (0, 0));
    raw::own(&fifo, 0, 12_345);
}

fn populate_xattrs(dir: &Path) {
    let file = dir.join("xattrs");
    raw::write(&file, b"xattrs");
    raw::xattr(&file, "user.empty", b"");
    raw::xattr(&file, "user.binary", b"\0\xff\n\"");
    raw::xattr(&file, "user.large", &Random::new(7).bytes(3000));
    raw::xattr(&file, "user.caf\u{e9} name", b"utf-8");
    raw::xattr(&file, &format!("user.{}", "l".repeat(250)), b"longest name");
    raw::xattr(&file, "trusted.btrsync", b"trusted");
    raw::xattr(&file, "security.btrsync", b"security");
    raw::xattr(&raw::directory(dir, "xattrs-dir"), "user.dir", b"on a directory");
    let link = dir.join("xattrs-symlink");
    must("symlink", &link, symlink("xattrs", &link));
    raw::xattr(&link, "trusted.symlink", b"on a symlink");
    let device = dir.join("xattrs-device");
    raw::node(&device, FileType::CharacterDevice, (1, 7));
    raw::xattr(&device, "trusted.device", b"on a device");
}

fn populate_acls(dir: &Path) {
    let file = dir.join("acl");
    raw::write(&file, b"acl");
    raw::xattr(&file, ACL_ACCESS, &acl(12_345, 5));
    let dir = raw::directory(dir, "acl-dir");
    raw::xattr(&dir, ACL_ACCESS, &acl(23_456, 7));
    raw::xattr(&dir, ACL_DEFAULT, &acl(12_345, 6));
    // Both inherit the default ACL.
    raw::write(&dir.join("inherits"), b"inherits");
    raw::directory(&dir, "inherits too");
}

/// Encodes an ACL as the kernel takes it: one named user and one named group besides the three.
pub(crate) fn acl(id: u32, rights: u16) -> Vec<u8> {
    const NO_ID: u32 = u32::MAX;
    let entries: [(u16, u16, u32); 6] = [
        (1, 6, NO_ID),
        (2, rights, id),
        (4, 4, NO_ID),
        (8, rights, id + 1),
        (16, rights, NO_ID),
        (32, 0, NO_ID),
    ];
    let mut bytes = 2_u32.to_le_bytes().to_vec();
    for (tag, rights, id) in entries {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(rights.to_le_bytes());
        bytes.extend(id.to_le_bytes());
    }
    bytes
}

/// Encodes one file capability, permitted and effective, in version 2.
pub(crate) fn capability(number: u32) -> Vec<u8> {
    const VERSION_2_EFFECTIVE: u32 = 0x0200_0001;
    let words = [VERSION_2_EFFECTIVE, 1 << number, 0, 0, 0];
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

pub(super) fn populate_times(dir: &Path) {
    let stamps = [
        ("1999", (936_489_600, 123_456_789)),
        ("before-1970", (-86_400, 999_999_999)),
        ("2100", (4_102_444_800, 1)),
        ("epoch", (0, 0)),
    ];
    for (name, stamp) in stamps {
        raw::write(&dir.join(name), name.as_bytes());
        raw::times(&dir.join(name), (stamp.0 + 7, stamp.1), stamp);
    }
    let link = dir.join("symlink");
    must("symlink", &link, symlink("1999", &link));
    raw::times(&link, (1, 2), (936_489_600, 987_654_321));
    let inner = raw::directory(dir, "dir-1999");
    raw::write(&inner.join("newer"), b"newer");
    raw::times(&inner, (3, 4), (936_489_600, 5));
    raw::times(dir, (5, 6), (946_684_799, 999_999_999));
}
