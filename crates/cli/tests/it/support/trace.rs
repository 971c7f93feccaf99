//! A run under `strace`, which kills it at a system call, or makes the call fail.
//!
//! The hazard is the call that nobody expects to fail. A run is traced once undisturbed, and then again
//! and again with one call disturbed, until each has been. Calls are counted by name in each thread:
//! the first thread that comes to the Nth is hit.

use std::collections::{BTreeMap, HashSet};
use std::env;
use std::ffi::OsString;
use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use btrsync_testutil::command::{output, program};

use super::Ended;

/// Only a run that hangs takes that long.
const PATIENCE: Duration = Duration::from_secs(60);

/// A system call of a run: its name, and which one of that name it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Call {
    pub(crate) name: String,
    pub(crate) number: u32,
}

/// A command line whose runs are disturbed.
#[derive(Debug)]
pub(crate) struct Traced {
    words: Vec<OsString>,
}

impl Traced {
    /// Takes the binary with these arguments.
    pub(crate) fn btrsync<A: Into<OsString>>(args: impl IntoIterator<Item = A>) -> Self {
        let binary = OsString::from(env!("CARGO_BIN_EXE_btrsync"));
        Self { words: [binary].into_iter().chain(args.into_iter().map(Into::into)).collect() }
    }

    /// Runs it undisturbed, which must succeed; returns its calls in the order of their first time.
    #[track_caller]
    pub(crate) fn calls(&self) -> Vec<Call> {
        let log = tempfile::NamedTempFile::new().unwrap();
        let trace = self.strace(&["-o".into(), log.path().into()]);
        output(&mut { trace }).unwrap_or_else(|error| panic!("{error}"));
        calls_in(&String::from_utf8_lossy(&fs::read(log.path()).unwrap()))
    }

    /// Kills it when it comes to a call, before that does anything.
    #[track_caller]
    pub(crate) fn killed_at(&self, call: &Call) -> Ended {
        self.disturbed(call, "signal=KILL", None)
    }

    /// Lets a call fail with an error, without doing anything.
    #[track_caller]
    pub(crate) fn failing_at(&self, call: &Call, error: &str) -> Ended {
        // Faster, as calls of other names are not stopped at; signals do not work with it.
        self.disturbed(call, &format!("error={error}"), Some("--seccomp-bpf"))
    }

    #[track_caller]
    fn disturbed(&self, call: &Call, how: &str, option: Option<&str>) -> Ended {
        let Call { name, number } = call;
        let only = format!("trace={name}");
        let what = format!("inject={name}:{how}:when={number}");
        let words = ["-o", "/dev/null", "-e", &only, "-e", &what].into_iter().chain(option);
        let words: Vec<OsString> = words.map(Into::into).collect();
        let begin = Instant::now();
        let ended = Ended::of(&mut self.strace(&words));
        assert!(begin.elapsed() < PATIENCE, "it hangs after {how} at {call:?}: {ended:#?}");
        ended
    }

    fn strace(&self, options: &[OsString]) -> Command {
        let mut command = program("timeout");
        command.arg("--signal=KILL").arg(PATIENCE.as_secs().to_string());
        command.args(["strace", "-f", "-qq"]).args(options);
        command.arg("--").args(&self.words);
        command
    }
}

fn calls_in(log: &str) -> Vec<Call> {
    let (mut counts, mut seen, mut calls) = (BTreeMap::new(), HashSet::new(), Vec::new());
    for (thread, name) in log.lines().filter_map(call_in) {
        let number = counts.entry((thread, name)).or_insert(0);
        *number += 1;
        let call = Call { name: name.to_owned(), number: *number };
        if seen.insert(call.clone()) {
            calls.push(call);
        }
    }
    calls
}

/// Reads `THREAD NAME(...`; what is resumed has been counted before.
fn call_in(line: &str) -> Option<(&str, &str)> {
    let (thread, rest) = line.split_once(' ')?;
    let (name, _) = rest.trim_start().split_once('(')?;
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_').then_some((thread, name))
}

/// Takes every one of `all` in a full run, else about `most`, by a fixed stride from the first on.
pub(crate) fn sampled<T>(all: Vec<T>, most: usize) -> Vec<T> {
    let full = env::var_os("BTRSYNC_TEST_FULL").is_some();
    let stride = if full { 1 } else { all.len().div_ceil(most).max(1) };
    all.into_iter().step_by(stride).collect()
}

#[test]
fn calls_are_counted_by_thread() {
    let log = "1 openat(AT_FDCWD) = 3\n2 openat(AT_FDCWD, <unfinished ...>\n1 read(3) = 0\n\
               2 <... openat resumed>) = 4\n2 openat(5) = 1\n1 +++ exited with 0 +++\n";
    let call = |name: &str, number| Call { name: name.to_owned(), number };
    assert_eq!(calls_in(log), [call("openat", 1), call("read", 1), call("openat", 2)]);
}
