//! What was found, as people and programs read it.
//!
//! The hazard is a table that shows only what was reached. Every ratio is shown, with its spread, beside what
//! was to be reached, and what was not is called so.

mod docs;
mod json;
mod plot;
mod table;

use serde::{Deserialize, Serialize};

use crate::contest::Runs;
use crate::cost::Kind;
use crate::curve::Plot;
use crate::host::Host;
use crate::rows::{Found, Goal, OURS, PEAK_GOAL, Row};
use crate::stats::Spread;

pub use docs::update;
pub use json::{read, write};
pub use plot::svg;
pub use table::{details, summary};

/// All that is known after one benchmark.
#[derive(Debug, Serialize, Deserialize)]
pub struct Report {
    /// The benchmark's name.
    pub name: String,
    /// What was done.
    pub about: String,
    /// With little data, which says nothing of speed.
    pub quick: bool,
    /// Where.
    pub host: Host,
    /// The runs of all contestants, ours first.
    pub runs: Vec<Runs>,
    /// Ours, in each way that it was run, against each peer.
    pub ratios: Vec<Ratio>,
    /// The largest process of ours, and whether it was small enough.
    pub peak: Option<Peak>,
    /// Costs against sizes.
    pub plots: Vec<Plot>,
    /// What is to be known beside the figures.
    pub notes: Vec<String>,
}

/// What we take as a part of what a peer takes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ratio {
    /// Ours, or another way of doing the same with it.
    pub who: String,
    /// The peer.
    pub against: String,
    /// Of what.
    pub kind: Kind,
    /// Over the rounds.
    pub spread: Spread,
    /// The largest median that is good enough, if there is such a goal.
    pub goal: Option<f64>,
    /// Whether that was reached.
    pub reached: Option<bool>,
}

/// The memory of our largest process.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Peak {
    /// In bytes.
    pub bytes: u64,
    /// The most that is good enough.
    pub goal: u64,
}

impl Report {
    /// Compares ours with all others.
    #[must_use]
    pub fn new(row: &Row, quick: bool, host: Host, found: Found) -> Self {
        let Found { runs, plots, notes } = found;
        // With little data there is nothing to reach.
        let goals = if quick { &[] } else { row.goals };
        let (ratios, peak) = (ratios(&runs, goals), runs.first().map(peak));
        let (name, about) = (row.name.to_owned(), row.about.to_owned());
        Self { name, about, quick, host, runs, ratios, peak, plots, notes }
    }
}

fn peak(ours: &Runs) -> Peak {
    let bytes = ours.costs.iter().map(|cost| cost.peak).max().unwrap_or_default();
    Peak { bytes, goal: PEAK_GOAL }
}

/// What begins with our name is ours; all others are peers.
fn ratios(runs: &[Runs], goals: &[Goal]) -> Vec<Ratio> {
    let (ours, peers): (Vec<&Runs>, Vec<&Runs>) =
        runs.iter().partition(|runs| runs.name.starts_with(OURS));
    let pairs = ours.iter().flat_map(|ours| peers.iter().map(move |peer| (ours, peer)));
    let kinds = pairs.flat_map(|(ours, peer)| Kind::ALL.map(|kind| ratio(ours, peer, kind, goals)));
    kinds.flatten().collect()
}

fn ratio(ours: &Runs, peer: &Runs, kind: Kind, goals: &[Goal]) -> Option<Ratio> {
    let figures = |runs: &Runs| runs.costs.iter().map(|cost| cost.of(kind)).collect::<Vec<_>>();
    let spread = Spread::of_ratios(&figures(ours), &figures(peer))?;
    let fits = |goal: &&Goal| ours.name == OURS && goal.against == peer.name && goal.kind == kind;
    let goal = goals.iter().find(fits).map(|goal| goal.at_most);
    let reached = goal.map(|goal| spread.median <= goal);
    let (who, against) = (ours.name.clone(), peer.name.clone());
    Some(Ratio { who, against, kind, spread, goal, reached })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::cost::Cost;

    pub(crate) fn runs(name: &str, walls: &[f64]) -> Runs {
        let cost =
            |wall: &f64| Cost { wall: *wall, cpu: wall * 2.0, busy: wall * 3.0, peak: 1 << 20 };
        Runs { name: name.to_owned(), costs: walls.iter().map(cost).collect() }
    }

    #[test]
    fn a_goal_is_reached_by_the_median_against_its_peer_alone() {
        let goals = [
            Goal { against: "b", kind: Kind::Wall, at_most: 0.5 },
            Goal { against: "b", kind: Kind::Cpu, at_most: 0.49 },
        ];
        let all = [
            runs(OURS, &[1.0, 1.0, 9.0]),
            runs("btrsync, otherwise", &[1.0, 1.0, 1.0]),
            runs("a", &[1.0, 1.0, 1.0]),
            runs("b", &[2.0, 2.0, 9.0]),
        ];
        let all = ratios(&all, &goals);
        let reached: Vec<_> = all.iter().map(|ratio| ratio.reached).collect();
        assert_eq!(
            reached,
            [&[None, None, None, Some(true), Some(false), None], &[None; 6][..]].concat()
        );
        assert_eq!(all[3].spread, Spread { median: 0.5, min: 0.5, max: 1.0 });
    }
}
