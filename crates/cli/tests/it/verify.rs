//! `btrsync verify`, and `--verify` on a sync.
//!
//! The hazard is a check that passes because it did not look: so the same copy is shown to it as it should
//! be, changed, gone, writable, rotten, and on the wrong filesystem.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use btrsync_testutil::{Machine, btrfs, require_btrfs, require_machines};
use serde_json::Value;

use crate::support::{Ended, Pair, State, arrived, run};

fn verify(options: &[&str], source: &Path, pair: &Pair) -> Ended {
    let options = options.iter().map(|option| (*option).into());
    let paths = [source.as_os_str().to_owned(), pair.backup().into_os_string()];
    run(std::iter::once("verify".into()).chain(options).chain(paths))
}

/// `VOLUME outcome` of each verdict.
#[track_caller]
fn verdicts(ended: &Ended) -> Vec<String> {
    let text = |event: &Value, field: &str| event[field].as_str().unwrap().to_owned();
    let events = ended.events_of("verify").into_iter();
    events.map(|event| format!("{} {}", text(&event, "volume"), text(&event, "outcome"))).collect()
}

/// A zoo of several rounds, and all of it sent.
fn sent(rounds: u32) -> Pair {
    let pair = Pair::with_zoo(rounds);
    run(pair.args(&["-y"])).exits(0);
    pair
}

/// As somebody does it who does not use btrfs-progs, which would make it no copy any more.
fn set_ro(vol: &Path, read_only: bool) {
    btrsync_kernel::set_read_only(fs::File::open(vol).unwrap(), read_only).unwrap();
}

fn change(copy: &Path) {
    set_ro(copy, false);
    fs::write(copy.join("names/caf\u{e9}"), "new").unwrap();
    fs::remove_file(copy.join("names/x")).unwrap();
    set_ro(copy, true);
}

#[test]
fn copies_are_equal_and_nothing_is_changed_by_looking() {
    require_btrfs!();
    let pair = sent(3);
    let before = [pair.src.path(), pair.dst.path()].map(State::of);
    let ended = verify(&[], &pair.snaps(), &pair).exits(0);
    let ended = ended.says(&["snaps/round-1\tequal -> backup/round-1", "3 checked: 3 equal"]);
    assert!(ended.err.is_empty(), "{ended:#?}");
    let ended = verify(&["--json", "-x", "round-1"], &pair.snaps(), &pair).exits(0);
    assert_eq!(verdicts(&ended), ["snaps/round-0 equal", "snaps/round-2 equal"]);
    assert_eq!(ended.events_of("summary")[0]["equal"], 2);
    assert!(verify(&["-q"], &pair.snaps(), &pair).exits(0).out.is_empty());
    // What others had left to write was written.
    before[0].same_content(pair.src.path());
    before[1].unchanged(pair.dst.path());
}

#[test]
fn a_copy_that_was_changed_is_different_and_the_paths_are_named() {
    require_btrfs!();
    let pair = sent(2);
    change(&pair.backup().join("round-1"));
    let ended = verify(&[], &pair.snaps(), &pair).exits(5).says(&[
        "round-0\tequal",
        "snaps/round-1\tdifferent -> backup/round-1 (3 differences)",
        "names/caf\u{e9}: only at the destination",
        "names/x: missing at the destination",
        "names: mtime ",
        "what next: the copy is kept",
        "2 checked: 1 equal, 1 different",
    ]);
    assert!(ended.err.is_empty(), "{ended:#?}");
    verify(&[], &pair.snaps().join("round-0"), &pair).exits(0);
    let ended = verify(&["--json"], &pair.snaps().join("round-1"), &pair).exits(5);
    let event = &ended.events_of("verify")[0];
    assert_eq!((&event["outcome"], &event["total"]), (&"different".into(), &3.into()));
    let found = event["differences"].as_array().unwrap();
    let words: Vec<_> = found.iter().map(|one| one["what"].as_str().unwrap()).collect();
    assert_eq!(words, ["mtime", "extra", "missing"]);
}

#[test]
fn so_many_are_named_as_is_wanted_and_all_are_counted() {
    require_btrfs!();
    let pair = sent(1);
    let copy = pair.backup().join("round-0");
    set_ro(&copy, false);
    (0..50).for_each(|number| fs::write(copy.join(format!("new-{number:02}")), "").unwrap());
    set_ro(&copy, true);
    let few = verify(&[], &pair.snaps(), &pair).exits(5);
    let few = few.says(&["(51 differences)", "new-18: only", "and 31 more"]);
    assert!(!few.out.contains("new-19"), "{few:#?}");
    verify(&["--all"], &pair.snaps(), &pair).exits(5).says(&["new-49: only"]);
}

