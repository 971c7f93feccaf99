//! Times the listing of a filesystem with many snapshots beside `btrfs subvolume list`.
//!
//! Run as root: `cargo run --release -p btrsync-kernel --example bench_list [COUNT]`. The goal is
//! 20 ms of processor time for 10,000 snapshots, the default.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a program for developers")]

use std::env;
use std::fs;
use std::time::{Duration, Instant};

use btrsync_testutil::command::{output, program};
use btrsync_testutil::{LoopFs, require_btrfs};
use many::Cost;

#[path = "../tests/many/mod.rs"]
mod many;

const RUNS: u32 = 9;

fn main() {
    require_btrfs!();
    let count = env::args().nth(1).map_or(10_000, |count| count.parse().unwrap());
    let began = Instant::now();
    let fs = many::snapshots(count);
    println!("{count} snapshots made in {:.1} s\n", began.elapsed().as_secs_f64());
    let (ours, theirs) = (many::measure(&fs, count), measure_btrfs(&fs));
    println!("{:24}{:>14}{:>14}", "", "process, ms", "wall, ms");
    row("list", ours.process, ours.wall);
    row("btrfs subvolume list", theirs.process, theirs.wall);
    let ratio = |ours: Duration, theirs: Duration| ours.as_secs_f64() / theirs.as_secs_f64();
    let (process, wall) = (ratio(ours.process, theirs.process), ratio(ours.wall, theirs.wall));
    println!("{:24}{process:14.2}{wall:14.2}", "ratio");
}

fn row(name: &str, process: Duration, wall: Duration) {
    let [process, wall] = [process, wall].map(|time| time.as_secs_f64() * 1e3);
    println!("{name:24}{process:14.2}{wall:14.2}");
}

/// The kernel counts the time of child processes in ticks, so the mean of all runs stands for one.
fn measure_btrfs(fs: &LoopFs) -> Cost {
    let before = children_time();
    let walls = (0..RUNS).map(|_| {
        let began = Instant::now();
        output(program("btrfs").args(["subvolume", "list", "-pcguqR"]).arg(fs.path())).unwrap();
        began.elapsed()
    });
    let wall = many::median(walls.collect());
    Cost { process: (children_time() - before) / RUNS, wall }
}

/// The user and system time of all children that have ended.
fn children_time() -> Duration {
    const TICK: Duration = Duration::from_millis(10);
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    // The program's name, the second word, may hold anything but a later closing parenthesis.
    let (_, rest) = stat.rsplit_once(')').unwrap();
    let words: Vec<&str> = rest.split_whitespace().collect();
    words[13..15].iter().map(|ticks| TICK * ticks.parse::<u32>().unwrap()).sum()
}
