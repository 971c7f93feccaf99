//! One run of the binary, and what it printed.
//!
//! The hazard is a failure that shows only "1 is not 0": every assertion here shows all that was said.

use std::ffi::OsStr;
use std::fmt::Debug;
use std::process::{Command, Output};

use btrsync_testutil::command::program;
use serde_json::Value;

/// What a run left: its exit code and its two streams.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Prepares the binary, without a terminal and with untranslated messages.
pub(crate) fn btrsync() -> Command {
    program(env!("CARGO_BIN_EXE_btrsync"))
}

/// Runs the binary to its end.
#[track_caller]
pub(crate) fn run<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Ended {
    Ended::of(btrsync().args(args))
}

impl Ended {
    /// Runs a command to its end.
    #[track_caller]
    pub(crate) fn of(command: &mut Command) -> Self {
        command.output().unwrap().into()
    }

    /// Asserts how it ended.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        self
    }

    /// Asserts that standard error has all of these words.
    #[track_caller]
    pub(crate) fn complains(self, words: &[&str]) -> Self {
        for word in words {
            assert!(self.err.contains(word), "no {word:?} in the complaint of {self:#?}");
        }
        self
    }

    /// Asserts that standard output has all of these words.
    #[track_caller]
    pub(crate) fn says(self, words: &[&str]) -> Self {
        for word in words {
            assert!(self.out.contains(word), "no {word:?} in what was said: {self:#?}");
        }
        self
    }

    /// Parses standard output, which must hold JSON objects with an event, one a line, and nothing else.
    #[track_caller]
    pub(crate) fn events(&self) -> Vec<Value> {
        let parse = |line: &str| {
            let value: Value =
                serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line:?} in {self:#?}"));
            assert!(value["event"].is_string(), "{line}");
            value
        };
        assert!(self.out.is_empty() || self.out.ends_with('\n'), "{self:#?}");
        self.out.lines().map(parse).collect()
    }

    /// Returns the events of one kind.
    #[track_caller]
    pub(crate) fn events_of(&self, kind: &str) -> Vec<Value> {
        self.events().into_iter().filter(|event| event["event"] == kind).collect()
    }

    /// Returns the planned transfers as `PATH kind`, in order; of a batch, the paths with `+`.
    #[track_caller]
    pub(crate) fn plan(&self) -> Vec<String> {
        let plan = self.events_of("transfer").into_iter();
        plan.map(|event| format!("{} {}", paths(&event), event["kind"].as_str().unwrap())).collect()
    }
}

/// Returns the volumes of an event, joined with `+`.
pub(crate) fn paths(event: &Value) -> String {
    let paths = event["volumes"].as_array().unwrap().iter().map(|path| path.as_str().unwrap());
    paths.collect::<Vec<_>>().join("+")
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("whatever names hold, output is UTF-8");
        Self {
            code: output.status.code().unwrap_or(-1),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }
}