#[test]
fn the_time_of_the_root_counts_unless_it_is_passed_over() {
    require_btrfs!();
    let pair = sent(1);
    let copy = pair.backup().join("round-0");
    set_ro(&copy, false);
    let times = fs::FileTimes::new().set_modified(std::time::SystemTime::now());
    fs::File::open(&copy).unwrap().set_times(times).unwrap();
    set_ro(&copy, true);
    let ended = verify(&[], &pair.snaps(), &pair).exits(5);
    ended.says(&["(1 difference)", ".: mtime ", "--ignore-root-mtime"]);
    verify(&["--ignore-root-mtime"], &pair.snaps(), &pair).exits(0);
}

#[test]
fn what_the_destination_lacks_is_missing() {
    require_btrfs!();
    let pair = sent(1);
    pair.next_round(1);
    let ended = verify(&["--json"], &pair.snaps(), &pair).exits(5);
    assert_eq!(verdicts(&ended), ["snaps/round-0 equal", "snaps/round-1 missing"]);
    verify(&[], &pair.snaps(), &pair).exits(5).says(&["round-1\tmissing at the destination"]);
}

#[test]
fn what_cannot_be_checked_does_not_pass() {
    require_btrfs!();
    let pair = sent(2);
    set_ro(&pair.backup().join("round-1"), false);
    let ended = verify(&["--json"], &pair.snaps(), &pair).exits(6);
    assert_eq!(verdicts(&ended), ["snaps/round-0 equal", "snaps/round-1 unchecked"]);
    assert!(ended.events_of("verify")[1]["message"].as_str().unwrap().contains("read-only"));
    verify(&["-x", "*"], &pair.snaps(), &pair).exits(6).complains(&["nothing was checked"]);
    verify(&[], &pair.snaps().join("none"), &pair).exits(1).complains(&["none"]);
    run(["verify", "/"]).exits(2);
}

#[test]
fn a_subvolume_is_no_copy_of_itself() {
    require_btrfs!();
    let pair = Pair::with_snapshots(&["day"]);
    let paths = [pair.snaps(), pair.src.path().to_path_buf()].map(PathBuf::into_os_string);
    let args = || std::iter::once("verify".into()).chain(paths.iter().cloned());
    run(args()).exits(6).says(&["could not be checked", "only once"]);
    // A copy on the same filesystem is one.
    let copies = pair.src.path().join("copies");
    fs::create_dir(&copies).unwrap();
    let source = pair.snaps().join("day").into_os_string();
    run(["-yf".into(), source, copies.into_os_string()]).exits(0);
    run(args()).exits(0).says(&["snaps/day\tequal -> copies/day", "1 checked: 1 equal"]);
}

#[test]
fn snapshots_of_a_copy_are_not_taken_for_it() {
    require_btrfs!();
    let pair = sent(1);
    let (copy, work) = (pair.backup().join("round-0"), pair.backup().join("work"));
    let file = copy.join("names/x");
    let mode = |mode| fs::set_permissions(&file, PermissionsExt::from_mode(mode)).unwrap();
    set_ro(&copy, false);
    mode(0o700);
    btrfs::snapshot_ro(&copy, &work);
    mode(0o644);
    set_ro(&copy, true);
    let ended = verify(&["--json"], &pair.snaps(), &pair).exits(0);
    assert_eq!(verdicts(&ended), ["snaps/round-0 equal"]);
    btrfs::delete(&copy);
    let ended = verify(&["--json"], &pair.snaps(), &pair).exits(5);
    assert_eq!(verdicts(&ended), ["snaps/round-0 different"]);
}

#[test]
fn a_sync_verifies_what_it_has_sent() {
    require_btrfs!();
    let pair = Pair::with_zoo(2);
    run(pair.args(&["-y", "--verify"]))
        .exits(0)
        .says(&["snaps/round-1\tequal -> backup/round-1", "2 checked: 2 equal"]);
    pair.next_round(2);
    let ended = run(pair.args(&["-y", "--verify", "--json"])).exits(0);
    assert_eq!(verdicts(&ended), ["snaps/round-2 equal"]);
    let dump = run(pair.args(&["-y", "--verify", "-o", "/tmp"]));
    dump.exits(2).complains(&["--verify"]);
}

/// Sent again, one has two copies at the destination; the old one was changed.
#[test]
fn a_sync_that_finds_a_difference_says_so_and_keeps_the_copy() {
    require_btrfs!();
    let pair = sent(1);
    let (copy, old) = (pair.backup().join("round-0"), pair.backup().join("old"));
    change(&copy);
    fs::rename(&copy, &old).unwrap();
    let ended = run(pair.args(&["-yf", "--verify", "--json"])).exits(5);
    assert_eq!(verdicts(&ended), ["snaps/round-0 different", "snaps/round-0 equal"]);
    assert_eq!(ended.events_of("summary")[0]["outcome"], "different");
    assert!(old.exists() && copy.exists());
    btrfs::delete(&copy);
    run(pair.args(&["-yf", "--verify"])).exits(5).complains(&["different -> backup/old"]);
}

