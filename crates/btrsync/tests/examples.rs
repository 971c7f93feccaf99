//! The examples, run as a user runs them, on real filesystems.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panic")]

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use btrsync_testutil::{LoopFs, assert_identical, btrfs, require_btrfs, write_files_seeded};

/// `cargo test` builds the examples, into a directory beside that of the tests; `cargo test --test NAME`
/// does not.
fn program(example: &str) -> PathBuf {
    let test = env::current_exe().unwrap();
    let path = test.parent().unwrap().parent().unwrap().join("examples").join(example);
    assert!(path.exists(), "{} is missing: run `cargo build --examples` first", path.display());
    path
}

fn run(example: &str, source: &Path, destination: &Path) -> Output {
    Command::new(program(example)).args([source, destination]).output().unwrap()
}

/// Runs an example that must succeed, and returns what it printed.
fn succeeds(example: &str, source: &Path, destination: &Path) -> String {
    let output = run(example, source, destination);
    assert!(output.status.success(), "{example}: {output:?}");
    assert!(output.stderr.is_empty(), "{example}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

struct Pair {
    from: LoopFs,
    to: LoopFs,
}

impl Pair {
    /// A source with three snapshots of one subvolume, and an empty directory.
    fn new(size: usize) -> Self {
        let pair = Self { from: LoopFs::new(), to: LoopFs::new() };
        fs::create_dir(pair.source()).unwrap();
        fs::create_dir(pair.destination()).unwrap();
        let origin = pair.from.path().join("origin");
        btrfs::create_subvolume(&origin);
        for (seed, name) in (1u64..).zip(["first", "second", "last"]) {
            write_files_seeded(&origin, 3, size, seed);
            btrfs::snapshot_ro(&origin, &pair.source().join(name));
        }
        // Not below the source directory, and so not to be sent.
        btrfs::snapshot_ro(&origin, &pair.from.path().join("elsewhere"));
        pair
    }

    fn source(&self) -> PathBuf {
        self.from.path().join("snapshots")
    }

    fn destination(&self) -> PathBuf {
        self.to.path().join("backup")
    }

    #[track_caller]
    fn holds(&self, names: &[&str]) {
        let there = fs::read_dir(self.destination()).unwrap().count();
        assert_eq!(there, names.len());
        for name in names {
            assert_identical(&self.source().join(name), &self.destination().join(name));
        }
    }
}

#[test]
fn sync_sends_everything_and_then_nothing() {
    require_btrfs!();
    let pair = Pair::new(1000);
    assert_eq!(succeeds("sync", &pair.source(), &pair.destination()), "3 done, 0 failed\n");
    pair.holds(&["first", "second", "last"]);
    assert_eq!(succeeds("sync", &pair.source(), &pair.destination()), "0 done, 0 failed\n");
}

#[test]
fn hooks_tells_its_plan_and_refuses_what_is_full() {
    require_btrfs!();
    let pair = Pair::new(1000);
    assert_eq!(
        succeeds("hooks", &pair.source(), &pair.destination()),
        "first: no COW ancestor among the source's snapshots\n\
         second: nearest COW ancestor, sent earlier in this run\n\
         last: nearest COW ancestor, sent earlier in this run\n\
         3 done, 0 left\n"
    );
    pair.holds(&["first", "second", "last"]);
    btrfs::create_subvolume(&pair.from.path().join("unrelated"));
    btrfs::snapshot_ro(&pair.from.path().join("unrelated"), &pair.source().join("new"));
    assert_eq!(
        succeeds("hooks", &pair.source(), &pair.destination()),
        "refused new: no COW ancestor among the source's snapshots\n0 done, 0 left\n"
    );
}

#[test]
fn progress_prints_what_happens() {
    require_btrfs!();
    let pair = Pair::new(8 << 20);
    let printed = succeeds("progress", &pair.source(), &pair.destination());
    let lines: Vec<&str> = printed.lines().collect();
    let reason = "no COW ancestor among the source's snapshots";
    assert_eq!(lines[0], format!("snapshots/first into backup: {reason}"));
    assert!(lines[1].starts_with("snapshots/first | "), "{printed}");
    assert!(lines[2].starts_with("snapshots/first / "), "{printed}");
    assert!(lines.last().unwrap().starts_with("snapshots/last done: "), "{printed}");
    pair.holds(&["first", "second", "last"]);
}

#[test]
fn a_failure_is_told_and_is_an_exit_code() {
    require_btrfs!();
    let pair = Pair::new(1000);
    let output = run("sync", &pair.source(), Path::new("/proc"));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && stderr.contains("NotBtrfs"), "{stderr}");
    fs::write(pair.destination().join("first"), b"mine").unwrap();
    let output = run("progress", &pair.source(), &pair.destination());
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(!output.status.success(), "{stdout}");
    assert!(stdout.contains("snapshots/first failed: "), "{stdout}");
    assert!(stdout.contains("backup/first already exists"), "{stdout}");
}

#[test]
fn json_writes_objects_for_what_happens_and_what_fails() {
    require_btrfs!();
    let pair = Pair::new(8 << 20);
    let printed = succeeds("json", &pair.source(), &pair.destination());
    let lines: Vec<&str> = printed.lines().collect();
    let begin = r#"{"event":"begin","volumes":["snapshots/first"],"into":"backup"}"#;
    assert_eq!(lines[0], begin, "{printed}");
    let progress = r#"{"event":"progress","volumes":["snapshots/first"],"bytes":"#;
    assert!(lines[1].starts_with(progress) && lines[1].ends_with('}'), "{printed}");
    let done = r#"{"event":"done","volumes":["snapshots/last"],"bytes":"#;
    assert!(lines.last().unwrap().starts_with(done), "{printed}");
    pair.holds(&["first", "second", "last"]);

    btrfs::snapshot_ro(&pair.source().join("last"), &pair.source().join("a\"\n\\"));
    fs::write(pair.destination().join("a\"\n\\"), b"mine").unwrap();
    let output = run("json", &pair.source(), &pair.destination());
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(!output.status.success(), "{stdout}");
    let last = stdout.lines().last().unwrap();
    assert!(last.starts_with(r#"{"event":"error","volumes":["snapshots/a\"\\n\\\\"]"#), "{stdout}");
}
