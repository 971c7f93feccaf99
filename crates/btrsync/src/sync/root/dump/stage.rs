//! One program of a pipeline.

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, ExitStatus, Stdio};

use super::error::DumpError;
use crate::process::{self, Words, kill_tree};
use crate::text::escaped;

/// A running program, or what has become of it. Dropped, it is killed with all that it has started.
#[derive(Debug)]
pub(super) struct Stage {
    name: String,
    child: Child,
    /// Can be read from once the program has ended.
    handle: OwnedFd,
    stderr: Words,
    end: Option<ExitStatus>,
}

impl Stage {
    /// Starts a program with its arguments; returns what it reads from.
    pub(super) fn start(words: &[OsString], output: Stdio) -> Result<(Self, OwnedFd), DumpError> {
        let program = words.first().cloned().unwrap_or_default();
        let name = escaped(&program).to_string();
        let failed = |source| DumpError::Start { name: name.clone(), source };
        let stderr = Words::new().map_err(failed)?;
        let mut child = Command::new(&program)
            .args(words.iter().skip(1))
            .stdin(Stdio::piped())
            .stdout(output)
            .stderr(stderr.stdio().map_err(failed)?)
            .spawn()
            .map_err(failed)?;
        match (child.stdin.take(), process::handle(&child)) {
            (Some(input), Ok(handle)) => {
                Ok((Self { name, child, handle, stderr, end: None }, input.into()))
            }
            (_, handle) => {
                kill_tree(&mut child);
                let missing = || io::ErrorKind::BrokenPipe.into();
                Err(failed(handle.err().unwrap_or_else(missing)))
            }
        }
    }

    /// Returns a descriptor that can be read from once the program has ended.
    pub(super) fn handle(&self) -> io::Result<OwnedFd> {
        self.handle.try_clone()
    }

    /// Returns how the program has ended, if it has.
    pub(super) fn end(&mut self) -> Option<ExitStatus> {
        if self.end.is_none() {
            self.end = self.child.try_wait().ok().flatten();
        }
        self.end
    }

    /// Whether [`end`](Self::end) has not told yet how it ended.
    pub(super) fn is_open(&self) -> bool {
        self.end.is_none()
    }

    /// The failure of a program that has ended.
    pub(super) fn failure(&self) -> Option<DumpError> {
        let (name, stderr) = (self.name.clone(), self.stderr.last(|_| false));
        self.end.map(|status| DumpError::Stage { name, status, stderr })
    }

    /// The failure of a program that does not read any more, however it goes on.
    pub(super) fn unread(&self) -> DumpError {
        DumpError::Unread { name: self.name.clone() }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if self.end().is_none() {
            kill_tree(&mut self.child);
        }
    }
}