/// Streams of a zoo in files, of which the first is full.
fn files(pair: &Pair, home: &Path, rounds: u32) -> Vec<PathBuf> {
    let snap = |round: u32| pair.snaps().join(format!("round-{round}"));
    let file = |round: u32| {
        let stream = btrfs::send(&snap(round), round.checked_sub(1).map(snap).as_deref());
        let path = home.join(round.to_string());
        fs::write(&path, stream).unwrap();
        path
    };
    (0..rounds).map(file).collect()
}

/// The paths of all subvolumes.
fn names(dir: &Path) -> Vec<PathBuf> {
    let all = btrsync_kernel::list(fs::File::open(dir).unwrap()).unwrap();
    all.into_iter().map(|vol| vol.path).collect()
}

#[test]
fn stream_files_are_replayed_and_nothing_is_left_of_that() {
    require_btrfs!();
    let (pair, home) = (sent(3), tempfile::tempdir().unwrap());
    let files = files(&pair, home.path(), 3);
    let before = names(pair.dst.path());
    for (round, file) in files.iter().enumerate() {
        let says = format!("round-{round}\tequal -> backup/round-{round}");
        verify(&[], file, &pair).exits(0).says(&[&says]);
    }
    let all = home.path().join("all");
    let bytes: Vec<_> = files.iter().map(|file| fs::read(file).unwrap()).collect();
    fs::write(&all, bytes.concat()).unwrap();
    let ended = verify(&["--json"], &all, &pair).exits(0);
    assert_eq!(verdicts(&ended), ["round-0 equal", "round-1 equal", "round-2 equal"]);
    assert_eq!(names(pair.dst.path()), before);
}

#[test]
fn a_stream_file_shows_a_copy_that_was_changed_and_needs_its_parent() {
    require_btrfs!();
    let (pair, home) = (sent(3), tempfile::tempdir().unwrap());
    let files = files(&pair, home.path(), 3);
    change(&pair.backup().join("round-1"));
    verify(&[], &files[1], &pair).exits(5).says(&["names/x: missing at the destination"]);
    verify(&[], &files[2], &pair).exits(6).says(&["could not be checked", "parent"]);
    btrfs::delete(&pair.backup().join("round-0"));
    verify(&[], &files[0], &pair).exits(5).says(&["missing"]);
    verify(&[], &files[1], &pair).exits(6).says(&["could not be checked", "parent"]);
    let mut damaged = fs::read(&files[2]).unwrap();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    fs::write(&files[2], damaged).unwrap();
    verify(&[], &files[2], &pair).exits(1).complains(&["not a usable stream file"]);
}

#[test]
fn a_sync_of_a_stream_file_verifies_by_replaying() {
    require_btrfs!();
    let (pair, home) = (Pair::with_zoo(2), tempfile::tempdir().unwrap());
    let args = |file: &Path| {
        let options = ["-y", "--verify", "--json"].map(Into::into);
        options.into_iter().chain([file.as_os_str().to_owned(), pair.backup().into_os_string()])
    };
    for (round, file) in files(&pair, home.path(), 2).iter().enumerate() {
        let ended = run(args(file)).exits(0);
        assert_eq!(verdicts(&ended), [format!("round-{round} equal")]);
    }
}

#[test]
fn a_destination_that_is_not_there_or_is_no_btrfs_is_a_failure() {
    require_btrfs!();
    let pair = Pair::with_snapshots(&["day"]);
    fs::remove_dir(pair.backup()).unwrap();
    verify(&[], &pair.snaps(), &pair).exits(1).complains(&["does not exist"]);
    run(["verify".into(), pair.snaps().into_os_string(), "/proc".into()]).exits(1);
}

/// On another machine nothing reads the copy in full, so nothing passes.
#[test]
fn what_is_on_another_machine_is_sent_but_not_checked() {
    require_btrfs!();
    require_machines!();
    let (pair, machine) = (Pair::with_snapshots(&["day"]), Machine::on_loopback());
    let far = format!("far:{}", pair.backup().display());
    let run = |first: &str| {
        let mut command = machine.command(env!("CARGO_BIN_EXE_btrsync"));
        command.args(first.split(' ')).arg("--ssh-config").arg(machine.ssh_config());
        Ended::of(command.arg(pair.snaps()).arg(&far))
    };
    run("-y --verify").exits(6).complains(&[
        "snaps/day\tcould not be checked -> backup/day",
        "cannot digest subvolumes",
        "run it where both are mounted",
    ]);
    arrived(&pair.snaps().join("day"), &pair.backup().join("day"));
    assert_eq!(verdicts(&run("verify --json").exits(6)), ["snaps/day unchecked"]);
}
