//! A peer that stands still on a link that is fine.

use rustix::process::Signal;

use btrsync_testutil::require_weather;

use crate::scene::{Way, each_of};
use crate::sides::{BTRSYNC, all_end};
use crate::support::signal;

/// A server that stands still is in the tests over ssh.
#[test]
fn what_a_near_program_had_locked_that_stands_still_is_free_soon() {
    require_weather!();
    each_of(&[Way::Push(true), Way::Push(false)], 10, |scene| {
        let running = scene.begun(&["--timeout=2"]);
        let frozen = scene.net.near.process(BTRSYNC).unwrap();
        signal(frozen, Signal::STOP);
        // Its ssh still answers for it; what it had begun over there ends all the same.
        all_end(&scene.net.far[scene.target()]);
        // What has brought it into its namespaces stands still with it.
        [running.pid(), frozen].iter().for_each(|pid| signal(*pid, Signal::CONT));
        scene.fails(running, std::time::Duration::from_secs(8), &["far"]);
        scene.completes(&["--timeout=2"]);
    });
}
