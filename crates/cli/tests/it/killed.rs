//! Sudden death, of the program and of the one that it runs, at any moment.

use std::fs;
use std::time::{Duration, Instant};

use btrsync_testutil::{Random, btrfs, mutate_zoo, require_btrfs};

use crate::interrupt::completes;
use crate::support::{Pair, Running, clear, no_leftover, published_are_complete, random_file, run};

const ROUNDS: u64 = 15;

/// A zoo in three snapshots, the first with something larger.
fn three() -> Pair {
    let pair = Pair::with_zoo(0);
    random_file(&pair.origin().join("larger"), 8);
    (0..3).for_each(|round| pair.next_round(round));
    mutate_zoo(&pair.origin(), 3);
    pair
}

/// How long an undisturbed run takes.
fn undisturbed(pair: &Pair) -> Duration {
    let begin = Instant::now();
    run(pair.args(&["-y", "--json"])).exits(0);
    clear(pair);
    begin.elapsed()
}

#[test]
fn killed_at_any_moment_a_rerun_completes() {
    require_btrfs!();
    let pair = three();
    let long = undisturbed(&pair);
    let mut random = Random::new(1);
    for round in 0..ROUNDS {
        // Spread over the whole run, and at a random place in each part.
        let part = long * u32::try_from(round).unwrap() / u32::try_from(ROUNDS).unwrap();
        let running = Running::start(pair.args(&[]));
        running.at(part + long.mul_f64(random.below(1000) as f64 / 1000.0 / ROUNDS as f64));
        running.kill();
        published_are_complete(&pair);
        completes(&pair);
        clear(&pair);
    }
}

#[test]
fn killed_in_parallel_a_rerun_completes() {
    require_btrfs!();
    let pair = Pair::with_large(32);
    let other = pair.src.path().join("other");
    crate::support::subvolume(&other);
    random_file(&other.join("large"), 31);
    btrfs::snapshot_ro(&other, &pair.snaps().join("other"));
    for bytes in [0, 8 << 20] {
        Running::start(pair.args(&["-P"])).in_transfer(bytes).kill();
        completes(&pair);
        clear(&pair);
    }
}

#[test]
fn what_a_dead_run_left_goes_also_when_there_is_nothing_to_send() {
    require_btrfs!();
    let pair = Pair::with_snapshots(&["1"]);
    run(pair.args(&["-y"])).exits(0);
    btrfs::create_subvolume(&pair.backup().join(format!(".btrsync-{}.partial", "0".repeat(32))));
    run(pair.args(&["-n"])).exits(0);
    assert_eq!(fs::read_dir(pair.backup()).unwrap().count(), 2);
    run(pair.args(&["-y"])).exits(0);
    no_leftover(pair.dst.path());
}
