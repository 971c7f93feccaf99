//! The `btrfs receive` program as the one that applies a stream.
//!
//! Its exit status is not enough: it skips what it cannot clone, says so on standard error, and exits
//! with success. Any error that it prints counts as a failure.

use std::io::{self, BufWriter, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use super::error::ReceiveError;
use crate::Cancel;
use crate::cancel::is_cancelled;
use crate::process::{Feed, Words};

const BUFFER: usize = 256 * 1024;

/// A running `btrfs receive`. Dropped before its end, it is killed.
#[derive(Debug)]
pub(super) struct Program {
    child: Child,
    stdin: Option<BufWriter<Feed>>,
    stderr: Words,
    path: PathBuf,
}

impl Program {
    /// Starts it on the directory `path`.
    pub(super) fn start(path: &Path, cancel: &Cancel) -> Result<Self, ReceiveError> {
        let failed = |source| ReceiveError::Start { source };
        let stderr = Words::new().map_err(failed)?;
        let mut child = Command::new("btrfs")
            .args(["receive".as_ref(), path.as_os_str()])
            // Ctrl-C and Ctrl-Z are for us alone: it would die of the one and stop at the other.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(stderr.stdio().map_err(failed)?)
            .spawn()
            .map_err(failed)?;
        let stdin = child.stdin.take().map(|stdin| Feed::new(stdin.into(), cancel));
        let stdin = stdin.transpose().map_err(failed)?;
        let stdin = stdin.map(|input| BufWriter::with_capacity(BUFFER, input));
        Ok(Self { child, stdin, stderr, path: path.to_path_buf() })
    }

    /// Gives it bytes of the stream.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), ReceiveError> {
        let Some(stdin) = &mut self.stdin else { return Ok(()) };
        stdin.write_all(bytes).map_err(|error| self.explain(error))
    }

    /// Ends its input and waits for it to end well.
    pub(super) fn finish(mut self) -> Result<(), ReceiveError> {
        if let Some(stdin) = &mut self.stdin {
            stdin.flush().map_err(|error| self.explain(error))?;
        }
        self.close();
        let status = self.wait()?;
        let stderr = self.last_words();
        if status.success() && !stderr.contains("ERROR") {
            return Ok(());
        }
        Err(self.failure(status, stderr))
    }

    /// Closes its input. What was not written yet is not written now: on a full pipe that would block.
    fn close(&mut self) {
        if let Some(stdin) = self.stdin.take() {
            drop(stdin.into_parts());
        }
    }

    fn wait(&mut self) -> Result<ExitStatus, ReceiveError> {
        self.child.wait().map_err(|source| ReceiveError::Start { source })
    }

    /// Tells why bytes could not be written. Only a program that has closed its input is about to end
    /// by itself; in any other case it would wait for the rest as long as we wait for it.
    fn explain(&mut self, error: io::Error) -> ReceiveError {
        self.close();
        if is_cancelled(&error) {
            return ReceiveError::Cancelled;
        }
        if error.kind() != io::ErrorKind::BrokenPipe {
            return ReceiveError::Feed { source: error };
        }
        match self.wait() {
            Ok(status) => {
                let stderr = self.last_words();
                self.failure(status, stderr)
            }
            Err(error) => error,
        }
    }

    fn failure(&self, status: ExitStatus, stderr: String) -> ReceiveError {
        ReceiveError::Program { path: self.path.clone(), status: status.to_string(), stderr }
    }

    fn last_words(&mut self) -> String {
        self.stderr.last(is_progress)
    }
}

fn is_progress(line: &str) -> bool {
    line.starts_with("At subvol ") || line.starts_with("At snapshot ")
}

impl Drop for Program {
    fn drop(&mut self) {
        self.close();
        // Both fail only where it has ended and been waited for already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
