//! Runs contestants in turn, and lets a time count only when the result is right.
//!
//! The hazards are a machine that gets slower while it measures, a cache that the one before has filled,
//! and a fast run that did not do the work. So every round runs all, in an order that the next one
//! reverses; each run begins with a stage of its own; and what it has made is compared.

use std::fmt;
use std::process::Command;

use btrsync_testutil::Compare;
use serde::{Deserialize, Serialize};

use crate::cost::Cost;
use crate::measure::{Measured, Meter};

/// What is to be done, and how to tell that it was.
pub trait Scene {
    /// What one run has for itself: new filesystems, and caches in the intended state.
    type Stage;

    /// Makes what one run needs.
    fn stage(&mut self) -> Self::Stage;

    /// Returns what is wrong after a run; `output` is what the command has written.
    fn faults(&self, stage: &Self::Stage, output: &[u8], compare: &Compare) -> Vec<String>;

    /// Waits until the kernel has done what a run has left to it.
    fn settle(&self, _stage: &Self::Stage) {}

    /// How often a command is run on one stage, because once is too short to measure.
    fn times(&self) -> u32 {
        1
    }

    /// Processor time of the run's processes that have other parents than the command, until now.
    fn elsewhere(&self) -> f64 {
        0.0
    }

    /// The memory of the largest of those processes in the run that has just ended, where that is known.
    fn peak_elsewhere(&self) -> u64 {
        0
    }
}

type Commands<S> = Box<dyn Fn(&S, &<S as Scene>::Stage) -> Command>;

/// A program, and how it is told to do the work of a scene.
pub struct Contestant<S: Scene> {
    /// What it is called in tables and goals.
    pub name: String,
    command: Commands<S>,
    compare: Compare,
}

impl<S: Scene> Contestant<S> {
    /// A program whose result has to be the same in everything.
    pub fn new(
        name: impl Into<String>,
        command: impl Fn(&S, &S::Stage) -> Command + 'static,
    ) -> Self {
        Self { name: name.into(), command: Box::new(command), compare: Compare::default() }
    }

    /// Lets it get the modification time of a subvolume's root wrong, as `btrfs receive` does.
    #[must_use]
    pub fn without_root_mtime(mut self) -> Self {
        self.compare = self.compare.root_mtime(false);
        self
    }

    fn run(&self, scene: &mut S, meter: &Meter) -> Result<Cost, Failed> {
        let failed = |faults| Failed { who: self.name.clone(), faults };
        let stage = scene.stage();
        let command = (self.command)(scene, &stage);
        let before = scene.elsewhere();
        let measured = meter.run(&command, scene.times(), || scene.settle(&stage));
        let Measured { mut cost, output } = measured.map_err(|error| failed(vec![error]))?;
        cost.peak = cost.peak.max(scene.peak_elsewhere());
        cost.cpu += (scene.elsewhere() - before) / f64::from(scene.times());
        let faults = scene.faults(&stage, &output, &self.compare);
        if faults.is_empty() { Ok(cost) } else { Err(failed(faults)) }
    }
}

impl<S: Scene> fmt::Debug for Contestant<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name)
    }
}

/// A run that failed, or made something else than it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// The contestant.
    pub who: String,
    /// What it said, or how its result differs.
    pub faults: Vec<String>,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} did not do the work:\n  {}", self.who, self.faults.join("\n  "))
    }
}

impl std::error::Error for Failed {}

/// The runs of one contestant, one a round.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Runs {
    /// The contestant.
    pub name: String,
    /// What each round took.
    pub costs: Vec<Cost>,
}

/// Runs all contestants so many rounds; `told` hears of each run.
///
/// # Errors
/// The first run that failed or whose result is wrong ends all: no time of such a contest counts.
pub fn hold<S: Scene>(
    scene: &mut S,
    contestants: &[Contestant<S>],
    (meter, rounds): (&Meter, usize),
    mut told: impl FnMut(usize, &str, &Cost),
) -> Result<Vec<Runs>, Failed> {
    let runs = |contestant: &Contestant<S>| Runs { name: contestant.name.clone(), costs: vec![] };
    let mut all: Vec<Runs> = contestants.iter().map(runs).collect();
    for round in 0..rounds {
        for at in order(round, contestants.len()) {
            let cost = contestants[at].run(scene, meter)?;
            told(round, &contestants[at].name, &cost);
            all[at].costs.push(cost);
        }
    }
    Ok(all)
}

/// Who runs first, and so on, in a round: every other one is the reverse.
fn order(round: usize, contestants: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..contestants).collect();
    if round % 2 == 1 {
        order.reverse();
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_other_round_is_in_reverse() {
        let orders: Vec<_> = (0..3).map(|round| order(round, 3)).collect();
        assert_eq!(orders, [[0, 1, 2], [2, 1, 0], [0, 1, 2]]);
    }
}
