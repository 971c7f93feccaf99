//! Power cuts, at many moments of a run and right after it said that it was done.
//!
//! The hazard is success that is only in memory. Under a final name there may be a complete and equal
//! subvolume or nothing; what was reported must be there; and a plain rerun ends as if nothing had
//! happened.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panic")]

mod again;
mod moments;
mod scene;

use std::panic::{AssertUnwindSafe, catch_unwind};

use btrsync_testutil::command::{output, program};
use btrsync_testutil::powercut::Moment;
use btrsync_testutil::{Random, RecordedFs, require_btrfs};

use again::OFTEN;
use moments::{anywhere, moments};
use scene::{Events, Scene, Success, Told};

/// Cuts the power of a recorded run again and again, and tells all moments at which that hurt.
#[track_caller]
fn survives(scene: &Scene, told: &Told) {
    survives_at(scene, told, &moments(told));
}

#[track_caller]
fn survives_at(scene: &Scene, told: &Told, moments: &[Moment]) {
    let mut failed = Vec::new();
    for (number, moment) in moments.iter().enumerate() {
        let mut chance = Random::new(number as u64);
        let cut = || scene.judge(told, *moment, &mut chance);
        if catch_unwind(AssertUnwindSafe(cut)).is_err() {
            failed.push(format!("{moment} (chance {number})"));
        }
    }
    let end = told.recording.end();
    assert!(failed.is_empty(), "of the moments 0 to {end} these hurt: {}", failed.join(", "));
}

#[test]
fn full_and_incremental_transfers_survive() {
    require_btrfs!();
    let scene = Scene::new(3);
    survives(&scene, &scene.record(0));
}

#[test]
fn transfers_on_top_of_what_was_there_survive() {
    require_btrfs!();
    let scene = Scene::new(3);
    survives(&scene, &scene.record(1));
}

#[test]
fn received_streams_survive() {
    require_btrfs!();
    let scene = Scene::new(2);
    let stream = scene.stream();
    survives(&scene, &scene.record_with(0, |dest| scene.receive(&stream, dest)));
}

#[test]
fn what_was_received_up_to_a_checkpoint_survives() {
    require_btrfs!();
    let scene = Scene::with(&OFTEN, 2);
    let told = scene.record(0);
    survives_at(&scene, &told, &anywhere(&told));
}

#[test]
fn what_goes_on_survives_too() {
    require_btrfs!();
    let scene = Scene::with(&OFTEN, 2);
    let told = scene.record_going_on();
    survives_at(&scene, &told, &anywhere(&told));
}

/// The cuts can hurt: the original says that it is done before it is.
#[test]
fn what_was_not_synced_is_missed() {
    require_btrfs!();
    let scene = Scene::new(1);
    let stream = scene.stream();
    let original = |dest: &RecordedFs| {
        let mut receive = program("btrfs");
        receive.args(["receive", "-q", "-f"]).arg(stream.path()).arg(dest.path().join("backup"));
        output(&mut receive).unwrap();
        Events::of(vec![Success { moment: dest.now(), names: vec!["round-0".to_owned()] }])
    };
    let told = scene.record_with(0, original);
    let moment = told.successes[0].moment;
    let cut = || scene.judge(&told, moment, &mut Random::new(0));
    assert!(catch_unwind(AssertUnwindSafe(cut)).is_err(), "a cut at {moment} did not hurt");
}

#[test]
fn batches_survive() {
    require_btrfs!();
    let scene = Scene::with(&["-y", "--json", "-B"], 3);
    survives(&scene, &scene.record(0));
}
