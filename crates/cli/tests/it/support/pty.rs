//! A run of the binary on a terminal, made by the `script` program.
//!
//! The hazard is an answer that is typed before the question: input that comes too early is lost or
//! goes to somebody else, so every test waits for the words it answers.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use btrsync_testutil::command::program;

/// Long enough for a loaded machine; only a failure waits for it.
const PATIENCE: Duration = Duration::from_secs(20);

/// A run with a terminal as its three standard streams.
#[derive(Debug)]
pub(crate) struct Pty {
    child: Child,
    input: ChildStdin,
    output: Receiver<Vec<u8>>,
    seen: String,
}

impl Pty {
    /// Starts the binary; the arguments must have no quotes in them.
    #[track_caller]
    pub(crate) fn start<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Self {
        Self::start_to(args, "")
    }

    /// Does as [`start`](Self::start), with a redirection of the shell.
    #[track_caller]
    pub(crate) fn start_to<A: AsRef<OsStr>>(
        args: impl IntoIterator<Item = A>,
        redirection: &str,
    ) -> Self {
        Self::start_in(args, redirection, 120, "")
    }

    /// Does as [`start_to`](Self::start_to), on a terminal of so many columns, with more variables.
    #[track_caller]
    pub(crate) fn start_in<A: AsRef<OsStr>>(
        args: impl IntoIterator<Item = A>,
        redirection: &str,
        columns: usize,
        variables: &str,
    ) -> Self {
        let quoted = |arg: A| format!("'{}'", arg.as_ref().to_str().unwrap());
        let args: Vec<String> = args.into_iter().map(quoted).collect();
        let binary = env!("CARGO_BIN_EXE_btrsync");
        // A job of its own, as from a user's shell: only such a one can be stopped by Ctrl-Z.
        let args = args.join(" ");
        let line = format!(
            "stty cols {columns} rows 40; set -m; {variables} '{binary}' {args} {redirection}; exit $?"
        );
        let mut script = program("script");
        script
            .args(["-qec", &line, "/dev/null"])
            .env("SHELL", "/bin/sh")
            .env("TERM", "xterm")
            .env("NO_COLOR", "1");
        let mut child = script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self { child, input, output: forward(output), seen: String::new() }
    }

    /// Waits until the terminal has shown some words.
    #[track_caller]
    pub(crate) fn shows(mut self, words: &str) -> Self {
        let begin = Instant::now();
        while !self.seen.contains(words) {
            assert!(self.reads_more(begin), "it ended without {words:?}: {:?}", self.seen);
        }
        self
    }

    /// Reads what comes next; false at the end.
    #[track_caller]
    fn reads_more(&mut self, begin: Instant) -> bool {
        // A bar that moves is no sign of life.
        let left = PATIENCE.saturating_sub(begin.elapsed());
        match self.output.recv_timeout(left) {
            Ok(bytes) => self.seen.push_str(&String::from_utf8_lossy(&bytes)),
            Err(RecvTimeoutError::Disconnected) => return false,
            Err(RecvTimeoutError::Timeout) => panic!("after {PATIENCE:?}: {:?}", self.seen),
        }
        true
    }

    /// Types.
    #[track_caller]
    pub(crate) fn types(mut self, text: &str) -> Self {
        self.input.write_all(text.as_bytes()).unwrap();
        self.input.flush().unwrap();
        self
    }

    /// Waits for the end; returns the exit code and all that was shown.
    #[track_caller]
    pub(crate) fn end(mut self) -> (i32, String) {
        let begin = Instant::now();
        while self.reads_more(begin) {}
        (self.child.wait().unwrap().code().unwrap_or(-1), std::mem::take(&mut self.seen))
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        // After a failure; without this, what hangs would keep its filesystems mounted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads on a thread, so that waiting can end.
fn forward(mut from: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (to, receiver) = channel();
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            if to.send(buffer[..count].to_vec()).is_err() {
                break;
            }
        }
    });
    receiver
}
