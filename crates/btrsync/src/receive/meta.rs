//! What is known of streams before they come, how they are received, and what came of it.

use std::ffi::{OsStr, OsString};
use std::time::{Duration, Instant};

use btrsync_stream::Command;
use uuid::Uuid;

use super::error::ReceiveError;
use super::prefix::Prefix;
use crate::btrfs::Subvolume;

/// What is known of the streams in a flow before they come.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StreamMeta {
    /// The UUIDs that the streams must name, in order; empty where any is right. `None` is a UUID
    /// that is not known.
    pub uuids: Vec<Option<Uuid>>,
    /// The subvolumes that the streams may build on or clone from, as the sending side lists them.
    /// Their equals are also found outside of the directory that is received into, below the root of
    /// the destination, and are compared with what is said of them here.
    pub sources: Vec<Subvolume>,
    /// What the sender has left out of each stream behind its first command, having found it to be what
    /// the receiver has already; empty where all streams are whole.
    pub skipped: Vec<Option<Prefix>>,
    /// Start over where an interrupted run has received a part: the streams are not what it received.
    pub anew: bool,
}

impl StreamMeta {
    /// Refuses a subvolume that is not the one that was announced, `done` others having come before.
    pub(crate) fn expect(&self, done: usize, uuid: Uuid) -> Result<(), ReceiveError> {
        match self.uuids.get(done) {
            Some(Some(announced)) if *announced != uuid => {
                Err(ReceiveError::OtherVolume { announced: *announced, uuid })
            }
            None if !self.uuids.is_empty() => Err(ReceiveError::OneTooMany { uuid }),
            _ => Ok(()),
        }
    }

    /// Refuses a flow that has ended before all that was announced has come.
    pub(crate) fn complete(&self, received: usize) -> Result<(), ReceiveError> {
        match self.uuids.len() {
            announced if received < announced => Err(ReceiveError::TooFew { received, announced }),
            _ => Ok(()),
        }
    }
}

/// A subvolume that was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// Its name in the directory that was received into.
    pub name: OsString,
    /// The UUID that the stream gave of its source.
    pub uuid: Uuid,
    /// How much of its stream an interrupted run had received, in bytes.
    pub resumed: u64,
}

/// How much of a stream a directory holds after a run that was interrupted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partial {
    /// The UUID that the stream gives of its source.
    pub uuid: Uuid,
    /// The generation that the stream gives of its source.
    pub ctransid: u64,
    /// The UUID that the stream gives of its parent, if it has one.
    pub parent: Option<Uuid>,
    /// What is there of the stream.
    pub prefix: Prefix,
}

/// How a receive that is interrupted can be continued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoints {
    /// How many bytes of a stream come between two checkpoints: as much is received once more after a
    /// crash. 0 is for none at all. From [`Checkpoints::DEFAULT_EVERY`] on there also are
    /// [`Checkpoints::LEAST_PAUSE`] between two, and more bytes where these come faster.
    pub every: u64,
    /// Continue what an interrupted run has left; else that is deleted.
    pub resume: bool,
}

impl Checkpoints {
    /// What [`Checkpoints::every`] is by default, in bytes.
    pub const DEFAULT_EVERY: u64 = 64 << 20;

    /// How long it is at least from one checkpoint to the next, unless they are wanted often: each is a
    /// commit, and with a fast disk there would be many in a second.
    pub const LEAST_PAUSE: Duration = Duration::from_secs(3);

    /// Neither makes checkpoints nor continues any.
    pub const NONE: Self = Self { every: 0, resume: false };

    /// Whether a checkpoint is due after so many bytes, and the time `since` the last. Whole commands must
    /// fit before the limit.
    pub(super) fn are_due(self, bytes: u64, since: Instant) -> bool {
        let are_enough = self.every > 0 && bytes >= self.every - self.every / 16;
        are_enough && (self.every < Self::DEFAULT_EVERY || since.elapsed() >= Self::LEAST_PAUSE)
    }

    /// How much of an extent is fetched at most before it is asked whether a checkpoint is due, where so many bytes
    /// came since the last. One that is compressed has 128 KiB at most, and stays whole.
    pub(super) fn piece(self, since: u64) -> u64 {
        const LARGE: u64 = 32 << 20;
        match self.every {
            0 => u64::MAX,
            every if every < Self::DEFAULT_EVERY => (every / 16).clamp(128 << 10, 4 << 20),
            // Behind that only the pause is waited for.
            every if since >= every => LARGE,
            every => (every - since).clamp(128 << 10, LARGE),
        }
    }

    /// Whether an interrupted receive of so many bytes is worth a checkpoint.
    pub(crate) fn are_worth(self, bytes: u64) -> bool {
        self.every > 0 && bytes >= self.every / 4
    }
}

impl Default for Checkpoints {
    fn default() -> Self {
        Self { every: Self::DEFAULT_EVERY, resume: true }
    }
}

/// How to receive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReceiveOptions {
    /// Stop after the first END, and leave what follows it in the input; else the input is read until it
    /// ends, and all streams in it received.
    pub terminate_on_end: bool,
    /// Decompress all data, also where the filesystem could take it as it is.
    pub force_decompress: bool,
    /// How a receive that is interrupted can be continued.
    pub checkpoints: Checkpoints,
    /// Go on with an input that was interrupted behind its first streams: those in front of which all was
    /// received, and is unchanged, are passed over. Any other name that is taken is an error, and so is an
    /// input of which there is all already.
    pub pass_over: bool,
}

/// Is told what a stream says, before it is done.
///
/// It is told on the thread that receives, which can open nothing outside of the directory where the
/// kernel supports that; what it wants to write to must be open before.
pub trait Watch: Send {
    /// Is told of a command, which begins at byte `offset` of the input.
    fn command(&mut self, command: &Command<'_>, offset: u64);

    /// Is told that the subvolume that has just begun is there already, and passed over.
    fn present(&mut self, name: &OsStr) {
        let _ = name;
    }
}

/// Watches nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unwatched;

impl Watch for Unwatched {
    fn command(&mut self, _: &Command<'_>, _: u64) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_fetched_than_may_be_lost() {
        const MIB: u64 = 1 << 20;
        let piece = |every, since| Checkpoints { every, resume: true }.piece(since);
        assert_eq!(piece(0, 7 * MIB), u64::MAX);
        for (every, since, most) in [
            (64 << 10, 0, 128 << 10),
            (16 * MIB, 15 * MIB, MIB),
            (63 * MIB, 0, 4 * MIB - (64 << 10)),
            (64 * MIB, 0, 32 * MIB),
            (64 * MIB, 50 * MIB, 14 * MIB),
            (64 * MIB, 64 * MIB - 1, 128 << 10),
            (64 * MIB, 64 * MIB, 32 * MIB),
            (u64::MAX, 0, 32 * MIB),
        ] {
            assert_eq!(piece(every, since), most, "{since} of {every}");
        }
    }
}
