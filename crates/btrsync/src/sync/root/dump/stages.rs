//! The running stages of a pipeline.
//!
//! The hazard is a stage that neither reads nor ends: whoever writes to it, or waits for it, would do so
//! for ever. So every wait looks at all stages and at the switch. A stage that ends before it was given
//! everything has failed, whatever it says of itself, and with it all the others.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::error::DumpError;
use super::pipeline::Pipeline;
use super::stage::Stage;
use crate::Cancel;
use crate::cancel::is_cancelled;
use crate::process::Feed;

const BUFFER: usize = 256 * 1024;

/// How long a stage that has stopped reading may take to say why.
const PATIENCE: Duration = Duration::from_secs(2);

/// How much later than a stage we may hear of a signal that was for both.
const HEARING: Duration = Duration::from_millis(50);

/// Where the bytes of a dump go in: a file, or a pipeline that ends in it. Dropped before its end, the
/// stages are killed.
#[derive(Debug)]
pub(super) struct Stages {
    input: Option<BufWriter<Input>>,
    stages: Vec<Stage>,
    cancel: Cancel,
}

#[derive(Debug)]
enum Input {
    File(File),
    Stage(Feed),
}

impl Stages {
    /// Starts the stages, the last of which writes to `output`.
    pub(super) fn start(
        pipeline: Option<&Pipeline>,
        output: File,
        cancel: &Cancel,
    ) -> Result<Self, DumpError> {
        let mut stages = Self { input: None, stages: Vec::new(), cancel: cancel.clone() };
        let input = match pipeline {
            Some(pipeline) => Input::Stage(stages.spawn(pipeline, output)?),
            None => Input::File(output),
        };
        stages.input = Some(BufWriter::with_capacity(BUFFER, input));
        Ok(stages)
    }

    /// Starts them from the last to the first, each with the input of the next as its output.
    fn spawn(&mut self, pipeline: &Pipeline, output: File) -> Result<Feed, DumpError> {
        let words: Vec<_> = pipeline.stages().collect();
        let mut output = OwnedFd::from(output);
        for stage in words.into_iter().rev() {
            let (stage, input) = Stage::start(stage, Stdio::from(output))?;
            self.stages.insert(0, stage);
            output = input;
        }
        // What is last the output of a stage before is the input of the first.
        Feed::new(output, &self.watch()?).map_err(DumpError::Pipe)
    }

    /// A switch that is also thrown by the end of any stage whose end we have not seen yet.
    fn watch(&self) -> Result<Cancel, DumpError> {
        let mut watch = self.cancel.clone();
        for stage in self.stages.iter().filter(|stage| stage.is_open()) {
            watch = watch.or_readable(stage.handle().map_err(DumpError::Pipe)?);
        }
        Ok(watch)
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
        if self.position(|_| true).is_some() {
            return Err(self.fail());
        }
        self.close();
        loop {
            // Asked first: whatever has ended by then is judged.
            let runs = self.runs();
            if self.position(|end| !end.success()).is_some() {
                return Err(self.fail());
            }
            if !runs {
                return Ok(());
            }
            self.wait(Duration::MAX)?;
            if self.cancel.is_cancelled() {
                return Err(DumpError::Cancelled);
            }
        }
    }

    fn close(&mut self) {
        if let Some(input) = self.input.take() {
            drop(input.into_parts());
        }
    }

    /// Tells why bytes could not be written.
    fn explain(&mut self, error: io::Error) -> DumpError {
        let by_a_stage = is_cancelled(&error) || error.kind() == io::ErrorKind::BrokenPipe;
        match by_a_stage && !self.stages.is_empty() {
            true => self.fail(),
            false if is_cancelled(&error) => DumpError::Cancelled,
            false => DumpError::Write(error),
        }
    }

    /// Tells which stage has failed. Ctrl-C is for the stages too, and no failure of theirs.
    fn fail(&mut self) -> DumpError {
        if self.cancel.is_cancelled_within(HEARING) {
            return DumpError::Cancelled;
        }
        let early = self.input.is_some().then(|| self.position(ExitStatus::success)).flatten();
        self.close();
        let begin = Instant::now();
        loop {
            let left = PATIENCE.saturating_sub(begin.elapsed());
            match (self.failure(), early) {
                (Some(failure), _) => return failure,
                (None, Some(early)) => return self.stages[early].unread(),
                (None, None) if self.cancel.is_cancelled() => return DumpError::Cancelled,
                (None, None) if left.is_zero() || !self.runs() => return self.deserter(),
                (None, None) => {
                    if let Err(error) = self.wait(left) {
                        return error;
                    }
                }
            }
        }
    }

    /// The failure of the first stage that has one, but for those that only follow from another.
    fn failure(&mut self) -> Option<DumpError> {
        let failed = self.position(|end| !end.success() && !is_cut_off(*end))?;
        self.stages[failed].failure()
    }

    /// Names the stage that has stopped reading, whether it goes on or not.
    fn deserter(&mut self) -> DumpError {
        let cut_off = self.stages.iter_mut().rposition(|stage| stage.end().is_some_and(is_cut_off));
        let broken = || DumpError::Pipe(io::ErrorKind::BrokenPipe.into());
        match self.stages.get(cut_off.map_or(0, |at| at + 1)) {
            Some(stage) => stage.unread(),
            // What the last one wrote to is not ours.
            None => cut_off.and_then(|at| self.stages[at].failure()).unwrap_or_else(broken),
        }
    }

    fn position(&mut self, is_wanted: impl Fn(&ExitStatus) -> bool) -> Option<usize> {
        self.stages.iter_mut().position(|stage| stage.end().is_some_and(|end| is_wanted(&end)))
    }

    /// Whether any stage still runs.
    fn runs(&mut self) -> bool {
        self.stages.iter_mut().any(|stage| stage.end().is_none())
    }

    /// Waits until a stage has ended, or the switch is thrown, for some time.
    fn wait(&self, time: Duration) -> Result<(), DumpError> {
        self.watch()?.is_cancelled_within(time);
        Ok(())
    }
}

/// Whether a program died because nobody read what it wrote.
fn is_cut_off(end: ExitStatus) -> bool {
    const SIGPIPE: i32 = 13;
    end.signal() == Some(SIGPIPE)
}

impl Drop for Stages {
    fn drop(&mut self) {
        self.close();
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
