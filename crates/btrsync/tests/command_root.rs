//! Roots of which only the text of `btrfs` is known, here by way of sudo.
//!
//! The hazard is `btrfs receive`: it takes any subvolume that carries the UUID of the parent, whatever
//! that holds, and says that all went well.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panic")]

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use btrsync::Cancel;
use btrsync::sync::root::local::Local;
use btrsync::sync::root::{BtrfsRoot, RootFactory, RootOptions, Sudo};
use btrsync::sync::{BtrSync, Step, SyncOptions, Transfer};
use btrsync_testutil::{LoopFs, assert_identical, btrfs, require_btrfs, require_tool};

async fn root(factory: &dyn RootFactory, path: &Path) -> Arc<dyn BtrfsRoot> {
    factory.get_root(path, &RootOptions::default()).await.unwrap().0
}

/// A source with the snapshots `1` and `2`, between which a file changes.
fn source() -> LoopFs {
    let fs = LoopFs::new();
    let origin = fs.path().join("origin");
    btrfs::create_subvolume(&origin);
    for name in ["1", "2"] {
        fs::write(origin.join("same"), "as it was").unwrap();
        fs::write(origin.join("file"), name).unwrap();
        btrfs::snapshot_ro(&origin, &fs.path().join(name));
    }
    fs
}

/// Receives `1` into a directory, as another program would; then may change it in place, by the ioctl:
/// `btrfs property` would clear its marks.
fn copy_of_1(src: &LoopFs, dir: &Path, change: bool) {
    fs::create_dir(dir).unwrap();
    btrfs::receive(&btrfs::send(&src.path().join("1"), None), dir);
    btrfs::sync(dir);
    let read_only = |on| btrsync_kernel::set_read_only(File::open(dir.join("1")).unwrap(), on);
    if change {
        read_only(false).unwrap();
        fs::write(dir.join("1/same"), "changed in place").unwrap();
        btrfs::sync(dir);
        read_only(true).unwrap();
    }
}

/// Sends what is missing to `good`, beside which `other` holds a second copy of `1`; returns what is sent,
/// and why so.
async fn sync(src: &LoopFs, dst: &LoopFs) -> Vec<String> {
    let sudo = Sudo::new(Cancel::new().unwrap());
    let (from, to) = (root(&Local, src.path()).await, root(&sudo, dst.path()).await);
    let sync = BtrSync::new(from, to);
    let survey = sync.survey(&SyncOptions::default()).await.unwrap();
    let transfer = Transfer::new("good");
    let outcome = sync.run(&survey.plan, &transfer, &SyncOptions::default()).await;
    assert!(outcome.is_success());
    let told = |step: &Step| format!("{}: {}", step.vols[0].path.display(), step.reason);
    survey.plan.steps().map(told).collect()
}

#[tokio::test]
async fn a_copy_of_the_parent_that_was_changed_is_never_built_on() {
    require_btrfs!();
    require_tool!("sudo");
    let src = source();
    // `btrfs receive` finds the one or the other, depending on which came first.
    for order in [["good", "other"], ["other", "good"]] {
        let dst = LoopFs::new();
        for name in order {
            copy_of_1(&src, &dst.path().join(name), name == "other");
        }
        let plan = sync(&src, &dst).await;
        assert!(
            plan.len() == 1 && plan[0].starts_with("2: the destination's copy of 1 cannot be"),
            "{plan:?}"
        );
        assert_identical(&src.path().join("2"), &dst.path().join("good/2"));
    }
}

#[tokio::test]
async fn two_copies_that_are_the_same_serve_as_a_parent() {
    require_btrfs!();
    require_tool!("sudo");
    let (src, dst) = (source(), LoopFs::new());
    for name in ["good", "other"] {
        copy_of_1(&src, &dst.path().join(name), false);
    }
    assert_eq!(sync(&src, &dst).await, ["2: nearest COW ancestor at the destination"]);
    assert_identical(&src.path().join("2"), &dst.path().join("good/2"));
}

#[tokio::test]
async fn what_the_disk_has_refused_is_not_published() {
    require_btrfs!();
    require_tool!("sudo");
    let (src, mut dst) = (LoopFs::new(), LoopFs::builder().size_mib(400).build());
    let origin = src.path().join("origin");
    btrfs::create_subvolume(&origin);
    btrsync_testutil::write_files(&origin, 1, 100 << 20);
    btrfs::snapshot_ro(&origin, &src.path().join("1"));
    let sudo = Sudo::new(Cancel::new().unwrap());
    let (from, to) = (root(&Local, src.path()).await, root(&sudo, dst.path()).await);
    let (sync, options) = (BtrSync::new(from, to), SyncOptions::default());
    dst.set_device_size(70);
    assert_eq!(sync.sync(&Transfer::new(""), &options).await.failed, 1);
    assert!(!dst.path().join("1").exists());
    dst.set_device_size(400);
    assert!(sync.sync(&Transfer::new(""), &options).await.is_success());
    drop(sync);
    dst.reopen();
    assert_identical(&src.path().join("1"), &dst.path().join("1"));
}
