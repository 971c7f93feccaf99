//! What of a selection is sent: scope, what the destination has, and what would be full.

use std::fs;

use btrsync_testutil::{btrfs, require_btrfs};

use crate::support::{Pair, arrived, run, snapshot, subvolume};

#[test]
fn scopes_see_less_and_less() {
    require_btrfs!();
    let pair = Pair::new();
    let top = subvolume(&pair.src.path().join("top"));
    let first = snapshot(&pair.origin(), &top.join("1"));
    // Between the two stands a writable subvolume outside of the source's.
    let between = pair.src.path().join("between");
    btrfs::snapshot_rw(&first, &between);
    snapshot(&between, &top.join("2"));
    snapshot(&pair.origin(), &subvolume(&top.join("nested")).join("deep"));
    fs::create_dir(top.join("dir")).unwrap();
    snapshot(&pair.src.path().join("other"), &top.join("dir/3"));
    let plan = |scope: &str| {
        let (source, dest) = (top.join(""), pair.backup());
        let options = ["-n", "--json", "--scope", scope].map(std::ffi::OsStr::new);
        let mut plan =
            run(options.into_iter().chain([source.as_os_str(), dest.as_os_str()])).exits(0).plan();
        plan.sort();
        plan
    };
    assert_eq!(plan("all"), ["1 full", "2 incremental", "dir/3 full", "nested/deep incremental"]);
    assert_eq!(plan("strict"), ["1 full", "2 incremental", "dir/3 full"]);
    assert_eq!(plan("isolated"), ["1 full", "2 full", "dir/3 full"]);
}

#[test]
fn what_is_there_is_sent_again_only_on_demand_and_elsewhere() {
    require_btrfs!();
    let pair = Pair::with_snapshots(&["1", "2"]);
    run(pair.args(&["-y"])).exits(0);
    let other = pair.dst.path().join("other");
    fs::create_dir(&other).unwrap();
    let source = pair.snaps().join("");
    let to_other = |option: &str| run([option.as_ref(), source.as_os_str(), other.as_os_str()]);
    to_other("-y").exits(0).says(&["Nothing to do"]);
    to_other("-yf").exits(0).says(&["2 subvolumes sent"]);
    run(pair.args(&["-yrf"])).exits(0);
    for dir in [pair.backup(), other, pair.backup().join("snaps")] {
        arrived(&pair.snaps().join("1"), &dir.join("1"));
        arrived(&pair.snaps().join("2"), &dir.join("2"));
    }
    run(pair.args(&["-yf"])).exits(1).complains(&["already exists", "what next:"]);
}

#[test]
fn nothing_full_is_sent_where_only_differences_are_wanted() {
    require_btrfs!();
    let pair = Pair::with_snapshots(&["1", "2", "3"]);
    let ended = run(pair.args(&["-yI", "--json"])).exits(0);
    assert_eq!((ended.plan().len(), ended.events_of("skip").len()), (0, 3));
    assert_eq!(ended.events_of("skip")[0]["kind"], "full");
    run(pair.args(&["-yIv"])).exits(0).says(&["snaps/1\tleft out: would be full", "Nothing to do"]);
    assert_eq!(fs::read_dir(pair.backup()).unwrap().count(), 0);
    run(pair.args(&["-y", "-i", "2"])).exits(0);
    let ended = run(pair.args(&["-yI", "--json"])).exits(0);
    assert_eq!(ended.plan(), ["snaps/3 incremental"], "1 has no ancestor there");
    arrived(&pair.snaps().join("3"), &pair.backup().join("3"));
    assert!(!pair.backup().join("1").exists());
}
