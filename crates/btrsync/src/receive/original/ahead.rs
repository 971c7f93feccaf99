//! Files of the original that are opened, and read, before their turn.
//!
//! Where many small files are not in memory, most of the time goes to waiting for one after the other. The
//! commands that have come tell which ones follow, so these are opened, and the kernel is asked to read the
//! beginning of each: it does so while others are copied. Nothing depends on it. What was not found here is
//! opened when its turn comes, and only then a failure counts.

use std::collections::VecDeque;
use std::fs::File;
use std::num::NonZeroU64;

use btrsync_stream::Command;
use rustix::fs::{Advice, fadvise};

use super::files::Files;

/// How many files are open ahead at most.
const FILES: usize = 32;

/// How much of the first extent of each is read ahead, in bytes. What follows is read ahead by the kernel as
/// it is copied.
const PIECE: u64 = 128 << 10;

/// Files that will be copied, by their inode numbers, in the order of the stream.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    /// The file that was made last, as far as was looked.
    made: u64,
    /// The last whose data was seen.
    seen: u64,
    files: VecDeque<(u64, File)>,
}

impl Ahead {
    /// Whether it is of use to see more commands.
    pub(super) fn wants_more(&self) -> bool {
        self.files.len() < FILES
    }

    /// Takes notice of a command whose turn will come.
    pub(super) fn see(&mut self, command: &Command<'_>, files: &mut Files) {
        match *command {
            Command::Mkfile { ino, .. } => self.made = ino,
            Command::UpdateExtent { path, offset, size } if self.seen != self.made => {
                self.seen = self.made;
                if let Ok(Some(file)) = files.open_at(path, self.made) {
                    let length = NonZeroU64::new(size.min(PIECE));
                    // The kernel may have better to do.
                    let _ = fadvise(&file, offset, length, Advice::WillNeed);
                    self.files.push_back((self.made, file));
                }
            }
            _ => {}
        }
    }

    /// Returns the file whose turn has come, if it is open; those before it are not needed any more.
    pub(super) fn take(&mut self, inode: u64) -> Option<File> {
        let at = self.files.iter().position(|(known, _)| *known == inode)?;
        self.files.drain(..=at).next_back().map(|(_, file)| file)
    }
}
