//! Subvolumes that are not what their UUIDs say.
//!
//! The hazard is wrong data with exit code 0: a snapshot that was made writable, changed and made
//! read-only again keeps its UUIDs, and a receiver that looks for one of them takes the first it finds.

use std::fs::{self, File};
use std::path::Path;

use btrsync_testutil::{btrfs, require_btrfs, require_tool};

use crate::support::{Pair, Pty, arrived, run, snapshot};

/// Changes a read-only subvolume in place, by the ioctl: the `btrfs` program would clear its marks.
fn change(path: &Path) {
    let read_only = |on| btrsync_kernel::set_read_only(File::open(path).unwrap(), on).unwrap();
    read_only(false);
    fs::write(path.join("file"), "changed in place").unwrap();
    btrfs::sync(path);
    read_only(true);
}

#[test]
fn a_source_that_was_changed_after_it_was_sent_is_told() {
    require_btrfs!();
    let pair = Pair::with_snapshots(&["1"]);
    run(pair.args(&["-y"])).exits(0);
    change(&pair.snaps().join("1"));
    run(pair.args(&["-y"])).exits(0).complains(&["note: snaps/1 is not sent", "other data"]);
    let notes = run(pair.args(&["-y", "--json"])).exits(0).events_of("note");
    assert_eq!(notes.len(), 1, "{notes:?}");
}

#[test]
fn a_parent_whose_uuid_others_carry_with_other_data_is_not_used() {
    require_btrfs!();
    let pair = Pair::with_snapshots(&["1"]);
    run(pair.args(&["-y"])).exits(0);
    change(&pair.snaps().join("1"));
    let second = pair.dst.path().join("second");
    fs::create_dir(&second).unwrap();
    let into = |options: &[&str]| {
        let mut args = pair.args(options);
        *args.last_mut().unwrap() = second.clone().into_os_string().into();
        run(args).exits(0)
    };
    into(&["-y", "-f"]);
    btrfs::snapshot_rw(&pair.snaps().join("1"), &pair.src.path().join("next"));
    fs::write(pair.src.path().join("next/new"), "new").unwrap();
    btrfs::snapshot_ro(&pair.src.path().join("next"), &pair.snaps().join("2"));
    into(&["-y"]);
    arrived(&pair.snaps().join("2"), &second.join("2"));
}

#[test]
fn a_received_snapshot_that_was_changed_is_no_parent() {
    require_btrfs!();
    let (pair, third) = (Pair::with_snapshots(&["1"]), btrsync_testutil::LoopFs::new());
    run(pair.args(&["-y"])).exits(0);
    let onward = |options: &[&str]| {
        let mut args = pair.args(options);
        let last = args.len() - 1;
        args[last - 1] = pair.backup().join("").into_os_string().into();
        args[last] = third.path().to_path_buf().into_os_string().into();
        run(args).exits(0)
    };
    onward(&["-y"]);
    change(&pair.backup().join("1"));
    btrfs::snapshot_rw(&pair.backup().join("1"), &pair.dst.path().join("next"));
    fs::write(pair.dst.path().join("next/new"), "new").unwrap();
    btrfs::snapshot_ro(&pair.dst.path().join("next"), &pair.backup().join("2"));
    let ended = onward(&["-y", "--json"]);
    assert_eq!(ended.plan(), ["backup/2 full"]);
    arrived(&pair.backup().join("2"), &third.path().join("2"));
}

#[test]
fn a_parent_that_is_changed_while_the_question_stands_is_not_used() {
    require_btrfs!();
    require_tool!("script");
    let pair = Pair::with_snapshots(&["1"]);
    run(pair.args(&["-y"])).exits(0);
    snapshot(&pair.origin(), &pair.snaps().join("2"));
    let waiting = Pty::start(pair.args(&[])).shows("Proceed?");
    change(&pair.snaps().join("1"));
    let (code, text) = waiting.types("y\n").end();
    assert!(code == 1 && text.contains("was changed since it was listed"), "{text}");
    assert!(!pair.backup().join("2").exists());
    run(pair.args(&["-y"])).exits(0);
    arrived(&pair.snaps().join("2"), &pair.backup().join("2"));
}

#[test]
fn another_filesystem_in_the_way_is_not_received_into() {
    require_btrfs!();
    let (pair, other) = (Pair::with_snapshots(&["1"]), btrsync_testutil::LoopFs::new());
    let inner = pair.backup().join("snaps");
    fs::create_dir(&inner).unwrap();
    let mut bind = btrsync_testutil::command::program("mount");
    btrsync_testutil::command::output(bind.arg("--bind").arg(other.path()).arg(&inner)).unwrap();
    let ended = run(pair.args(&["-y", "-r"]));
    btrsync_testutil::command::output(btrsync_testutil::command::program("umount").arg(&inner))
        .unwrap();
    ended.exits(1).complains(&["another one is mounted there", "what next"]);
    assert_eq!(fs::read_dir(other.path()).unwrap().count(), 0);
}
