//! A receive that is killed at, or fails in, any of its system calls.
//!
//! The hazard is what is left: under a final name there must be a complete subvolume or nothing, and
//! the same command must end in the same state as if nothing had happened, with nothing beside it.
//! `BTRSYNC_TEST_FULL=1` disturbs every call; else it is every Nth, with N such that a test stays short.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;

use btrsync_testutil::{History, btrfs, require_btrfs, require_tool};

use crate::support::{
    Call, Ended, Pair, Traced, arrived, clear, no_leftover, published_are_complete, run, sampled,
    subvolume,
};

/// Rich in commands, poor in bytes.
const SEED: u64 = 19;
const OPERATIONS: usize = 40;
const MOST: usize = 80;
const ERRORS: [&str; 4] = ["EIO", "ENOSPC", "EDQUOT", "EINTR"];

/// What receiving changes: every call whose failure can leave something undone. Names that a receiver
/// does not use are in nobody's way.
const CHANGING: [&str; 36] = [
    "openat",
    "openat2",
    "creat",
    "mkdir",
    "mkdirat",
    "mknod",
    "mknodat",
    "symlink",
    "symlinkat",
    "link",
    "linkat",
    "rename",
    "renameat",
    "renameat2",
    "unlink",
    "unlinkat",
    "rmdir",
    "write",
    "pwrite64",
    "pwritev",
    "copy_file_range",
    "truncate",
    "ftruncate",
    "fallocate",
    "ioctl",
    "lchown",
    "fchown",
    "fchownat",
    "chmod",
    "fchmod",
    "fchmodat",
    "utimensat",
    "lsetxattr",
    "fsetxattr",
    "lremovexattr",
    "syncfs",
];

/// Two snapshots of a random history, and one file with the full stream of the first and the
/// incremental stream of the second.
struct Streams {
    pair: Pair,
    home: tempfile::TempDir,
}

impl Streams {
    fn new() -> Self {
        let streams = Self { pair: Pair::new(), home: tempfile::tempdir().unwrap() };
        let (pair, history) = (&streams.pair, History::new(SEED, 2, OPERATIONS));
        let (origin, mut older, mut bytes) = (subvolume(&pair.origin()), Vec::new(), Vec::new());
        for round in 0..history.rounds() {
            drop(history.play(round, &origin, &older));
            let snap = pair.snaps().join(round.to_string());
            btrfs::snapshot_ro(&origin, &snap);
            bytes.extend(btrfs::send(&snap, older.last().map(PathBuf::as_path)));
            older.push(snap);
        }
        fs::write(streams.file(), bytes).unwrap();
        streams
    }

    fn file(&self) -> PathBuf {
        self.home.path().join("streams")
    }

    fn args(&self) -> [OsString; 3] {
        ["-y".into(), self.file().into(), self.pair.backup().into()]
    }

    fn traced(&self) -> Traced {
        Traced::btrsync(self.args())
    }

    /// The calls of an undisturbed run.
    fn calls(&self) -> Vec<Call> {
        let calls = self.traced().calls();
        self.is_complete("undisturbed");
        clear(&self.pair);
        calls
    }

    /// After a disturbed run, the plain one completes all, and nothing shows that there was another.
    #[track_caller]
    fn recovers(&self, what: &str) {
        published_are_complete(&self.pair);
        let again = run(self.args());
        assert_eq!(again.code, 0, "the run after {what}: {again:#?}");
        self.is_complete(what);
        clear(&self.pair);
    }

    #[track_caller]
    fn is_complete(&self, what: &str) {
        let names = ["0", "1"];
        for name in names {
            arrived(&self.pair.snaps().join(name), &self.pair.backup().join(name));
        }
        let there = fs::read_dir(self.pair.backup()).unwrap().count();
        assert_eq!(there, names.len(), "something is left after {what}");
        no_leftover(self.pair.dst.path());
    }
}

#[test]
fn killed_at_any_call_a_rerun_completes() {
    require_btrfs!();
    require_tool!("strace");
    let streams = Streams::new();
    let calls = sampled(streams.calls(), MOST);
    let mut killed = 0;
    for call in &calls {
        let ended = streams.traced().killed_at(call);
        // Where threads race, a call may not come to its number; that run then simply succeeds.
        killed += usize::from(ended.code != 0);
        streams.recovers(&format!("a kill at {call:?}"));
    }
    assert!(killed > calls.len() / 2, "only {killed} of {} kills did anything", calls.len());
}

#[test]
fn failing_in_any_call_it_fails_cleanly_or_succeeds() {
    require_btrfs!();
    require_tool!("strace");
    let streams = Streams::new();
    let calls = streams.calls().into_iter().filter(|call| CHANGING.contains(&call.name.as_str()));
    let points: Vec<(Call, &str)> =
        calls.flat_map(|call| ERRORS.map(|error| (call.clone(), error))).collect();
    let points = sampled(points, MOST);
    let mut failed = 0;
    for (call, error) in &points {
        let what = format!("{error} in {call:?}");
        let ended = streams.traced().failing_at(call, error);
        failed += usize::from(ended.code != 0);
        ends_well(&streams, &ended, &what);
        streams.recovers(&what);
    }
    assert!(failed > points.len() / 4, "only {failed} of {} errors were noticed", points.len());
}

/// Whoever could not do all of it says so; nobody crashes or hangs.
#[track_caller]
fn ends_well(streams: &Streams, ended: &Ended, what: &str) {
    match ended.code {
        0 => streams.is_complete(what),
        1..=99 => assert!(!ended.err.is_empty(), "{what}: a failure without a word: {ended:#?}"),
        _ => panic!("{what}: {ended:#?}"),
    }
}
