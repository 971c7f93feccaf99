//! A run of the binary that is watched while it goes on.
//!
//! The hazard is a test that waits for a time instead of an event: what happens "in the middle of a
//! transfer" is done when the binary itself says that bytes are flowing.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use super::{Ended, btrsync, signal};

/// A run with `--json`, whose events are read one by one.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    out: BufReader<ChildStdout>,
    seen: String,
    /// What the transfer under way has found there.
    resumed: u64,
    begin: Instant,
}

impl Running {
    /// Starts `btrsync --json -y -t 0.01` with more arguments; so slowly that there is a middle on any machine, if these
    /// do not say otherwise.
    #[track_caller]
    pub(crate) fn start<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Self {
        Self::command(btrsync().args(["--json", "-y", "-t", "0.01", "--bwlimit=200M"]).args(args))
    }

    #[track_caller]
    pub(crate) fn command(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Self { child, out, seen: String::new(), resumed: 0, begin: Instant::now() }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until so many bytes of the transfer under way are through, with those that were there.
    #[track_caller]
    pub(crate) fn in_transfer(mut self, bytes: u64) -> Self {
        assert!(self.reaches(bytes), "it ended early: {}", self.seen);
        self
    }

    /// Waits for an event of a kind, and returns it too.
    #[track_caller]
    pub(crate) fn event(mut self, kind: &str) -> (Self, Value) {
        let found = self.find(|event| event["event"] == kind);
        let event = found.unwrap_or_else(|| panic!("it ended early: {}", self.seen));
        (self, event)
    }

    /// Waits for that, or until the run is about to end; returns whether they are.
    pub(crate) fn reaches(&mut self, bytes: u64) -> bool {
        loop {
            let Some(event) =
                self.find(|event| event.get("resumed_bytes").or(event.get("sent_bytes")).is_some())
            else {
                return false;
            };
            let amount = |name: &str| event[name].as_u64();
            match amount("sent_bytes") {
                None => self.resumed = amount("resumed_bytes").unwrap_or(0),
                Some(sent) if sent + self.resumed >= bytes => return true,
                Some(_) => {}
            }
        }
    }

    /// Waits for an event, of which there is none after the summary.
    pub(crate) fn find(&mut self, is_it: impl Fn(&Value) -> bool) -> Option<Value> {
        loop {
            let at = self.seen.len();
            if self.out.read_line(&mut self.seen).unwrap() == 0 {
                return None;
            }
            let event: Value = serde_json::from_str(&self.seen[at..]).unwrap();
            match event["event"] == "summary" {
                true => return None,
                false if is_it(&event) => return Some(event),
                false => {}
            }
        }
    }

    pub(crate) fn signal(&self, what: Signal) {
        signal(self.pid(), what);
    }

    /// Sleeps until some time has passed since the start.
    pub(crate) fn at(&self, time: Duration) {
        std::thread::sleep(time.saturating_sub(self.begin.elapsed()));
    }

    /// Kills it, and returns when it is gone.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for the end; -1 is a death by signal.
    #[track_caller]
    pub(crate) fn end(mut self) -> Ended {
        self.out.read_to_string(&mut self.seen).unwrap();
        let mut ended: Ended = self.child.wait_with_output().unwrap().into();
        ended.out = self.seen;
        ended
    }
}
