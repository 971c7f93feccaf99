//! Snapshots that went different ways, and no longer have the one that they came from.
//!
//! The hazard is wrong data with exit code 0: send does not see that a file was truncated on a branch, and an
//! increment from that to another branch leaves out what lies behind.

use std::fs::{self, File};
use std::path::Path;

use btrsync_testutil::{LoopFs, btrfs, require_btrfs, require_tool};
use serde_json::Value;

use crate::support::{Pair, Pty, arrived, no_leftover, random_file, run};

const WHOLE: u64 = 1 << 20;
/// In the last block, which is where send fails.
const CUT: u64 = WHOLE - 4095;

/// A first snapshot, and for each of `changes` another of a subvolume that was made from it.
fn branches(changes: &[(&str, u64)]) -> Pair {
    let pair = Pair::new();
    random_file(&crate::support::subvolume(&pair.origin()).join("file"), 1);
    let first = pair.snaps().join("first");
    btrfs::snapshot_ro(&pair.origin(), &first);
    for (name, length) in changes {
        branch(&pair, &first, name, *length);
    }
    pair
}

/// Makes a subvolume from a snapshot, cuts its file to a length, and takes a snapshot of it.
fn branch(pair: &Pair, from: &Path, name: &str, length: u64) {
    let work = pair.src.path().join(format!("work-{name}"));
    btrfs::snapshot_rw(from, &work);
    File::options().write(true).open(work.join("file")).unwrap().set_len(length).unwrap();
    fs::write(work.join("new"), name).unwrap();
    btrfs::snapshot_ro(&work, &pair.snaps().join(name));
}

/// Sends everything of the backup on; returns the plan.
fn onward(pair: &Pair, third: &LoopFs) -> Vec<String> {
    let mut source = pair.backup().into_os_string();
    source.push("/");
    let args = ["-y".into(), "--json".into(), source, third.path().into()];
    run(args).exits(0).plan()
}

fn all_arrived(pair: &Pair, third: &LoopFs, names: &[&str]) {
    for name in names {
        arrived(&pair.snaps().join(name), &third.path().join(name));
    }
}

#[test]
fn branches_whose_common_parent_was_deleted_are_sent_in_full() {
    require_btrfs!();
    let (pair, third) = (branches(&[("cut", CUT), ("whole", WHOLE)]), LoopFs::new());
    branch(&pair, &pair.snaps().join("whole"), "below", CUT / 2);
    run(pair.args(&["-y"])).exits(0);
    btrfs::delete(&pair.backup().join("first"));
    let mut plan = onward(&pair, &third);
    all_arrived(&pair, &third, &["cut", "whole", "below"]);
    plan.sort();
    assert_eq!(plan, ["backup/below incremental", "backup/cut full", "backup/whole full"]);
}

#[test]
fn a_snapshot_that_was_changed_is_no_parent_of_its_younger_siblings() {
    require_btrfs!();
    let pair = Pair::new();
    random_file(&crate::support::subvolume(&pair.origin()).join("file"), 1);
    for name in ["1", "2", "3"] {
        btrfs::snapshot_ro(&pair.origin(), &pair.snaps().join(name));
        fs::write(pair.origin().join(name), name).unwrap();
    }
    let changed = pair.snaps().join("2");
    btrfs::set_ro(&changed, false);
    File::options().write(true).open(changed.join("file")).unwrap().set_len(CUT).unwrap();
    btrfs::set_ro(&changed, true);
    let ended = run(pair.args(&["-y", "--json"])).exits(0);
    for name in ["1", "2", "3"] {
        arrived(&pair.snaps().join(name), &pair.backup().join(name));
    }
    let parents: Vec<_> =
        ended.events_of("transfer").iter().map(|it| it["parent"].clone()).collect();
    assert_eq!(parents, [Value::Null, "snaps/1".into(), "snaps/1".into()]);
}

#[test]
fn a_subvolume_that_was_changed_is_no_parent_of_older_snapshots_of_it() {
    require_btrfs!();
    let pair = branches(&[("cut", CUT), ("whole", WHOLE)]);
    let first = pair.snaps().join("first");
    btrfs::set_ro(&first, false);
    File::options().write(true).open(first.join("file")).unwrap().set_len(CUT).unwrap();
    btrfs::set_ro(&first, true);
    run(pair.args(&["-y"])).exits(0);
    for name in ["first", "cut", "whole"] {
        arrived(&pair.snaps().join(name), &pair.backup().join(name));
    }
}

