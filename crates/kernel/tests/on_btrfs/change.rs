//! Creating, snapshotting, marking and deleting, judged by the `btrfs` program.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use btrsync_kernel::{create, delete, is_read_only, set_read_only, snapshot};
use btrsync_testutil::{LoopFs, assert_identical, btrfs, populate_zoo, require_btrfs};
use rustix::io::Errno;

use crate::support::{assert_fails, list_below, name, open};

const CREATE: &str = "BTRFS_IOC_SUBVOL_CREATE";
const SNAPSHOT: &str = "BTRFS_IOC_SNAP_CREATE_V2";
const DELETE: &str = "BTRFS_IOC_SNAP_DESTROY";

#[test]
fn subvolumes_are_made_and_deleted_under_any_name() {
    require_btrfs!();
    let fs = LoopFs::new();
    fs::create_dir(fs.path().join("dir")).unwrap();
    let dir = open(&fs.path().join("dir"));
    for bytes in [&b"plain"[..], b"a b\t\n\\", b"\xff\xfe", b"-x", &[b'n'; 255]] {
        create(&dir, name(bytes)).unwrap();
        let show = btrfs::show(&fs.path().join("dir").join(name(bytes)));
        assert!(!show.is_read_only() && show.get("Parent UUID") == "-");
        let path = Path::new("dir").join(name(bytes));
        assert!(list_below(fs.path()).iter().any(|subvolume| subvolume.path == path));
        delete(&dir, name(bytes)).unwrap();
        assert!(list_below(fs.path()).is_empty());
        assert!(!fs.path().join(path).exists());
    }
}

#[test]
fn a_snapshot_is_its_origin_read_only_or_not() {
    require_btrfs!();
    let fs = LoopFs::new();
    let top = open(fs.path());
    create(&top, "origin".as_ref()).unwrap();
    let origin = fs.path().join("origin");
    populate_zoo(&origin);
    for read_only in [true, false] {
        let copy = fs.path().join(format!("snapshot {read_only}"));
        snapshot(open(&origin), &top, copy.file_name().unwrap(), read_only).unwrap();
        assert_identical(&origin, &copy);
        let show = btrfs::show(&copy);
        assert_eq!(show.is_read_only(), read_only);
        assert_eq!(show.get("Parent UUID"), btrfs::show(&origin).get("UUID"));
        assert_eq!(fs::write(copy.join("new"), b"x").is_err(), read_only);
    }
}

#[test]
fn read_only_is_set_and_taken_back() {
    require_btrfs!();
    let fs = LoopFs::new();
    let path = fs.path().join("subvolume");
    btrfs::create_subvolume(&path);
    let root = open(&path);
    for read_only in [true, true, false, false, true] {
        set_read_only(&root, read_only).unwrap();
        assert_eq!(is_read_only(&root).unwrap(), read_only);
        assert_eq!(btrfs::show(&path).is_read_only(), read_only);
        assert_eq!(list_below(fs.path())[0].info.read_only, read_only, "before any commit");
    }
}

#[test]
fn what_cannot_be_made_says_why() {
    require_btrfs!();
    let (fs, other) = (LoopFs::new(), LoopFs::new());
    let top = open(fs.path());
    create(&top, "origin".as_ref()).unwrap();
    fs::create_dir(fs.path().join("dir")).unwrap();
    fs::write(fs.path().join("file"), b"x").unwrap();
    let origin = open(&fs.path().join("origin"));
    for taken in ["origin", "dir", "file"].map(OsStr::new) {
        assert_fails(create(&top, taken), CREATE, Errno::EXIST);
        assert_fails(snapshot(&origin, &top, taken, true), SNAPSHOT, Errno::EXIST);
    }
    let new = OsStr::new("new");
    assert_fails(snapshot(&origin, open(other.path()), new, true), SNAPSHOT, Errno::XDEV);
    assert_fails(snapshot(open(Path::new("/proc")), &top, new, true), SNAPSHOT, Errno::XDEV);
    let plain = open(&fs.path().join("dir"));
    assert_fails(snapshot(&plain, &top, new, true), SNAPSHOT, Errno::INVAL);
    assert_fails(create(open(&fs.path().join("file")), new), CREATE, Errno::NOTDIR);
    assert_fails(create(open(Path::new("/proc")), new), CREATE, Errno::NOTTY);
    assert!(!fs.path().join("new").exists());
}

#[test]
fn what_cannot_be_deleted_says_why_and_stays() {
    require_btrfs!();
    let fs = LoopFs::new();
    let top = open(fs.path());
    create(&top, "outer".as_ref()).unwrap();
    create(open(&fs.path().join("outer")), "inner".as_ref()).unwrap();
    fs::create_dir(fs.path().join("dir")).unwrap();
    fs::write(fs.path().join("file"), b"x").unwrap();
    assert_fails(delete(&top, "outer".as_ref()), DELETE, Errno::NOTEMPTY);
    assert_fails(delete(&top, "absent".as_ref()), DELETE, Errno::NOENT);
    assert_fails(delete(&top, "dir".as_ref()), DELETE, Errno::INVAL);
    assert_fails(delete(&top, "file".as_ref()), DELETE, Errno::NOTDIR);
    delete(open(&fs.path().join("outer")), "inner".as_ref()).unwrap();
    delete(&top, "outer".as_ref()).unwrap();
}

#[test]
fn a_read_only_mount_is_left_alone() {
    require_btrfs!();
    let fs = LoopFs::new();
    let top = open(fs.path());
    create(&top, "origin".as_ref()).unwrap();
    fs.remount("ro");
    let origin = open(&fs.path().join("origin"));
    let (new, set_flags) = (OsStr::new("new"), "BTRFS_IOC_SUBVOL_SETFLAGS");
    assert_fails(create(&top, new), CREATE, Errno::ROFS);
    assert_fails(snapshot(&origin, &top, new, true), SNAPSHOT, Errno::ROFS);
    assert_fails(delete(&top, "origin".as_ref()), DELETE, Errno::ROFS);
    assert_fails(set_read_only(&origin, true), set_flags, Errno::ROFS);
    assert!(!is_read_only(&origin).unwrap());
    assert_eq!(list_below(fs.path()).len(), 1);
}
