//! Subvolumes that are not what their UUIDs say.
//!
//! The hazard is wrong data with exit code 0: a snapshot that was made writable, changed and made
//! read-only again keeps its UUIDs, and a receiver that looks for one of them takes the first it finds.

use std::fs::{self, File};
use std::path::Path;

use btrsync_testutil::{btrfs, require_btrfs, require_tool};

use crate::support::{Pair, Pty, arrived, run, snapshot};

/// Changes a read-only subvolume in place, by the ioctl: the `btrfs` program would clear its marks.
fn change(path: &Path) {
    let read_only = |on| btrsync_kernel::set_read_only(File::open(path).unwrap(), on).unwrap();
    read_only(false);
    fs::write(path.join("file"), "changed in place").unwrap();
    btrfs::sync(path);
    read_only(true);
}

#[test]
fn a_source_that_was_changed_after_it_was_sent_is_told() {
    require_btrfs!();
    let pair = Pair::with_snapshots(&["1"]);
    run(pair.args(&["-y"])).exits(0);
    change(&pair.snaps().join("1"));
    run(pair.args(&["-y"])).exits(0).complains(&["note: snaps/1 is not sent", "other data"]);
    let notes = run(pair.args(&["-y", "--json"])).exits(0).events_of("note");
    assert_eq!(notes.len(), 1, "{notes:?}");
}

#[test]
fn a_parent_whose_uuid_others_carry_with_other_data_is_not_used() {
    require_btrfs!();
    let pair = Pair::with_snapshots(&["1"]);
    run(pair.args(&["-y"])).exits(0);
    change(&pair.snaps().join("1"));
    let second = pair.dst.path().join("second");
    fs::create_dir(&second).unwrap();
    let into = |options: &[&str]| {
        let mut args = pair.args(options);
        *args.last_mut().unwrap() = second.clone().into_os_string().into();
        run(args).exits(0)
    };
    into(&["-y", "-f"]);
    btrfs::snapshot_rw(&pair.snaps().join("1"), &pair.src.path().join("next"));
    fs::write(pair.src.path().join("next/new"), "new").unwrap();
    btrfs::snapshot_ro(&pair.src.path().join("next"), &pair.snaps().join("2"));
    into(&["-y"]);
    arrived(&pair.snaps().join("2"), &second.join("2"));
}

#[test]
fn a_received_snapshot_that_was_changed_is_no_parent() {
    require_btrfs!();
    let (pair, third) = (Pair::with_snapshots(&["1"]), btrsync_testutil::LoopFs::new());
    run(pair.args(&["-y"])).exits(0);
    let onward = |options: &[&str]| {
        let mut args = pair.args(options);
        let last = args.len() - 1;
        args[last - 1] = pair.backup().join("").into_os_string().into();
        args[last] = third.path().to_path_buf().into_os_string().into();
        run(args).exits(0)
    };
    onward(&["-y"]);
    change(&pair.backup().join("1"));
    btrfs::snapshot_rw(&pair.backup().join("1"), &pair.dst.path().join("next"));
    fs::write(pair.dst.path().join("next/new"), "new").unwrap();
    btrfs::snapshot_ro(&pair.dst.path().join("next"), &pair.backup().join("2"));
    let ended = onward(&["-y", "--json"]);
    assert_eq!(ended.plan(), ["backup/2 full"]);
    arrived(&pair.backup().join("2"), &third.path().join("2"));
}

#[test]
fn a_parent_that_is_changed_while_the_question_stands_is_not_used() {
    require_btrfs!();
    require_tool!("script");
    let pair = Pair::with_snapshots(&["1"]);
    run(pair.args(&["-y"])).exits(0);
    snapshot(&pair.origin(), &pair.snaps().join("2"));
    let waiting = Pty::start(pair.args(&[])).shows("Proceed?");
    change(&pair.snaps().join("1"));
    let (code, text) = waiting.types("y\n").end();
    assert!(code == 1 && text.contains("was changed since it was listed"), "{text}");
    assert!(!pair.backup().join("2").exists());
    run(pair.args(&["-y"])).exits(0);
    arrived(&pair.snaps().join("2"), &pair.backup().join("2"));
}

/// A transfer from one directory of snapshots into another; returns the plan.
fn sent(from: &Path, into: &Path, options: &[&str]) -> Vec<String> {
    let (from, into) = (from.join("").into_os_string(), into.to_path_buf().into_os_string());
    let options = ["-y", "--json"].iter().chain(options).map(|option| (*option).into());
    run(options.chain([from, into])).exits(0).plan()
}

