//! The benchmarks, one a row of the table.
//!
//! The hazard is a goal that is measured against the weakest peer: each names the one it is against.

mod chain;
mod compressed;
mod few;
mod full;
mod many;
mod peers;
mod planner;
mod scale;
mod ssh;

use crate::contest::{Contestant, Failed, Runs, Scene, hold};
use crate::cost::{Cost, Kind};
use crate::curve::Plot;
use crate::options::Options;

/// What btrsync is called among the contestants.
pub const OURS: &str = "btrsync";

/// The most memory of a process of ours: 64 MiB and the buffer, which has 16 MiB.
pub const PEAK_GOAL: u64 = (64 + 16) << 20;

/// One benchmark.
#[derive(Debug)]
pub struct Row {
    /// What it is called on the command line.
    pub name: &'static str,
    /// What is done.
    pub about: &'static str,
    /// About how long five rounds take on two quiet processors, in minutes.
    pub minutes: f64,
    /// What is to be reached.
    pub goals: &'static [Goal],
    /// Does it.
    pub run: fn(&Options) -> Result<Found, Failed>,
}

/// A part of what a peer takes.
#[derive(Clone, Copy, Debug)]
pub struct Goal {
    /// The peer.
    pub against: &'static str,
    /// Of what.
    pub kind: Kind,
    /// The largest ratio that is good enough.
    pub at_most: f64,
}

/// What a benchmark has found.
#[derive(Debug, Default)]
pub struct Found {
    /// The runs of all contestants, ours first.
    pub runs: Vec<Runs>,
    /// Costs against sizes.
    pub plots: Vec<Plot>,
    /// What is to be known beside the figures.
    pub notes: Vec<String>,
}

/// All benchmarks, in the order in which they run.
pub const ALL: &[&Row] = &[
    &full::SMALL_COLD,
    &full::SMALL_WARM,
    &full::LARGE,
    &compressed::ROW,
    &chain::ROW,
    &few::ROW,
    &many::LISTING,
    &many::NOTHING,
    &ssh::BULK,
    &ssh::LINK,
    &ssh::NOTHING,
    &planner::ROW,
    &scale::ROW,
];

/// Goals against one peer, for wall and processor time.
const fn goals(against: &'static str, wall: f64, cpu: f64) -> [Goal; 2] {
    [
        Goal { against, kind: Kind::Wall, at_most: wall },
        Goal { against, kind: Kind::Cpu, at_most: cpu },
    ]
}

/// Holds a contest; contestants that cannot take part are told in the notes.
fn contest<S: Scene>(
    options: &Options,
    scene: &mut S,
    contestants: Vec<Result<Contestant<S>, String>>,
) -> Result<Found, Failed> {
    let (mut present, mut notes) = (Vec::new(), Vec::new());
    for contestant in contestants {
        match contestant {
            Ok(contestant) => present.push(contestant),
            Err(missing) => notes.push(missing),
        }
    }
    notes.iter().for_each(|note| eprintln!("  {note}"));
    let runs = hold(scene, &present, (&options.meter(), options.rounds()), tell)?;
    Ok(Found { runs, notes, ..Found::default() })
}

fn tell(round: usize, who: &str, cost: &Cost) {
    let Cost { wall, cpu, busy, .. } = cost;
    let round = round + 1;
    eprintln!("  round {round}: {who:28} wall {wall:8.3}  CPU {cpu:8.3}  busy {busy:8.3}");
}
