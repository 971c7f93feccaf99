//! A filesystem with every kind of subvolume that a listing could get wrong.

use std::fs::{self, File};
use std::path::Path;

use btrsync_kernel::{Received, Timestamp, set_received};
use btrsync_testutil::{LoopFs, btrfs};
use uuid::Uuid;

use crate::support::{name, open};

const ODD_NAMES: [&[u8]; 9] = [
    b"with space",
    b"tab\there",
    b"new\nline",
    b"\xff\xfe not text",
    b"-n",
    b"...",
    b"back\\slash",
    b" (deleted)",
    &[b'x'; 255],
];

/// The filesystem, and what must be held to keep it as it is.
pub(crate) struct HardTree {
    // First: the filesystem cannot be unmounted while it is open.
    _pending: File,
    pub(crate) fs: LoopFs,
}

/// Makes the tree with the `btrfs` program and leaves it committed and idle.
pub(crate) fn build() -> HardTree {
    // Reading must not change what is compared.
    let fs = LoopFs::builder().mount_options("noatime,commit=300").build();
    let top = fs.path();
    nest(top);
    take_snapshots(top);
    give_odd_names(top);
    move_about(top);
    receive(top);
    let pending = delete(top);
    btrfs::sync(top);
    HardTree { _pending: pending, fs }
}

/// Three deep, each in a directory of the one above.
fn nest(top: &Path) {
    let mut at = top.to_owned();
    for level in ["a", "b", "c"] {
        at = at.join(format!("dir {level}/sub"));
        fs::create_dir_all(&at).unwrap();
        at.push(level);
        btrfs::create_subvolume(&at);
        fs::write(at.join("file"), level).unwrap();
        btrfs::sync(top);
    }
}

fn take_snapshots(top: &Path) {
    let origin = top.join("dir a/sub/a");
    btrfs::snapshot_ro(&origin, &top.join("ro"));
    btrfs::snapshot_rw(&origin, &top.join("rw"));
    btrfs::create_subvolume(&top.join("rw/inside a snapshot"));
    btrfs::snapshot_ro(&top.join("ro"), &top.join("rw/ro of ro"));
    fs::write(origin.join("file"), "changed after the snapshot").unwrap();
    btrfs::sync(top);
    btrfs::snapshot_rw(&origin, &top.join("changed"));
    fs::write(top.join("changed/file"), "changed in the snapshot").unwrap();
    btrfs::snapshot_rw(&origin, &top.join("flipped"));
    btrfs::set_ro(&top.join("flipped"), true);
}

fn give_odd_names(top: &Path) {
    for odd in ODD_NAMES {
        let dir = top.join("odd").join(name(odd));
        fs::create_dir_all(&dir).unwrap();
        btrfs::create_subvolume(&dir.join(name(odd)));
        btrfs::snapshot_ro(&dir.join(name(odd)), &dir.join("snapshot"));
    }
}

fn move_about(top: &Path) {
    fs::create_dir_all(top.join("moved/from")).unwrap();
    for new in ["renamed", "to another directory", "to another subvolume", "and back"] {
        btrfs::create_subvolume(&top.join("moved/from").join(new));
    }
    let rename = |from: &str, to: &str| fs::rename(top.join(from), top.join(to)).unwrap();
    rename("moved/from/renamed", "moved/from/new name");
    rename("moved/from/to another directory", "moved/other");
    rename("moved/from/to another subvolume", "rw/moved in");
    rename("moved/from/and back", "rw/and back");
    rename("rw/and back", "moved/from/and back");
    // What stands in it moves along.
    rename("moved/from", "moved/renamed directory");
}

/// A full and an incremental stream from another filesystem, and what can come of them.
fn receive(top: &Path) {
    let source = LoopFs::new();
    let origin = source.path().join("origin");
    let snapshots = [source.path().join("first"), source.path().join("second")];
    btrfs::create_subvolume(&origin);
    for snapshot in &snapshots {
        fs::write(origin.join("file"), snapshot.as_os_str().as_encoded_bytes()).unwrap();
        btrfs::snapshot_ro(&origin, snapshot);
    }
    let into = top.join("received");
    fs::create_dir(&into).unwrap();
    btrfs::receive(&btrfs::send(&snapshots[0], None), &into);
    btrfs::receive(&btrfs::send(&snapshots[1], Some(&snapshots[0])), &into);
    fs::create_dir(into.join("again")).unwrap();
    btrfs::receive(&btrfs::send(&snapshots[0], None), &into.join("again"));
    btrfs::snapshot_ro(&into.join("second"), &into.join("inherits the marks"));
    btrfs::snapshot_rw(&into.join("second"), &into.join("loses the marks"));
    btrfs::snapshot_rw(&into.join("second"), &into.join("flipped"));
    fs::write(into.join("flipped/file"), "other data").unwrap();
    btrfs::set_ro(&into.join("flipped"), true);
    note_send_time(&into.join("loses the marks"));
}

/// `btrfs receive` leaves the time of the sending at zero.
fn note_send_time(path: &Path) {
    let stime = Timestamp { seconds: 1_234_567_890, nanoseconds: 123_456_789 };
    let received = Received { uuid: Uuid::from_u128(42), stransid: 4242, stime };
    set_received(open(path), received).unwrap();
}

/// One deleted and cleaned, one deleted that the cleaner cannot take yet: its file is open.
fn delete(top: &Path) -> File {
    for gone in ["gone", "pending"] {
        btrfs::create_subvolume(&top.join(gone));
        fs::write(top.join(gone).join("file"), gone).unwrap();
    }
    let pending = open(&top.join("pending/file"));
    btrfs::delete(&top.join("gone"));
    btrfs::delete(&top.join("pending"));
    pending
}
