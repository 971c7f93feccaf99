//! Starts a child process with pipes to its input and from its output.

use std::io;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};

use super::{Feed, Words};
use crate::Cancel;

/// A child process that has just been started.
#[derive(Debug)]
pub(crate) struct Piped {
    pub(crate) child: Child,
    pub(crate) input: Feed,
    pub(crate) output: OwnedFd,
    pub(crate) stderr: Words,
}

impl Piped {
    /// Starts a command.
    pub(crate) fn start(command: &mut Command, cancel: &Cancel) -> io::Result<Self> {
        tracing::debug!(?command, "starts");
        let stderr = Words::new()?;
        let streams = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = streams.stderr(stderr.stdio()?).spawn()?;
        match connect(&mut child, cancel) {
            Ok((input, output)) => Ok(Self { child, input, output, stderr }),
            Err(error) => {
                // Nobody would wait for it.
                let _ = child.kill();
                let _ = child.wait();
                Err(error)
            }
        }
    }
}

fn connect(child: &mut Child, cancel: &Cancel) -> io::Result<(Feed, OwnedFd)> {
    let (input, output) = (child.stdin.take(), child.stdout.take());
    let (Some(input), Some(output)) = (input, output) else {
        return Err(io::ErrorKind::BrokenPipe.into());
    };
    Ok((Feed::new(input.into(), cancel)?, output.into()))
}
