//! Decides what to transfer, in which order, from which parent, and why. Pure: values in, values out.
//!
//! The cost must stay linear in the number of subvolumes, whatever the shape of their relations.

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};
use std::path::Path;

use super::clones::{CloneSources, Common};
use super::hooks::Hooks;

use super::reason::{Full, Reason};
use super::relatives::Relatives;
use super::suspects::suspects;
use super::view::View;
use crate::btrfs::{Diff, Forest, Problem, Subvolume};

/// What to transfer, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Groups, one after another; the steps of one group do not depend on each other.
    pub groups: Vec<Vec<Step>>,
    /// What the check refused.
    pub refused: Vec<Step>,
    /// What is wanted and not sent, because the destination has an equal of it that may hold other
    /// data.
    pub doubtful: Vec<(Subvolume, Problem)>,
    /// What the destination has that claims to be a copy of a source volume and is left out, for it can
    /// hold anything.
    pub suspects: Vec<(Subvolume, Problem)>,
}

impl Plan {
    /// Iterates over all steps, in order.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.groups.iter().flatten()
    }

    /// Leaves out what a later plan no longer has: somebody else has done it meanwhile.
    pub fn without_done(mut self, later: &Self) -> Self {
        let wanted: HashSet<u64> =
            later.steps().flat_map(|step| &step.vols).map(|vol| vol.id).collect();
        for group in &mut self.groups {
            group.retain(|step| step.vols.iter().any(|vol| wanted.contains(&vol.id)));
        }
        self
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
    /// What else the stream may clone from: other volumes that both sides hold unchanged.
    pub clones: Vec<Subvolume>,
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
    /// Whether streams may clone from other volumes that both sides hold.
    pub clones: CloneSources,
    /// Whether the steps of a group may run at once, so that none can clone from another.
    pub parallel: bool,
}

/// Plans the transfers from the forest `src` to the forest `dst`.
///
/// `diff` tells the equals of `src` in `dst`. Takes time linear in the number of subvolumes, as long
/// as the hooks do.
pub fn plan(src: &Forest, dst: &Forest, diff: &Diff, hooks: &Hooks, options: PlanOptions) -> Plan {
    let (view, relatives) = (View::new(src, dst, diff), OnceCell::new());
    let common = Common::new(src, &view, options.clones);
    let mut planner = Planner { src, dst, view, relatives, common, hooks, options };
    let (doubtful, suspects) = (planner.doubtful(src), suspects(src, dst));
    let mut plan = Plan { doubtful, suspects, ..Plan::default() };
    for group in hooks.call_volgroups(src) {
        let steps = planner.group(&group, &mut plan.refused);
        if !steps.is_empty() {
            plan.groups.push(steps);
        }
    }
    plan
}

struct Planner<'a> {
    src: &'a Forest,
    dst: &'a Forest,
    /// Found when the first is asked for.
    relatives: OnceCell<Relatives<'a>>,
    common: Common,
    view: View<'a>,
    hooks: &'a Hooks,
    options: PlanOptions,
}

impl<'a> Planner<'a> {
    /// Finds what would be taken for present although it may not be the same.
    fn doubtful(&self, src: &Forest) -> Vec<(Subvolume, Problem)> {
        let wanted = src.iter().filter(|vol| vol.read_only && self.hooks.call_target(vol));
        let problem = |vol: &Subvolume| Some((vol.clone(), self.view.problem(vol)?));
        match self.options.transfer_existing {
            true => Vec::new(),
            false => wanted.filter_map(problem).collect(),
        }
    }

    /// Plans one group, and counts what it sends as present afterwards.
    fn group(&mut self, group: &[&'a Subvolume], refused: &mut Vec<Step>) -> Vec<Step> {
        let mut steps = Vec::new();
        for vol in group {
            if !self.is_wanted(vol) {
                continue;
            }
            let step = self.step(vol);
            let accepted = self.hooks.call_check(vol, step.parent.as_ref());
            if accepted && !self.options.parallel && !self.options.batch {
                self.common.add(self.src, vol);
            }
            if accepted { &mut steps } else { &mut *refused }.push(step);
        }
        let sent: HashSet<u64> = steps.iter().map(|step| step.vols[0].id).collect();
        for vol in group {
            self.view.settle(vol, sent.contains(&vol.id));
        }
        for step in &steps {
            self.common.add(self.src, &step.vols[0]);
        }
        if self.options.batch { batch(steps) } else { steps }
    }

    fn is_wanted(&self, vol: &Subvolume) -> bool {
        vol.read_only
            && self.hooks.call_target(vol)
            && (self.options.transfer_existing || !self.view.is_present(vol))
    }

    fn step(&self, vol: &'a Subvolume) -> Step {
        let parent = self.hooks.call_parent(&self.view, vol);
        let reason = match parent {
            Some(parent) => Reason::Incremental { sent: self.view.is_sent(parent) },
            None if self.hooks.has_parent() => Reason::Full(Full::Chosen),
            None => Reason::Full(self.why_full(vol)),
        };
        let clones = self.common.choose(self.src, vol, parent);
        Step { vols: vec![vol.clone()], parent: parent.cloned(), clones, reason }
    }

    fn why_full(&self, vol: &'a Subvolume) -> Full {
        let known = self.view.why_full(vol);
        if matches!(known, Full::Unusable { .. }) {
            return known;
        }
        let relatives = self.relatives.get_or_init(|| Relatives::new(self.src, self.dst));
        let held = relatives.of(vol);
        held.map_or(known, |(relative, problem)| Full::Unusable {
            vol: relative.path.clone(),
            problem,
        })
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
            // Clone sources of the first are as good as those of the others.
            Some(first) => first.vols.extend(step.vols),
            None => joined.push(step),
        }
    }
    joined
}
