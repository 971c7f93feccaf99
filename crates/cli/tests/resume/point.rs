//! Points: what is interrupted, how, when and how often, all from one number.

use std::collections::BTreeMap;
use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind};

use btrsync_testutil::Random;

use crate::scene::Form;

const FORMS: [Form; 4] = [Form::Full, Form::Incremental, Form::Chain, Form::Batch];

/// How often checkpoints are made: many times in a transfer, or a few, or never.
const INTERVALS: [(&str, u64); 6] = [
    ("64K", 64 << 10),
    ("64K", 64 << 10),
    ("256K", 256 << 10),
    ("1M", 1 << 20),
    ("4M", 4 << 20),
    ("0", 0),
];

/// What is interrupted.
pub(crate) trait Interrupted {
    /// Interrupts a run as the point says, runs it again, and panics unless all is as promised.
    fn point(&self, point: &mut Point) -> Outcome;
}

/// What came of a point, or of several.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Outcome {
    /// How many runs did not come to their end.
    pub(crate) interrupted: u64,
    /// How many bytes the run after that had not to send.
    pub(crate) resumed: u64,
}

impl Outcome {
    fn add(&mut self, other: Self) {
        self.interrupted += other.interrupted;
        self.resumed += other.resumed;
    }
}

/// One point. What is not drawn by chance is taken in turn, so that all of it is crossed.
pub(crate) struct Point {
    number: u64,
    pub(crate) chance: Random,
    /// How many interruptions come one after the other.
    pub(crate) times: u64,
    /// The option for how often checkpoints are made.
    pub(crate) checkpoint: String,
    /// How many bytes are between two checkpoints; 0 where there are none.
    pub(crate) every: u64,
}

impl Point {
    fn new(number: u64) -> Self {
        let mut chance = Random::new(number);
        let times = pick(&mut chance, &[1, 1, 2, 3]);
        let (size, every) = pick(&mut chance, &INTERVALS);
        Self { number, chance, times, checkpoint: format!("--checkpoint={size}"), every }
    }

    /// Takes one in turn; another one for each form to begin with, so that few points see many.
    pub(crate) fn turn<T: Copy>(&self, of: &[T]) -> T {
        let (round, form) =
            (self.number as usize / FORMS.len(), self.number as usize % FORMS.len());
        of[(round + 2 * form) % of.len()]
    }

    /// Takes one by chance.
    pub(crate) fn any<T: Copy>(&mut self, of: &[T]) -> T {
        pick(&mut self.chance, of)
    }
}

fn pick<T: Copy>(chance: &mut Random, of: &[T]) -> T {
    of[chance.below(of.len() as u64) as usize]
}

/// Runs points, `quick` or in the full form `full` of them, or the one that the environment names; form
/// by form, as each needs filesystems of its own. Tells all that have failed.
#[track_caller]
pub(crate) fn each_point<S: Interrupted>(
    quick: u64,
    full: u64,
    scene: impl Fn(Form) -> S,
) -> Outcome {
    let (mut all, mut failed, mut count) = (Outcome::default(), Vec::new(), 0);
    for (form, numbers) in by_form(quick, full) {
        let scene = scene(form);
        for number in numbers {
            let run = || scene.point(&mut Point::new(number));
            match catch_unwind(AssertUnwindSafe(run)) {
                Ok(outcome) => all.add(outcome),
                Err(_) => {
                    eprintln!("this was point {number}: {form:?}");
                    failed.push(number);
                }
            }
            count += 1;
        }
    }
    eprintln!("{count} points, {all:?}");
    assert!(failed.is_empty(), "these points failed, each a BTRSYNC_TEST_SEED: {failed:?}");
    assert!(all.interrupted >= count / 2, "only {} of {count} were interrupted", all.interrupted);
    all
}

fn by_form(quick: u64, full: u64) -> BTreeMap<Form, Vec<u64>> {
    let most = if env::var_os("BTRSYNC_TEST_FULL").is_some() { full } else { quick };
    let one = env::var("BTRSYNC_TEST_SEED").ok().map(|seed| seed.parse::<u64>().unwrap());
    let mut points = BTreeMap::<_, Vec<_>>::new();
    for number in one.map_or(0..most, |one| one..one + 1) {
        points.entry(FORMS[number as usize % FORMS.len()]).or_default().push(number);
    }
    points
}
