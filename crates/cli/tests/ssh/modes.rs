//! Batches, many transfers at once, directories, progress.

use std::fs;

use btrsync_testutil::machine::Machine;
use btrsync_testutil::{btrfs, mutate_zoo, populate_zoo, require_machines};

use crate::sides::{BOTH, Sides, Way, at};
use crate::support::{Ended, Pair, arrived, no_leftover, random_file, snapshot, subvolume};

#[test]
fn a_batch_is_one_transfer() {
    require_machines!();
    for way in BOTH {
        let pair = Pair::new();
        for name in ["a", "b", "c"] {
            let origin = subvolume(&pair.src.path().join(name));
            populate_zoo(&origin);
            btrfs::snapshot_ro(&origin, &pair.snaps().join(name));
        }
        let sides = Sides::new(way, pair);
        let ended = sides.sync(&["-yB", "--json"]).exits(0);
        assert_eq!(ended.plan(), ["snaps/a+snaps/b+snaps/c full"]);
        sides.is_complete();
        // Two that grew out of one have it as their parent, both in one transfer.
        for name in ["a-left", "a-right"] {
            let work = sides.pair.src.path().join(name);
            btrfs::snapshot_rw(&sides.pair.snaps().join("a"), &work);
            mutate_zoo(&work, 1);
            btrfs::snapshot_ro(&work, &sides.pair.snaps().join(name));
        }
        let ended = sides.sync(&["-yB", "--json"]).exits(0);
        assert_eq!(ended.plan(), ["snaps/a-left+snaps/a-right incremental"]);
        sides.is_complete();
    }
}

/// Subvolumes without relations, each in a directory of its own.
fn scattered(count: usize) -> Pair {
    let pair = Pair::new();
    for number in 0..count {
        let dir = pair.snaps().join(format!("dir-{number}/below"));
        fs::create_dir_all(&dir).unwrap();
        snapshot(&pair.src.path().join(format!("origin-{number}")), &dir.join("snap"));
    }
    pair
}

#[track_caller]
fn all_arrived(pair: &Pair, count: usize) {
    for number in 0..count {
        let path = format!("dir-{number}/below/snap");
        arrived(&pair.snaps().join(&path), &pair.backup().join("snaps").join(&path));
    }
    no_leftover(pair.dst.path());
}

/// sshd allows ten sessions in a connection, and each directory has a lock.
#[test]
fn more_at_once_than_sshd_allows_sessions_into_many_directories() {
    require_machines!();
    for way in BOTH {
        let sides = Sides::new(way, scattered(24));
        let ended = sides.sync(&["-yr", "--json", "-P=12"]).exits(0);
        assert_eq!(ended.events_of("done").len(), 24);
        all_arrived(&sides.pair, 24);
        assert_eq!(sides.far().logins(), 1);
        sides.is_quiet();
    }
}

#[test]
fn many_at_once_within_one_other_machine() {
    require_machines!();
    let sides = Sides::push(scattered(16));
    // The far one has both filesystems here.
    let pair = &sides.pair;
    let again = btrsync_testutil::Network::new();
    let mut command = again.near.command(crate::sides::BTRSYNC);
    command.args(["-yr", "-P=12"]).arg(at("far", &pair.snaps())).arg(at("far", &pair.backup()));
    Ended::of(&mut command).exits(0);
    all_arrived(pair, 16);
    assert_eq!(again.far[0].logins(), 1);
}

#[test]
fn an_sshd_that_allows_few_sessions_is_enough_for_one_transfer_at_a_time() {
    require_machines!();
    for way in BOTH {
        let far = Machine::builder().sshd_line("MaxSessions 3");
        let sides = Sides::with(way, scattered(3), far);
        sides.sync(&["-yr"]).exits(0);
        all_arrived(&sides.pair, 3);
    }
}

#[test]
fn directories_are_created_over_there_where_that_is_wanted() {
    require_machines!();
    let sides = Sides::push(Pair::with_snapshots(&["1"]));
    let below = sides.pair.backup().join("not/yet there");
    let to = at("far", &below);
    let args = |option: &str| [option.into(), sides.source(), to.clone()];
    sides.run(args("-y")).exits(1).complains(&["does not exist", "far:"]);
    assert!(!sides.pair.backup().join("not").exists());
    sides.run(args("-yc")).exits(0);
    arrived(&sides.pair.snaps().join("1"), &below.join("1"));
    let other = at("far", &sides.pair.backup().join("other"));
    sides.run(["-yrf".into(), sides.source(), other]).exits(0);
    arrived(&sides.pair.snaps().join("1"), &sides.pair.backup().join("other/snaps/1"));
    sides.is_quiet();
}

#[test]
fn progress_is_told() {
    require_machines!();
    for way in BOTH {
        let pair = Pair::with_snapshots(&[]);
        random_file(&pair.origin().join("large"), 24);
        pair.take("1");
        let sides = Sides::new(way, pair);
        let ended = sides.sync(&["-y", "--json", "-t", "0.01"]).exits(0);
        let told: Vec<u64> = ended
            .events_of("progress")
            .iter()
            .map(|event| event["sent_bytes"].as_u64().unwrap())
            .collect();
        assert!(told.len() > 1 && told.is_sorted(), "{told:?}");
        let sent = ended.events_of("done")[0]["sent_bytes"].as_u64().unwrap();
        assert_eq!(sent, btrfs::send(&sides.pair.snaps().join("1"), None).len() as u64);
        sides.is_complete();
    }
}

#[test]
fn what_is_named_twice_needs_its_directories_also_over_there() {
    require_machines!();
    let sides = Sides::new(Way::Push, scattered(2));
    sides.sync(&["-y"]).exits(1).complains(&["would both be received as"]);
    snapshot(&sides.pair.origin(), &sides.pair.snaps().join("taken"));
    fs::create_dir(sides.pair.backup().join("taken")).unwrap();
    let source = sides.pair.snaps().join("taken");
    let args = ["-y".into(), source.into_os_string(), sides.destination()];
    sides.run(args).exits(1).complains(&["taken already exists"]);
    sides.is_quiet();
}
