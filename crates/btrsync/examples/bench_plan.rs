//! Times the planning of forests of many shapes and sizes.
//!
//! `bench_plan [SIZE...]` prints the shape, the size and the best time in seconds, with tabs between them; `./dev bench
//! planner` shows it. The goal is 2 s for 100,000 snapshots of any shape; where the time grows faster than the
//! size, something walks too often.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a program for developers")]

use std::env;

#[path = "../tests/shapes/mod.rs"]
mod shapes;

const RUNS: usize = 3;

fn main() {
    let mut sizes: Vec<u64> = env::args().skip(1).map(|size| size.parse().unwrap()).collect();
    if sizes.is_empty() {
        sizes = vec![1_000, 10_000, 100_000];
    }
    for size in sizes {
        for shape in shapes::all(size) {
            let best = (0..RUNS).map(|_| shape.measure().1).min().unwrap();
            println!("{}\t{size}\t{}", shape.name, best.as_secs_f64());
        }
    }
}
