//! The log, and what the journal of systemd gets.
//!
//! The hazard is a variable that is believed: what a service hands on to its children says nothing of where
//! their output goes.

use std::fs::File;
use std::os::linux::fs::MetadataExt;

use btrsync_testutil::require_btrfs;

use crate::support::{Ended, Pair, btrsync, run};

/// A run whose standard error is a file that is said to be the journal, if it is.
fn in_journal(pair: &Pair, options: &[&str], is_journal: bool) -> Ended {
    let log = tempfile::NamedTempFile::new().unwrap();
    let metadata = log.as_file().metadata().unwrap();
    let inode = metadata.st_ino() + u64::from(!is_journal);
    let mut command = btrsync();
    command
        .args(pair.args(options))
        .env("JOURNAL_STREAM", format!("{}:{inode}", metadata.st_dev()));
    let output = command.stderr(File::create(log.path()).unwrap()).output().unwrap();
    Ended { err: std::fs::read_to_string(log.path()).unwrap(), ..Ended::from(output) }
}

#[test]
fn the_journal_gets_priorities_and_nobody_else() {
    require_btrfs!();
    let pair = Pair::with_snapshots(&["1"]);
    std::fs::create_dir(pair.backup().join("1")).unwrap();
    let ended = in_journal(&pair, &["-y"], true).exits(1);
    assert!(ended.err.lines().all(|line| line.starts_with("<3>")), "{ended:?}");
    assert!(ended.err.contains("\n<3>  what next: "), "{ended:?}");
    let ended = in_journal(&pair, &["-y"], false).exits(1);
    assert!(ended.err.starts_with("btrsync: ") && !ended.err.contains("<3>"), "{ended:?}");
    std::fs::remove_dir(pair.backup().join("1")).unwrap();
    let ended = in_journal(&pair, &["-y", "--log-level=debug", "-p"], true).exits(0);
    let begins = |line: &str| line.starts_with("<6>btrsync::") || line.starts_with("<7>btrsync::");
    assert!(ended.err.lines().count() > 3 && ended.err.lines().all(begins), "{ended:?}");
    assert!(!ended.err.contains('\x1b') && !ended.out.contains('<'), "{ended:?}");
}

#[test]
fn a_filter_chooses_what_is_logged_and_an_option_goes_before() {
    require_btrfs!();
    let pair = Pair::with_snapshots(&["1", "2"]);
    let log = |variable: &str, options: &[&str]| {
        let ended = Ended::of(btrsync().args(pair.args(options)).env("BTRSYNC_LOG", variable));
        ended.exits(0).err
    };
    let targets =
        |log: &str, target: &str| log.lines().filter(|line| line.contains(target)).count();
    assert_eq!(log("", &["-n"]), "");
    let planned = log("btrsync::sync::survey=debug", &["-n"]);
    assert_eq!(targets(&planned, "btrsync::sync::survey: "), planned.lines().count());
    assert!(planned.contains("volume=\"snaps/2\" parent=\"snaps/1\" reason=nearest COW ancestor"));
    let sent = log("trace", &["-y", "--log-level=info,btrsync::receive=debug", "-i", "1"]);
    let spanned = |line: &str| line.contains("transfer{volume=\"snaps/1\"}: ");
    assert!(targets(&sent, "btrsync::receive::") >= 2 && sent.lines().all(spanned), "{sent}");
    assert!(sent.contains(" INFO ") && !sent.contains("survey"), "{sent}");
}

#[test]
fn a_filter_that_is_none_is_told() {
    run(["--log-level=loud", "a", "b"]).exits(2).complains(&["'loud' is neither a level"]);
    let ended = Ended::of(btrsync().args(["list", "/"]).env("BTRSYNC_LOG", "btrsync=loud"));
    ended.exits(2).complains(&["BTRSYNC_LOG: 'btrsync=loud' is neither", "what next"]);
}
