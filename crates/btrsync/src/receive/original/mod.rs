//! The data of files, fetched from the subvolume that is sent.
//!
//! Where both ends are in one process, a stream need not carry data: it says where a file has some, and
//! that is copied from file to file, which spares most of the copying in memory. The hazard is to copy
//! from another file than is meant, since a path in the stream is one of that moment and not of the
//! subvolume as it is. So what is opened must have the inode number that the stream gave to the file
//! that it has made last: in a full stream all data of a file follows its creation, before the next
//! file is made. What cannot be found is an error, and the stream is made again with its data.

mod ahead;
mod direct;
mod files;
mod plain;
mod reading;
mod stored;
mod subvolume;

use std::fs::File;

use btrsync_stream::Command;

use self::plain::Plain;
use self::stored::{Of, Stored};
pub(crate) use self::subvolume::Original;
use super::apply_error::{Applied, ApplyError};
use super::error::ReceiveError;
use super::prefix::Prefix;
use super::tree::Tree;
use crate::flow::Beside;

/// Fetches the data of one stream.
#[derive(Debug)]
pub(super) struct Fetch {
    original: Original,
    plain: Plain,
    /// What copies compressed data, where the subvolume has much of it.
    stored: Option<Stored>,
    beside: Beside,
    /// The file that was made last.
    made: Made,
    /// The same, as far as was looked ahead. What is taken before it was looked at is not among that.
    seen: Made,
}

/// A file that a stream has made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Made {
    /// Where in the stream.
    place: u64,
    inode: u64,
}

impl Made {
    /// Takes notice of a command at a place in the stream.
    fn note(&mut self, command: &Command<'_>, place: u64) {
        if let Command::Mkfile { ino: inode, .. } = *command {
            *self = Self { place, inode };
        }
    }
}

/// Where a file has data.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extent<'a> {
    pub(super) path: &'a [u8],
    pub(super) offset: u64,
    pub(super) size: u64,
}

impl Extent<'_> {
    /// What follows so many bytes of it.
    fn behind(self, length: u64) -> Self {
        let offset = self.offset.saturating_add(length);
        Self { offset, size: self.size.saturating_sub(length), ..self }
    }
}

impl Fetch {
    pub(super) fn new(original: Original, beside: Beside) -> Result<Self, ReceiveError> {
        let (plain, stored) = (Plain::new(&original, beside.clone())?, original.stored()?);
        let (made, seen) = (Made::default(), Made::default());
        Ok(Self { original, plain, stored, beside, made, seen })
    }

    /// The root directory of what is fetched from.
    pub(super) fn dir(&self) -> Result<File, ReceiveError> {
        self.original.dir()
    }

    pub(super) fn prefix(&self) -> Prefix {
        self.original.prefix()
    }

    /// Whether it is of use to see more of the commands whose turn will come.
    pub(super) fn looks_ahead(&self) -> bool {
        self.stored.as_ref().map_or_else(|| self.plain.wants_more(), Stored::wants_more)
    }

    /// Takes notice of a command at a place in the stream, whose turn will come.
    pub(super) fn see(&mut self, command: &Command<'_>, place: u64) {
        self.seen.note(command, place);
        if let Command::UpdateExtent { path, offset, size } = *command {
            let extent = Extent { path, offset, size };
            let Made { inode, .. } = self.seen.max(self.made);
            match &mut self.stored {
                Some(stored) => stored.ask(extent, Of { place, inode }),
                None => self.plain.see(extent, inode),
            }
        }
    }

    /// Takes notice of a command at a place in the stream, which may make a file.
    pub(super) fn note(&mut self, command: &Command<'_>, place: u64) {
        self.made.note(command, place);
    }

    /// Counts what a command stands for that has not gone through the flow.
    pub(super) fn count(&self, bytes: i64) {
        self.beside.count(bytes);
    }

    /// Counts bytes of a whole stream that are not fetched, or come twice where the number is negative, for what
    /// they amount to here.
    pub(super) fn count_whole(&self, bytes: i64) {
        let amount = self.amount(bytes.unsigned_abs()).cast_signed();
        self.count(if bytes < 0 { amount.saturating_neg() } else { amount });
    }

    /// What bytes of a whole stream amount to here.
    pub(super) fn amount(&self, bytes: u64) -> u64 {
        self.original.amount(bytes)
    }

    /// Copies what a command at a place in the stream tells of.
    pub(super) fn copy(&mut self, tree: &mut Tree, extent: Extent<'_>, place: u64) -> Applied<()> {
        let rest = self.copy_stored(tree, extent, place)?;
        if rest.size == 0 {
            return Ok(());
        }
        self.plain.copy(&*tree.writable(rest.path)?, rest, self.made.inode)
    }

    /// Copies what is compressed, and returns what follows that.
    fn copy_stored<'a>(
        &mut self,
        tree: &mut Tree,
        mut rest: Extent<'a>,
        place: u64,
    ) -> Applied<Extent<'a>> {
        let Some(stored) = &mut self.stored else { return Ok(rest) };
        let of = Of { place, inode: self.made.inode };
        while rest.size > 0
            && let Some(copied) = stored.copy(tree, rest, of)?
        {
            rest = rest.behind(copied.length);
            self.beside.pass(copied.stored).map_err(|_| ApplyError::Cancelled)?;
        }
        Ok(rest)
    }

    /// Fails where what was copied may not be what the stream tells of.
    pub(super) fn finish(&self) -> Result<(), ReceiveError> {
        self.original.check()
    }
}
