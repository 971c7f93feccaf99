//! Several at once: batches, parallel transfers, several sources, and one that fails among them.

use std::fs;
use std::path::PathBuf;

use btrsync_testutil::{
    btrfs, mutate_zoo, populate_zoo, require_btrfs, require_tool, write_files_seeded,
};

use crate::support::{Ended, Pair, Pty, arrived, no_leftover, run, snapshot, subvolume};

/// Snapshots of subvolumes that have nothing to do with each other.
fn independent(pair: &Pair, names: &[&str]) -> Vec<PathBuf> {
    let take = |(seed, name): (usize, &&str)| {
        let origin = subvolume(&pair.src.path().join(format!("origin-{name}")));
        write_files_seeded(&origin, 60, 100_000, seed as u64);
        snapshot(&origin, &pair.snaps().join(name))
    };
    names.iter().enumerate().map(take).collect()
}

#[track_caller]
fn all_arrived(pair: &Pair, snaps: &[PathBuf]) {
    for snap in snaps {
        arrived(snap, &pair.backup().join(snap.file_name().unwrap()));
    }
    no_leftover(pair.dst.path());
}

#[test]
fn a_batch_sends_independent_volumes_in_one_transfer() {
    require_btrfs!();
    let pair = Pair::new();
    let mut snaps = independent(&pair, &["a", "b", "c"]);
    let ended = run(pair.args(&["-yB", "--json"])).exits(0);
    assert_eq!(ended.plan(), ["snaps/a+snaps/b+snaps/c full"]);
    assert_eq!((ended.events_of("start").len(), ended.events_of("done").len()), (1, 1));
    assert_eq!(ended.events_of("summary")[0]["subvolumes"], 3);
    // Two that grew out of one have it as their parent, both in one transfer.
    for name in ["a-left", "a-right"] {
        let work = pair.src.path().join(name);
        btrfs::snapshot_rw(&snaps[0], &work);
        snaps.push(snapshot(&work, &pair.snaps().join(name)));
    }
    let ended = run(pair.args(&["-yB", "--json"])).exits(0);
    assert_eq!(ended.plan(), ["snaps/a-left+snaps/a-right incremental"]);
    all_arrived(&pair, &snaps);
    run(pair.args(&["-yB"])).exits(0).says(&["Nothing to do"]);
}

#[test]
fn a_batch_of_zoos_is_identical() {
    require_btrfs!();
    let pair = Pair::new();
    let zoos = ["left", "right"].map(|name| subvolume(&pair.src.path().join(name)));
    zoos.iter().for_each(|zoo| populate_zoo(zoo));
    for round in 0..3 {
        for zoo in &zoos {
            mutate_zoo(zoo, round + 1);
            let name = format!("{}-{round}", zoo.file_name().unwrap().to_str().unwrap());
            btrfs::snapshot_ro(zoo, &pair.snaps().join(name));
        }
    }
    let ended = run(pair.args(&["-yB", "--json"])).exits(0);
    assert_eq!(ended.plan()[0], "snaps/left-0+snaps/right-0 full");
    let snaps: Vec<PathBuf> =
        fs::read_dir(pair.snaps()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(snaps.len(), 6);
    all_arrived(&pair, &snaps);
}

/// The most transfers that ran at the same time.
fn most_at_once(ended: &Ended) -> i32 {
    let (mut now, mut most) = (0, 0);
    for event in ended.events() {
        now += match event["event"].as_str() {
            Some("start") => 1,
            Some("done") => -1,
            _ => 0,
        };
        most = most.max(now);
    }
    most
}

#[test]
fn parallel_transfers_are_bounded() {
    require_btrfs!();
    let pair = Pair::new();
    let snaps = independent(&pair, &["a", "b", "c", "d", "e", "f", "g"]);
    for (option, most) in [("-P", 4), ("--parallel=2", 2), ("--batch", 1)] {
        let ended = run(pair.args(&["-y", "--json", option])).exits(0);
        assert_eq!(most_at_once(&ended), most, "{option}");
        assert_eq!(ended.events_of("summary")[0]["subvolumes"], snaps.len());
        all_arrived(&pair, &snaps);
        snaps.iter().for_each(|snap| btrfs::delete(&pair.backup().join(snap.file_name().unwrap())));
    }
    let text = run(pair.args(&["-yP", "-i", "[ab]"])).exits(0);
    text.says(&["snaps/a - Done", "snaps/b - Done"]);
}

#[test]
fn children_wait_for_their_parents_also_in_parallel() {
    require_btrfs!();
    let pair = Pair::with_zoo(3);
    let mut snaps = independent(&pair, &["a", "b"]);
    snaps.extend((0..3).map(|round| pair.snaps().join(format!("round-{round}"))));
    run(pair.args(&["-yP"])).exits(0);
    all_arrived(&pair, &snaps);
}

/// Makes one of three volumes unsendable while the question waits, and answers yes.
#[track_caller]
fn one_of_three_fails(options: &[&str], which: &str) -> (Pair, i32, String) {
    let pair = Pair::new();
    independent(&pair, &["a", "b", "c"]);
    let waiting = Pty::start(pair.args(options)).shows("Proceed?");
    btrfs::set_ro(&pair.snaps().join(which), false);
    let (code, text) = waiting.types("y\n").end();
    assert!(text.contains("is no longer read-only") && text.contains("what next:"), "{text}");
    no_leftover(pair.dst.path());
    (pair, code, text)
}

#[track_caller]
fn received(pair: &Pair) -> Vec<String> {
    let entries = fs::read_dir(pair.backup()).unwrap();
    let mut names: Vec<String> =
        entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names.iter().for_each(|name| arrived(&pair.snaps().join(name), &pair.backup().join(name)));
    names
}

#[test]
fn in_parallel_the_others_of_a_group_are_finished() {
    require_btrfs!();
    require_tool!("script");
    let (pair, code, text) = one_of_three_fails(&["-P=2"], "a");
    assert_eq!((code, received(&pair)), (3, vec!["b".to_owned(), "c".to_owned()]), "{text}");
    assert!(text.contains("2 subvolumes sent") && text.contains("1 failed, 0 not begun"), "{text}");
}

#[test]
fn one_after_another_ends_at_the_first_failure() {
    require_btrfs!();
    require_tool!("script");
    let (pair, code, text) = one_of_three_fails(&[], "b");
    assert_eq!((code, received(&pair)), (3, vec!["a".to_owned()]), "{text}");
    assert!(text.contains("1 failed, 1 not begun"), "{text}");
    let (pair, code, text) = one_of_three_fails(&[], "a");
    assert_eq!((code, received(&pair)), (1, vec![]), "{text}");
}

#[test]
fn a_failure_in_one_source_leaves_the_next_ones() {
    require_btrfs!();
    let pair = Pair::new();
    let snaps = independent(&pair, &["a", "b", "c"]);
    fs::create_dir(pair.backup().join("b")).unwrap();
    let mut args = vec!["-y".into(), "--json".into()];
    args.extend(snaps.iter().chain([&pair.backup()]).map(|path| path.as_os_str().to_owned()));
    let ended = run(args).exits(3);
    let summary = &ended.events_of("summary")[0];
    assert_eq!((&summary["outcome"], &summary["exit_code"]), (&"partial".into(), &3.into()));
    arrived(&snaps[0], &pair.backup().join("a"));
    assert!(!pair.backup().join("c").exists());
}
