//! What the random histories promise: the same for the same seed, and something of everything.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panic")]

use std::collections::BTreeMap;
use std::path::Path;

use btrsync_testutil::{Compare, History, LoopFs, btrfs, require_btrfs, snapshot_of};

const ROUNDS: usize = 3;

/// Lives through a history, with a snapshot `NAME-ROUND` after each round; returns what was done.
fn live(history: &History, top: &Path, name: &str) -> Vec<String> {
    let origin = top.join(name);
    btrfs::create_subvolume(&origin);
    let (mut older, mut log) = (Vec::new(), Vec::new());
    for round in 0..history.rounds() {
        log.extend(history.play(round, &origin, &older));
        older.push(top.join(format!("{name}-{round}")));
        btrfs::snapshot_ro(&origin, &older[round]);
    }
    log
}

#[test]
fn the_seed_decides() {
    require_btrfs!();
    let fs = LoopFs::new();
    let compare = Compare::default().mtime(false).holes(true);
    for seed in 0..5 {
        let history = History::new(seed, ROUNDS, 60);
        let logs = ["a", "b"].map(|name| live(&history, fs.path(), &format!("{name}-{seed}")));
        assert_eq!(logs[0], logs[1]);
        for round in 0..ROUNDS {
            let [a, b] = ["a", "b"].map(|name| fs.path().join(format!("{name}-{seed}-{round}")));
            compare.assert_identical(&a, &b);
        }
    }
    let [a, b] = ["a-0-0", "a-1-0"].map(|name| snapshot_of(&fs.path().join(name)));
    assert!(!compare.trees(&a, &b).is_empty());
}

#[test]
fn every_operation_does_something_most_of_the_time() {
    require_btrfs!();
    let fs = LoopFs::builder().size_mib(1024).build();
    let mut counts: BTreeMap<String, [u32; 2]> = BTreeMap::new();
    for seed in 0..30 {
        let log = live(&History::new(seed, ROUNDS, 60), fs.path(), &seed.to_string());
        for line in log {
            let (name, what) = line.split_once(": ").unwrap();
            counts.entry(name.to_owned()).or_default()[usize::from(what.starts_with("nothing"))] +=
                1;
        }
    }
    assert_eq!(counts.len(), 38, "{counts:?}");
    for (name, [done, nothing]) in &counts {
        assert!(done > &5 && done > &(nothing / 2), "{name} does too little: {counts:#?}");
    }
}
