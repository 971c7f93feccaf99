//! The main job: what was snapshotted on one filesystem stands on the other, again and again.

use std::fs;

use btrsync_testutil::{btrfs, require_btrfs};

use crate::support::{Pair, State, arrived, no_leftover, run, snapshot, subvolume};

#[test]
fn a_first_sync_an_incremental_one_and_a_rerun() {
    require_btrfs!();
    let pair = Pair::with_zoo(4);
    let first = run(pair.args(&["-y", "--json"])).exits(0);
    let plan = [
        "snaps/round-0 full",
        "snaps/round-1 incremental",
        "snaps/round-2 incremental",
        "snaps/round-3 incremental",
    ];
    assert_eq!(first.plan(), plan);
    pair.next_round(4);
    let second = run(pair.args(&["-y", "--json"])).exits(0);
    assert_eq!(second.plan(), ["snaps/round-4 incremental"]);
    assert_eq!(second.events_of("transfer")[0]["parent"], "snaps/round-3");
    for round in 0..5 {
        let name = format!("round-{round}");
        arrived(&pair.snaps().join(&name), &pair.backup().join(&name));
    }
    let before = State::of(pair.dst.path());
    run(pair.args(&["-y"])).exits(0).says(&["Nothing to do"]);
    before.unchanged(pair.dst.path());
}

#[test]
fn snapshots_of_a_deleted_origin_are_still_incremental() {
    require_btrfs!();
    let pair = Pair::with_snapshots(&["1", "2", "3"]);
    btrfs::delete(&pair.origin());
    let ended = run(pair.args(&["-y", "--json"])).exits(0);
    assert_eq!(ended.plan(), ["snaps/1 full", "snaps/2 incremental", "snaps/3 incremental"]);
    for name in ["1", "2", "3"] {
        arrived(&pair.snaps().join(name), &pair.backup().join(name));
    }
}

#[test]
fn a_copy_is_sent_on_and_back_under_its_first_identity() {
    require_btrfs!();
    let (pair, third) = (Pair::with_snapshots(&["1", "2"]), btrsync_testutil::LoopFs::new());
    run(pair.args(&["-y"])).exits(0);
    let on =
        [pair.backup().join("1").as_path(), third.path()].map(|path| path.as_os_str().to_owned());
    run([&["-y".into()], &on[..]].concat()).exits(0);
    arrived(&pair.snaps().join("1"), &third.path().join("1"));
    // The second goes straight to the third filesystem: what came there by way of another is its parent.
    let args = pair.args(&["-y", "--json"]);
    let ended =
        run([&args[..args.len() - 1], &[third.path().as_os_str().into()]].concat()).exits(0);
    assert_eq!(ended.plan(), ["snaps/2 incremental"]);
    arrived(&pair.snaps().join("2"), &third.path().join("2"));
    run(["-y".as_ref(), third.path().join("").as_os_str(), pair.src.path().as_os_str()])
        .exits(0)
        .says(&["Nothing to do"]);
}

#[test]
fn several_sources_share_their_parents() {
    require_btrfs!();
    let pair = Pair::with_snapshots(&["1"]);
    let more = pair.src.path().join("more");
    fs::create_dir(&more).unwrap();
    snapshot(&pair.origin(), &more.join("2"));
    let sources = [pair.snaps().join("").into_os_string(), more.join("").into_os_string()];
    let args = [&["-y".into(), "--json".into()], &sources[..], &[pair.backup().into()]].concat();
    let ended = run(args).exits(0);
    assert_eq!(ended.plan(), ["snaps/1 full", "more/2 incremental"]);
    arrived(&pair.snaps().join("1"), &pair.backup().join("1"));
    arrived(&more.join("2"), &pair.backup().join("2"));
}

#[test]
fn directories_are_replicated() {
    require_btrfs!();
    let pair = Pair::new();
    let dirs = ["snaps/a/b", "snaps/c", "snaps"].map(|dir| pair.src.path().join(dir));
    dirs.iter().for_each(|dir| fs::create_dir_all(dir).unwrap());
    // One basename for all: only their directories keep them apart.
    let snaps = dirs.map(|dir| snapshot(&pair.origin(), &dir.join("snapshot")));
    let ended = run(pair.args(&["-yr", "--json"])).exits(0);
    let into: Vec<_> =
        ended.events_of("transfer").iter().map(|event| event["into"].clone()).collect();
    assert_eq!(into, ["backup/snaps/a/b", "backup/snaps/c", "backup/snaps"]);
    for snap in snaps {
        arrived(&snap, &pair.backup().join(snap.strip_prefix(pair.src.path()).unwrap()));
    }
    run(pair.args(&["-yr"])).exits(0).says(&["Nothing to do"]);
    no_leftover(pair.dst.path());
}

#[test]
fn nested_subvolumes_are_left_out_and_sent_on_their_own() {
    require_btrfs!();
    let pair = Pair::new();
    let inner = subvolume(&subvolume(&pair.origin()).join("inner"));
    snapshot(&inner, &pair.snaps().join("inner"));
    let outer = snapshot(&pair.origin(), &pair.snaps().join("outer"));
    run(pair.args(&["-y"])).exits(0);
    arrived(&outer, &pair.backup().join("outer"));
    arrived(&pair.snaps().join("inner"), &pair.backup().join("inner"));
    assert!(!pair.backup().join("outer/inner").exists(), "a stream does not carry it");
}
