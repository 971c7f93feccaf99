//! What of a source is sent: patterns, include and exclude.

use std::fs;
use std::path::PathBuf;

use btrsync_testutil::require_btrfs;

use crate::support::{Pair, arrived, run, snapshot};

/// The volumes that are planned for a source, in alphabetical order.
#[track_caller]
fn selected(pair: &Pair, options: &[&str], source: &str) -> Vec<String> {
    let source = format!("{}/{source}", pair.src.path().display());
    let dest = pair.backup();
    let args = [options, &["-n", "--json", &source, dest.to_str().unwrap()]].concat();
    let plan = run(args).exits(0).plan();
    let mut paths: Vec<String> =
        plan.iter().map(|line| line.rsplit_once(' ').unwrap().0.to_owned()).collect();
    paths.sort();
    paths
}

fn tree() -> Pair {
    let pair = Pair::new();
    let dirs: [PathBuf; 3] = ["snaps/sub", "snaps2", "a*b"].map(|dir| pair.src.path().join(dir));
    dirs.iter().for_each(|dir| fs::create_dir_all(dir).unwrap());
    for name in [
        "day-1",
        "day-2",
        "[x]",
        "x",
        "snaps/day-3",
        "snaps/sub/day-4",
        "snaps/sub/hour",
        "snaps2/day-5",
        "a*b/s",
    ] {
        snapshot(&pair.origin(), &pair.src.path().join(name));
    }
    pair
}

#[test]
fn sources_select() {
    require_btrfs!();
    let pair = tree();
    let cases: &[(&str, &[&str])] = &[
        ("snaps/", &["snaps/day-3", "snaps/sub/day-4", "snaps/sub/hour"]),
        ("snaps", &["snaps/day-3", "snaps/sub/day-4", "snaps/sub/hour"]),
        ("snaps/sub", &["snaps/sub/day-4", "snaps/sub/hour"]),
        ("day-*", &["day-1", "day-2"]),
        ("day-?", &["day-1", "day-2"]),
        ("day-[2-9]", &["day-2"]),
        ("day-[!2]", &["day-1"]),
        ("*day-*", &["day-1", "day-2", "snaps/day-3", "snaps/sub/day-4", "snaps2/day-5"]),
        ("snaps/*", &["snaps/day-3", "snaps/sub/day-4", "snaps/sub/hour"]),
        ("snaps*", &["snaps/day-3", "snaps/sub/day-4", "snaps/sub/hour", "snaps2/day-5"]),
        ("snaps/*-4", &["snaps/sub/day-4"]),
        ("s*/day-?", &["snaps/day-3", "snaps/sub/day-4", "snaps2/day-5"]),
        ("snaps?/", &["snaps2/day-5"]),
        // What stands there literally is not a pattern.
        ("[x]", &["[x]"]),
        ("[[]x]", &["[x]"]),
        ("a*b/", &["a*b/s"]),
        ("a*b", &["a*b/s"]),
        ("day-1", &["day-1"]),
    ];
    for (source, expected) in cases {
        assert_eq!(selected(&pair, &[], source), *expected, "{source}");
    }
}

#[test]
fn include_and_exclude_are_relative_to_the_sources_directory() {
    require_btrfs!();
    let pair = tree();
    let cases: &[(&[&str], &str, &[&str])] = &[
        (&["-i", "day-*"], "snaps/", &["snaps/day-3"]),
        (&["-i", "*day-*"], "snaps/", &["snaps/day-3", "snaps/sub/day-4"]),
        (&["-i", "snaps/day-*"], "snaps/", &[]),
        (&["-x", "sub/*"], "snaps/", &["snaps/day-3"]),
        (&["-x", "sub/*"], "snaps", &["snaps/day-3"]),
        (&["-x", "hour"], "snaps/sub/", &["snaps/sub/day-4"]),
        (&["-i", "day-3", "-i", "sub/hour"], "snaps/", &["snaps/day-3", "snaps/sub/hour"]),
        (&["-x", "day-3", "-x", "sub/hour"], "snaps/", &["snaps/sub/day-4"]),
        (&["-i", "*day*", "-x", "*4"], "snaps/", &["snaps/day-3"]),
        (&["--include=*", "--exclude=*"], "snaps/", &[]),
        (&["-x", "*2"], "day-*", &["day-1"]),
        (&["-x", "*-4"], "snaps/*", &["snaps/day-3", "snaps/sub/hour"]),
        (&["-x", "s"], "a*b/", &[]),
        (&["-x", "day-1"], "day-1", &[]),
    ];
    for (options, source, expected) in cases {
        assert_eq!(selected(&pair, options, source), *expected, "{options:?} {source}");
    }
}

#[test]
fn a_pattern_at_the_root_is_sent_and_what_is_excluded_stays_away() {
    require_btrfs!();
    let pair = tree();
    let source = pair.src.path().join("day-*");
    run(["-y".as_ref(), source.as_os_str(), pair.backup().as_os_str()]).exits(0);
    for name in ["day-1", "day-2"] {
        arrived(&pair.src.path().join(name), &pair.backup().join(name));
    }
    assert_eq!(fs::read_dir(pair.backup()).unwrap().count(), 2);
}
