//! Numbers and names that the calls behind a command understand otherwise than the stream means them.

use std::fs;
use std::os::unix::fs::MetadataExt;

use super::verbs::setting;
use super::{anything, ensure, file_is};
use crate::arena::Arena;
use crate::judge::{Case, either, lands, refused};
use crate::stream::{self, Command, whole};

const MOST: u64 = i64::MAX as u64;

pub(crate) fn values(_: &Arena) -> Vec<Case> {
    let mut cases = sizes();
    cases.extend(allocations());
    cases.extend(owners_and_modes());
    cases.extend(times());
    cases.extend(xattrs());
    cases.extend(flags());
    cases.extend(verity());
    cases.extend(names_in_use());
    // Last, for it fills the filesystem on its way.
    cases.push(bad("fallocate of 1 TiB", stream::fallocate("f", 0, 0, 1 << 40)));
    cases
}

fn after_setting(commands: &[Command]) -> Vec<u8> {
    whole(&[&setting(), commands].concat())
}

fn bad(name: &str, command: Command) -> Case {
    refused(name, after_setting(&[command]))
}

fn fine(name: &str, command: Command) -> Case {
    lands(name, after_setting(&[command]), anything)
}

fn unclear(name: &str, command: Command) -> Case {
    either(name, after_setting(&[command]))
}

fn has_size(name: &str, command: Command, size: u64) -> Case {
    lands(name, after_setting(&[command]), move |root| {
        ensure(root.join("f").metadata().unwrap().len() == size, "of that size")
    })
}

fn sizes() -> Vec<Case> {
    vec![
        has_size("write at 2^60", stream::write("f", 1 << 60, b"x"), (1 << 60) + 1),
        bad("write at the last byte there is", stream::write("f", MOST, b"xx")),
        bad("write at 2^63", stream::write("f", 1 << 63, b"x")),
        bad("write at -1", stream::write("f", u64::MAX, b"x")),
        bad("write across the end of numbers", stream::write("f", u64::MAX - 1, b"xxxx")),
        lands("write of nothing", after_setting(&[stream::write("f", 0, b"")]), |root| {
            file_is(root, "f", &[b'.'; 8192])
        }),
        has_size("truncate to 2^60", stream::truncate("f", 1 << 60), 1 << 60),
        has_size("truncate to the largest size", stream::truncate("f", MOST - 4095), MOST - 4095),
        bad("truncate to 2^63", stream::truncate("f", 1 << 63)),
        bad("truncate to -1", stream::truncate("f", u64::MAX)),
        bad("extent without its data", stream::update_extent("f")),
    ]
}

fn allocations() -> Vec<Case> {
    let allocate = |mode: u32, offset: u64, size: u64| stream::fallocate("f", mode, offset, size);
    let mut cases = vec![
        has_size("fallocate", allocate(0, 0, 1 << 20), 1 << 20),
        has_size("fallocate, size kept", allocate(1, 0, 1 << 20), 8192),
        has_size("punch", allocate(3, 0, 4096), 8192),
        has_size("punch behind the end", allocate(3, 1 << 30, 4096), 8192),
        unclear("zero range", allocate(0x10, 0, 4096)),
        bad("fallocate of nothing", allocate(0, 0, 0)),
        bad("fallocate at 2^63", allocate(0, 1 << 63, 4096)),
        bad("fallocate of 2^63", allocate(0, 0, 1 << 63)),
        bad("fallocate of -1", allocate(0, 0, u64::MAX)),
        bad("fallocate across the end of numbers", allocate(0, MOST, MOST)),
        bad("punch across the end of numbers", allocate(3, u64::MAX - 4095, 8192)),
    ];
    for mode in [2, 4, 8, 9, 0x20, 0x21, 0x40, 0x80, 0x100, 1 << 31, u32::MAX] {
        cases.push(bad(&format!("fallocate in mode {mode:#x}"), allocate(mode, 0, 4096)));
    }
    cases
}

