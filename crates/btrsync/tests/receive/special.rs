//! What few files have: long paths, holes, the root's own attributes, ACLs that are handed on.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command as Process;

use btrsync::receive::{Directory, ReceiveOptions, StreamMeta, Watch, receive};
use btrsync_stream::{Command, Version};
use btrsync_testutil::{Compare, LoopFs, assert_identical, btrfs, require_btrfs};

use crate::script::{MADE, Script};
use crate::support::{FORMS, accepted, names, refused, send};

fn run(program: &str, args: &[&OsStr]) {
    let status = Process::new(program).args(args).status().unwrap();
    assert!(status.success(), "{program} {args:?}");
}

/// The root says nothing in an incremental stream that does not change it, and new files pass through.
#[test]
fn the_root_keeps_its_times_and_gets_its_attributes() {
    require_btrfs!();
    let (from, to) = (LoopFs::new(), LoopFs::new());
    let origin = from.path().join("origin");
    btrfs::create_subvolume(&origin);
    fs::create_dir(origin.join("below")).unwrap();
    fs::set_permissions(&origin, fs::Permissions::from_mode(0o1771)).unwrap();
    std::os::unix::fs::chown(&origin, Some(1234), Some(5678)).unwrap();
    btrfs::snapshot_ro(&origin, &from.path().join("one"));
    fs::write(origin.join("below/new"), b"").unwrap();
    btrfs::snapshot_ro(&origin, &from.path().join("two"));
    accepted(&send(&from.path().join("one"), None, &[]), to.path());
    accepted(&send(&from.path().join("two"), Some(&from.path().join("one")), &[]), to.path());
    for name in ["one", "two"] {
        let compare = Compare::default().atime(true);
        compare.assert_identical(&from.path().join(name), &to.path().join(name));
    }
}

/// While it is received nobody else can enter, and then it has what its source has, an ACL too.
#[test]
fn the_root_is_closed_until_the_end() {
    require_btrfs!();
    let (from, to) = (LoopFs::new(), LoopFs::new());
    let origin = from.path().join("origin");
    btrfs::create_subvolume(&origin);
    let set_acl = |user| {
        let flags = rustix::fs::XattrFlags::empty();
        rustix::fs::setxattr(&origin, "system.posix_acl_access", &acl(user), flags).unwrap();
    };
    let mut parent = None;
    for (name, change) in [("one", 0), ("two", 1), ("three", 2), ("four", 3)] {
        match change {
            0 => std::os::unix::fs::chown(&origin, Some(1234), Some(5678)).unwrap(),
            1 => set_acl(1234),
            2 => set_acl(4321),
            _ => rustix::fs::removexattr(&origin, "system.posix_acl_access").unwrap(),
        }
        fs::write(origin.join(name), name).unwrap();
        let snap = from.path().join(name);
        btrfs::snapshot_ro(&origin, &snap);
        let bytes = send(&snap, parent.as_deref(), &[]);
        let mut closed = Closed(to.path().to_path_buf(), 0);
        let into = Directory::open(to.path()).unwrap();
        let (meta, options) = (StreamMeta::default(), ReceiveOptions::default());
        receive(&bytes[..], &into, &meta, options, &mut closed).unwrap();
        assert!(closed.1 > 3, "{} commands", closed.1);
        Compare::default().atime(true).assert_identical(&snap, &to.path().join(name));
        parent = Some(snap);
    }
}

/// Looks at the staging subvolume before each command.
struct Closed(PathBuf, u32);

impl Watch for Closed {
    fn command(&mut self, _: &Command<'_>, _: u64) {
        let staging = names(&self.0)
            .into_iter()
            .find(|name| name.as_encoded_bytes().starts_with(b".btrsync-"));
        if let Some(staging) = staging {
            let metadata = fs::metadata(self.0.join(staging)).unwrap();
            assert_eq!((metadata.mode() & 0o777, metadata.uid()), (0o700, 0));
            self.1 += 1;
        }
    }
}

/// The kernel cannot send such trees, but a stream can hold them.
#[test]
fn paths_longer_than_the_kernel_takes() {
    require_btrfs!();
    let fs = LoopFs::new();
    let name = "d".repeat(200);
    let mut script = Script::full("v");
    let mut path = String::new();
    for depth in 0..60 {
        path = if depth == 0 { name.clone() } else { format!("{path}/{name}") };
        script = script.mkdir("o1").rename("o1", &path).utimes(&path, 1000 + depth);
    }
    let file = format!("{path}/file");
    let moved = path.replacen('d', "e", 1);
    let script = script
        .mkfile("o2")
        .rename("o2", &file)
        .write(&file, "deep")
        .utimes(&path, 7)
        .mkdir("other")
        .mkfile("other/x")
        .rename(&path[..200], &moved[..200])
        .write_at(format!("{moved}/file"), 4, "er");
    accepted(&script.end(), fs.path());
    let mut at = fs::File::open(fs.path().join("v")).unwrap();
    for part in moved.split('/') {
        let flags = rustix::fs::OFlags::RDONLY;
        at = rustix::fs::openat(&at, part, flags, rustix::fs::Mode::empty()).unwrap().into();
    }
    assert_eq!(at.metadata().unwrap().mtime(), 7);
    let path = format!("/proc/self/fd/{}/file", std::os::fd::AsRawFd::as_raw_fd(&at));
    assert_eq!(fs::read(path).unwrap(), b"deeper");
}

