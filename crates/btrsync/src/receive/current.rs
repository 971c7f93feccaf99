//! One subvolume on its way: applied command by command, and kept at checkpoints.

use std::ffi::OsString;

use btrsync_stream::{Command, CommandKind, Frame};

use super::Rehearsed;
use super::apply::Applier;
use super::checkpoint::{Checkpoint, Origin};
use super::error::ReceiveError;
use super::kept::Kept;
use super::meta::{Checkpoints, Received};
use super::prefix::Prefix;
use super::source::Sources;
use super::stage::Stage;

/// A subvolume on its way. Dropped, it leaves nothing behind but what can be continued.
pub(super) struct Current<'d> {
    applier: Applier,
    stage: Stage<'d>,
    origin: Origin,
    checkpoints: Checkpoints,
    /// The commands that have come.
    taken: Prefix,
    /// Those that are in the subvolume when it settles.
    applied: Prefix,
    /// Where the last checkpoint was made, or tried.
    saved: u64,
    resumed: u64,
}

impl<'d> Current<'d> {
    /// Begins with the first command.
    pub(super) fn begin(
        applier: Applier,
        stage: Stage<'d>,
        origin: Origin,
        checkpoints: Checkpoints,
        first: &Frame<'_>,
    ) -> Self {
        let mut taken = Prefix::default();
        taken.add(first.raw());
        Self { applier, stage, origin, checkpoints, taken, applied: taken, saved: 0, resumed: 0 }
    }

    /// Applies the next command.
    pub(super) fn apply(
        &mut self,
        frame: &Frame<'_>,
        command: &Command<'_>,
        sources: &mut Sources<'_>,
    ) -> Result<(), ReceiveError> {
        let applied = self.applier.apply(frame, command, sources);
        applied.and_then(|()| self.note(frame)).inspect_err(|error| self.stage.fail(error))
    }

    fn note(&mut self, frame: &Frame<'_>) -> Result<(), ReceiveError> {
        if self.checkpoints.every == 0 {
            return Ok(());
        }
        self.taken.add(frame.raw());
        if !self.applier.is_behind() {
            self.applied = self.taken;
        }
        match self.checkpoints.are_due(self.applied.bytes - self.saved) {
            true => self.save().map(drop),
            false => Ok(()),
        }
    }

    /// Makes a checkpoint, if there is room for one.
    fn save(&mut self) -> Result<bool, ReceiveError> {
        let name = self.stage.name();
        let stage = &mut self.stage;
        let settled = self.applier.settle();
        let (dir, root) = settled.map_err(|source| {
            let path = stage.staging_path();
            ReceiveError::Stage { path, source }
        })?;
        self.saved = self.applied.bytes;
        let (origin, prefix) = (self.origin, self.applied);
        match root.taken {
            true => Ok(false),
            false => stage.save(dir, &Checkpoint { origin, name, prefix, root: root.clone() }),
        }
    }

    /// Keeps what there is for another run, where it is worth that.
    pub(super) fn pause(mut self) {
        if self.stage.has_checkpoint() || self.checkpoints.are_worth(self.applied.bytes) {
            let saved = self.save().unwrap_or(false);
            self.stage.pause(saved);
        }
    }

    /// Completes the subvolume, and gives it its name unless this is a rehearsal.
    pub(super) fn finish(
        self,
        rehearsal: bool,
    ) -> Result<(Received, Option<Rehearsed<'d>>), ReceiveError> {
        let Self { applier, mut stage, origin: Origin { identity, .. }, resumed, .. } = self;
        let received = |name| Received { name, uuid: identity.uuid, resumed };
        let (tree, times) = applier.finish().inspect_err(|error| stage.fail(error))?;
        let root = &tree.root().file;
        if rehearsal {
            stage.freeze(root, times.as_ref())?;
            return Ok((received(OsString::new()), Some(Rehearsed::new(root, stage)?)));
        }
        let sealed = stage.seal(root, identity, times.as_ref());
        let named = sealed.and_then(|()| stage.publish());
        named.map(|name| (received(name), None)).inspect_err(|error| stage.fail(error))
    }
}

/// A subvolume of which an interrupted run has received the beginning, while its stream comes again up
/// to there.
pub(super) struct Skipping<'d> {
    stage: Stage<'d>,
    kept: Kept,
    passed: Prefix,
}

impl<'d> Skipping<'d> {
    pub(super) fn new(mut stage: Stage<'d>, kept: Kept) -> Self {
        stage.take_over(&kept);
        Self { stage, kept, passed: Prefix::default() }
    }

    /// Passes over a command; returns whether that was the last one. `skipped` is what the sender has
    /// left out behind it.
    pub(super) fn pass(
        &mut self,
        frame: &Frame<'_>,
        skipped: Option<Prefix>,
    ) -> Result<bool, ReceiveError> {
        let is_other = self.passed.bytes > 0 && begins_or_ends(frame.kind());
        self.passed.add(frame.raw());
        let passed = skipped.unwrap_or(self.passed);
        match passed.reaches(&self.kept.checkpoint.prefix) {
            Some(false) if !is_other && skipped.is_none() => Ok(false),
            Some(true) => Ok(true),
            _ => Err(ReceiveError::OtherPrefix),
        }
    }

    /// Goes on behind what is there.
    pub(super) fn resume(
        self,
        checkpoints: Checkpoints,
        decompress: bool,
    ) -> Result<Current<'d>, ReceiveError> {
        let Self { mut stage, kept, .. } = self;
        let Checkpoint { origin, prefix, root, .. } = kept.checkpoint.clone();
        let dir = stage.reopen(&kept).inspect_err(|error| stage.fail(error))?;
        let applier = Applier::resume(dir, origin.identity.uuid, root, decompress);
        let failed = |source| ReceiveError::Stage { path: stage.staging_path(), source };
        let applier = applier.map_err(failed)?;
        let Prefix { bytes, .. } = prefix;
        let (taken, applied) = (prefix, prefix);
        Ok(Current {
            applier,
            stage,
            origin,
            checkpoints,
            taken,
            applied,
            saved: bytes,
            resumed: bytes,
        })
    }

    /// Leaves everything as it was found.
    pub(super) fn pause(mut self) {
        self.stage.pause(true);
    }
}

fn begins_or_ends(kind: CommandKind) -> bool {
    matches!(kind, CommandKind::Subvol | CommandKind::Snapshot | CommandKind::End)
}
