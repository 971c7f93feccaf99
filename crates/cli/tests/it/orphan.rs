//! What outlives a killed run: the staging subvolume.
//!
//! The hazard is that it passes as a copy: the next run must not build on it, wherever that goes.

use std::fs;
use std::thread::sleep;
use std::time::Duration;

use btrsync_testutil::{require_btrfs, write_files};

use crate::support::{Pair, Running, arrived, clear, run, subvolume, subvolumes};

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

/// Kills a run when it has received for some milliseconds; tells whether that left something.
fn try_orphan(pair: &Pair, ms: u64) -> bool {
    let (running, done) = (Running::start(pair.args(&[])), pair.backup().join("1"));
    while staging(pair) == 0 && !done.exists() {}
    sleep(Duration::from_millis(ms));
    running.kill();
    !done.exists()
}

#[track_caller]
fn orphan(pair: &Pair, ms: u64) {
    for _ in 0..20 {
        if try_orphan(pair, ms) {
            return;
        }
        clear(pair);
    }
    panic!("every run was done before it could be killed")
}

#[test]
fn what_a_killed_run_leaves_never_passes_as_a_copy() {
    require_btrfs!();
    let pair = many_files();
    for ms in [0, 5, 20, 50] {
        orphan(&pair, ms);
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
