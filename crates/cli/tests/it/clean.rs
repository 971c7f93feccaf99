//! `btrsync clean`: what interrupted runs have left, and nothing else.
//!
//! The hazard is what it could delete: every test has something beside that must stay.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use btrsync_testutil::{btrfs, require_btrfs, require_tool};
use rustix::fs::{FlockOperation, flock};
use serde_json::Value;

use crate::support::{
    Ended, Pair, Pty, Running, State, arrived, btrsync, no_leftover, run, subvolume,
};

/// A name of the form that is looked for.
fn form(digit: char, end: &str) -> String {
    format!(".btrsync-{}.{end}", digit.to_string().repeat(32))
}

fn clean(options: &[&str], at: &Path) -> Ended {
    Ended::of(btrsync().arg("clean").args(options).arg(at))
}

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn paths(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["path"].as_str().unwrap()).collect()
}

#[test]
fn what_a_killed_run_left_is_shown_and_removed_at_any_depth() {
    require_btrfs!();
    let pair = Pair::with_large(48);
    Running::start(pair.args(&["-r", "--checkpoint=4M"])).in_transfer(16 << 20).kill();
    let top = pair.dst.path();
    let before = State::of(top);
    let told = clean(&["-n", "--json"], top).exits(0);
    let left = told.events_of("leftover");
    assert!(!left.is_empty() && paths(&left)[0].starts_with("backup/snaps/.btrsync-"), "{told:#?}");
    assert!(left.iter().any(|event| event["kind"] == "staging"), "{told:#?}");
    assert!(left.iter().any(|event| event["kind"] == "checkpoint"), "{told:#?}");
    assert!(left[0]["made"].as_u64().is_some() && left[0]["bytes"].is_null(), "{told:#?}");
    let shown = clean(&["-n"], top).exits(0);
    shown.says(&["Left by interrupted runs", "backup/snaps/.btrsync-", " s old", "continues"]);
    before.unchanged(top);
    let done = clean(&["-y", "--json"], &pair.backup()).exits(0);
    assert_eq!(paths(&done.events_of("removed")), paths(&left));
    let summary = &done.events_of("summary")[0];
    assert_eq!((&summary["removed"], &summary["failed"]), (&left.len().into(), &0.into()));
    no_leftover(top);
    clean(&["-y"], top).exits(0).says(&["Nothing is left"]);
    run(pair.args(&["-yr"])).exits(0);
    arrived(&pair.snaps().join("large"), &pair.backup().join("snaps/large"));
}

#[test]
fn a_run_at_work_is_left_alone() {
    require_btrfs!();
    let pair = Pair::with_large(96);
    let running = Running::start(pair.args(&["--bwlimit=8M"])).in_transfer(1 << 20);
    for option in ["-y", "-n"] {
        let ended = clean(&[option], pair.dst.path()).exits(4);
        ended.complains(&["another run is using", "backup", "what next: wait for the other run"]);
    }
    clean(&["-y", "--wait=0.3"], pair.dst.path()).exits(4).complains(&["waiting for it to end"]);
    running.kill();
    clean(&["-y", "--wait"], pair.dst.path()).exits(0).says(&["removed backup/.btrsync-"]);
    no_leftover(pair.dst.path());
}