/// An ACL with one named user.
fn acl(user: u32) -> Vec<u8> {
    let entries: [(u16, u16, u32); 5] =
        [(1, 7, u32::MAX), (2, 7, user), (4, 5, u32::MAX), (16, 7, u32::MAX), (32, 0, u32::MAX)];
    let entries = entries.into_iter().flat_map(|(tag, rights, id)| {
        [&tag.to_le_bytes()[..], &rights.to_le_bytes(), &id.to_le_bytes()].concat()
    });
    2_u32.to_le_bytes().into_iter().chain(entries).collect()
}

/// A file made in a directory with a default ACL or a compression gets them; one that was there before
/// has none, and must not get any.
#[test]
fn what_a_directory_hands_on_is_taken_away_again() {
    require_btrfs!();
    let (from, to) = (LoopFs::new(), LoopFs::new());
    let origin = from.path().join("origin");
    btrfs::create_subvolume(&origin);
    for name in ["dir", "dir/below"] {
        fs::create_dir(origin.join(name)).unwrap();
    }
    fs::write(origin.join("dir/before"), b"plain").unwrap();
    fs::write(origin.join("top"), b"plain").unwrap();
    std::os::unix::fs::symlink("x", origin.join("dir/link")).unwrap();
    run("mkfifo", &[origin.join("dir/pipe").as_os_str()]);
    for dir in [origin.clone(), origin.join("dir")] {
        let flags = rustix::fs::XattrFlags::empty();
        rustix::fs::setxattr(&dir, "system.posix_acl_default", &acl(1234), flags).unwrap();
        let property = ["property", "set"].map(OsStr::new);
        let value = ["compression", "zstd"].map(OsStr::new);
        run("btrfs", &[&property[..], &[dir.as_os_str()], &value[..]].concat());
    }
    fs::write(origin.join("dir/after"), b"with").unwrap();
    btrfs::snapshot_ro(&origin, &from.path().join("one"));
    fs::write(origin.join("dir/later"), b"with").unwrap();
    btrfs::snapshot_ro(&origin, &from.path().join("two"));
    let [one, two] = ["one", "two"].map(|name| from.path().join(name));
    accepted(&send(&one, None, &[]), to.path());
    accepted(&send(&two, Some(&one), &[]), to.path());
    for name in ["one", "two"] {
        assert_identical(&from.path().join(name), &to.path().join(name));
    }
}

#[test]
fn reflinks_in_a_snapshot_between_snapshots_and_from_the_parent_stay_shared() {
    require_btrfs!();
    let (from, to) = (LoopFs::new(), LoopFs::new());
    let origin = from.path().join("origin");
    btrfs::create_subvolume(&origin);
    let large: Vec<u8> = (0..8u32 << 20).map(|at| (at % 251) as u8).collect();
    fs::write(origin.join("large"), &large).unwrap();
    let cp = |from: &str, to: &str| {
        let (from, to) = (origin.join(from), origin.join(to));
        run("cp", &["--reflink=always".as_ref(), from.as_os_str(), to.as_os_str()]);
    };
    cp("large", "copy");
    btrfs::snapshot_ro(&origin, &from.path().join("one"));
    cp("large", "again");
    let file = fs::OpenOptions::new().write(true).open(origin.join("again")).unwrap();
    file.write_all_at(b"changed", 1 << 20).unwrap();
    btrfs::snapshot_ro(&origin, &from.path().join("two"));
    let [one, two] = ["one", "two"].map(|name| from.path().join(name));
    for (snap, parent) in [(&one, None), (&two, Some(&one))] {
        let parent = parent.map(|parent| parent.as_path());
        let clone: Vec<&str> = parent.map_or(vec![], |p| vec!["-c", p.to_str().unwrap()]);
        accepted(&send(snap, parent, &clone), to.path());
    }
    for name in ["one", "two"] {
        assert_identical(&from.path().join(name), &to.path().join(name));
    }
    btrfs::sync(to.path());
    let used = |path| {
        let stat = rustix::fs::statvfs(path).unwrap();
        (stat.f_blocks - stat.f_bfree) * stat.f_frsize
    };
    assert!(used(to.path()) < 16 << 20, "{} bytes: not shared", used(to.path()));
}