/// A pair whose source has two branches without a common parent, the first of which the destination has.
fn one_sent() -> Pair {
    let first = branches(&[("cut", CUT), ("whole", WHOLE)]);
    run(first.args(&["-y"])).exits(0);
    btrfs::delete(&first.backup().join("first"));
    let pair = Pair::of(first.dst, LoopFs::new());
    fs::remove_dir(pair.snaps()).unwrap();
    fs::rename(pair.src.path().join("backup"), pair.snaps()).unwrap();
    run(pair.args(&["-y", "-x", "whole"])).exits(0);
    pair
}

#[test]
fn a_branch_in_full_clones_what_it_shares() {
    require_btrfs!();
    let pair = one_sent();
    let ended = run(pair.args(&["-y", "--json"])).exits(0);
    arrived(&pair.snaps().join("whole"), &pair.backup().join("whole"));
    assert_eq!(ended.events_of("transfer")[0]["clones"], Value::from(vec!["snaps/cut"]));
    let sent = ended.events_of("done")[0]["sent_bytes"].as_u64().unwrap();
    assert!(sent < WHOLE / 4, "{sent}");
}

#[test]
fn a_clone_source_that_is_no_longer_there_is_done_without() {
    require_btrfs!();
    require_tool!("script");
    for gone in [Gone::Source, Gone::Destination, Gone::Changed] {
        let pair = one_sent();
        let waiting = Pty::start(pair.args(&[])).shows("Proceed?");
        match gone {
            Gone::Source => btrfs::delete(&pair.snaps().join("cut")),
            Gone::Destination => btrfs::delete(&pair.backup().join("cut")),
            Gone::Changed => {
                let cut = File::open(pair.backup().join("cut")).unwrap();
                btrsync_kernel::set_read_only(&cut, false).unwrap();
                fs::write(pair.backup().join("cut/file"), "changed").unwrap();
                btrfs::sync(pair.dst.path());
                btrsync_kernel::set_read_only(&cut, true).unwrap();
            }
        }
        let (code, text) = waiting.types("y\n").end();
        assert!(code == 0 && text.contains("starts over without clones"), "{gone:?}: {text}");
        arrived(&pair.snaps().join("whole"), &pair.backup().join("whole"));
        no_leftover(pair.dst.path());
    }
}

#[derive(Debug, Clone, Copy)]
enum Gone {
    Source,
    Destination,
    Changed,
}

#[test]
fn data_shared_between_volumes_is_cloned() {
    require_btrfs!();
    let pair = Pair::with_snapshots(&["1"]);
    random_file(&pair.origin().join("large"), 2);
    pair.take("2");
    let other = crate::support::subvolume(&pair.src.path().join("other"));
    let mut copy = btrsync_testutil::command::program("cp");
    copy.arg("--reflink=always").arg(pair.origin().join("large")).arg(other.join("copy"));
    btrsync_testutil::command::output(&mut copy).unwrap();
    btrfs::snapshot_ro(&other, &pair.snaps().join("other"));
    let ended = run(pair.args(&["-y", "--json", "-x", "other"])).exits(0);
    assert_eq!(ended.plan(), ["snaps/1 full", "snaps/2 incremental"]);
    let ended = run(pair.args(&["-y", "--json"])).exits(0);
    arrived(&pair.snaps().join("other"), &pair.backup().join("other"));
    let sent = ended.events_of("done")[0]["sent_bytes"].as_u64().unwrap();
    assert!(sent < WHOLE / 4, "{sent}");
}

#[test]
fn dumps_have_no_clone_sources_that_a_restore_could_lack() {
    require_btrfs!();
    let pair = one_sent();
    let dumps = tempfile::tempdir().unwrap();
    let options = ["-y", "--json", "-o", dumps.path().to_str().unwrap()];
    let ended = run(pair.args(&options)).exits(0);
    assert_eq!(ended.events_of("transfer")[0]["clones"], Value::Array(Vec::new()));
    let restored = LoopFs::new();
    let stream = fs::read(dumps.path().join("whole.btrfs_stream")).unwrap();
    btrfs::receive(&stream, restored.path());
    arrived(&pair.snaps().join("whole"), &restored.path().join("whole"));
}