fn owners_and_modes() -> Vec<Case> {
    let none = u64::from(u32::MAX);
    vec![
        bad("uid of 33 bits", stream::chown("f", 1 << 32, 0)),
        bad("gid of 33 bits", stream::chown("f", 0, 1 << 32)),
        bad("uid of 64 bits", stream::chown("f", u64::MAX, 0)),
        bad("uid that means none", stream::chown("f", none, 0)),
        bad("gid that means none", stream::chown("f", 0, none)),
        lands(
            "largest ids",
            after_setting(&[stream::chown("f", none - 1, none - 1)]),
            move |root| {
                let meta = root.join("f").metadata().unwrap();
                ensure([meta.uid(), meta.gid()] == [u32::MAX - 1; 2], "those ids")
            },
        ),
        lands("all mode bits", after_setting(&[stream::chmod("f", 0o7777)]), |root| {
            ensure(root.join("f").metadata().unwrap().mode() & 0o7777 == 0o7777, "that mode")
        }),
        unclear("mode with the type of a file", stream::chmod("f", 0o100_644)),
        bad("mode with the type of a directory", stream::chmod("f", 0o040_755)),
        bad("mode with an odd bit", stream::chmod("f", 1 << 20)),
        bad("mode of 33 bits", stream::chmod("f", 1 << 32)),
        bad("mode of 64 bits", stream::chmod("f", u64::MAX)),
    ]
}

fn times() -> Vec<Case> {
    let time = |seconds: i64, nanos: u32| after_setting(&[stream::utimes("f", seconds, nanos)]);
    let exact = |name: &str, seconds: i64, nanos: u32| {
        lands(name, time(seconds, nanos), move |root| {
            let meta = fs::metadata(root.join("f")).unwrap();
            ensure((meta.mtime(), meta.mtime_nsec()) == (seconds, nanos.into()), "that time")
        })
    };
    let nearest = |name: &str, seconds: i64| {
        either(name, time(seconds, 0)).holding(move |root| {
            ensure(fs::metadata(root.join("f")).unwrap().mtime() == seconds, "that time")
        })
    };
    vec![
        exact("before 1970", -5, 999_999_999),
        exact("year 5000", 95_617_584_000, 1),
        nearest("the last second", i64::MAX),
        nearest("the first second", i64::MIN),
        refused("a second too many in nanoseconds", time(5, 1_000_000_000)),
        refused("nanoseconds that mean now", time(5, 0x3fff_ffff)),
        refused("nanoseconds that mean never mind", time(5, 0x3fff_fffe)),
        refused("most nanoseconds", time(5, u32::MAX)),
        lands("the root's times", after_setting(&[stream::utimes("", 5, 7)]), |root| {
            ensure(fs::metadata(root).unwrap().mtime() == 5, "that time")
        }),
    ]
}

fn xattrs() -> Vec<Case> {
    let set = |name: &str| stream::set_xattr("f", name, b"value");
    let with = |name: &str, value: &[u8]| stream::set_xattr("f", name, value);
    vec![
        fine("user xattr", set("user.x")),
        fine("trusted xattr", set("trusted.x")),
        fine("security xattr", set("security.x")),
        fine("longest xattr name", set(&format!("user.{}", "n".repeat(250)))),
        fine("xattr name with control characters", set("user.\x1b[31m\nforged")),
        unclear("btrfs xattr", with("btrfs.compression", b"zstd")),
        bad("btrfs xattr with nonsense", with("btrfs.compression", b"\x1b\nforged")),
        bad("xattr name: empty", set("")),
        bad("xattr name: namespace only", set("user.")),
        bad("xattr name: no namespace", set("x")),
        bad("xattr name: unknown namespace", set("forged.\x1b[31m\nforged")),
        bad("xattr name: with NUL", set("user.x\0y")),
        bad("xattr name: 256 bytes", set(&format!("user.{}", "n".repeat(251)))),
        bad("xattr name: 60 KB", set(&format!("user.{}", "n".repeat(60_000)))),
        bad("xattr value: 40 KB", with("user.x", &[1; 40_000])),
        bad("ACL of nonsense", with("system.posix_acl_access", b"nonsense")),
        bad("ACL of a future version", with("system.posix_acl_access", &[9; 44])),
        unclear("empty default ACL of a file", with("system.posix_acl_default", &[2, 0, 0, 0])),
        bad("capability of nonsense", with("security.capability", b"nonsense")),
        bad("system xattr that is none", set("system.x")),
        bad("remove an xattr that is not there", stream::remove_xattr("f", "user.x")),
        bad("remove an xattr with NUL", stream::remove_xattr("f", "user.\0")),
    ]
}

