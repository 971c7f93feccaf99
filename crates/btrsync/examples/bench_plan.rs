//! Times the planning of forests of many shapes and sizes.
//!
//! `cargo run --release -p btrsync --example bench_plan [SIZE...]`. The goal is 2 s for 100,000
//! snapshots of any shape; where the time grows faster than the size, something walks too often.
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
    let head: String = sizes.iter().map(|size| format!("{size:>12}")).collect();
    println!("{:36}{head}  snapshots: milliseconds to plan", "");
    let columns: Vec<Vec<(&str, f64)>> = sizes.iter().map(|size| column(*size)).collect();
    for row in 0..columns[0].len() {
        let times = columns.iter().map(|column| format!("{:12.2}", column[row].1));
        println!("{:36}{}", columns[0][row].0, times.collect::<String>());
    }
}

/// The best time for each shape at one size.
fn column(size: u64) -> Vec<(&'static str, f64)> {
    let best = |shape: &shapes::Shape| {
        let times = (0..RUNS).map(|_| shape.measure().1);
        times.min().unwrap().as_secs_f64() * 1e3
    };
    shapes::all(size).iter().map(|shape| (shape.name, best(shape))).collect()
}
