//! Snapshots that went different ways, and no longer have the one that they came from.
//!
//! The hazard is wrong data with exit code 0: send does not see that a file was truncated on a branch, and an
//! increment from that to another branch leaves out what lies behind.

use std::fs::{self, File};
use std::path::Path;

use btrsync_testutil::{LoopFs, btrfs, require_btrfs};
use serde_json::Value;

use crate::support::{Pair, arrived, random_file, run};

const WHOLE: u64 = 1 << 20;
/// In the last block, which is where send fails.
const CUT: u64 = WHOLE - 4095;

/// A first snapshot, and for each of `changes` another of a subvolume that was made from it.
fn branches(changes: &[(&str, u64)]) -> Pair {
    let pair = Pair::new();
    random_file(&crate::support::subvolume(&pair.origin()).join("file"), 1);
    let first = pair.snaps().join("first");
    btrfs::snapshot_ro(&pair.origin(), &first);
    for (name, length) in changes {
        branch(&pair, &first, name, *length);
    }
    pair
}

/// Makes a subvolume from a snapshot, cuts its file to a length, and takes a snapshot of it.
fn branch(pair: &Pair, from: &Path, name: &str, length: u64) {
    let work = pair.src.path().join(format!("work-{name}"));
    btrfs::snapshot_rw(from, &work);
    File::options().write(true).open(work.join("file")).unwrap().set_len(length).unwrap();
    fs::write(work.join("new"), name).unwrap();
    btrfs::snapshot_ro(&work, &pair.snaps().join(name));
}

/// Sends everything of the backup on; returns the plan.
fn onward(pair: &Pair, third: &LoopFs) -> Vec<String> {
    let mut source = pair.backup().into_os_string();
    source.push("/");
    let args = ["-y".into(), "--json".into(), source, third.path().into()];
    run(args).exits(0).plan()
}

fn all_arrived(pair: &Pair, third: &LoopFs, names: &[&str]) {
    for name in names {
        arrived(&pair.snaps().join(name), &third.path().join(name));
    }
}

#[test]
fn branches_whose_common_parent_was_deleted_are_sent_in_full() {
    require_btrfs!();
    let (pair, third) = (branches(&[("cut", CUT), ("whole", WHOLE)]), LoopFs::new());
    branch(&pair, &pair.snaps().join("whole"), "below", CUT / 2);
    run(pair.args(&["-y"])).exits(0);
    btrfs::delete(&pair.backup().join("first"));
    let mut plan = onward(&pair, &third);
    all_arrived(&pair, &third, &["cut", "whole", "below"]);
    plan.sort();
    assert_eq!(plan, ["backup/below incremental", "backup/cut full", "backup/whole full"]);
}

#[test]
fn a_snapshot_that_was_changed_is_no_parent_of_its_younger_siblings() {
    require_btrfs!();
    let pair = Pair::new();
    random_file(&crate::support::subvolume(&pair.origin()).join("file"), 1);
    for name in ["1", "2", "3"] {
        btrfs::snapshot_ro(&pair.origin(), &pair.snaps().join(name));
        fs::write(pair.origin().join(name), name).unwrap();
    }
    let changed = pair.snaps().join("2");
    btrfs::set_ro(&changed, false);
    File::options().write(true).open(changed.join("file")).unwrap().set_len(CUT).unwrap();
    btrfs::set_ro(&changed, true);
    let ended = run(pair.args(&["-y", "--json"])).exits(0);
    for name in ["1", "2", "3"] {
        arrived(&pair.snaps().join(name), &pair.backup().join(name));
    }
    let parents: Vec<_> =
        ended.events_of("transfer").iter().map(|it| it["parent"].clone()).collect();
    assert_eq!(parents, [Value::Null, "snaps/1".into(), "snaps/1".into()]);
}

#[test]
fn a_subvolume_that_was_changed_is_no_parent_of_older_snapshots_of_it() {
    require_btrfs!();
    let pair = branches(&[("cut", CUT), ("whole", WHOLE)]);
    let first = pair.snaps().join("first");
    btrfs::set_ro(&first, false);
    File::options().write(true).open(first.join("file")).unwrap().set_len(CUT).unwrap();
    btrfs::set_ro(&first, true);
    run(pair.args(&["-y"])).exits(0);
    for name in ["first", "cut", "whole"] {
        arrived(&pair.snaps().join(name), &pair.backup().join(name));
    }
}
