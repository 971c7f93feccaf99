//! Receives send streams into a directory.
//!
//! Under the final name must stand a complete, durable subvolume or nothing. So each stream is
//! received under a staging name beside the final one, and only what has reached its END, was checked
//! and is on disk is renamed. The commands are applied by the `btrfs receive` program, which sees one
//! subvolume at a time; all that it leaves undone at the end is done here.

mod error;
mod meta;
mod program;
mod stage;

use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use btrsync_stream::{
    Command, CommandKind, Frame, FrameReader, Header, RewriteError, rewrite_subvolume_name,
};

pub use self::error::ReceiveError;
pub(crate) use self::meta::{Identity, named};
pub use self::meta::{Received, StreamMeta};
use self::program::Program;
use self::stage::{RootTimes, Stage};
pub(crate) use self::stage::{is_staging_name, remove_leftovers, staging_name};
use crate::{Cancel, Flow};

/// An open directory that subvolumes are received into.
#[derive(Debug)]
pub(crate) struct Directory {
    file: File,
    path: PathBuf,
}

impl Directory {
    pub(crate) fn new(file: File, path: PathBuf) -> Self {
        Self { file, path }
    }
}

/// Receives all streams of a flow; each subvolume is published as soon as it is complete.
pub(crate) fn receive(
    flow: Flow,
    into: &Directory,
    meta: &StreamMeta,
) -> Result<Vec<Received>, ReceiveError> {
    let cancel = flow.cancel().clone();
    let mut frames = FrameReader::new(flow);
    let mut receiver = Receiver { into, cancel: &cancel, meta, current: None, done: Vec::new() };
    while let Some(frame) = frames.next_frame()? {
        receiver.take(&frame)?;
    }
    receiver.end()
}

struct Receiver<'a> {
    into: &'a Directory,
    cancel: &'a Cancel,
    meta: &'a StreamMeta,
    current: Option<Current<'a>>,
    done: Vec<Received>,
}

/// A subvolume on its way. Dropped, it leaves nothing behind: the program first, then its stage.
struct Current<'a> {
    program: Program,
    stage: Stage<'a>,
    identity: Identity,
    times: Option<RootTimes>,
}

impl Receiver<'_> {
    fn take(&mut self, frame: &Frame<'_>) -> Result<(), ReceiveError> {
        match frame.kind() {
            CommandKind::Subvol | CommandKind::Snapshot => {
                self.end_before(frame)?;
                self.finish()?;
                self.begin(frame)
            }
            CommandKind::End => {
                self.pass(frame)?;
                self.finish()
            }
            _ => self.pass(frame),
        }
    }

    /// Starts the next subvolume of the flow.
    fn begin(&mut self, frame: &Frame<'_>) -> Result<(), ReceiveError> {
        let (name, identity) = named(frame)?;
        self.meta.expect(self.done.len(), identity.uuid)?;
        let stage = Stage::new(self.into, name, identity.uuid)?;
        let mut program = Program::start(&self.into.path, self.cancel)?;
        program.write(&Header { version: frame.version() }.encode())?;
        program.write(&rewrite_subvolume_name(frame, stage.staging_name().as_bytes())?)?;
        self.current = Some(Current { program, stage, identity, times: None });
        Ok(())
    }

    fn pass(&mut self, frame: &Frame<'_>) -> Result<(), ReceiveError> {
        let Some(current) = &mut self.current else { return Ok(()) };
        if frame.kind() == CommandKind::Utimes
            && let Command::Utimes { path: b"", atime, mtime, .. } = Command::decode(frame)?
        {
            current.times = Some(RootTimes { atime, mtime });
        }
        current.program.write(frame.raw())
    }

    /// Gives the program the END that a stream of several subvolumes has only after the last.
    fn end_before(&mut self, next: &Frame<'_>) -> Result<(), ReceiveError> {
        let Some(current) = &mut self.current else { return Ok(()) };
        let mut end = Vec::new();
        Command::End.encode(next.version(), &mut end).map_err(RewriteError::from)?;
        current.program.write(&end)
    }

    /// Completes the subvolume whose stream has ended, if there is one.
    fn finish(&mut self) -> Result<(), ReceiveError> {
        let Some(current) = self.current.take() else { return Ok(()) };
        let Current { program, stage, identity, times } = current;
        program.finish()?;
        stage.seal(identity, times)?;
        let name = stage.publish()?;
        self.done.push(Received { name, uuid: identity.uuid });
        Ok(())
    }

    fn end(mut self) -> Result<Vec<Received>, ReceiveError> {
        self.finish()?;
        self.meta.complete(self.done.len())?;
        Ok(self.done)
    }
}
