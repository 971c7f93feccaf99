//! What is known of both sides while a plan is made.
//!
//! The nearest ancestor that can be a parent is asked for once for every volume. What was ruled out is
//! skipped by a pointer, so that no chain is walked again for each of its members.

use super::reason::Full;
use crate::btrfs::{Diff, Forest, Problem, Subvolume, usable_parent};

/// What the destination holds of a source volume, as far as parents are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Not decided yet.
    Pending,
    /// It can be a parent; `sent` if only after this run has sent it.
    Usable { sent: bool },
    /// It cannot be a parent, unless it is sent again.
    Unusable,
}

/// What is known of both sides at one moment of the planning.
#[derive(Debug)]
pub struct View<'a> {
    src: &'a Forest,
    present: Vec<bool>,
    standing: Vec<Standing>,
    /// The next ancestor worth looking at: of what cannot be a parent, the next that may be.
    up: Vec<Option<usize>>,
    problems: Vec<Option<Problem>>,
    /// The nearest ancestor that is present but has a problem.
    problem_above: Vec<Option<usize>>,
}

impl<'a> View<'a> {
    pub(super) fn new(src: &'a Forest, dst: &Forest, diff: &Diff) -> Self {
        let mut view = Self {
            src,
            present: Vec::with_capacity(src.len()),
            standing: vec![Standing::Pending; src.len()],
            up: (0..src.len()).map(|index| src.parent_index(index)).collect(),
            problems: Vec::with_capacity(src.len()),
            problem_above: Vec::with_capacity(src.len()),
        };
        for (index, vol) in src.iter().enumerate() {
            view.add(index, judge(vol, dst, diff));
        }
        view
    }

    /// Notes what the destination has of a volume; ancestors come first.
    fn add(&mut self, index: usize, judged: Option<Result<(), Problem>>) {
        self.present.push(judged.is_some());
        self.problems.push(judged.and_then(Result::err));
        let above = self.src.parent_index(index);
        self.problem_above.push(
            above.and_then(|above| {
                self.problems[above].map(|_| above).or(self.problem_above[above])
            }),
        );
        match judged {
            Some(Ok(())) => self.standing[index] = Standing::Usable { sent: false },
            Some(Err(_)) => self.standing[index] = Standing::Unusable,
            None => {}
        }
    }

    /// Returns what is wrong with the destination's equal of a volume, if it has one.
    pub(super) fn problem(&self, vol: &Subvolume) -> Option<Problem> {
        self.problems[self.src.index(vol)?]
    }

    /// Returns the forest of the source.
    pub fn source(&self) -> &'a Forest {
        self.src
    }

    /// Returns whether the destination has an equal of a volume, or will have before its turn.
    pub fn is_present(&self, vol: &Subvolume) -> bool {
        self.src.index(vol).is_some_and(|index| self.present[index])
    }

    /// Returns whether a volume can be the parent of others at this point of the run.
    pub fn is_usable(&self, vol: &Subvolume) -> bool {
        let index = self.src.index(vol);
        index.is_some_and(|index| matches!(self.standing[index], Standing::Usable { .. }))
    }

    /// Returns the nearest COW ancestor that can be the parent of a volume: one that the destination
    /// has, those sent earlier in this run included. It is the volume itself where the destination
    /// has that.
    pub fn parent(&self, vol: &Subvolume) -> Option<&'a Subvolume> {
        let mut at = self.src.index(vol);
        while let Some(index) = at {
            if matches!(self.standing[index], Standing::Usable { .. }) {
                return Some(self.src.vol(index));
            }
            at = self.up[index];
        }
        None
    }

    pub(super) fn is_sent(&self, vol: &Subvolume) -> bool {
        let index = self.src.index(vol);
        index.is_some_and(|index| self.standing[index] == Standing::Usable { sent: true })
    }

    pub(super) fn why_full(&self, vol: &Subvolume) -> Full {
        let Some(index) = self.src.index(vol) else { return Full::NoRelative };
        let problem = self.problem_above[index].and_then(|at| Some((at, self.problems[at]?)));
        match (self.src.parent_index(index), problem) {
            (None, _) => Full::NoRelative,
            (_, None) => Full::NoneAtDestination,
            (_, Some((at, problem))) => {
                Full::Unusable { vol: self.src.vol(at).path.clone(), problem }
            }
        }
    }

    /// Decides, after its turn, whether a volume can be a parent.
    pub(super) fn settle(&mut self, vol: &Subvolume, sent: bool) {
        let Some(index) = self.src.index(vol) else { return };
        if sent {
            self.present[index] = true;
            self.standing[index] = Standing::Usable { sent: true };
        } else if !matches!(self.standing[index], Standing::Usable { .. }) {
            // Also where that was known before: what is above was ruled out only now.
            self.rule_out(index);
        }
    }

    fn rule_out(&mut self, index: usize) {
        self.standing[index] = Standing::Unusable;
        if let Some(above) = self.up[index].filter(|at| self.standing[*at] == Standing::Unusable) {
            self.up[index] = self.up[above];
        }
    }
}

/// Tells whether the destination has equals of a volume, and whether one of them can be a parent.
fn judge(vol: &Subvolume, dst: &Forest, diff: &Diff) -> Option<Result<(), Problem>> {
    let mut judged = None;
    for there in diff.equals(vol).iter().filter_map(|id| dst.get(*id)) {
        judged = Some(usable_parent(vol, there));
        if judged == Some(Ok(())) {
            break;
        }
    }
    judged
}
