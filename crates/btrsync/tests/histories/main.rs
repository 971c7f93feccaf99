//! Random histories through the kernel's send and our receive, compared in full with their snapshots.
//!
//! The hazard is the sequence that nobody has thought of: names that move in circles, extents shared
//! from where they are overwritten next. A failure names its seed, and the operations that it needs.
//! `docs/testing.md` tells how to run more of them, and how to repeat one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panic")]

mod bench;
mod fetched;
mod life;
mod possible;
mod report;
mod streams;

use std::env;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use btrsync_testutil::require_btrfs;

use bench::Bench;
use report::Failure;

const NORMAL: u64 = 500;
const FULL: u64 = 3000;
const THREADS: usize = 2;
/// Histories that share a pair of filesystems: making one costs as much as some histories, deleting
/// what they hold as much again.
const SHARE: u64 = 10;
/// Enough to see what failures have in common.
const MOST_FAILURES: usize = 10;

fn number(name: &str) -> Option<u64> {
    env::var(name).ok().map(|text| text.parse().expect("a number"))
}

#[test]
fn every_stream_of_every_history_is_received_identically() {
    require_btrfs!();
    let full = env::var_os("BTRSYNC_TEST_FULL").is_some();
    let first = number("BTRSYNC_TEST_SEED").unwrap_or(0);
    let count = number("BTRSYNC_TEST_HISTORIES").unwrap_or(if full { FULL } else { NORMAL });
    let Outcome { failures, streams, impossible } = run(first, first + count);
    eprintln!("{count} histories, {streams} streams, {impossible} that nobody could apply");
    if let Some(failure) = failures.first() {
        let all: Vec<String> = failures.iter().map(Failure::line).collect();
        panic!("{}\n\nthe first, shrunk:\n{}", all.join("\n"), failure.explained());
    }
    assert!(impossible <= 1 + streams / 500, "too many are excused");
}

#[derive(Debug, Default)]
struct Outcome {
    failures: Vec<Failure>,
    streams: u64,
    impossible: u64,
}

/// Runs the histories of some seeds on all threads; stops early after many failures.
fn run(first: u64, end: u64) -> Outcome {
    let (next, outcome) = (AtomicU64::new(first), Mutex::new(Outcome::default()));
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while outcome.lock().unwrap().failures.len() < MOST_FAILURES {
                    let from = next.fetch_add(SHARE, Ordering::Relaxed);
                    if from >= end {
                        break;
                    }
                    share(from..end.min(from + SHARE), &outcome);
                }
            });
        }
    });
    let mut outcome = outcome.into_inner().unwrap();
    outcome.failures.sort_by_key(|failure| failure.seed);
    outcome
}

/// Runs the histories of some seeds on one pair of filesystems.
fn share(seeds: Range<u64>, outcome: &Mutex<Outcome>) {
    let bench = Bench::new(seeds.start / SHARE);
    let failed: Vec<Failure> = seeds.filter_map(|seed| bench.run(seed)).collect();
    let mut outcome = outcome.lock().unwrap();
    outcome.failures.extend(failed);
    outcome.streams += bench.streams.get();
    outcome.impossible += bench.impossible.get();
}