#[test]
fn preallocation_and_holes_by_command() {
    require_btrfs!();
    let fs = LoopFs::new();
    let allocate = |mode, offset, size| Command::Fallocate { path: b"f", mode, offset, size };
    let stream = Script::begin(Version::V2)
        .then(Command::Subvol { path: b"v", uuid: MADE, ctransid: 7 })
        .mkfile("f")
        .write("f", vec![b'x'; 100_000])
        .then(allocate(3, 8192, 8192))
        .then(allocate(0, 1 << 20, 1 << 20))
        .then(allocate(1, 4 << 20, 1 << 20));
    accepted(&stream.end(), fs.path());
    let path = fs.path().join("v/f");
    let (content, metadata) = (fs::read(&path).unwrap(), fs::metadata(&path).unwrap());
    assert_eq!(
        (content.len(), content[8191], content[8192], content[16384]),
        (2 << 20, b'x', 0, b'x')
    );
    assert!(metadata.blocks() * 512 >= 2 << 20, "{} blocks", metadata.blocks());
    // What would change more than the file, or is not known, is refused.
    let collapse = Script::begin(Version::V2)
        .then(Command::Subvol { path: b"w", uuid: MADE, ctransid: 7 })
        .mkfile("f")
        .write("f", vec![b'x'; 100_000])
        .then(allocate(8, 4096, 4096));
    refused(&collapse.end(), fs.path(), "cannot allocate or punch");
}

#[test]
fn every_form_carries_the_odd_sizes_of_sparse_files() {
    require_btrfs!();
    let from = LoopFs::new();
    let origin = from.path().join("origin");
    btrfs::create_subvolume(&origin);
    for (name, at, size) in [("a", 0, 1), ("b", 1 << 30, 7), ("c", 5000, 100_001)] {
        let file = fs::File::create(origin.join(name)).unwrap();
        file.write_all_at(&vec![b'y'; size], at).unwrap();
        file.set_len(at + size as u64 + 12_345).unwrap();
    }
    btrfs::snapshot_ro(&origin, &from.path().join("one"));
    for form in FORMS {
        let to = LoopFs::new();
        accepted(&send(&from.path().join("one"), None, form), to.path());
        Compare::default()
            .holes(true)
            .assert_identical(&from.path().join("one"), &to.path().join("one"));
    }
}

/// Values that the kernel takes for something else than they say.
#[test]
fn impossible_values_are_refused() {
    require_btrfs!();
    let fs = LoopFs::new();
    let file = || Script::full("v").mkfile("f");
    let time = |nsec| btrsync_stream::Timespec { sec: 1, nsec };
    for nsec in [1_000_000_000, 0x3fff_ffff, 0x3fff_fffe] {
        let (atime, mtime) = (time(0), time(nsec));
        let utimes = Command::Utimes { path: b"f", atime, mtime, ctime: atime, otime: None };
        refused(&file().then(utimes).end(), fs.path(), "nanoseconds");
    }
    let chown = Command::Chown { path: b"f", uid: u32::MAX, gid: 0 };
    refused(&file().then(chown).end(), fs.path(), "the owner 4294967295 is impossible");
    let mknod = Command::Mknod { path: b"n", ino: 1, rdev: 0, mode: 0o100_644 };
    refused(&file().then(mknod).end(), fs.path(), "the mode of a device");
    let extent = Command::UpdateExtent { path: b"f", offset: 0, size: 4096 };
    refused(&file().then(extent).end(), fs.path(), "without file data");
    refused(&file().clone("f", (MADE, 7, "f"), 0, 0).end(), fs.path(), "the length of the clone");
    refused(
        &file().clone("f", (MADE, 7, "f"), 0, 4096).end(),
        fs.path(),
        "the length of the clone",
    );
}

#[test]
fn a_file_is_sealed_or_the_stream_refused() {
    require_btrfs!();
    let fs = LoopFs::new();
    let seal = Command::EnableVerity {
        path: b"f",
        algorithm: 1,
        block_size: 4096,
        salt: b"salt",
        signature: b"",
    };
    let stream = || {
        Script::begin(Version::V3)
            .then(Command::Subvol { path: b"v", uuid: MADE, ctransid: 7 })
            .mkfile("f")
            .write("f", "sealed")
            .then(seal)
            .xattr("f", "user.x", b"after")
            .utimes("f", 77)
    };
    if !Path::new("/sys/fs/btrfs/features/verity").exists() {
        refused(&stream().end(), fs.path(), "FS_IOC_ENABLE_VERITY");
        return;
    }
    refused(&stream().write("f", "no more").end(), fs.path(), "cannot open the file");
    accepted(&stream().end(), fs.path());
    let metadata = fs::metadata(fs.path().join("v/f")).unwrap();
    assert_eq!(
        (fs::read(fs.path().join("v/f")).unwrap(), metadata.mtime()),
        (b"sealed".to_vec(), 77)
    );
}
