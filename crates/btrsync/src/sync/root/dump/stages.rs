//! The running stages of a pipeline.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::process::{Child, Command, Stdio};

use super::error::DumpError;
use super::pipeline::Pipeline;
use crate::Cancel;
use crate::cancel::is_cancelled;
use crate::process::{Feed, Words};
use crate::text::escaped;

const BUFFER: usize = 256 * 1024;

/// Where the bytes of a dump go in: a file, or a pipeline that ends in it. Dropped before its end, the
/// stages are killed.
#[derive(Debug)]
pub(super) struct Stages {
    input: Option<BufWriter<Input>>,
    running: Vec<Stage>,
}

#[derive(Debug)]
enum Input {
    File(File),
    Stage(Feed),
}

#[derive(Debug)]
struct Stage {
    name: String,
    child: Child,
    stderr: Words,
}

impl Stages {
    /// Starts the stages, the last of which writes to `output`.
    pub(super) fn start(
        pipeline: Option<&Pipeline>,
        output: File,
        cancel: &Cancel,
    ) -> Result<Self, DumpError> {
        let mut stages = Self { input: None, running: Vec::new() };
        let input = match pipeline {
            Some(pipeline) => Input::Stage(stages.spawn(pipeline, output, cancel)?),
            None => Input::File(output),
        };
        stages.input = Some(BufWriter::with_capacity(BUFFER, input));
        Ok(stages)
    }

    /// Starts them from the last to the first, each with the input of the next as its output.
    fn spawn(
        &mut self,
        pipeline: &Pipeline,
        output: File,
        cancel: &Cancel,
    ) -> Result<Feed, DumpError> {
        let words: Vec<_> = pipeline.stages().collect();
        let mut output = Stdio::from(output);
        let mut first = None;
        for stage in words.into_iter().rev() {
            let (running, input) = Stage::start(stage, output)?;
            self.running.push(running);
            output = Stdio::from(input.try_clone().map_err(DumpError::Pipe)?);
            first = Some(input);
        }
        drop(output);
        let input = first.ok_or(DumpError::Pipe(io::ErrorKind::InvalidInput.into()))?;
        Feed::new(input, cancel).map_err(DumpError::Pipe)
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), DumpError> {
        let Some(input) = &mut self.input else { return Ok(()) };
        input.write_all(bytes).map_err(|error| self.explain(error))
    }

    /// Ends the input and waits for all stages to end well.
    pub(super) fn finish(mut self) -> Result<(), DumpError> {
        if let Some(input) = &mut self.input {
            input.flush().map_err(|error| self.explain(error))?;
        }
        self.close();
        self.wait()
    }

    fn close(&mut self) {
        if let Some(input) = self.input.take() {
            drop(input.into_parts());
        }
    }

    /// Waits for all stages, first to last, and tells which failed. One that died of a broken pipe has
    /// only followed the one after it.
    fn wait(&mut self) -> Result<(), DumpError> {
        let ends = std::mem::take(&mut self.running).into_iter().rev().map(Stage::finish);
        let failures: Vec<DumpError> = ends.filter_map(Result::err).collect();
        let cause = failures.iter().position(|failure| !failure.is_broken_pipe()).unwrap_or(0);
        failures.into_iter().nth(cause).map_or(Ok(()), Err)
    }

    /// Tells why bytes could not be written.
    fn explain(&mut self, error: io::Error) -> DumpError {
        self.close();
        if is_cancelled(&error) {
            return DumpError::Cancelled;
        }
        if error.kind() == io::ErrorKind::BrokenPipe && !self.running.is_empty() {
            // A stage that stops reading has failed, and so has the dump, whatever its exit status.
            return self.wait().err().unwrap_or(DumpError::Unread);
        }
        DumpError::Write(error)
    }
}

impl Drop for Stages {
    fn drop(&mut self) {
        self.close();
        for stage in &mut self.running {
            // Both fail only where it has ended and been waited for already.
            let _ = stage.child.kill();
            let _ = stage.child.wait();
        }
    }
}

impl Stage {
    fn start(
        words: &[std::ffi::OsString],
        output: Stdio,
    ) -> Result<(Self, std::os::fd::OwnedFd), DumpError> {
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
        let Some(input) = child.stdin.take() else {
            return Err(failed(io::ErrorKind::BrokenPipe.into()));
        };
        Ok((Self { name, child, stderr }, input.into()))
    }

    fn finish(mut self) -> Result<(), DumpError> {
        let status = self
            .child
            .wait()
            .map_err(|source| DumpError::Start { name: self.name.clone(), source })?;
        if status.success() {
            return Ok(());
        }
        let stderr = self.stderr.last(|_| false);
        Err(DumpError::Stage { name: self.name, status, stderr })
    }
}

impl Write for Input {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.write(bytes),
            Self::Stage(feed) => feed.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
