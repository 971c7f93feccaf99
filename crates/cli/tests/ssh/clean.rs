//! `btrsync clean` of a directory on another machine.

use std::fs::{self, File};

use btrsync_testutil::{btrfs, require_machines};
use rustix::fs::{FlockOperation, flock};

use crate::sides::{Sides, Way};
use crate::support::{Pair, State, no_leftover};

#[test]
fn what_is_left_there_is_shown_and_removed_and_nothing_else() {
    require_machines!();
    cleans(&Sides::push(Pair::with_snapshots(&["1"])));
}

#[test]
fn what_is_left_there_a_btrsync_there_shows_and_removes_and_nothing_else() {
    require_machines!();
    cleans(&crate::agent::sides(Way::Push, Pair::with_snapshots(&["1"])));
}

#[track_caller]
fn cleans(sides: &Sides) {
    sides.sync(&["-y"]).exits(0);
    let below = sides.pair.backup().join("a b'\n\"$(c)");
    fs::create_dir(&below).unwrap();
    let before = State::of(sides.pair.dst.path());
    let form = |digit: &str, end: &str| format!(".btrsync-{}.{end}", digit.repeat(32));
    let staging = below.join(form("a", "partial"));
    btrfs::create_subvolume(&staging);
    let checkpoint = sides.pair.backup().join(form("b", "checkpoint"));
    btrfs::snapshot_ro(&staging, &checkpoint);
    fs::create_dir(sides.pair.backup().join(form("c", "partial"))).unwrap();
    let destination = sides.destination();
    let clean = |options: &[&str]| {
        let words = ["clean"].iter().chain(options).map(std::ffi::OsString::from);
        sides.run(words.chain([destination.clone()]))
    };
    let lock = File::open(&below).unwrap();
    flock(&lock, FlockOperation::LockExclusive).unwrap();
    for option in ["-n", "-y"] {
        clean(&[option]).exits(4).complains(&["another run is using far:"]);
    }
    drop(lock);
    let told = clean(&["-n", "--json"]).exits(0);
    let kinds: Vec<_> = told.events_of("leftover").iter().map(|e| e["kind"].clone()).collect();
    assert_eq!(kinds, ["checkpoint", "staging"]);
    assert!(staging.exists() && checkpoint.exists());
    clean(&["-y"]).exits(0).says(&["2 of 2 removed"]);
    assert!(!staging.exists() && !checkpoint.exists());
    clean(&["-y"]).exits(0).says(&["Nothing is left"]);
    fs::remove_dir(sides.pair.backup().join(form("c", "partial"))).unwrap();
    before.same_content(sides.pair.dst.path());
    no_leftover(sides.pair.dst.path());
    sides.is_quiet();
}
