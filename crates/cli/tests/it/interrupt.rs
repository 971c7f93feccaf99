//! Signals in the middle of a transfer.

use std::fs;
use std::time::{Duration, Instant};

use btrsync_testutil::{Random, require_btrfs};
use rustix::process::Signal;

use crate::support::{Pair, Running, State, arrived, no_leftover, random_file, run};

/// Runs again and expects everything to be there.
#[track_caller]
pub(crate) fn completes(pair: &Pair) {
    run(pair.args(&["-y"])).exits(0);
    for entry in fs::read_dir(pair.snaps()).unwrap() {
        let snap = entry.unwrap().path();
        arrived(&snap, &pair.backup().join(snap.file_name().unwrap()));
    }
    no_leftover(pair.dst.path());
}

#[test]
fn signals_end_it_quickly_and_cleanly() {
    require_btrfs!();
    let pair = Pair::with_large(128);
    let before = State::of(pair.dst.path());
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let running = Running::start(pair.args(&[])).in_transfer(1 << 20);
        let begin = Instant::now();
        running.signal(signal);
        let ended = running.end().exits(130).complains(&["stopping"]);
        assert!(begin.elapsed() < Duration::from_secs(5), "{signal:?}: {:?}", begin.elapsed());
        let summary = &ended.events_of("summary")[0];
        assert_eq!((&summary["outcome"], &summary["done"]), (&"interrupted".into(), &0.into()));
        before.same_content(pair.dst.path());
    }
    completes(&pair);
}

#[test]
fn a_second_signal_ends_it_at_once_and_a_rerun_still_completes() {
    require_btrfs!();
    let pair = Pair::with_large(96);
    let running = Running::start(pair.args(&[])).in_transfer(1 << 20);
    running.signal(Signal::INT);
    running.signal(Signal::TERM);
    let ended = running.end();
    assert!([130, -1].contains(&ended.code), "{ended:#?}");
    assert!(!pair.backup().join("large").exists());
    completes(&pair);
}

#[test]
fn what_was_done_before_a_signal_stays() {
    require_btrfs!();
    let pair = Pair::with_snapshots(&["1"]);
    random_file(&pair.origin().join("large"), 96);
    pair.take("2");
    let running = Running::start(pair.args(&[])).in_transfer(8 << 20);
    running.signal(Signal::INT);
    let ended = running.end().exits(130);
    let done: Vec<_> =
        ended.events_of("done").iter().map(|event| event["volumes"][0].clone()).collect();
    assert_eq!(done, ["snaps/1"]);
    arrived(&pair.snaps().join("1"), &pair.backup().join("1"));
    assert!(!pair.backup().join("2").exists());
    completes(&pair);
}

#[test]
fn it_is_not_suspended_by_ctrl_z() {
    require_btrfs!();
    let pair = Pair::with_large(64);
    let running = Running::start(pair.args(&[])).in_transfer(1 << 20);
    running.signal(Signal::TSTP);
    running.end().exits(0).complains(&["cannot be suspended"]);
    arrived(&pair.snaps().join("large"), &pair.backup().join("large"));
}

/// The kernel begins the stream again after a stop; what then arrives must not pass as the data.
#[test]
fn a_stop_in_the_middle_never_makes_wrong_data() {
    require_btrfs!();
    let pair = Pair::with_large(48);
    let mut random = Random::new(5);
    for _ in 0..4 {
        let running = Running::start(pair.args(&[])).in_transfer(random.below(40) << 20);
        running.signal(Signal::STOP);
        std::thread::sleep(Duration::from_millis(50));
        running.signal(Signal::CONT);
        let ended = running.end();
        let copy = pair.backup().join("large");
        match ended.code {
            0 => arrived(&pair.snaps().join("large"), &copy),
            1 => assert!(!copy.exists() && ended.events_of("error").len() == 1, "{ended:#?}"),
            _ => panic!("{ended:#?}"),
        }
        if copy.exists() {
            btrsync_testutil::btrfs::delete(&copy);
        }
    }
    completes(&pair);
}
