//! Pipelines that end badly, or not at all.
//!
//! The hazard is a stage that neither reads nor ends, or that leaves others behind: whatever happens
//! to one, the run ends soon, names it, keeps no file and leaves no process.

use std::fs;
use std::time::{Duration, Instant};

use btrsync_testutil::command::program;
use btrsync_testutil::{Random, require_btrfs, require_tool};
use rustix::process::Signal;

use crate::support::{Ended, Pair, Running, signal};

const SOON: Duration = Duration::from_secs(10);

/// Runs of dumps, whose processes all have a word in their command lines.
struct Dumps {
    pair: Pair,
    home: tempfile::TempDir,
    word: String,
}

impl Dumps {
    fn new(mib: usize) -> Self {
        let word = format!("300.{}{}", std::process::id(), mib);
        Self { pair: Pair::with_large(mib), home: tempfile::tempdir().unwrap(), word }
    }

    /// Starts a dump. In the pipeline `SLEEP` sleeps for very long, where it can be found.
    fn start(&self, pipeline: &str) -> Running {
        let pipeline = pipeline.replace("SLEEP", &format!("sleep {}", self.word));
        let dir = self.home.path().to_str().unwrap();
        Running::start(self.pair.args(&["-o", dir, "-O", &pipeline]))
    }

    /// The processes that are left of a pipeline.
    fn left(&self) -> Vec<u32> {
        processes(|command| command.contains(&self.word))
    }

    /// Asserts that nothing is left.
    #[track_caller]
    fn nothing_left(&self) {
        let begin = Instant::now();
        // What was killed with its parent is gone when another process has waited for it.
        while !self.left().is_empty() {
            assert!(begin.elapsed() < Duration::from_secs(2), "{:?} are left", self.left());
        }
        let names: Vec<_> = fs::read_dir(self.home.path()).unwrap().map(Result::unwrap).collect();
        assert!(names.is_empty(), "{names:?}");
    }

    /// Asserts that a dump ends soon, fails for a reason, and leaves nothing.
    #[track_caller]
    fn fails(&self, pipeline: &str, reason: &str) {
        let begin = Instant::now();
        ends_soon(self.start(pipeline), begin).exits(1).complains(&[reason]);
        self.nothing_left();
    }
}

#[track_caller]
fn ends_soon(running: Running, begin: Instant) -> Ended {
    let ended = running.end();
    assert!(begin.elapsed() < SOON, "{:?}: {}", begin.elapsed(), ended.err);
    ended
}

/// The processes with such a command line.
fn processes(is_wanted: impl Fn(&str) -> bool) -> Vec<u32> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let command = |pid: u32| fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    pids.filter(|pid| is_wanted(&String::from_utf8_lossy(&command(*pid)).replace('\0', " ")))
        .collect()
}

#[test]
fn a_stage_that_fails_ends_those_that_would_not() {
    require_btrfs!();
    let dumps = Dumps::new(8);
    for (pipeline, reason) in [
        ("SLEEP | false", "'false' in the pipeline failed (exit status: 1)"),
        ("false | SLEEP", "'false' in the pipeline failed (exit status: 1)"),
        ("cat | sh -c 'exit 7' | SLEEP", "'sh' in the pipeline failed (exit status: 7)"),
        ("sh -c 'SLEEP & wait' | false", "'false' in the pipeline failed (exit status: 1)"),
        (r#"sh -c 'trap "" PIPE; cat; SLEEP' | sh -c 'exit 3'"#, "failed (exit status: 3)"),
    ] {
        dumps.fails(pipeline, reason);
    }
}

#[test]
fn a_stage_that_reads_no_more_is_named_whether_it_ends_or_not() {
    require_btrfs!();
    let dumps = Dumps::new(9);
    for (pipeline, reason) in [
        ("head -c 10", "'head' in the pipeline stopped reading"),
        ("cat | head -c 10", "'head' in the pipeline stopped reading"),
        ("cat | cat | head -c 10 | SLEEP", "'head' in the pipeline stopped reading"),
        ("sh -c 'exec <&-; SLEEP'", "'sh' in the pipeline stopped reading"),
        ("cat | sh -c 'exec <&-; SLEEP'", "'sh' in the pipeline stopped reading"),
        ("sh -c 'exec <&-; sleep 1; exit 5'", "'sh' in the pipeline failed (exit status: 5)"),
        // It says that it has done well, and has left its work to another process.
        ("sh -c 'exec 3<&0; cat <&3 >/dev/null & exit 0'", "'sh' in the pipeline stopped reading"),
    ] {
        dumps.fails(pipeline, reason);
    }
}

#[test]
fn a_stage_that_does_not_end_is_ended_with_the_run() {
    require_btrfs!();
    let dumps = Dumps::new(4);
    for pipeline in ["sh -c 'cat >/dev/null; SLEEP'", "SLEEP", "cat | sh -c 'SLEEP & cat; wait'"] {
        let running = dumps.start(pipeline).in_transfer(100_000);
        while dumps.left().is_empty() {}
        let begin = Instant::now();
        running.signal(Signal::TERM);
        ends_soon(running, begin).exits(130);
        dumps.nothing_left();
    }
}

#[test]
fn a_stage_that_is_killed_at_any_moment_is_named() {
    require_btrfs!();
    let dumps = Dumps::new(64);
    let marks = tempfile::tempdir().unwrap();
    // Behind what a stage passes on comes an empty file, which tells it from the others.
    let stages: Vec<String> =
        (0..3).map(|at| format!("cat - {}/{at}", marks.path().display())).collect();
    (0..3).for_each(|at| fs::write(marks.path().join(at.to_string()), "").unwrap());
    let mut random = Random::new(11);
    for round in 0..9 {
        let running = dumps.start(&stages.join(" | ")).in_transfer(1 + random.below(40 << 20));
        let pids = processes(|command| command.trim_end() == stages[round % 3]);
        let begin = Instant::now();
        pids.iter().for_each(|pid| signal(*pid, Signal::KILL));
        assert_eq!(pids.len(), 1, "{round}");
        ends_soon(running, begin).exits(1).complains(&["'cat' in the pipeline failed (signal: 9"]);
        dumps.nothing_left();
    }
    assert!(processes(|command| stages.iter().any(|stage| command.contains(stage))).is_empty());
}

#[test]
fn whoever_reads_standard_output_may_leave() {
    require_btrfs!();
    require_tool!("bash");
    let pair = Pair::with_large(8);
    let mut command = program("bash");
    let btrsync = env!("CARGO_BIN_EXE_btrsync");
    let script = "\"$@\" | head -c 10 >/dev/null; exit ${PIPESTATUS[0]}";
    command.args(["-c", script, "bash", btrsync]).args(pair.args(&["-y", "-O", "cat"]));
    let begin = Instant::now();
    Ended::of(&mut command).exits(1).complains(&["'cat' in the pipeline failed (signal: 13"]);
    assert!(begin.elapsed() < SOON);
}
