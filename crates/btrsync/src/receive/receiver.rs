//! The streams of an input, one subvolume after another.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::io::Read;

use btrsync_stream::{Command, CommandKind, Frame, FrameReader};

use super::Rehearsed;
use super::apply::{Applier, times_of};
use super::begin::Begin;
use super::checkpoint::Origin;
use super::current::{Current, Skipping};
use super::directory::Directory;
use super::error::ReceiveError;
use super::kept::{self, Kept};
use super::meta::{ReceiveOptions, Received, StreamMeta, Watch};
use super::original::Fetch;
use super::present::is_present;
use super::source::Sources;
use super::stage::{Identity, Stage};
use crate::text::escaped;

/// What came of the streams of an input.
pub(super) type Ended<'d> = (Vec<Received>, Vec<Rehearsed<'d>>);

/// Receives subvolumes into a directory.
pub(super) struct Receiver<'d, 'a> {
    into: &'d Directory,
    meta: &'a StreamMeta,
    options: ReceiveOptions,
    watch: &'a mut dyn Watch,
    /// Whether nothing gets a name.
    rehearsal: bool,
    sources: Sources<'a>,
    /// The subvolume of whose stream an interrupted run has received what comes now.
    skipping: Option<Skipping<'d>>,
    /// What fetches the data of the streams that are still to come; nothing for those that carry it.
    fetches: VecDeque<Option<Fetch>>,
    current: Option<Current<'d>>,
    /// How many of the first were received by an interrupted run.
    passed: usize,
    done: Vec<Received>,
    rehearsed: Vec<Rehearsed<'d>>,
}

impl<'d, 'a> Receiver<'d, 'a> {
    pub(super) fn new(
        into: &'d Directory,
        meta: &'a StreamMeta,
        options: ReceiveOptions,
        watch: &'a mut dyn Watch,
        rehearsal: bool,
    ) -> Self
    where
        'd: 'a,
    {
        let sources = Sources::new(into, &meta.sources);
        Self {
            into,
            meta,
            options,
            watch,
            rehearsal,
            sources,
            skipping: None,
            fetches: VecDeque::new(),
            current: None,
            passed: 0,
            done: Vec::new(),
            rehearsed: Vec::new(),
        }
    }

    /// Lets the data of each stream be fetched.
    pub(super) fn fetching(self, fetches: Vec<Option<Fetch>>) -> Self {
        Self { fetches: fetches.into(), ..self }
    }

    /// Takes a command; returns whether it was the last that is wanted.
    pub(super) fn take(&mut self, frame: &Frame<'_>) -> Result<bool, ReceiveError> {
        if self.skipping.is_some() {
            return self.skip(frame).map(|()| false);
        }
        let command = Command::decode(frame)?;
        self.watch.command(&command, frame.offset());
        match frame.kind() {
            CommandKind::Subvol | CommandKind::Snapshot => {
                self.finish()?;
                self.begin(frame, &command)?;
            }
            CommandKind::End => {
                self.finish()?;
                return Ok(self.options.terminate_on_end);
            }
            _ => {
                if let Some(current) = &mut self.current {
                    let applied = current.apply(frame, &command, &mut self.sources);
                    self.went_on(applied)?;
                }
            }
        }
        Ok(false)
    }

    /// Looks at commands that have come and whose turn will come, where that is of use.
    pub(super) fn look_ahead<R: Read>(&mut self, frames: &mut FrameReader<R>) {
        let Some(current) = &mut self.current else { return };
        while current.looks_ahead()
            && let Some(frame) = frames.peek_frame()
        {
            current.see(&frame);
        }
    }

    /// Whether an interrupted run, or an attempt of this one, has received the next subvolume: it comes
    /// before all that is received now.
    fn passes_over(&self, name: &OsStr, identity: Identity) -> bool {
        let comes_again = self.options.pass_over || self.meta.anew;
        let is_first = self.passed == self.done.len();
        comes_again && is_first && !self.rehearsal && is_present(self.into, name, identity)
    }

