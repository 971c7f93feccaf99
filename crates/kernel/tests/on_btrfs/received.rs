//! The marks of a received subvolume.

use std::fs;
use std::time::SystemTime;

use btrsync_kernel::{
    Received, Timestamp, create, info, lookup_received_uuid, set_read_only, set_received,
};
use btrsync_testutil::{LoopFs, btrfs, require_btrfs};
use rustix::io::Errno;
use uuid::Uuid;

use crate::support::{assert_fails, list_below, open};

/// Bytes above 127 and an order that shows when it is turned around.
const UUID: Uuid = Uuid::from_u128(0xfedc_ba98_7654_3210_0123_4567_89ab_cdef);
const STIME: Timestamp = Timestamp { seconds: 1_600_000_000, nanoseconds: 987_654_321 };

#[test]
fn the_marks_are_those_that_were_given() {
    require_btrfs!();
    let fs = LoopFs::new();
    let path = fs.path().join("received");
    create(open(fs.path()), "received".as_ref()).unwrap();
    let root = open(&path);
    let received = Received { uuid: UUID, stransid: u64::MAX / 3, stime: STIME };
    let before = SystemTime::now();
    let rtransid = set_received(&root, received).unwrap();
    let marks = info(&root).unwrap();
    assert_eq!(marks, list_below(fs.path())[0].info);
    assert_eq!((marks.received_uuid, marks.stime), (Some(UUID), STIME));
    assert_eq!((marks.stransid, marks.rtransid), (u64::MAX / 3, rtransid));
    // The kernel takes the time of its last tick.
    let since = marks.rtime.to_system_time().unwrap().duration_since(before);
    assert!(since.map_or_else(|e| e.duration().as_millis() < 20, |d| d.as_secs() < 60));
    let show = btrfs::show(&path);
    assert_eq!(show.get("Received UUID"), UUID.to_string());
    assert_eq!(show.get("Send transid"), (u64::MAX / 3).to_string());
    assert_eq!(show.get("Receive transid"), rtransid.to_string());
}

#[test]
fn new_marks_replace_the_old_in_the_index_too() {
    require_btrfs!();
    let fs = LoopFs::new();
    let top = open(fs.path());
    for name in ["first", "second"] {
        create(&top, name.as_ref()).unwrap();
        let received = Received { uuid: UUID, stransid: 7, stime: STIME };
        set_received(open(&fs.path().join(name)), received).unwrap();
    }
    let ids: Vec<u64> = list_below(fs.path()).iter().map(|s| s.info.id).collect();
    assert_eq!(lookup_received_uuid(&top, UUID).unwrap(), ids);
    let other = Received { uuid: Uuid::from_u128(1), stransid: 8, stime: STIME };
    set_received(open(&fs.path().join("first")), other).unwrap();
    assert_eq!(lookup_received_uuid(&top, UUID).unwrap(), ids[1..]);
    assert_eq!(lookup_received_uuid(&top, other.uuid).unwrap(), ids[..1]);
}

#[test]
fn only_the_root_of_a_writable_subvolume_takes_marks() {
    require_btrfs!();
    let fs = LoopFs::new();
    create(open(fs.path()), "subvolume".as_ref()).unwrap();
    let root = open(&fs.path().join("subvolume"));
    let call = "BTRFS_IOC_SET_RECEIVED_SUBVOL";
    let received = Received { uuid: UUID, stransid: 7, stime: STIME };
    fs::create_dir(fs.path().join("subvolume/dir")).unwrap();
    let inside = open(&fs.path().join("subvolume/dir"));
    assert_fails(set_received(inside, received), call, Errno::INVAL);
    set_read_only(&root, true).unwrap();
    assert_fails(set_received(&root, received), call, Errno::ROFS);
    set_read_only(&root, false).unwrap();
    fs.remount("ro");
    assert_fails(set_received(&root, received), call, Errno::ROFS);
    assert_eq!(info(&root).unwrap().received_uuid, None);
}
