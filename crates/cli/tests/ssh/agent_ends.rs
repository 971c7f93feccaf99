//! Sudden death of what takes part where a btrsync is on the other side, and how it goes on afterwards.

use std::time::{Duration, Instant};

use btrsync_testutil::require_machines;
use rustix::process::Signal;

use crate::agent::sides;
use crate::sides::{BOTH, BTRSYNC, Sides, all_end};
use crate::support::{Ended, Pair, Running, signal};

const LARGE: usize = 96;
const EVERY: &str = "--checkpoint=8M";
const MIB: u64 = 1 << 20;

/// Starts a transfer and waits until some of it is there.
#[track_caller]
fn begun(sides: &Sides, options: &[&str]) -> Running {
    sides.start(&[&[EVERY, "--buffer=0"], options].concat()).in_transfer(40 * MIB)
}

#[track_caller]
fn server(sides: &Sides) -> u32 {
    sides.far().process("btrsync serve").or(sides.far().process("serve")).unwrap()
}

#[track_caller]
fn ends_within(running: Running, time: Duration) -> Ended {
    let begin = Instant::now();
    let ended = running.end();
    assert!(begin.elapsed() < time, "{:?}: {ended:#?}", begin.elapsed());
    ended
}

/// Runs again, and demands that it goes on where it was, and that what was there does not travel again.
#[track_caller]
fn goes_on(sides: &Sides) {
    let ended = sides.sync(&["-y", "--json", EVERY]).exits(0);
    let done = ended.events_of("done").pop().unwrap();
    let amount = |name: &str| done[name].as_u64().unwrap();
    let (resumed, sent) = (amount("resumed_bytes"), amount("sent_bytes"));
    assert!(resumed >= 16 * MIB, "{resumed} and {sent}");
    assert!(sent + resumed >= LARGE as u64 * MIB, "{resumed} and {sent}");
    assert!(sent + resumed <= (LARGE as u64 + 2) * MIB, "{resumed} and {sent}");
    sides.is_complete();
}

#[test]
fn the_server_is_killed_and_the_rerun_goes_on() {
    require_machines!();
    for way in BOTH {
        let sides = sides(way, Pair::with_large(LARGE));
        for what in [Signal::KILL, Signal::TERM] {
            let running = begun(&sides, &[]);
            signal(server(&sides), what);
            let ended = ends_within(running, Duration::from_secs(10)).exits(1);
            ended.complains(&["far"]);
            sides.is_quiet();
        }
        goes_on(&sides);
    }
}

#[test]
fn the_near_side_is_killed_and_the_rerun_goes_on() {
    require_machines!();
    for way in BOTH {
        let sides = sides(way, Pair::with_large(LARGE));
        let running = begun(&sides, &[]);
        signal(sides.near().process(BTRSYNC).unwrap(), Signal::KILL);
        assert_eq!(running.end().code, -1);
        all_end(sides.near());
        all_end(sides.far());
        goes_on(&sides);
    }
}

#[test]
fn an_interrupt_ends_it_soon_and_the_rerun_goes_on() {
    require_machines!();
    for way in BOTH {
        let sides = sides(way, Pair::with_large(LARGE));
        let running = begun(&sides, &[]);
        signal(sides.near().process(BTRSYNC).unwrap(), Signal::INT);
        ends_within(running, Duration::from_secs(5)).exits(130).complains(&["stopping"]);
        sides.is_quiet();
        goes_on(&sides);
    }
}

#[test]
fn a_server_that_stands_still_is_given_up_after_the_time_that_was_given() {
    require_machines!();
    for way in BOTH {
        let sides = sides(way, Pair::with_large(LARGE));
        let running = begun(&sides, &["--timeout=2"]);
        let server = server(&sides);
        signal(server, Signal::STOP);
        let ended = ends_within(running, Duration::from_secs(12)).exits(1);
        ended.complains(&["nothing was heard from far for 2 seconds"]);
        signal(server, Signal::CONT);
        sides.is_quiet();
        goes_on(&sides);
    }
}

#[test]
fn a_cable_that_is_pulled_ends_both_sides() {
    require_machines!();
    for way in BOTH {
        let sides = sides(way, Pair::with_large(LARGE));
        let running = begun(&sides, &["--timeout=2"]);
        sides.net.cut(0);
        let ended = ends_within(running, Duration::from_secs(15)).exits(1);
        ended.complains(&["far"]);
        all_end(sides.near());
        let begin = Instant::now();
        while sides.far().process("serve").is_some() {
            assert!(begin.elapsed() < Duration::from_secs(10), "the other side goes on");
            std::thread::sleep(Duration::from_millis(20));
        }
        assert!(!sides.pair.backup().join("large").exists());
    }
}

#[test]
fn a_slow_link_is_not_a_dead_one() {
    require_machines!();
    for way in BOTH {
        let sides = sides(way, Pair::with_large(2));
        sides.sync(&["-y", "--timeout=1", "--bwlimit=500"]).exits(0);
        sides.is_complete();
    }
}
