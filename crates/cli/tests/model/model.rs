//! What should be where, as sets of numbers: snapshot 0 is the first that was taken.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::select;
use proptest_state_machine::ReferenceStateMachine;

/// The origin is on the first; each is sent to the next, and the last back to the first.
pub(crate) const SIDES: usize = 3;

const MOST_SNAPSHOTS: u32 = 7;

pub(crate) type Numbers = BTreeSet<u32>;

/// What one filesystem has.
#[derive(Debug, Clone, Default)]
pub(crate) struct Side {
    /// Whole, read-only snapshots.
    pub(crate) there: Numbers,
    /// What may have come whole before a run was interrupted.
    pub(crate) maybe: Numbers,
    /// What somebody has made writable, and written to.
    pub(crate) writable: Numbers,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Model {
    taken: u32,
    pub(crate) sides: [Side; SIDES],
}

/// What happens.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// The origin changes.
    Change(u64),
    /// A snapshot of it is taken.
    Snapshot,
    /// All of a side is sent to the next.
    Sync { from: usize, option: &'static str, end: End },
    /// Somebody deletes a subvolume.
    Prune { side: usize, number: u32 },
    /// Somebody makes one writable, and writes to it.
    Write { side: usize, number: u32 },
}

/// How a run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    ByItself,
    /// Killed when it has sent so many bytes of something.
    Kill(u64),
    /// Interrupted by Ctrl-C then.
    Signal(u64),
}

impl Side {
    fn all(&self) -> Numbers {
        [&self.there, &self.maybe, &self.writable].into_iter().flatten().copied().collect()
    }

    /// What can be sent from here.
    fn sent(&self) -> Numbers {
        &self.there | &self.maybe
    }

    fn remove(&mut self, number: u32) {
        for numbers in [&mut self.there, &mut self.maybe, &mut self.writable] {
            numbers.remove(&number);
        }
    }
}

impl Model {
    fn sync(&mut self, from: usize, end: End) {
        let source = self.sides[from].clone();
        let side = &mut self.sides[(from + 1) % SIDES];
        // Where a name is taken by something else, nothing is sent.
        let is_certain = end == End::ByItself && source.sent().is_disjoint(&side.writable);
        match is_certain {
            true => {
                side.there.extend(&source.there);
                side.maybe.extend(&source.maybe);
            }
            false => side.maybe.extend(source.sent()),
        }
        side.maybe = &(&side.maybe - &side.there) - &side.writable;
    }

    fn some_of(&self, which: impl Fn(&Side) -> Numbers) -> Vec<(usize, u32)> {
        let of = |side: usize| which(&self.sides[side]).into_iter().map(move |n| (side, n));
        (0..SIDES).flat_map(of).collect()
    }
}

impl ReferenceStateMachine for Model {
    type State = Self;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<Self> {
        Just(Self::default()).boxed()
    }

    fn transitions(model: &Self) -> BoxedStrategy<Step> {
        let change = any::<u64>().prop_map(Step::Change);
        let mut steps = vec![(3, change.boxed()), (9, syncs().boxed())];
        if model.taken < MOST_SNAPSHOTS {
            steps.push((4, Just(Step::Snapshot).boxed()));
        }
        let prunable = model.some_of(Side::all);
        if !prunable.is_empty() {
            let prune = |(side, number)| Step::Prune { side, number };
            steps.push((2, select(prunable).prop_map(prune).boxed()));
        }
        let readable = model.some_of(|side| side.there.clone());
        if !readable.is_empty() {
            let write = |(side, number)| Step::Write { side, number };
            steps.push((1, select(readable).prop_map(write).boxed()));
        }
        proptest::strategy::Union::new_weighted(steps).boxed()
    }

    fn apply(mut model: Self, step: &Step) -> Self {
        match *step {
            Step::Change(_) => {}
            Step::Snapshot => {
                model.sides[0].there.insert(model.taken);
                model.taken += 1;
            }
            Step::Sync { from, end, .. } => model.sync(from, end),
            Step::Prune { side, number } => model.sides[side].remove(number),
            Step::Write { side, number } => {
                model.sides[side].remove(number);
                model.sides[side].writable.insert(number);
            }
        }
        model
    }

    fn preconditions(model: &Self, step: &Step) -> bool {
        match step {
            Step::Change(_) | Step::Sync { .. } => true,
            Step::Snapshot => model.taken < MOST_SNAPSHOTS,
            Step::Prune { side, number } => model.sides[*side].all().contains(number),
            Step::Write { side, number } => model.sides[*side].there.contains(number),
        }
    }
}

fn syncs() -> impl Strategy<Value = Step> {
    let bytes = 0..1_500_000_u64;
    let end = prop_oneof![
        3 => Just(End::ByItself),
        3 => bytes.clone().prop_map(End::Kill),
        2 => bytes.prop_map(End::Signal),
    ];
    // From the first, most of the time: what is not there cannot be sent on.
    let from = prop_oneof![3 => Just(0_usize), 2 => Just(1), 1 => Just(2)];
    let option = select(vec!["--scope=all", "-B", "-P"]);
    (from, option, end).prop_map(|(from, option, end)| Step::Sync { from, option, end })
}
