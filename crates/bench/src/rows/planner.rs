//! Planning alone: no filesystem, no peer, forests of many shapes.

use std::process::Command;

use btrsync_testutil::command::output;

use super::{Found, Row};
use crate::contest::Failed;
use crate::curve::{Curve, Plot};
use crate::options::Options;

/// Seconds for 100,000 snapshots.
const GOAL: f64 = 2.0;
const MOST: f64 = 100_000.0;

pub(super) const ROW: Row = Row {
    name: "planner",
    about: "a plan for up to 100,000 snapshots, ten shapes of forests",
    minutes: 0.3,
    goals: &[],
    run,
};

fn run(options: &Options) -> Result<Found, Failed> {
    let sizes: &[&str] =
        if options.quick { &["100", "1000"] } else { &["1000", "10000", "100000"] };
    let failed = |fault| Failed { who: "the planner".to_owned(), faults: vec![fault] };
    let told = output(Command::new(&options.planner).args(sizes)).map_err(failed)?;
    let curves = curves(&String::from_utf8_lossy(&told));
    let notes = judged(&curves).into_iter().collect();
    let plot = Plot {
        name: "planner".to_owned(),
        title: "Planning".to_owned(),
        of: "snapshots".to_owned(),
        curves,
    };
    Ok(Found { plots: vec![plot], notes, ..Found::default() })
}

/// Reads lines of shape, size and seconds, with tabs between them.
fn curves(told: &str) -> Vec<Curve> {
    let mut curves: Vec<Curve> = Vec::new();
    for line in told.lines() {
        let words: Vec<&str> = line.split('\t').collect();
        let [shape, size, seconds] = words[..] else { continue };
        let point = (size.parse().unwrap(), seconds.parse().unwrap());
        match curves.iter_mut().find(|curve| curve.name == shape) {
            Some(curve) => curve.points.push(point),
            None => curves.push(Curve { name: shape.to_owned(), points: vec![point] }),
        }
    }
    curves
}

fn judged(curves: &[Curve]) -> Option<String> {
    let largest = curves.iter().flat_map(|curve| &curve.points).filter(|point| point.0 >= MOST);
    let slowest = largest.map(|point| point.1).reduce(f64::max)?;
    let word = if slowest <= GOAL { "reached" } else { "NOT reached" };
    Some(format!("goal, 100,000 snapshots of any shape in {GOAL} s: {slowest:.2} s, {word}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_shape_counts() {
        let read = curves("a\t10\t0.5\nb\t10\t0.1\na\t100000\t1.5\nb\t100000\t2.5\n");
        assert_eq!(read[0].points, [(10.0, 0.5), (100_000.0, 1.5)]);
        assert!(judged(&read).unwrap().ends_with("2.50 s, NOT reached"));
        assert_eq!(judged(&curves("a\t10\t3\n")), None);
    }
}
