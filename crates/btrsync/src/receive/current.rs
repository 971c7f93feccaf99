//! One subvolume on its way: applied command by command, and kept at checkpoints.

use std::ffi::OsString;
use std::time::Instant;

use btrsync_stream::{Command, CommandKind, Frame};

use super::Rehearsed;
use super::apply::Applier;
use super::checkpoint::{Checkpoint, Origin};
use super::error::ReceiveError;
use super::kept::Kept;
use super::meta::{Checkpoints, Received};
use super::original::{Extent, Fetch};
use super::prefix::{Prefix, left_out};
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
    saved_at: Instant,
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
        let mut taken = applier.prefix();
        taken.add(first.raw());
        let (applied, saved_at) = (taken, Instant::now());
        Self { applier, stage, origin, checkpoints, taken, applied, saved: 0, saved_at, resumed: 0 }
    }

    /// Whether it is of use to see more of the commands whose turn will come.
    pub(super) fn looks_ahead(&self) -> bool {
        self.applier.fetch().is_some_and(Fetch::looks_ahead)
    }

    /// Takes notice of a command whose turn will come. What is wrong with it is told then.
    pub(super) fn see(&mut self, frame: &Frame<'_>) {
        let is_of_use = matches!(frame.kind(), CommandKind::Mkfile | CommandKind::UpdateExtent);
        if let Some(fetch) = self.applier.fetch_mut().filter(|_| is_of_use)
            && let Ok(command) = Command::decode(frame)
        {
            fetch.see(&command, frame.offset());
        }
    }

    /// Applies the next command.
    pub(super) fn apply(
        &mut self,
        frame: &Frame<'_>,
        command: &Command<'_>,
        sources: &mut Sources<'_>,
    ) -> Result<(), ReceiveError> {
        let applied = match *command {
            Command::UpdateExtent { path, offset, size } if self.applier.fetch().is_some() => {
                self.taken.add_whole(frame, command);
                self.applier.count(left_out(frame, command).saturating_sub_unsigned(size));
                self.fetch(frame, Extent { path, offset, size }, sources)
            }
            _ => {
                let applied = self.applier.apply(frame, command, sources);
                applied.and_then(|()| self.note(frame, command))
            }
        };
        applied.inspect_err(|error| self.stage.fail(error))
    }

    /// Fetches what the last of the commands that have come tells of, or the rest of it. An extent can be
    /// larger than what is between two checkpoints, so there are some within it: with the command in
    /// the hash, and without what is to come of the data in the length.
    fn fetch(
        &mut self,
        frame: &Frame<'_>,
        extent: Extent<'_>,
        sources: &mut Sources<'_>,
    ) -> Result<(), ReceiveError> {
        let Extent { path, mut offset, size: mut rest } = extent;
        loop {
            let size = rest.min(self.checkpoints.piece(self.since_saved()));
            self.applier.apply(frame, &Command::UpdateExtent { path, offset, size }, sources)?;
            (offset, rest) = (offset.saturating_add(size), rest - size);
            self.applied = Prefix { bytes: self.taken.bytes.saturating_sub(rest), ..self.taken };
            self.save_if_due()?;
            if rest == 0 {
                return Ok(());
            }
        }
    }

    /// Fetches the rest of what a command tells of, most of which is there.
    pub(super) fn go_on(
        &mut self,
        frame: &Frame<'_>,
        rest: u64,
        sources: &mut Sources<'_>,
    ) -> Result<(), ReceiveError> {
        if rest == 0 {
            return Ok(());
        }
        let command = Command::decode(frame)?;
        let Command::UpdateExtent { path, offset, size } = command else {
            return Err(ReceiveError::OtherPrefix);
        };
        let there = size.checked_sub(rest).ok_or(ReceiveError::OtherPrefix)?;
        let extent = Extent { path, offset: offset.saturating_add(there), size: rest };
        self.fetch(frame, extent, sources).inspect_err(|error| self.stage.fail(error))
    }

    fn note(&mut self, frame: &Frame<'_>, command: &Command<'_>) -> Result<(), ReceiveError> {
        if self.checkpoints.every == 0 {
            return Ok(());
        }
        self.taken.add_whole(frame, command);
        if !self.applier.is_behind() {
            self.applied = self.taken;
        }
        self.save_if_due()
    }

    /// How much was applied since the last checkpoint.
    fn since_saved(&self) -> u64 {
        self.applied.bytes.saturating_sub(self.saved)
    }

    fn save_if_due(&mut self) -> Result<(), ReceiveError> {
        match self.checkpoints.are_due(self.since_saved(), self.saved_at) {
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
        let saved = match root.taken {
            true => false,
            false => stage.save(dir, &Checkpoint { origin, name, prefix, root: root.clone() })?,
        };
        self.saved_at = Instant::now();
        Ok(saved)
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
        let (mut tree, times) = applier.finish().inspect_err(|error| stage.fail(error))?;
        if rehearsal {
            stage.freeze(&mut tree, times.as_ref())?;
            let root = &tree.root().file;
            return Ok((received(OsString::new()), Some(Rehearsed::new(root, stage)?)));
        }
        let sealed = stage.seal(&mut tree, identity, times.as_ref());
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
    fetch: Option<Fetch>,
}

impl<'d> Skipping<'d> {
    pub(super) fn new(mut stage: Stage<'d>, kept: Kept, fetch: Option<Fetch>) -> Self {
        stage.take_over(&kept);
        let passed = fetch.as_ref().map(Fetch::prefix).unwrap_or_default();
        Self { stage, kept, passed, fetch }
    }

    /// Passes over a command; returns whether that was the last one. `skipped` is what the sender has
    /// left out behind it.
    pub(super) fn pass(
        &mut self,
        frame: &Frame<'_>,
        skipped: Option<Prefix>,
    ) -> Result<bool, ReceiveError> {
        let is_other = self.passed.bytes > 0 && begins_or_ends(frame.kind());
        self.add(frame)?;
        let passed = skipped.unwrap_or(self.passed);
        match passed.reaches(&self.kept.checkpoint.prefix) {
            Some(false) if !is_other && skipped.is_none() => Ok(false),
            Some(true) => Ok(true),
            None if self.rest() > 0 => Ok(true),
            _ => Err(ReceiveError::OtherPrefix),
        }
    }

    /// How much of what the last command tells of is not there, where that was to be fetched.
    pub(super) fn rest(&self) -> u64 {
        let wanted = &self.kept.checkpoint.prefix;
        match self.fetch.is_some() && self.passed.hash == wanted.hash {
            true => self.passed.bytes.saturating_sub(wanted.bytes),
            false => 0,
        }
    }

    fn add(&mut self, frame: &Frame<'_>) -> Result<(), ReceiveError> {
        let Some(fetch) = &mut self.fetch else {
            self.passed.add(frame.raw());
            return Ok(());
        };
        let command = Command::decode(frame)?;
        fetch.note(&command, frame.offset());
        fetch.count_whole(left_out(frame, &command));
        self.passed.add_whole(frame, &command);
        Ok(())
    }

    /// Goes on behind what is there.
    pub(super) fn resume(
        self,
        checkpoints: Checkpoints,
        decompress: bool,
    ) -> Result<Current<'d>, ReceiveError> {
        let rest = self.rest();
        let Self { mut stage, kept, fetch, .. } = self;
        let Checkpoint { origin, prefix, root, .. } = kept.checkpoint.clone();
        let dir = stage.reopen(&kept).inspect_err(|error| stage.fail(error))?;
        let applier = Applier::resume(dir, origin.identity.uuid, root, decompress);
        let failed = |source| ReceiveError::Stage { path: stage.staging_path(), source };
        let applier = applier.map_err(failed)?.fetching(fetch);
        if let Some(fetch) = applier.fetch() {
            fetch.count_whole(rest.cast_signed().saturating_neg());
        }
        let Prefix { bytes, .. } = prefix;
        let resumed = applier.amount(bytes);
        let (taken, applied) = (Prefix { bytes: bytes + rest, ..prefix }, prefix);
        Ok(Current {
            applier,
            stage,
            origin,
            checkpoints,
            taken,
            applied,
            saved: bytes,
            saved_at: Instant::now(),
            resumed,
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
