//! Clone sources over ssh: from there with a parent, and never to there.

use std::fs;

use btrsync_testutil::command::{output, program};
use btrsync_testutil::{btrfs, require_machines};
use serde_json::Value;

use crate::sides::{Sides, Way};
use crate::support::{Pair, random_file};

/// Three snapshots: the last has a file again that only the first has, cloned from there.
pub(crate) fn restored() -> Pair {
    let pair = Pair::with_snapshots(&["0"]);
    let lost = pair.origin().join("lost");
    random_file(&lost, 2);
    pair.take("1");
    fs::remove_file(&lost).unwrap();
    pair.take("2");
    let mut copy = program("cp");
    copy.arg("--reflink=always").arg(pair.snaps().join("1/lost")).arg(&lost);
    output(&mut copy).unwrap();
    btrfs::snapshot_ro(&pair.origin(), &pair.snaps().join("3"));
    pair
}

/// Syncs all but the last, then that; returns its clone sources and how much was sent.
pub(crate) fn last(sides: &Sides) -> (Value, u64) {
    sides.sync(&["-y", "-x", "3"]).exits(0);
    let ended = sides.sync(&["-y", "--json"]).exits(0);
    assert_eq!(ended.plan(), ["snaps/3 incremental"]);
    sides.is_complete();
    let sent = ended.events_of("done")[0]["sent_bytes"].as_u64().unwrap();
    (ended.events_of("transfer")[0]["clones"].clone(), sent)
}

#[test]
fn what_only_an_older_snapshot_has_is_cloned_from_that() {
    require_machines!();
    let (clones, sent) = last(&Sides::new(Way::Pull, restored()));
    assert_eq!(clones, Value::from(vec!["snaps/1", "snaps/0"]));
    assert!(sent < 1 << 19, "{sent}");
}

#[test]
fn a_receiver_that_would_leave_zeros_gets_none() {
    require_machines!();
    let (clones, sent) = last(&Sides::new(Way::Push, restored()));
    assert_eq!(clones, Value::Array(Vec::new()));
    assert!(sent > 2 << 20, "{sent}");
}

#[test]
fn without_a_parent_there_are_none() {
    require_machines!();
    let pair = Pair::with_snapshots(&["1"]);
    btrfs::create_subvolume(&pair.src.path().join("other"));
    btrfs::snapshot_ro(&pair.src.path().join("other"), &pair.snaps().join("2"));
    let sides = Sides::new(Way::Pull, pair);
    let ended = sides.sync(&["-y", "--json"]).exits(0);
    assert_eq!(ended.plan(), ["snaps/1 full", "snaps/2 full"]);
    let transfers = ended.events_of("transfer");
    assert!(transfers.iter().all(|step| step["clones"] == Value::Array(Vec::new())));
    sides.is_complete();
}
