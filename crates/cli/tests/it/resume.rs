//! What was interrupted goes on: how much of it, and what is said.
//!
//! The hazard is to start over without anyone noticing, so the amounts are compared.

use std::fs;

use btrsync_testutil::{btrfs, require_btrfs};
use rustix::process::Signal;

use crate::support::{Ended, Pair, Running, arrived, no_leftover, random_file, run, subvolume};

const MIB: u64 = 1 << 20;
const EVERY: &str = "--checkpoint=8M";

/// How much of the last transfer an interrupted run had received, and how much came in this one.
#[track_caller]
fn amounts(ended: &Ended) -> (u64, u64) {
    let done = ended.events_of("done");
    let amount = |name: &str| done.last().unwrap()[name].as_u64().unwrap();
    (amount("resumed_bytes"), amount("sent_bytes"))
}

#[track_caller]
fn complete(pair: &Pair, name: &str) {
    arrived(&pair.snaps().join(name), &pair.backup().join(name));
    no_leftover(pair.dst.path());
}

#[test]
fn after_a_kill_no_more_than_the_interval_comes_again() {
    require_btrfs!();
    let pair = Pair::with_large(100);
    let whole = btrfs::send(&pair.snaps().join("large"), None).len() as u64;
    let mut there = 0;
    for reached in [30, 60, 90] {
        Running::start(pair.args(&[EVERY, "--buffer=0"])).in_transfer(reached * MIB).kill();
        there = reached * MIB;
    }
    let ended = run(pair.args(&["-y", "--json", EVERY, "-t", "0.01"])).exits(0);
    let (resumed, sent) = amounts(&ended);
    // What was read ahead was not received.
    assert!(resumed + 8 * MIB + 2 * MIB >= there, "{resumed} of {there}");
    // Version 2 has some bytes more or less.
    assert!((resumed + sent).abs_diff(whole) < MIB, "{resumed} and {sent} of {whole}");
    assert_eq!(ended.events_of("resume")[0]["resumed_bytes"], resumed);
    let told = ended.events_of("progress").into_iter();
    told.for_each(|event| assert!(event["sent_bytes"].as_u64() <= Some(sent), "{event}"));
    complete(&pair, "large");
}

#[test]
fn what_ctrl_c_ends_goes_on_and_stays_a_snapshot_of_its_parent() {
    require_btrfs!();
    let pair = Pair::with_large(20);
    run(pair.args(&["-y"])).exits(0);
    random_file(&pair.origin().join("more"), 60);
    pair.take("next");
    let running = Running::start(pair.args(&[EVERY])).in_transfer(30 * MIB);
    running.signal(Signal::INT);
    running.end().exits(130);
    let ended = run(pair.args(&["-y", "--checkpoint=8M"])).exits(0);
    ended.says(&["goes on where it was interrupted", " before)"]);
    complete(&pair, "next");
    let shown = |name: &str| btrfs::show(&pair.backup().join(name));
    assert_eq!(shown("next").get("Parent UUID"), shown("large").get("UUID"));
}

#[test]
fn it_starts_clean_where_that_is_wanted() {
    require_btrfs!();
    let pair = Pair::with_large(50);
    Running::start(pair.args(&[EVERY])).in_transfer(30 * MIB).kill();
    let ended = run(pair.args(&["-y", "--json", "--no-resume"])).exits(0);
    assert_eq!(amounts(&ended).0, 0);
    complete(&pair, "large");
}

/// Within one process the form says how data is copied, and not what the stream is.
#[test]
fn what_was_begun_in_another_form_goes_on() {
    require_btrfs!();
    let pair = Pair::with_compressed(60);
    let (compressed, not) = ("--compressed-data=auto", "--compressed-data=never");
    let start = |form| Running::start(pair.args(&[EVERY, "--buffer=0", form]));
    start(compressed).in_transfer(20 * MIB).kill();
    let (running, _) = start(not).event("resume");
    running.in_transfer(2 * MIB).kill();
    let ended = run(pair.args(&["-y", "--json", EVERY, compressed])).exits(0);
    let (resumed, sent) = amounts(&ended);
    assert!(resumed > 8 * MIB, "{resumed}, about as it is compressed");
    assert!((30 * MIB..45 * MIB).contains(&(resumed + sent)), "{resumed} and {sent}");
    complete(&pair, "text");
}

