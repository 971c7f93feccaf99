//! What is taken for a relative, or for a copy, over ssh.
//!
//! The hazard is a listing that tells less: btrfs-progs does not print when a subvolume was changed.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::Path;

use btrsync_testutil::{LoopFs, btrfs, require_machines};

use crate::sides::{BOTH, BTRSYNC, Sides};
use crate::support::{Ended, Pair, arrived, random_file, subvolume};

/// Syncs on one machine.
#[track_caller]
fn local(from: &Path, into: &Path, options: &[&str]) {
    let mut from = OsString::from(from);
    from.push("/");
    let mut command = std::process::Command::new(BTRSYNC);
    Ended::of(command.arg("-y").args(options).arg(from).arg(into)).exits(0);
}

/// Two snapshots of subvolumes that were made from one snapshot; the older has a file cut in its last block.
fn branches(at: &LoopFs) {
    let (origin, snaps) = (at.path().join("origin"), at.path().join("snaps"));
    fs::create_dir(&snaps).unwrap();
    random_file(&subvolume(&origin).join("file"), 1);
    btrfs::snapshot_ro(&origin, &snaps.join("first"));
    for (name, length) in [("cut", (1 << 20) - 4095), ("whole", 1 << 20)] {
        let work = at.path().join(name);
        btrfs::snapshot_rw(&snaps.join("first"), &work);
        File::options().write(true).open(work.join("file")).unwrap().set_len(length).unwrap();
        fs::write(work.join("new"), name).unwrap();
        btrfs::snapshot_ro(&work, &snaps.join(name));
    }
}

#[test]
fn branches_whose_common_parent_was_deleted_are_sent_in_full() {
    require_machines!();
    for way in BOTH {
        let (pair, first) = (Pair::new(), LoopFs::new());
        branches(&first);
        local(&first.path().join("snaps"), &pair.snaps(), &[]);
        // Snapshots of what was received keep the other branch from being as old as it looks.
        btrfs::snapshot_ro(&pair.snaps().join("cut"), &pair.src.path().join("kept"));
        btrfs::delete(&pair.snaps().join("first"));
        let sides = Sides::new(way, pair);
        let ended = sides.sync(&["-y", "--json"]).exits(0);
        for name in ["cut", "whole"] {
            let copy = sides.pair.backup().join(name);
            arrived(&first.path().join("snaps").join(name), &copy);
        }
        assert_eq!(ended.plan(), ["snaps/cut full", "snaps/whole full"]);
    }
}

#[test]
fn siblings_that_have_snapshots_of_their_own_are_asked_for_and_stay_related() {
    require_machines!();
    for way in BOTH {
        let pair = Pair::with_snapshots(&["1", "2", "3"]);
        btrfs::snapshot_ro(&pair.snaps().join("2"), &pair.src.path().join("kept"));
        btrfs::delete(&pair.origin());
        let sides = Sides::new(way, pair);
        let ended = sides.sync(&["-y", "--json"]).exits(0);
        assert_eq!(ended.plan(), ["snaps/1 full", "snaps/2 incremental", "snaps/3 incremental"]);
        assert_eq!(ended.events_of("transfer")[2]["parent"], "snaps/2");
        sides.is_complete();
    }
}

#[test]
fn what_came_back_leaves_its_original_a_parent() {
    require_machines!();
    for way in BOTH {
        let pair = Pair::new();
        let (origin, back) = (pair.dst.path().join("origin"), pair.dst.path().join("back"));
        fs::create_dir(&back).unwrap();
        fs::write(subvolume(&origin).join("file"), "1").unwrap();
        btrfs::snapshot_ro(&origin, &pair.backup().join("1"));
        local(&pair.backup(), &pair.snaps(), &[]);
        local(&pair.snaps(), &back, &["-f"]);
        let next = pair.src.path().join("next");
        btrfs::snapshot_rw(&pair.snaps().join("1"), &next);
        fs::write(next.join("new"), "new").unwrap();
        btrfs::snapshot_ro(&next, &pair.snaps().join("2"));
        let sides = Sides::new(way, pair);
        let ended = sides.sync(&["-y", "--json"]).exits(0);
        assert_eq!(ended.plan(), ["snaps/2 incremental"]);
        arrived(&sides.pair.snaps().join("2"), &sides.pair.backup().join("2"));
    }
}
