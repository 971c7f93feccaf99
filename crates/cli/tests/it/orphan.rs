//! What outlives a killed run: the program that received for it, and the staging subvolume.
//!
//! The hazard is the dead hand: the receiver sees its input end, and takes that for the end of the
//! stream; or it is slow, and goes on while the next run is at work.

use std::fs;
use std::thread::sleep;
use std::time::Duration;

use btrsync_testutil::{require_btrfs, write_files};
use rustix::process::Signal;

use crate::interrupt::completes;
use crate::killed::clear;
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

fn staging(pair: &Pair) -> usize {
    let names = fs::read_dir(pair.backup()).unwrap().map(|entry| entry.unwrap().file_name());
    names.filter(|name| name.as_encoded_bytes().starts_with(b".btrsync-")).count()
}

/// Kills a run when it has received for some milliseconds, after stopping its receiver, and returns
/// that one; none where the run was done before it could be stopped.
fn try_orphan(pair: &Pair, ms: u64) -> Option<u32> {
    let (running, done) = (Running::start(pair.args(&[])), pair.backup().join("1"));
    let stopped = loop {
        let receiver = child_named(running.pid(), "btrfs").filter(|_| staging(pair) > 0);
        if receiver.is_some() || done.exists() {
            break receiver;
        }
    };
    sleep(Duration::from_millis(ms));
    stopped.inspect(|receiver| signal(*receiver, Signal::STOP));
    running.kill();
    stopped.filter(|_| !done.exists())
}

#[track_caller]
fn orphan(pair: &Pair, ms: u64) -> u32 {
    for _ in 0..20 {
        if let Some(receiver) = try_orphan(pair, ms) {
            return receiver;
        }
        clear(pair);
    }
    panic!("every run was done before it could be stopped")
}

#[test]
fn what_a_killed_run_leaves_never_passes_as_a_copy() {
    require_btrfs!();
    let pair = many_files();
    for ms in [0, 5, 20, 50] {
        let receiver = orphan(&pair, ms);
        signal(receiver, Signal::CONT);
        wait_for_end(receiver);
        let listed = subvolumes(pair.dst.path());
        let left: Vec<&str> = listed.lines().filter(|line| line.contains(".btrsync-")).collect();
        assert!(left.iter().all(|line| line.contains("received_uuid - ")), "{ms} ms: {left:?}");
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
    for (ms, later) in [(0, 5), (0, 20), (10, 30), (30, 60)] {
        let receiver = orphan(&pair, ms);
        let next = Running::start(pair.args(&[]));
        let done = || pair.backup().join("1").exists();
        while child_named(next.pid(), "btrfs").is_none() && !done() {}
        sleep(Duration::from_millis(later));
        signal(receiver, Signal::CONT);
        next.end().exits(0);
        wait_for_end(receiver);
        completes(&pair);
        clear(&pair);
    }
}
