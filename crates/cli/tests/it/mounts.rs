//! Mounts of subvolumes other than the top level, as most distributions make them, and odd mounts.

use std::fs;

use btrsync_testutil::{LoopFs, require_btrfs};

use crate::support::{arrived, run, snapshot, subvolume};

#[test]
fn both_sides_mounted_with_subvol() {
    require_btrfs!();
    let (src, dst) = (LoopFs::new(), LoopFs::new());
    let snaps = subvolume(&src.path().join("@snaps"));
    subvolume(&dst.path().join("@backup"));
    let (here, there) = (src.mount_subvol("@snaps"), dst.mount_subvol("@backup"));
    fs::create_dir(there.path().join("dir")).unwrap();
    for (round, plan) in [(1, "1 full"), (2, "2 incremental")] {
        let name = round.to_string();
        snapshot(&src.path().join("origin"), &snaps.join(&name));
        let (source, dest) = (here.path().join(""), there.path().join("dir"));
        let ended =
            run(["-y".as_ref(), "--json".as_ref(), source.as_os_str(), dest.as_os_str()]).exits(0);
        assert_eq!(ended.plan(), [plan]);
        assert_eq!(ended.events_of("transfer")[0]["into"], "dir");
        arrived(&snaps.join(&name), &dst.path().join("@backup/dir").join(&name));
    }
}

#[test]
fn a_snapshot_mounted_by_itself_is_a_source() {
    require_btrfs!();
    let (src, dst) = (LoopFs::new(), LoopFs::new());
    fs::create_dir(src.path().join("snaps")).unwrap();
    let snap = snapshot(&src.path().join("origin"), &src.path().join("snaps/day"));
    let mount = src.mount_subvol("snaps/day");
    let ended =
        run(["-y".as_ref(), "--json".as_ref(), mount.path().as_os_str(), dst.path().as_os_str()])
            .exits(0);
    assert_eq!(ended.plan(), [". full"]);
    arrived(&snap, &dst.path().join("day"));
}

#[test]
fn a_source_on_a_read_only_mount_can_be_sent() {
    require_btrfs!();
    let (src, dst) = (LoopFs::new(), LoopFs::new());
    let snap = snapshot(&src.path().join("origin"), &src.path().join("snap"));
    src.remount("ro");
    run(["-y".as_ref(), snap.as_os_str(), dst.path().as_os_str()]).exits(0);
    arrived(&snap, &dst.path().join("snap"));
}

#[test]
fn a_copy_that_the_destinations_mount_does_not_show_is_no_parent() {
    require_btrfs!();
    let (src, dst) = (LoopFs::new(), LoopFs::new());
    let origin = src.path().join("origin");
    let first = snapshot(&origin, &src.path().join("1"));
    run(["-y".as_ref(), first.as_os_str(), dst.path().as_os_str()]).exits(0);
    let second = snapshot(&origin, &src.path().join("2"));
    subvolume(&dst.path().join("@backup"));
    let mount = dst.mount_subvol("@backup");
    run(["-y".as_ref(), second.as_os_str(), mount.path().as_os_str()])
        .exits(0)
        .says(&["2\tfull -> .", "outside of what the destination shows"]);
    arrived(&second, &dst.path().join("@backup/2"));
}
