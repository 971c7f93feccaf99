//! A script that runs beside others, with streams of its own: a transfer.

use std::io::{BufRead, BufReader, BufWriter, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, ExitStatus};

use super::error::{CommandError, Ended};
use super::greeting;
use super::script::Script;
use crate::process::{Feed, Piped, Words};
use crate::{Cancel, Flow};

const BUFFER: usize = 256 * 1024;

/// What ssh exits with when it is ssh that failed.
const SSH_FAILED: i32 = 255;

/// The longest line that a script answers with.
const LONGEST_LINE: usize = 64 * 1024;

/// A running script. Dropped before its end, it is killed; the other side sees its input end.
#[derive(Debug)]
pub(super) struct Session {
    child: Child,
    input: Option<BufWriter<Feed>>,
    stderr: Words,
    mark: String,
    host: String,
    remote: bool,
    cancel: Cancel,
}

impl Session {
    /// Starts a shell by `command`, which ends in [`ONE`](super::script::ONE), gives it the script, and
    /// waits until that begins.
    pub(super) fn start(
        mut command: Command,
        script: &Script,
        context: Context<'_>,
    ) -> Result<(Self, OwnedFd), CommandError> {
        let program = program(context.remote);
        let Piped { child, input, output, stderr } = Piped::start(&mut command, context.cancel)
            .map_err(|source| CommandError::Start { program, source })?;
        let mut session = Self {
            child,
            input: Some(BufWriter::with_capacity(BUFFER, input)),
            stderr,
            mark: super::channel::new_mark(),
            host: context.host.to_owned(),
            remote: context.remote,
            cancel: context.cancel.clone(),
        };
        let line = script.clone().greeting().line(&session.mark, context.sudo);
        session.write(&line)?;
        session.flush()?;
        greeting::skip(&output, &session.mark, context.cancel)
            .map_err(|error| session.explain(&error))?;
        Ok((session, output))
    }

    /// Gives the script bytes.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), CommandError> {
        let Some(input) = &mut self.input else { return Ok(()) };
        input.write_all(bytes).map_err(|error| self.explain(&error))
    }

    /// Takes what the script reads out, for somebody who writes to it without a buffer.
    pub(super) fn take_input(&mut self) -> Option<Feed> {
        self.input.take().map(|input| input.into_parts().0)
    }

    /// Waits for its end, for some time. Dropped, it is killed.
    pub(super) fn leave(mut self) {
        self.close();
        crate::process::ends_within(&mut self.child, super::channel::PATIENCE);
    }

    /// Sends what is still in the buffer.
    pub(super) fn flush(&mut self) -> Result<(), CommandError> {
        let Some(input) = &mut self.input else { return Ok(()) };
        input.flush().map_err(|error| self.explain(&error))
    }

    /// Waits for the script to end well; it gets no more input.
    pub(super) fn finish(mut self) -> Result<(), CommandError> {
        self.close();
        self.judge()
    }

    /// Tells why the script is not what was hoped for: how it ended, or that it must be ended.
    pub(super) fn explain(&mut self, error: &std::io::Error) -> CommandError {
        self.close();
        if crate::cancel::is_cancelled(error) {
            return CommandError::Cancelled;
        }
        let host = self.host.clone();
        let source = std::io::ErrorKind::UnexpectedEof.into();
        self.judge().err().unwrap_or(CommandError::Talk { host, source })
    }

    /// What was not written yet is not written now: on a full pipe that would block.
    fn close(&mut self) {
        if let Some(input) = self.input.take() {
            drop(input.into_parts());
        }
    }

    /// Waits for the end, and tells what it means.
    fn judge(&mut self) -> Result<(), CommandError> {
        let program = program(self.remote);
        let status = match super::wait::wait(&mut self.child, &self.cancel) {
            Ok(Some(status)) => status,
            Ok(None) => return Err(CommandError::Cancelled),
            Err(source) => return Err(CommandError::Start { program, source }),
        };
        if status.success() { Ok(()) } else { Err(self.failure(status)) }
    }

    fn failure(&mut self, status: ExitStatus) -> CommandError {
        let by_ssh = self.remote && is_of_ssh(status);
        if by_ssh && self.cancel.is_cancelled_within(super::channel::INTERRUPTED) {
            return CommandError::Cancelled;
        }
        if by_ssh {
            let stderr = self.stderr.last(super::error::is_noise);
            return CommandError::Ssh { host: self.host.clone(), status: told(status), stderr };
        }
        let stderr = self.stderr.bytes();
        Ended { status: told(status), stderr: &stderr, mark: &self.mark }.into_error(&self.host)
    }
}

/// Where and for whom a script runs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) host: &'a str,
    pub(super) remote: bool,
    pub(super) sudo: &'a str,
    pub(super) cancel: &'a Cancel,
}

/// Whether it is ssh itself that ended like this, and not what it ran.
pub(super) fn is_of_ssh(status: ExitStatus) -> bool {
    status.code().is_none_or(|code| code == SSH_FAILED)
}

/// An exit code as a number, as the scripts of a channel tell it; anything else in words.
pub(super) fn told(status: ExitStatus) -> String {
    status.code().map_or_else(|| status.to_string(), |code| code.to_string())
}

impl Drop for Session {
    fn drop(&mut self) {
        self.close();
        // Both fail only where it has ended and been waited for already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program that runs the scripts.
pub(super) fn program(remote: bool) -> &'static str {
    if remote { "ssh" } else { "sh" }
}

/// The lines that a script answers with.
#[derive(Debug)]
pub(super) struct Lines(BufReader<Flow>);

impl Lines {
    pub(super) fn new(output: OwnedFd, cancel: &Cancel) -> Self {
        Self(BufReader::new(Flow::new(output, cancel)))
    }

    /// Reads an answer of a script; where there is none, how that ended says why.
    pub(super) fn answer(&mut self, session: &mut Session) -> Result<Vec<u8>, CommandError> {
        match self.next() {
            Ok(Some(answer)) => Ok(answer),
            Ok(None) => Err(session.explain(&std::io::ErrorKind::UnexpectedEof.into())),
            Err(error) => Err(session.explain(&error)),
        }
    }

    /// Reads up to a NUL byte, without that; `None` where the output has ended before.
    fn next(&mut self) -> std::io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        loop {
            let available = self.0.fill_buf()?;
            if available.is_empty() || line.len() > LONGEST_LINE {
                return Ok(None);
            }
            let end = available.iter().position(|c| *c == 0);
            line.extend_from_slice(&available[..end.unwrap_or(available.len())]);
            let used = end.map_or(available.len(), |end| end + 1);
            self.0.consume(used);
            if end.is_some() {
                return Ok(Some(line));
            }
        }
    }
}
