//! The world changes between the plan and the transfer, while the question waits.

use std::fs;
use std::path::Path;

use btrsync_testutil::{btrfs, require_btrfs, require_tool};

use crate::support::{Pair, Pty, State, arrived, no_leftover, run, snapshot, subvolume};

/// Plans, changes something while the question waits, says yes, and expects a failure that has all of
/// `words`, and `1` at the source missing at the destination.
#[track_caller]
fn fails_after(change: impl Fn(&Pair, &Path), words: &[&str]) -> Pair {
    let pair = Pair::with_snapshots(&["1"]);
    let waiting = Pty::start(pair.args(&[])).shows("Proceed?");
    change(&pair, &pair.snaps().join("1"));
    let before = State::of(pair.dst.path());
    let (code, text) = waiting.types("y\n").end();
    assert_eq!(code, 1, "{text}");
    for word in words.iter().chain(&["what next:"]) {
        assert!(text.contains(word), "no {word:?} in {text}");
    }
    before.same_content(pair.dst.path());
    no_leftover(pair.dst.path());
    pair
}

#[test]
fn the_source_is_deleted() {
    require_btrfs!();
    require_tool!("script");
    let words = ["snaps/1 was deleted or moved since", "run the same command again"];
    let pair = fails_after(|_, snap| btrfs::delete(snap), &words);
    run(pair.args(&["-y"])).exits(0).says(&["Nothing to do"]);
}

#[test]
fn the_source_is_moved() {
    require_btrfs!();
    require_tool!("script");
    let words = ["snaps/1 was deleted or moved since", "run the same command again"];
    let pair =
        fails_after(|_, snap| fs::rename(snap, snap.with_file_name("moved")).unwrap(), &words);
    run(pair.args(&["-y"])).exits(0);
    arrived(&pair.snaps().join("moved"), &pair.backup().join("moved"));
}

#[test]
fn the_source_is_replaced() {
    require_btrfs!();
    require_tool!("script");
    let words = ["snaps/1 is not the subvolume that was listed", "run the same command again"];
    for how in ["snapshot", "directory"] {
        let replace = |pair: &Pair, snap: &Path| {
            btrfs::delete(snap);
            match how {
                "snapshot" => drop(snapshot(&pair.origin(), snap)),
                _ => fs::create_dir(snap).unwrap(),
            }
        };
        fails_after(replace, &words);
    }
}

#[test]
fn the_source_is_made_writable() {
    require_btrfs!();
    require_tool!("script");
    let words = ["snaps/1 is no longer read-only", "make it read-only again"];
    fails_after(|_, snap| btrfs::set_ro(snap, false), &words);
}

#[test]
fn the_source_becomes_a_symbolic_link() {
    require_btrfs!();
    require_tool!("script");
    let relink = |_: &Pair, snap: &Path| {
        fs::rename(snap, snap.with_file_name("moved")).unwrap();
        std::os::unix::fs::symlink("moved", snap).unwrap();
    };
    fails_after(relink, &["snaps/1"]);
}

#[test]
fn the_name_is_taken() {
    require_btrfs!();
    require_tool!("script");
    let words = ["backup/1 already exists", "rename or delete it"];
    fails_after(|pair, _| fs::create_dir(pair.backup().join("1")).unwrap(), &words);
}

#[test]
fn the_destination_is_deleted_or_sealed() {
    require_btrfs!();
    require_tool!("script");
    fails_after(|pair, _| fs::remove_dir(pair.backup()).unwrap(), &["backup", "No such file"]);
    fails_after(|pair, _| pair.dst.remount("ro"), &["the filesystem is read-only"]);
}

#[test]
fn the_parent_at_the_source_is_made_writable() {
    require_btrfs!();
    require_tool!("script");
    let pair = Pair::with_snapshots(&["1", "2"]);
    run(pair.args(&["-y", "-i", "1"])).exits(0);
    let before = State::of(pair.dst.path());
    let waiting = Pty::start(pair.args(&[])).shows("snaps/2    incr").shows("Proceed?");
    btrfs::set_ro(&pair.snaps().join("1"), false);
    fs::write(pair.snaps().join("1/file"), "changed").unwrap();
    let (code, text) = waiting.types("y\n").end();
    assert!(code == 1 && text.contains("snaps/1 is no longer read-only"), "{text}");
    before.same_content(pair.dst.path());
}

/// The hazard of hazards: a stream applied to something that is not what it was made against.
#[test]
fn the_parent_at_the_destination_is_changed() {
    require_btrfs!();
    require_tool!("script");
    for seal in [false, true] {
        let pair = Pair::with_snapshots(&["1", "2"]);
        fs::write(pair.origin().join("more"), "more").unwrap();
        run(pair.args(&["-y", "-i", "1"])).exits(0);
        let waiting = Pty::start(pair.args(&[])).shows("snaps/2    incr").shows("Proceed?");
        let copy = pair.backup().join("1");
        btrfs::set_ro(&copy, false);
        fs::write(copy.join("planted"), "planted").unwrap();
        btrfs::set_ro(&copy, seal);
        let before = State::of(pair.dst.path());
        let (code, text) = waiting.types("y\n").end();
        assert!(code == 1 && text.contains("what next:"), "sealed {seal}: {text}");
        before.same_content(pair.dst.path());
        no_leftover(pair.dst.path());
    }
}

#[test]
fn the_parent_at_the_destination_is_deleted() {
    require_btrfs!();
    require_tool!("script");
    let pair = Pair::with_snapshots(&["1", "2"]);
    run(pair.args(&["-y", "-i", "1"])).exits(0);
    let waiting = Pty::start(pair.args(&[])).shows("snaps/2    incr").shows("Proceed?");
    btrfs::delete(&pair.backup().join("1"));
    subvolume(&pair.dst.path().join("other"));
    let (code, text) = waiting.types("y\n").end();
    assert!(code == 1 && text.contains("what next:"), "{text}");
    no_leftover(pair.dst.path());
    run(pair.args(&["-y"])).exits(0);
    arrived(&pair.snaps().join("2"), &pair.backup().join("2"));
}