#[test]
fn what_came_back_leaves_its_original_a_parent() {
    require_btrfs!();
    let (pair, third) = (Pair::with_snapshots(&["1"]), btrsync_testutil::LoopFs::new());
    let back = pair.src.path().join("back");
    fs::create_dir(&back).unwrap();
    sent(&pair.snaps(), &pair.backup(), &[]);
    sent(&pair.backup(), third.path(), &[]);
    // From the third and from the second, with the transactions of either.
    sent(third.path(), &back, &["-f"]);
    fs::rename(&back, pair.src.path().join("first")).unwrap();
    fs::create_dir(&back).unwrap();
    sent(&pair.backup(), &back, &["-f"]);
    btrfs::delete(&back.join("1"));
    sent(&pair.backup(), &back, &["-f"]);
    btrfs::snapshot_rw(&third.path().join("1"), &third.path().join("next"));
    fs::write(third.path().join("next/new"), "new").unwrap();
    btrfs::snapshot_ro(&third.path().join("next"), &third.path().join("2"));
    assert_eq!(sent(third.path(), &back, &[]), ["2 incremental"]);
    arrived(&third.path().join("2"), &back.join("2"));
    // And on to the second, which has it all from the first.
    assert_eq!(sent(&back, &pair.backup(), &[]), ["back/2 incremental"]);
    arrived(&third.path().join("2"), &pair.backup().join("2"));
}

/// The warnings of a run: the subvolume and the message of each; and that people are told the same.
#[track_caller]
fn warnings(pair: &Pair) -> Vec<(String, String)> {
    let told = run(pair.args(&["-n", "--json"])).exits(0).events_of("warning");
    let text = |event: &serde_json::Value, key: &str| event[key].as_str().unwrap().to_owned();
    for event in &told {
        let words = [&*text(event, "message"), &text(event, "hint")];
        run(pair.args(&["-n"])).exits(0).complains(&words);
    }
    told.iter().map(|event| (text(event, "subvolume"), text(event, "message"))).collect()
}

#[test]
fn a_writable_subvolume_that_says_that_it_was_received_is_told_and_left_out() {
    require_btrfs!();
    let pair = Pair::with_snapshots(&["1"]);
    run(pair.args(&["-y"])).exits(0);
    let copy = pair.backup().join("1");
    btrsync_kernel::set_read_only(File::open(&copy).unwrap(), false).unwrap();
    fs::rename(&copy, pair.dst.path().join("work")).unwrap();
    let told = warnings(&pair);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].0 == "work" && told[0].1.contains("not read-only"), "{told:?}");
    // It is no copy: the volume is sent, and the writable one stays as it is.
    pair.take("2");
    fs::write(pair.dst.path().join("work/mine"), "mine").unwrap();
    let ended = run(pair.args(&["-y", "--json"])).exits(0);
    assert_eq!(ended.plan(), ["snaps/1 full", "snaps/2 incremental"]);
    arrived(&pair.snaps().join("2"), &pair.backup().join("2"));
    assert!(pair.dst.path().join("work/mine").exists());
}

#[test]
fn one_received_uuid_on_different_data_is_told_and_left_out() {
    require_btrfs!();
    let pair = Pair::with_snapshots(&["1"]);
    run(pair.args(&["-y"])).exits(0);
    let (copy, other) = (pair.backup().join("1"), pair.backup().join("other"));
    assert!(warnings(&pair).is_empty());
    // A read-only snapshot carries the received UUID on.
    btrfs::snapshot_ro(&copy, &other);
    change(&other);
    let told = warnings(&pair);
    let [(first, why), (second, changed)] = &told[..] else { panic!("{told:?}") };
    assert!(first == "backup/1" && why.contains("carry the same UUID"), "{told:?}");
    assert!(second == "backup/other" && changed.contains("changed after"), "{told:?}");
    pair.take("2");
    let ended = run(pair.args(&["-y", "--json", "-x", "1"])).exits(0);
    assert_eq!(ended.plan(), ["snaps/2 full"]);
    arrived(&pair.snaps().join("2"), &pair.backup().join("2"));
}

#[test]
fn what_has_the_name_but_other_data_is_never_touched() {
    require_btrfs!();
    let pair = Pair::with_snapshots(&["1"]);
    let mine = pair.backup().join("1");
    btrfs::create_subvolume(&mine);
    fs::write(mine.join("mine"), "mine").unwrap();
    let before = crate::support::State::of(pair.dst.path());
    for options in [&["-y"][..], &["-y", "-f"], &["-y", "-B"], &["-n"]] {
        let ended = run(pair.args(options)).exits(1);
        ended.complains(&["backup/1 already exists", "what next: rename or delete it"]);
        before.unchanged(pair.dst.path());
    }
}

#[test]
fn another_filesystem_in_the_way_is_not_received_into() {
    require_btrfs!();
    let (pair, other) = (Pair::with_snapshots(&["1"]), btrsync_testutil::LoopFs::new());
    let inner = pair.backup().join("snaps");
    fs::create_dir(&inner).unwrap();
    let mut bind = btrsync_testutil::command::program("mount");
    btrsync_testutil::command::output(bind.arg("--bind").arg(other.path()).arg(&inner)).unwrap();
    let ended = run(pair.args(&["-y", "-r"]));
    btrsync_testutil::command::output(btrsync_testutil::command::program("umount").arg(&inner))
        .unwrap();
    ended.exits(1).complains(&["another one is mounted there", "what next"]);
    assert_eq!(fs::read_dir(other.path()).unwrap().count(), 0);
}
