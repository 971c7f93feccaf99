//! What outlives a killed run: the program that received for it, and the staging subvolume.
//!
//! The hazard is the dead hand: the receiver sees its input end, and takes that for the end of the
//! stream; or it is slow, and goes on while the next run is at work.

use std::fs;

use btrsync_testutil::{btrfs, require_btrfs, write_files};
use rustix::process::Signal;

use crate::interrupt::completes;
use crate::support::{
    Pair, Running, arrived, child_named, run, signal, subvolume, subvolumes, wait_for_end,
};

/// Something with many commands in each pipe.
fn many_files() -> Pair {
    let pair = Pair::new();
    write_files(&subvolume(&pair.origin()), 2000, 100);
    pair.take("1");
    pair
}

/// Kills a run in the middle of a transfer, after stopping its receiver, and returns that.
#[track_caller]
fn orphan(pair: &Pair, bytes: u64) -> u32 {
    let running = Running::start(pair.args(&[])).in_transfer(bytes);
    let receiver = child_named(running.pid(), "btrfs").expect("it receives");
    while !subvolumes(pair.dst.path()).contains(".btrsync-") {}
    signal(receiver, Signal::STOP);
    running.kill();
    receiver
}

#[test]
fn what_a_killed_run_leaves_never_passes_as_a_copy() {
    require_btrfs!();
    let pair = many_files();
    for part in 0..4 {
        let receiver = orphan(&pair, part * 100_000);
        signal(receiver, Signal::CONT);
        wait_for_end(receiver);
        let listed = subvolumes(pair.dst.path());
        let left: Vec<&str> = listed.lines().filter(|line| line.contains(".btrsync-")).collect();
        assert!(left.iter().all(|line| line.contains("received_uuid - ")), "{part}: {left:?}");
    }
    // The next run goes elsewhere, so the leftover stays; an incremental one must not build on it.
    let elsewhere = pair.dst.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    pair.take("2");
    run(["-y".as_ref(), pair.snaps().as_os_str(), elsewhere.as_os_str()]).exits(0);
    for name in ["1", "2"] {
        arrived(&pair.snaps().join(name), &elsewhere.join(name));
    }
}

#[test]
fn a_receiver_that_outlives_its_run_cannot_reach_the_next_one() {
    require_btrfs!();
    let pair = many_files();
    for (bytes, at) in [(100_000, 0), (100_000, 200_000), (300_000, 400_000)] {
        let receiver = orphan(&pair, bytes);
        let next = Running::start(pair.args(&[])).in_transfer(at);
        signal(receiver, Signal::CONT);
        next.end().exits(0);
        wait_for_end(receiver);
        completes(&pair);
        btrfs::delete(&pair.backup().join("1"));
    }
}