fn flags() -> Vec<Case> {
    let flags = |flags: u64| stream::fileattr("f", flags);
    let immutable = [flags(1 << 6), stream::write("f", 0, b"x")];
    let root = |flags: u64| stream::fileattr("", flags);
    let briefly = [root(1 << 6), stream::mkfile("x"), root(0)];
    vec![
        unclear("no flags", flags(0)),
        unclear("immutable", flags(1 << 6)),
        either("immutable, and written", after_setting(&immutable)),
        unclear("append only", flags(1 << 7)),
        unclear("no copy on write", flags(0b11)),
        unclear("read-only by flag", flags(1 << 2)),
        bad("unknown flags", flags(1 << 20)),
        // Above 32 bits a filesystem notes things for itself.
        unclear("flags of the far end", flags(1 << 63)),
        // It could be neither renamed nor removed.
        bad("immutable root", stream::fileattr("", 1 << 6)),
        bad("append-only root", stream::fileattr("", 1 << 7)),
        lands("an immutable root for a while", after_setting(&briefly), anything),
        bad("all flags", flags(u64::MAX)),
        unclear("flags of a FIFO's directory", stream::fileattr("d", 1 << 8)),
    ]
}

fn verity() -> Vec<Case> {
    use btrsync_stream::Attribute::{VeritySaltData, VeritySigData};
    let seal = |algorithm, block| stream::enable_verity("f", algorithm, block);
    let sealed = [seal(1, 4096), stream::write("f", 0, b"x")];
    vec![
        unclear("verity", seal(1, 4096)),
        refused("verity, and written", after_setting(&sealed)),
        refused("verity, twice", after_setting(&[seal(1, 4096), seal(1, 4096)])),
        bad("verity: no algorithm", seal(0, 4096)),
        bad("verity: unknown algorithm", seal(255, 4096)),
        bad("verity: blocks of 0", seal(1, 0)),
        bad("verity: blocks of 3", seal(1, 3)),
        bad("verity: blocks of 2 GiB", seal(1, 1 << 31)),
        bad("verity: salt of 33 bytes", seal(1, 4096).but(VeritySaltData, [1; 33])),
        bad("verity: salt of 60 KB", seal(1, 4096).but(VeritySaltData, [1; 60_000])),
        bad("verity: signature of nonsense", seal(1, 4096).but(VeritySigData, [1; 100])),
        bad("verity: signature of 60 KB", seal(1, 4096).but(VeritySigData, [1; 60_000])),
        bad("verity of a directory", stream::enable_verity("d", 1, 4096)),
    ]
}

/// Names that are there, and names that are not.
fn names_in_use() -> Vec<Case> {
    vec![
        bad("mkfile over a file", stream::mkfile("f")),
        bad("mkdir over a directory", stream::mkdir("d")),
        bad("symlink over a file", stream::symlink("f", "x")),
        bad("mkfifo over a file", stream::mkfifo("f")),
        bad("link over a file", stream::link("f", "g")),
        bad("rename over a full directory", stream::rename("e", "d")),
        bad("rename of a file over a directory", stream::rename("f", "e")),
        bad("rename of what is not there", stream::rename("x", "y")),
        bad("rename of the root", stream::rename("", "x")),
        bad("rmdir of a full directory", stream::rmdir("d")),
        bad("rmdir of the root", stream::rmdir("")),
        bad("unlink of a directory", stream::unlink("e")),
        bad("unlink of what is not there", stream::unlink("x")),
        bad("write to what is not there", stream::write("x", 0, b"x")),
        bad("chmod of what is not there", stream::chmod("x", 0o644)),
    ]
}
