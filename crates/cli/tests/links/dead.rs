//! Links that are cut, go silent, or reset: for a moment, and for longer than anybody is patient.

use std::time::Duration;

use btrsync_testutil::machine::Weather;
use btrsync_testutil::require_weather;
use rustix::process::Signal;

use crate::scene::{Scene, Way, each, each_of, is_full};
use crate::support::signal;

/// What a dead link looks like in a sentence: to us, and to ssh.
const DEAD: [&str; 3] = ["nothing was heard from far", "ssh to far", "the connection to far"];

const SOME: [Way; 4] =
    [Way::Push(true), Way::Push(false), Way::Pull(true), Way::Between { from: true, to: true }];

/// The time that is given, and how long a run may take to end after it.
fn patience() -> (&'static str, Duration) {
    match is_full() {
        true => ("--timeout=30", Duration::from_secs(40)),
        false => ("--timeout=2", Duration::from_secs(8)),
    }
}

#[test]
fn a_cut_that_is_mended_in_time_is_none() {
    require_weather!();
    each(&[Way::Push(true), Way::Pull(false)], 8, |scene| {
        let running = scene.begun(&["--timeout=6"]);
        scene.net.cut(scene.target());
        std::thread::sleep(Duration::from_millis(1500));
        scene.net.mend(scene.target());
        let ended = running.end();
        assert_eq!(ended.code, 0, "{:?}: {ended:#?}", scene.way);
        scene.is_complete();
    });
}

/// Lets the link die, waits for the end, and runs again as soon as the link is there again.
fn dies(scene: &Scene, by: impl Fn(), within: Duration) {
    let (timeout, _) = patience();
    let running = scene.begun(&[timeout]);
    by();
    scene.fails(running, within, &DEAD);
    scene.net.mend(scene.target());
    scene.completes(&[timeout]);
    scene.clear();
}

#[test]
fn a_link_that_dies_ends_the_run_and_the_rerun_goes_on() {
    require_weather!();
    let (_, late) = patience();
    each(&SOME, 16, |scene| {
        let target = scene.target();
        dies(scene, || scene.net.cut(target), late);
        dies(scene, || scene.net.weather(target, Weather::Silent), late);
        // Nobody has to lose patience over this one.
        dies(scene, || scene.net.weather(target, Weather::Resets), Duration::from_secs(8));
    });
}

/// The near machine says nothing any more, not even that: what it had locked over there is free soon.
#[test]
fn a_near_machine_that_vanishes_frees_what_it_had_locked() {
    require_weather!();
    let (timeout, _) = patience();
    each_of(&[Way::Push(true), Way::Push(false)], 10, |scene| {
        let running = scene.begun(&[timeout]);
        scene.net.move_near(scene.target());
        let all = scene.net.near.processes();
        all.iter().for_each(|one| signal(one.pid, Signal::KILL));
        assert_eq!(running.end().code, -1);
        scene.completes(&[timeout]);
    });
}
