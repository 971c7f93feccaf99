//! Data that is copied as it is stored: compressed, and decompressed by nobody.
//!
//! What is not compressed, or cannot be read so, is left to an ordinary copy. Nothing depends on what was
//! asked for before its turn: what was not is asked for then.

use std::collections::VecDeque;
use std::io;

use super::super::apply_error::Applied;
use super::super::data;
use super::super::tree::Tree;
use super::Extent;
use super::files::Files;
use super::reading::{Piece, Reading, Wanted};

/// How many commands are seen before their turn at most.
const COMMANDS: usize = 64;

/// How many extents are read at a time.
const THREADS: usize = 2;

/// Copies data as it is stored.
#[derive(Debug)]
pub(super) struct Stored {
    /// They take turns, command by command.
    threads: [Reading; THREADS],
    turn: usize,
    /// What was asked for and has not come to its end.
    asked: VecDeque<Asked>,
}

/// Data of a file that was asked for.
#[derive(Debug, Clone, Copy)]
struct Asked {
    of: Of,
    /// Whom.
    thread: usize,
}

/// What data is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Of {
    /// Where in the stream the command stands that tells of it.
    pub(super) place: u64,
    /// The inode number of the file.
    pub(super) inode: u64,
}

/// What was copied at once, in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Copied {
    /// How much of the file that is.
    pub(super) length: u64,
    /// How much was read and written for it.
    pub(super) stored: usize,
}

impl Stored {
    pub(super) fn new(files: [Files; THREADS]) -> io::Result<Self> {
        let [one, other] = files.map(Reading::start);
        Ok(Self { threads: [one?, other?], turn: 0, asked: VecDeque::new() })
    }

    /// Whether it is of use to see more commands.
    pub(super) fn wants_more(&self) -> bool {
        self.asked.len() < COMMANDS
    }

    /// Asks for data.
    pub(super) fn ask(&mut self, extent: Extent<'_>, of: Of) {
        let (Extent { path, offset, size }, Of { inode, .. }) = (extent, of);
        if self.threads[self.turn].ask(Wanted { path: path.into(), inode, offset, size }).is_ok() {
            self.asked.push_back(Asked { of, thread: self.turn });
            self.turn = (self.turn + 1) % THREADS;
        }
    }

    /// Copies the beginning of data; nothing where that is to be copied in another way.
    pub(super) fn copy(
        &mut self,
        tree: &mut Tree,
        extent: Extent<'_>,
        of: Of,
    ) -> Applied<Option<Copied>> {
        if self.asked.is_empty() {
            self.ask(extent, of);
        }
        let Some((piece, thread)) = self.piece(of, extent.offset) else { return Ok(None) };
        let copied = write(tree, extent, &piece);
        self.threads[thread].take_back(piece.buffer);
        copied.map(Some)
    }

    /// Returns what was read from an offset on, and by whom.
    fn piece(&mut self, of: Of, offset: u64) -> Option<(Piece, usize)> {
        while let Some(Asked { of: asked, thread }) = self.asked.front().copied()
            && asked.place <= of.place
        {
            match self.threads[thread].answer() {
                Some(piece) if asked == of && piece.offset == offset => {
                    return Some((piece, thread));
                }
                // Nobody has waited for that.
                Some(piece) => self.threads[thread].take_back(piece.buffer),
                None => {
                    self.asked.pop_front();
                    if asked.place == of.place {
                        return None;
                    }
                }
            }
        }
        None
    }
}

/// Writes what was read, as much as there is of it in the extent.
fn write(tree: &mut Tree, extent: Extent<'_>, piece: &Piece) -> Applied<Copied> {
    let Extent { path, offset, size } = extent;
    let encoded = piece.encoded(size);
    if encoded.compression != 0 {
        data::encoded_write(tree, path, &encoded, false)?;
        return Ok(Copied { length: encoded.length, stored: piece.stored });
    }
    let data = &encoded.data[..piece.stored.min(encoded.length as usize)];
    data::write(tree, path, offset, data)?;
    Ok(Copied { length: data.len() as u64, stored: data.len() })
}
