//! Full transfers although the destination holds a relative: never without the reason and a way out.

use std::fs;

use btrsync_testutil::{btrfs, require_btrfs};

use crate::support::{Pair, arrived, run};

/// What the plan says of the last transfer, which must be full: the relative and the reason.
#[track_caller]
fn surprise(pair: &Pair, options: &[&str], relative: &str, reason: &str) {
    let told = run(pair.args(&[&["-n", "--json"], options].concat())).exits(0);
    let last = told.events_of("transfer").pop().unwrap();
    assert_eq!((&last["kind"], &last["relative"]), (&"full".into(), &relative.into()), "{last}");
    assert!(last["reason"].as_str().unwrap().contains(reason), "{last}");
    let hint = last["hint"].as_str().unwrap().to_owned();
    run(pair.args(&[&["-n"], options].concat())).exits(0).says(&[reason, "what next:", &hint]);
}

#[test]
fn a_copy_that_was_made_writable() {
    require_btrfs!();
    let pair = Pair::with_snapshots(&["1"]);
    run(pair.args(&["-y"])).exits(0);
    pair.take("2");
    // By the ioctl: the program would clear the received UUID.
    let copy = fs::File::open(pair.backup().join("1")).unwrap();
    btrsync_kernel::set_read_only(&copy, false).unwrap();
    surprise(&pair, &["-x", "1"], "snaps/1", "the copy is not read-only");
    // The way out.
    btrfs::set_ro(&pair.backup().join("1"), true);
    let ended = run(pair.args(&["-y", "--json"])).exits(0);
    assert_eq!(ended.plan(), ["snaps/2 incremental"]);
    arrived(&pair.snaps().join("2"), &pair.backup().join("2"));
}

#[test]
fn a_parent_that_was_made_writable_at_the_source() {
    require_btrfs!();
    let pair = Pair::with_snapshots(&["1"]);
    run(pair.args(&["-y"])).exits(0);
    btrfs::snapshot_ro(&pair.snaps().join("1"), &pair.snaps().join("2"));
    btrfs::set_ro(&pair.snaps().join("1"), false);
    surprise(&pair, &[], "snaps/1", "it is not read-only here");
    btrfs::set_ro(&pair.snaps().join("1"), true);
    let ended = run(pair.args(&["-y", "--json"])).exits(0);
    assert_eq!(ended.plan(), ["snaps/2 incremental"]);
}

#[test]
fn a_relative_out_of_sight() {
    require_btrfs!();
    let pair = Pair::with_snapshots(&["1"]);
    run(pair.args(&["-y"])).exits(0);
    pair.take("2");
    let inner = pair.dst.path().join("inner");
    btrfs::create_subvolume(&inner);
    let mut args = pair.args(&["-n", "--json", "-x", "1"]);
    *args.last_mut().unwrap() = inner.as_os_str().to_owned().into();
    let told = run(args).exits(0);
    let last = told.events_of("transfer").pop().unwrap();
    let reason = last["reason"].as_str().unwrap();
    assert!(reason.contains("the copy is outside of what the destination shows"), "{last}");
}

#[test]
fn a_branch() {
    require_btrfs!();
    let pair = Pair::with_snapshots(&["1", "2", "3"]);
    let changed = pair.snaps().join("1");
    btrfs::set_ro(&changed, false);
    fs::write(changed.join("file"), "changed").unwrap();
    btrfs::set_ro(&changed, true);
    run(pair.args(&["-y", "-x", "[23]"])).exits(0);
    surprise(&pair, &["-x", "3"], "snaps/1", "changed after the two went different ways");
}
