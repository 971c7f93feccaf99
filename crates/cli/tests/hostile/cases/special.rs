//! Devices, FIFOs, sockets and directories where a file is expected: none may be opened.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};

use super::ensure;
use super::verbs::{VERBS, setting};
use crate::arena::Arena;
use crate::judge::{Case, either, lands, refused};
use crate::stream::{self, Command, whole};

/// Major 1, minor 3: what is written to it is gone.
const NULL: u64 = 0x103;

pub(crate) fn special(arena: &Arena) -> Vec<Case> {
    let disk = disk(arena);
    let nodes = [
        ("a block device", stream::mknod("n", disk, 0o060_666)),
        ("a character device", stream::mknod("n", NULL, 0o020_666)),
        ("a FIFO", stream::mkfifo("n")),
        ("a socket", stream::mksock("n")),
        ("a directory", stream::mkdir("n")),
    ];
    let mut cases = Vec::new();
    for (what, node) in &nodes {
        cases.extend(data(what, node));
        cases.push(attributes(what, node));
    }
    cases.extend(odd_nodes(disk));
    cases
}

/// The device with the known content, as a stream writes device numbers.
fn disk(arena: &Arena) -> u64 {
    let rdev = fs::metadata(&arena.disk).unwrap().rdev();
    let (major, minor) = (u64::from(rustix::fs::major(rdev)), u64::from(rustix::fs::minor(rdev)));
    minor & 0xff | major << 8 | (minor & !0xff) << 12
}

fn after_setting(commands: &[Command]) -> Vec<u8> {
    whole(&[&setting(), commands].concat())
}

/// Data is read from it and written to it, under its first name, another one, and one that was a file.
fn data(what: &str, node: &Command) -> Vec<Case> {
    let mut cases = Vec::new();
    // A directory has flags of its own, and they are sent.
    for verb in VERBS.iter().filter(|verb| verb.data && verb.name != "fileattr") {
        let name = format!("{} of {what}", verb.name);
        cases.push(refused(&name, after_setting(&[node.clone(), (verb.on)(b"n")])));
        let renamed = [node.clone(), stream::rename("n", "m"), (verb.on)(b"m")];
        cases.push(refused(format!("{name}, renamed"), after_setting(&renamed)));
        let mut replaced = vec![stream::mkfile("n"), stream::write("n", 0, b"x")];
        replaced.extend([stream::unlink("n"), node.clone(), (verb.on)(b"n")]);
        cases.push(refused(format!("{name}, once a file"), after_setting(&replaced)));
    }
    cases.push(either(
        format!("fileattr of {what}"),
        after_setting(&[node.clone(), stream::fileattr("n", 0)]),
    ));
    cases
}

/// Everything that may be done to it.
fn attributes(what: &str, node: &Command) -> Case {
    let commands = [
        node.clone(),
        stream::rename("n", "m"),
        stream::chown("m", 12, 34),
        stream::chmod("m", 0o751),
        stream::set_xattr("m", "trusted.x", b"x"),
        stream::utimes("m", 77, 5),
    ];
    lands(format!("owner, mode, xattr and times of {what}"), after_setting(&commands), |root| {
        let meta = fs::symlink_metadata(root.join("m")).unwrap();
        let found = (meta.uid(), meta.gid(), meta.mode() & 0o7777, meta.mtime(), meta.mtime_nsec());
        ensure(found == (12, 34, 0o751, 77, 5), "what was set")
    })
}

fn odd_nodes(disk: u64) -> Vec<Case> {
    let node = |name: &str, mode: u64| refused(name, whole(&[stream::mknod("n", NULL, mode)]));
    let device_as = |name: &str, command: Command| {
        let mode = command.but_u64(btrsync_stream::Attribute::Rdev, disk);
        either(name, whole(&[mode.but_u64(btrsync_stream::Attribute::Mode, 0o060_666)]))
    };
    vec![
        lands(
            "control: a character device",
            whole(&[stream::mknod("n", NULL, 0o020_640)]),
            |root| {
                let meta = fs::symlink_metadata(root.join("n")).unwrap();
                ensure(meta.file_type().is_char_device() && meta.rdev() == NULL, "that device")
            },
        ),
        node("mknod of a directory", 0o040_755),
        node("mknod of a symlink", 0o120_777),
        node("mknod of no known type", 0o170_644),
        node("mknod with more mode than there is", 1 << 32 | 0o020_666),
        node("mknod with odd bits in its mode", 1 << 20 | 0o020_666),
        either("mknod of a file", whole(&[stream::mknod("n", NULL, 0o100_644)])),
        either("mknod without a type", whole(&[stream::mknod("n", NULL, 0o644)])),
        refused(
            "mknod with a device number of 64 bits",
            whole(&[stream::mknod("n", 1 << 33, 0o020_666)]),
        ),
        device_as("mkfifo of a block device", stream::mkfifo("n")),
        device_as("mksock of a block device", stream::mksock("n")),
        lands("a FIFO stays one", whole(&[stream::mkfifo("n")]), |root| {
            ensure(fs::symlink_metadata(root.join("n")).unwrap().file_type().is_fifo(), "a FIFO")
        }),
        refused("a file below a FIFO", whole(&[stream::mkfifo("n"), stream::mkfile("n/f")])),
        refused(
            "a file below a device",
            whole(&[stream::mknod("n", NULL, 0o020_666), stream::mkfile("n/f")]),
        ),
    ]
}