    /// Starts the next subvolume of the flow, or goes on with it.
    fn begin(&mut self, frame: &Frame<'_>, command: &Command<'_>) -> Result<(), ReceiveError> {
        let Begin { name, identity, parent } = Begin::of(command)?;
        self.meta.expect(self.done.len(), identity.uuid)?;
        let fetch = self.fetches.pop_front().flatten();
        if self.passes_over(&name, identity) {
            self.watch.present(&name);
            self.passed += 1;
            self.done.push(Received { name, uuid: identity.uuid, resumed: 0 });
            // Nobody applies what comes now.
            return Ok(());
        }
        let origin = Origin { identity, parent, version: frame.version().number() };
        let stage = match self.rehearsal {
            true => Stage::nameless(self.into, identity.uuid),
            false => Stage::new(self.into, name, identity.uuid)?,
        };
        tracing::debug!(name = %escaped(&stage.name()), uuid = %identity.uuid, "a stream begins");
        if let Some(kept) = self.kept(origin)? {
            tracing::info!(bytes = kept.checkpoint.prefix.bytes, "goes on from a checkpoint");
            self.skipping = Some(Skipping::new(stage, kept, fetch));
            return self.skip(frame);
        }
        if self.skipped().is_some() {
            return Err(ReceiveError::OtherPrefix);
        }
        let parent = parent.map(|named| self.sources.subvolume(named)).transpose();
        let parent = parent.map_err(ReceiveError::Parent)?;
        let root = stage.create(parent.as_deref())?;
        let failed = |source| ReceiveError::Stage { path: stage.staging_path(), source };
        // A stream says nothing of a root that has not changed since the parent.
        let times = parent.as_deref().map(times_of).transpose().map_err(failed)?;
        let decompress = self.options.force_decompress;
        let applier = Applier::new(root, identity.uuid, times, decompress).map_err(failed)?;
        let applier = applier.fetching(fetch);
        let checkpoints = self.options.checkpoints;
        self.current = Some(Current::begin(applier, stage, origin, checkpoints, frame));
        Ok(())
    }

    /// Finds what an interrupted run has received of a stream. What it has of others of the same
    /// subvolume will not be wanted any more.
    fn kept(&self, origin: Origin) -> Result<Option<Kept>, ReceiveError> {
        if self.rehearsal {
            return Ok(None);
        }
        let Directory { file, path, .. } = self.into;
        let resume = self.options.checkpoints.resume && !self.meta.anew;
        let mut found = None;
        for kept in kept::look(file, path)?.kept {
            let is_same = kept.checkpoint.origin == origin;
            match kept.uuid() == origin.identity.uuid {
                true if is_same && resume => found = Some(kept),
                true => kept.remove(file, path)?,
                false => {}
            }
        }
        Ok(found)
    }

    /// What the sender has left out of the stream at hand.
    fn skipped(&self) -> Option<crate::receive::Prefix> {
        self.meta.skipped.get(self.done.len()).copied().flatten()
    }

    /// Passes over a command that was received before.
    fn skip(&mut self, frame: &Frame<'_>) -> Result<(), ReceiveError> {
        let skipped = self.skipped();
        let Some(mut skipping) = self.skipping.take() else { return Ok(()) };
        match skipping.pass(frame, skipped)? {
            false => self.skipping = Some(skipping),
            true => {
                let ReceiveOptions { checkpoints, force_decompress, .. } = self.options;
                let rest = skipping.rest();
                let mut current = skipping.resume(checkpoints, force_decompress)?;
                let applied = current.go_on(frame, rest, &mut self.sources);
                self.current = Some(current);
                self.went_on(applied)?;
            }
        }
        Ok(())
    }

    /// Keeps what is there where the flow was cancelled beside a command.
    fn went_on(&mut self, applied: Result<(), ReceiveError>) -> Result<(), ReceiveError> {
        if matches!(applied, Err(ReceiveError::Cancelled)) {
            self.pause();
        }
        applied
    }

    /// Completes the subvolume whose stream has ended, if there is one.
    fn finish(&mut self) -> Result<(), ReceiveError> {
        let Some(current) = self.current.take() else { return Ok(()) };
        let (received, rehearsed) = current.finish(self.rehearsal)?;
        self.done.push(received);
        self.rehearsed.extend(rehearsed);
        Ok(())
    }

    /// Keeps for another run what has come of a flow that breaks off.
    pub(super) fn pause(&mut self) {
        self.skipping.take().into_iter().for_each(Skipping::pause);
        self.current.take().into_iter().for_each(Current::pause);
    }

    pub(super) fn end(mut self) -> Result<Ended<'d>, ReceiveError> {
        self.finish()?;
        self.meta.complete(self.done.len())?;
        if let (Some(first), true) = (self.done.first(), self.passed == self.done.len()) {
            // It was not interrupted: the names are taken, as for any stream that comes twice.
            return Err(ReceiveError::Exists { path: self.into.path.join(&first.name) });
        }
        Ok((self.done, self.rehearsed))
    }
}
