//! Names that are taken at the destination: nothing there is ever overwritten, merged or trusted.

use std::fs;
use std::os::unix::fs::symlink;

use btrsync_testutil::{btrfs, require_btrfs};

use crate::support::{Pair, State, arrived, btrsync, refuses, run, snapshot, subvolume};

/// Refuses the plain sync because of these names.
#[track_caller]
fn refuses_names(pair: &Pair, options: &[&str], words: &[&str]) {
    refuses(1, words, pair.dst.path(), || {
        let mut command = btrsync();
        command.args(pair.args(options));
        command
    });
}

#[test]
fn something_else_stands_under_the_name() {
    require_btrfs!();
    let pair = Pair::with_snapshots(&["1", "2"]);
    let taken = pair.backup().join("2");
    let words = [
        "cannot receive snaps/2",
        taken.to_str().unwrap(),
        "already exists",
        "rename or delete it",
    ];
    fs::create_dir(&taken).unwrap();
    refuses_names(&pair, &[], &words);
    fs::remove_dir(&taken).unwrap();
    fs::write(&taken, "mine").unwrap();
    refuses_names(&pair, &[], &words);
    fs::remove_file(&taken).unwrap();
    for target in ["nowhere", "/"] {
        symlink(target, &taken).unwrap();
        refuses_names(&pair, &[], &words);
        fs::remove_file(&taken).unwrap();
    }
    subvolume(&taken);
    refuses_names(&pair, &[], &words);
    btrfs::delete(&taken);
    snapshot(&pair.dst.path().join("origin"), &taken);
    refuses_names(&pair, &["-B"], &words);
    refuses_names(&pair, &["-P"], &words);
    fs::create_dir(pair.backup().join("1")).unwrap();
    refuses_names(&pair, &[], &["backup/1 already exists", "1 other name"]);
}

#[test]
fn a_copy_that_was_changed_is_no_copy() {
    require_btrfs!();
    let pair = Pair::with_snapshots(&["1"]);
    run(pair.args(&["-y"])).exits(0);
    let copy = pair.backup().join("1");
    btrfs::set_ro(&copy, false);
    fs::write(copy.join("file"), "changed").unwrap();
    refuses_names(&pair, &[], &["backup/1 already exists"]);
    pair.take("2");
    refuses_names(&pair, &[], &["backup/1 already exists"]);
    btrfs::set_ro(&copy, true);
    refuses_names(&pair, &[], &["backup/1 already exists"]);
    // It is no parent either.
    let ended = run(pair.args(&["-y", "--json", "-i", "2"])).exits(0);
    assert_eq!(ended.plan(), ["snaps/2 full"]);
    arrived(&pair.snaps().join("2"), &pair.backup().join("2"));
    assert_eq!(fs::read_to_string(copy.join("file")).unwrap(), "changed");
}

#[test]
fn two_volumes_with_one_basename() {
    require_btrfs!();
    let pair = Pair::new();
    let snaps = ["1", "2"].map(|number| {
        fs::create_dir(pair.snaps().join(number)).unwrap();
        snapshot(&pair.origin(), &pair.snaps().join(number).join("snapshot"))
    });
    let words = [
        "snaps/1/snapshot and snaps/2/snapshot would both be received as snapshot",
        "give -r",
        "-x",
    ];
    refuses_names(&pair, &[], &words);
    refuses_names(&pair, &["-B"], &words);
    run(pair.args(&["-yr"])).exits(0);
    for snap in &snaps {
        arrived(snap, &pair.backup().join(snap.strip_prefix(pair.src.path()).unwrap()));
    }
}

#[test]
fn a_replicated_directory_never_leads_out() {
    require_btrfs!();
    let pair = Pair::with_snapshots(&["1"]);
    let outside = pair.dst.path().join("outside");
    fs::create_dir(&outside).unwrap();
    let link = pair.backup().join("snaps");
    symlink(&outside, &link).unwrap();
    refuses_names(
        &pair,
        &["-r"],
        &["backup/snaps", "a symbolic link stands where a directory must"],
    );
    fs::remove_file(&link).unwrap();
    fs::write(&link, "a file").unwrap();
    refuses_names(&pair, &["-r"], &["backup/snaps", "name a directory"]);
}

#[test]
fn a_name_that_looks_like_a_leftover_is_touched_only_if_it_is_one() {
    require_btrfs!();
    let pair = Pair::with_snapshots(&["1", "2"]);
    let leftover = pair.backup().join(format!(".btrsync-{}.partial", "a".repeat(32)));
    let others = [".btrsync-notes", ".btrsync-1.partial"].map(|name| pair.backup().join(name));
    subvolume(&leftover);
    others.iter().for_each(|other| drop(subvolume(other)));
    run(pair.args(&["-y", "-i", "1"])).exits(0);
    assert!(!leftover.exists(), "a dead run's");
    assert!(others.iter().all(|other| other.exists()), "somebody else's");
    // Under the name, but no subvolume: not ours, and not deleted.
    fs::create_dir(&leftover).unwrap();
    let before = State::of(pair.dst.path());
    run(pair.args(&["-y"])).exits(1).complains(&[leftover.to_str().unwrap(), "what next:"]);
    before.unchanged(pair.dst.path());
}