#[test]
fn what_was_changed_meanwhile_starts_over() {
    require_btrfs!();
    let pair = Pair::with_large(50);
    Running::start(pair.args(&[EVERY])).in_transfer(30 * MIB).kill();
    let large = pair.snaps().join("large");
    btrfs::set_ro(&large, false);
    fs::write(large.join("large"), "something else").unwrap();
    btrfs::set_ro(&large, true);
    let ended = run(pair.args(&["-y", "--json"])).exits(0);
    assert_eq!(amounts(&ended).0, 0);
    complete(&pair, "large");
}

#[test]
fn a_checkpoint_of_something_else_makes_it_start_over_by_itself() {
    require_btrfs!();
    let pair = Pair::with_large(50);
    Running::start(pair.args(&[EVERY])).in_transfer(30 * MIB).kill();
    forge(&pair);
    let ended = run(pair.args(&["-y", "--json"])).exits(0);
    assert_eq!((amounts(&ended).0, ended.events_of("restart").len()), (0, 1));
    assert_eq!(ended.events_of("error").len(), 0);
    complete(&pair, "large");
}

/// Makes the hash in the record of a checkpoint that of another stream.
fn forge(pair: &Pair) {
    const RECORD: &str = "trusted.btrsync.checkpoint";
    const HASH: usize = 10 + 2 * 25 + 4 + 8;
    let names = fs::read_dir(pair.backup()).unwrap().map(|entry| entry.unwrap().path());
    let is_checkpoint =
        |path: &std::path::PathBuf| path.extension().is_some_and(|e| e == "checkpoint");
    let at = names.filter(is_checkpoint).last().unwrap();
    let mut record = [0; 1024];
    let length = rustix::fs::getxattr(&at, RECORD, &mut record[..]).unwrap();
    record[HASH] ^= 1;
    btrfs::set_ro(&at, false);
    let flags = rustix::fs::XattrFlags::REPLACE;
    rustix::fs::setxattr(&at, RECORD, &record[..length], flags).unwrap();
    btrfs::set_ro(&at, true);
}

#[test]
fn a_dump_to_a_file_goes_on() {
    require_btrfs!();
    let (pair, home) = (Pair::with_large(60), tempfile::tempdir().unwrap());
    let dumps = home.path().to_str().unwrap();
    let stream = btrfs::send(&pair.snaps().join("large"), None);
    for what in [Signal::KILL, Signal::INT] {
        let running = Running::start(pair.args(&["-o", dumps, EVERY])).in_transfer(30 * MIB);
        running.signal(what);
        running.end();
        assert_eq!(fs::read_dir(dumps).unwrap().count(), 1);
    }
    let ended = run(pair.args(&["-y", "--json", "-o", dumps, EVERY])).exits(0);
    assert!(amounts(&ended).0 > 20 * MIB, "{ended:#?}");
    assert!(fs::read(home.path().join("large.btrfs_stream")).unwrap() == stream);
    assert_eq!(fs::read_dir(dumps).unwrap().count(), 1);
}

#[test]
fn the_second_of_a_batch_goes_on() {
    require_btrfs!();
    let pair = Pair::with_large(40);
    let other = subvolume(&pair.src.path().join("other"));
    random_file(&other.join("large"), 40);
    btrfs::snapshot_ro(&other, &pair.snaps().join("other"));
    Running::start(pair.args(&["-B", EVERY])).in_transfer(75 * MIB).kill();
    let ended = run(pair.args(&["-y", "-B", "--json", EVERY])).exits(0);
    assert!(amounts(&ended).0 > 10 * MIB, "{ended:#?}");
    ["large", "other"].iter().for_each(|name| complete(&pair, name));
}
