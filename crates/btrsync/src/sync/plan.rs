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
    /// How many bytes the paths and names of the volumes of one step may have together, counting 512 more for
    /// each.
    pub longest_batch: Option<usize>,
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
        if self.options.batch { batch(steps, self.options.longest_batch) } else { steps }
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

/// What it takes to tell of a volume, beside its path and its name, in bytes.
const TO_TELL: usize = 512;

/// Joins steps with the same parent and directory, at the place of the first of them, as long as no more
/// than `longest` bytes are needed to tell of the volumes of one.
fn batch(steps: Vec<Step>, longest: Option<usize>) -> Vec<Step> {
    let (mut joined, mut lengths): (Vec<Step>, Vec<usize>) = Default::default();
    let mut places: HashMap<(Option<u64>, Box<Path>), usize> = HashMap::new();
    for step in steps {
        let parent = step.parent.as_ref().map(|parent| parent.id);
        let place = places.entry((parent, step.vols[0].directory().into())).or_insert(joined.len());
        let length = TO_TELL + step.vols[0].path.as_os_str().len() + step.vols[0].name.len();
        match lengths.get_mut(*place) {
            Some(so_far) if longest.is_none_or(|longest| *so_far + length <= longest) => {
                *so_far += length;
            }
            _ => {
                *place = joined.len();
                lengths.push(length);
            }
        }
        match joined.get_mut(*place) {
            // Clone sources of the first are as good as those of the others.
            Some(first) => first.vols.extend(step.vols),
            None => joined.push(step),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(id: u64, parent: u64) -> Step {
        let vol = |id: u64| Subvolume {
            id,
            path: format!("dir/{id:03}").into(),
            name: format!("{id:03}").into(),
            ..Subvolume::default()
        };
        let reason = Reason::Incremental { sent: false };
        Step { vols: vec![vol(id)], parent: Some(vol(parent)), clones: Vec::new(), reason }
    }

    #[test]
    fn a_batch_ends_where_it_could_not_be_told_any_more() {
        let steps = || (10..20).map(|id| step(id, id % 2)).collect();
        let told = |longest| {
            let joined = batch(steps(), longest).into_iter();
            joined.map(|step| step.vols.iter().map(|vol| vol.id).collect()).collect::<Vec<Vec<_>>>()
        };
        assert_eq!(told(None), [vec![10, 12, 14, 16, 18], vec![11, 13, 15, 17, 19]]);
        let each = TO_TELL + 7 + 3;
        let pairs = [[10, 12], [11, 13], [14, 16], [15, 17]].map(Vec::from);
        assert_eq!(told(Some(3 * each - 1)), [&pairs[..], &[vec![18], vec![19]]].concat());
        // One goes in any case.
        assert_eq!(told(Some(1)).len(), 10);
    }
}
