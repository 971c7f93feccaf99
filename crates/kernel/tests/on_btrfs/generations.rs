//! What the transaction ids say: `ctransid` decides whether a snapshot must be sent at all.
//!
//! The hazard is the listing's age: it reads the tree of roots, where a change appears with the
//! commit, while the information by descriptor knows of it at once.

use std::fs;
use std::path::Path;

use btrsync_kernel::{Info, create, info, list, snapshot, sync};
use btrsync_testutil::{LoopFs, require_btrfs};

use crate::support::open;

fn listed(top: &Path, name: &str) -> Info {
    let mut all = list(open(top)).unwrap().into_iter();
    all.find(|subvolume| subvolume.path == Path::new(name)).unwrap().info
}

fn quiet_fs() -> LoopFs {
    LoopFs::builder().mount_options("noatime,commit=300").build()
}

#[test]
fn a_change_raises_the_ctransid_with_the_next_commit() {
    require_btrfs!();
    let fs = quiet_fs();
    let top = open(fs.path());
    create(&top, "origin".as_ref()).unwrap();
    sync(&top).unwrap();
    let before = listed(fs.path(), "origin");
    fs::write(fs.path().join("origin/file"), b"x").unwrap();
    assert!(info(open(&fs.path().join("origin"))).unwrap().ctransid > before.ctransid);
    assert_eq!(listed(fs.path(), "origin"), before, "not committed yet");
    sync(&top).unwrap();
    let after = listed(fs.path(), "origin");
    assert!(after.ctransid > before.ctransid && after.generation >= after.ctransid);
    assert!(after.ctime > before.ctime);
    assert_eq!((after.otransid, after.otime), (before.otransid, before.otime));
    assert_eq!(info(open(&fs.path().join("origin"))).unwrap(), after);
}

#[test]
fn a_snapshot_keeps_the_ctransid_and_gets_its_own_time_of_creation() {
    require_btrfs!();
    let fs = quiet_fs();
    let top = open(fs.path());
    create(&top, "origin".as_ref()).unwrap();
    fs::write(fs.path().join("origin/file"), b"x").unwrap();
    sync(&top).unwrap();
    let origin = listed(fs.path(), "origin");
    for name in ["first", "second"] {
        snapshot(open(&fs.path().join("origin")), &top, name.as_ref(), true).unwrap();
        let snapshot = listed(fs.path(), name);
        assert_eq!(snapshot.ctransid, origin.ctransid);
        assert!(snapshot.otransid > origin.otransid && snapshot.otime >= origin.otime);
        assert_eq!(snapshot.parent_uuid, origin.uuid);
        assert_eq!(info(open(&fs.path().join(name))).unwrap(), snapshot);
    }
}
