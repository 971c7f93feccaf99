//! Two runs at one destination, from wherever they come.

use std::fs::{self, File};

use btrsync_testutil::{LoopFs, btrfs, require_machines};
use rustix::fs::{FlockOperation, flock};

use crate::sides::{BTRSYNC, Sides};
use crate::support::{Ended, Pair, State, snapshot};

#[test]
fn a_run_of_that_machine_keeps_ours_out() {
    require_machines!();
    let sides = Sides::push(Pair::with_snapshots(&["1"]));
    let before = State::of(sides.pair.dst.path());
    // As a run there locks it; in itself it is no more than this.
    let lock = File::open(sides.pair.backup()).unwrap();
    flock(&lock, FlockOperation::LockExclusive).unwrap();
    // Nobody can tell from here whether it lives, and so it is waited for, a little.
    let ended = sides.sync(&["-y", "--timeout=3"]).exits(4);
    let ended = ended.complains(&["another run is using far:", "backup"]);
    ended.complains(&["what next: wait for the other run"]);
    before.unchanged(sides.pair.dst.path());
    drop(lock);
    sides.completes();
}

#[test]
fn our_run_keeps_those_of_that_machine_out_and_others_of_ours() {
    require_machines!();
    let sides = Sides::push(Pair::with_large(96));
    let first = sides.start(&["--bwlimit=9m"]).in_transfer(1 << 20);
    sides.sync(&["-y"]).exits(4).complains(&["another run is using far:"]);
    // A run on the far machine.
    let other = LoopFs::new();
    let one = snapshot(&other.path().join("origin"), &other.path().join("one"));
    let mut local = sides.far().command(BTRSYNC);
    let local = local.arg("-y").arg(one).arg(sides.pair.backup());
    Ended::of(local).exits(4).complains(&["another run is using"]);
    first.end().exits(0);
    sides.is_complete();
    sides.sync(&["-y"]).exits(0);
}

#[test]
fn leftovers_of_dead_runs_are_removed_and_nothing_else() {
    require_machines!();
    let sides = Sides::push(Pair::with_snapshots(&["1"]));
    let staging =
        |hex: &str| sides.pair.backup().join(format!(".btrsync-{}.partial", hex.repeat(32)));
    btrfs::create_subvolume(&staging("a"));
    btrfs::create_subvolume(&staging("b"));
    btrfs::set_ro(&staging("b"), true);
    btrfs::create_subvolume(&sides.pair.backup().join(".btrsync-kept.partial"));
    fs::create_dir(staging("c")).unwrap();
    sides.sync(&["-n"]).exits(0);
    assert_eq!(fs::read_dir(sides.pair.backup()).unwrap().count(), 4);
    let names = || {
        let entries = fs::read_dir(sides.pair.backup()).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    sides.sync(&["-y"]);
    let kept = names();
    assert!(kept.contains(&".btrsync-kept.partial".to_owned()), "{kept:?}");
    assert!(!staging("a").exists() && !staging("b").exists() && staging("c").exists(), "{kept:?}");
    fs::remove_dir(staging("c")).unwrap();
    sides.sync(&["-y"]).exits(0);
    assert_eq!(names(), [".btrsync-kept.partial", "1"]);
    // Also where there is nothing to send.
    btrfs::create_subvolume(&staging("d"));
    sides.sync(&["-y"]).exits(0).says(&["Nothing to do"]);
    assert_eq!(names(), [".btrsync-kept.partial", "1"]);
}