/// Everything that has a name of the form and is not what it says, and the other way round.
#[test]
fn what_only_looks_like_it_stays() {
    require_btrfs!();
    let pair = Pair::with_snapshots(&["1"]);
    run(pair.args(&["-y"])).exits(0);
    let at = |name: &str| pair.backup().join(name);
    let long = form('a', "partial");
    for name in [".btrsync-kept.partial", &long[1..], &format!("{long}.bak"), &form('d', "dump")] {
        subvolume(&at(name));
    }
    fs::create_dir(at(&form('b', "partial"))).unwrap();
    fs::write(at(&form('c', "checkpoint")), "a file").unwrap();
    symlink(at("1"), at(&form('e', "partial"))).unwrap();
    symlink(at(".btrsync-kept.partial"), at(&form('f', "dump"))).unwrap();
    let before = State::of(pair.dst.path());
    clean(&["-y"], pair.dst.path()).exits(0).says(&["Nothing is left"]);
    before.unchanged(pair.dst.path());
    let staging = subvolume(&at(&form('a', "partial")));
    fs::write(staging.join("file"), "half").unwrap();
    let checkpoint = at(&form('0', "checkpoint"));
    btrfs::snapshot_ro(&staging, &checkpoint);
    fs::write(at(&form('1', "dump")), "half").unwrap();
    let outside = subvolume(&pair.dst.path().join(form('2', "partial")));
    let ended = clean(&["-y", "--json"], &pair.backup()).exits(0);
    let removed = ended.events_of("removed");
    let kinds: Vec<_> = removed.iter().map(|event| event["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["checkpoint", "dump", "staging"]);
    assert_eq!(removed[1]["bytes"], 4);
    assert!(outside.exists());
    btrfs::delete(&outside);
    before.same_content(pair.dst.path());
}

/// What cannot be removed keeps none of the others.
#[test]
fn one_that_cannot_be_removed_is_told() {
    require_btrfs!();
    let pair = Pair::with_snapshots(&[]);
    let [stuck, free] = ['1', '2'].map(|digit| pair.backup().join(form(digit, "partial")));
    subvolume(&subvolume(&stuck).join("nested"));
    subvolume(&free);
    let ended = clean(&["-y"], &pair.backup()).exits(3).says(&["1 of 2 removed, 1 not"]);
    ended.complains(&["cannot remove ", &form('1', "partial")]);
    assert!(stuck.join("nested").exists() && !free.exists());
}

#[test]
fn stream_files_go_wherever_they_are_and_those_that_are_written_stay() {
    let home = tempfile::tempdir().unwrap();
    let at = |name: &str| -> PathBuf { home.path().join(name) };
    let (dead, living) = (at(&form('a', "dump")), at(&form('b', "dump")));
    let part = at(&form('d', "stream"));
    [&dead, &living, &part, &at("monday.btrfs_stream")]
        .iter()
        .for_each(|p| fs::write(p, "x").unwrap());
    let writer = File::open(&living).unwrap();
    flock(&writer, FlockOperation::LockExclusive).unwrap();
    fs::create_dir(at(&form('c', "dump"))).unwrap();
    clean(&["-n"], home.path()).exits(0).says(&["a stream file", "1 B"]);
    assert_eq!(names(home.path()).len(), 5);
    clean(&["-y"], home.path()).exits(0).says(&["2 of 2 removed"]);
    assert!(!dead.exists() && !part.exists() && living.exists() && names(home.path()).len() == 3);
}

#[test]
fn a_yes_is_needed_and_nothing_is_locked_until_then() {
    require_btrfs!();
    require_tool!("script");
    let pair = Pair::with_snapshots(&["1"]);
    let left = || subvolume(&pair.backup().join(form('a', "partial")));
    left();
    let before = State::of(pair.dst.path());
    let words = ["clean".into(), pair.backup().into_os_string()];
    let asked = || Pty::start(&words).shows("Proceed?");
    let (code, text) = asked().types("n\n").end();
    assert!(code == 1 && text.contains("nothing was removed"), "{text}");
    clean(&[], &pair.backup()).exits(2).complains(&["no terminal"]);
    before.unchanged(pair.dst.path());
    // Another run goes on meanwhile, and removes it itself.
    let waiting = asked();
    run(pair.args(&["-y"])).exits(0);
    let (code, text) = waiting.types("y\n").end();
    assert!(code == 0 && text.contains("gone already"), "{text}");
    // Another one has got its name meanwhile: nobody was asked about that.
    left();
    let waiting = asked();
    btrfs::delete(&left_path(&pair));
    left();
    let (code, text) = waiting.types("y\n").end();
    assert!(code == 1 && text.contains("is not the subvolume that was listed"), "{text}");
    assert!(left_path(&pair).exists());
    let (code, text) = asked().types("y\n").end();
    assert!(code == 0 && text.contains("1 of 1 removed"), "{text}");
    no_leftover(pair.dst.path());
}

fn left_path(pair: &Pair) -> PathBuf {
    pair.backup().join(form('a', "partial"))
}

#[test]
fn a_place_that_cannot_be_cleaned_is_told() {
    let home = tempfile::tempdir().unwrap();
    let missing = home.path().join("missing");
    clean(&["-y"], &missing).exits(1).complains(&["does not exist", "what next"]);
    fs::write(&missing, "").unwrap();
    clean(&["-y"], &missing).exits(1).complains(&["is not a directory", "what next"]);
}
