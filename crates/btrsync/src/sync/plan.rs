//! Decides what to transfer, in which order, from which parent, and why. Pure: values in, values out.
//!
//! The cost must stay linear: the nearest ancestor at the destination is found without walking a
//! chain again for each of its members.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use super::hooks::Hooks;
use super::identity::{Problem, usable_parent};
use super::reason::{Full, Reason};
use crate::btrfs::{Diff, Forest, Subvolume};

/// What to transfer, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Groups, one after another; the steps of one group do not depend on each other.
    pub groups: Vec<Vec<Step>>,
    /// What the check refused.
    pub refused: Vec<Step>,
}

impl Plan {
    /// Iterates over all steps, in order.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.groups.iter().flatten()
    }

    /// Returns whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.groups.iter().all(Vec::is_empty)
    }
}

/// One transfer: volumes that go in one send, with one parent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The volumes; more than one only in a batch.
    pub vols: Vec<Subvolume>,
    /// The parent of an incremental transfer.
    pub parent: Option<Subvolume>,
    /// Why this parent, or none.
    pub reason: Reason,
}

/// How to plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PlanOptions {
    /// Put volumes of a group with the same parent and directory into one transfer.
    pub batch: bool,
    /// Also transfer what the destination has.
    pub transfer_existing: bool,
}

/// Plans the transfers from the forest `src` to the forest `dst`.
///
/// `diff` tells the equals of `src` in `dst`. Takes time linear in the number of subvolumes, as long
/// as the hooks do.
pub fn plan(src: &Forest, dst: &Forest, diff: &Diff, hooks: &Hooks, options: PlanOptions) -> Plan {
    let mut planner = Planner { view: View::new(src, dst, diff), hooks, options };
    let mut plan = Plan::default();
    for group in hooks.call_volgroups(src) {
        let steps = planner.group(&group, &mut plan.refused);
        if !steps.is_empty() {
            plan.groups.push(steps);
        }
    }
    plan
}

struct Planner<'a> {
    view: View<'a>,
    hooks: &'a Hooks,
    options: PlanOptions,
}

impl<'a> Planner<'a> {
    /// Plans one group, and counts what it sends as present afterwards.
    fn group(&mut self, group: &[&'a Subvolume], refused: &mut Vec<Step>) -> Vec<Step> {
        let mut steps = Vec::new();
        for vol in group.iter().filter(|vol| self.is_wanted(vol)) {
            let step = self.step(vol);
            let accepted = self.hooks.call_check(vol, step.parent.as_ref());
            if accepted { &mut steps } else { &mut *refused }.push(step);
        }
        let sent: HashSet<u64> = steps.iter().map(|step| step.vols[0].id).collect();
        for vol in group {
            self.view.settle(vol, sent.contains(&vol.id));
        }
        if self.options.batch { batch(steps) } else { steps }
    }

    fn is_wanted(&self, vol: &Subvolume) -> bool {
        self.hooks.call_target(vol)
            && (self.options.transfer_existing || !self.view.is_present(vol))
    }

    fn step(&self, vol: &'a Subvolume) -> Step {
        let parent = self.hooks.call_parent(&self.view, vol);
        let reason = match parent {
            Some(parent) => Reason::Incremental { sent: self.view.is_sent(parent) },
            None if self.hooks.has_parent() => Reason::Full(Full::Chosen),
            None => Reason::Full(self.view.why_full(vol)),
        };
        Step { vols: vec![vol.clone()], parent: parent.cloned(), reason }
    }
}

/// Joins steps with the same parent and directory, at the place of the first of them.
fn batch(steps: Vec<Step>) -> Vec<Step> {
    let mut joined: Vec<Step> = Vec::new();
    let mut places: HashMap<(Option<u64>, Box<Path>), usize> = HashMap::new();
    for step in steps {
        let parent = step.parent.as_ref().map(|parent| parent.id);
        let place = places.entry((parent, step.vols[0].directory().into())).or_insert(joined.len());
        match joined.get_mut(*place) {
            Some(first) => first.vols.extend(step.vols),
            None => joined.push(step),
        }
    }
    joined
}

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
    fn new(src: &'a Forest, dst: &Forest, diff: &Diff) -> Self {
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

    /// Returns the forest of the source.
    pub fn source(&self) -> &'a Forest {
        self.src
    }

    /// Returns whether the destination has an equal of a volume, or will have before its turn.
    pub fn is_present(&self, vol: &Subvolume) -> bool {
        self.src.index(vol).is_some_and(|index| self.present[index])
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

    fn is_sent(&self, vol: &Subvolume) -> bool {
        let index = self.src.index(vol);
        index.is_some_and(|index| self.standing[index] == Standing::Usable { sent: true })
    }

    fn why_full(&self, vol: &Subvolume) -> Full {
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
    fn settle(&mut self, vol: &Subvolume, sent: bool) {
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
