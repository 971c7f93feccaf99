//! Random histories of three filesystems, against a model in memory.
//!
//! The hazard is what no single run shows: an interruption that a deletion follows, a copy that somebody
//! writes to, a subvolume that comes back by way of others. The model knows what should be where; the
//! trees of the snapshots as they were taken are what each copy has to be. A history is its number:
//! `BTRSYNC_TEST_SEED=NUMBER` plays one again.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panic")]

mod change;
mod model;
#[allow(
    dead_code,
    unused_imports,
    reason = "shared with the tests on one machine, which use the rest"
)]
#[path = "../it/support/mod.rs"]
mod support;
mod world;

use std::env;
use std::ops::Range;

use btrsync_testutil::require_btrfs;
use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest};

use model::{Model, Step};
use world::World;

const STEPS: Range<usize> = 8..20;

/// Each takes seconds.
const MOST_SHRINKING: u32 = 40;

/// Plays the steps on real filesystems.
struct Play;

impl StateMachineTest for Play {
    type SystemUnderTest = World;
    type Reference = Model;

    fn init_test(_: &Model) -> World {
        World::new()
    }

    fn apply(mut world: World, _: &Model, step: Step) -> World {
        world.play(&step);
        world
    }

    fn check_invariants(world: &World, model: &Model) {
        world.is_as(model);
    }

    fn teardown(world: World, model: Model) {
        world.completes();
        drop(model);
    }
}

#[test]
fn histories_end_as_the_model_says() {
    require_btrfs!();
    let failed: Vec<u64> = seeds().filter(|seed| !passes(*seed)).collect();
    assert!(failed.is_empty(), "these histories failed, each a BTRSYNC_TEST_SEED: {failed:?}");
}

fn seeds() -> Range<u64> {
    let number = |name| env::var(name).ok().map(|value: String| value.parse::<u64>().unwrap());
    let most = if env::var_os("BTRSYNC_TEST_FULL").is_some() { 400 } else { 8 };
    match number("BTRSYNC_TEST_SEED") {
        Some(seed) => seed..seed + number("BTRSYNC_TEST_HISTORIES").unwrap_or(1),
        None => 0..number("BTRSYNC_TEST_HISTORIES").unwrap_or(most),
    }
}

#[allow(clippy::print_stderr, reason = "a failure must show the steps that it needs")]
fn passes(seed: u64) -> bool {
    let config = Config {
        cases: 1,
        failure_persistence: None,
        max_shrink_iters: MOST_SHRINKING,
        ..Config::default()
    };
    let seeds = [seed; 4].map(u64::to_le_bytes).concat();
    let chance = TestRng::from_seed(RngAlgorithm::ChaCha, &seeds);
    let mut runner = TestRunner::new_with_rng(config.clone(), chance);
    let played = runner.run(&Model::sequential_strategy(STEPS), |(model, steps, seen)| {
        Play::test_sequential(config.clone(), model, steps, seen);
        Ok(())
    });
    match played {
        Ok(()) => true,
        Err(TestError::Fail(reason, (_, steps, _))) => {
            eprintln!("history {seed} fails: {reason}\nit needs {steps:#?}");
            false
        }
        Err(error) => panic!("history {seed}: {error}"),
    }
}
