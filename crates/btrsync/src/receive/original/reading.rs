//! A thread that reads data as it is stored, before its turn.
//!
//! Such data comes from the disk, extent by extent, and each read is waited for; meanwhile what was read
//! before is written. The thread reads what it is asked for in that order, as long as it has buffers. Answers
//! and buffers go over several at a time, so that neither side is woken for each.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};

use btrsync_kernel as kernel;

use super::files::Files;
use crate::thread;

/// The longest data that is compressed, in bytes.
const LONGEST: usize = 128 << 10;

/// Room for that.
pub(super) type Buffer = Box<[u8]>;

/// How many buffers there are.
const BUFFERS: usize = 16;

/// How many buffers or answers go over at once.
const BATCH: usize = BUFFERS / 4;

/// What is to be read: where a file has data, by a command of the stream.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) path: Box<[u8]>,
    pub(super) inode: u64,
    pub(super) offset: u64,
    pub(super) size: u64,
}

/// What was read: data of one extent, from `offset` on.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) offset: u64,
    pub(super) length: u64,
    pub(super) unencoded_length: u64,
    pub(super) unencoded_offset: u64,
    /// The algorithm; 0 where it is not compressed.
    pub(super) compression: u32,
    /// How much of the buffer it takes.
    pub(super) stored: usize,
    pub(super) buffer: Buffer,
}

impl Piece {
    /// The data, so much of the file as is wanted.
    pub(super) fn encoded(&self, length: u64) -> kernel::Encoded<'_> {
        let Self { offset, unencoded_length, unencoded_offset, compression, .. } = *self;
        let (length, data) = (length.min(self.length), &self.buffer[..self.stored]);
        kernel::Encoded { offset, length, unencoded_length, unencoded_offset, compression, data }
    }
}

/// An answer to what is wanted: pieces that follow each other, and in the end nothing. What is missing then
/// could not be read so.
pub(super) type Answer = Option<Piece>;

/// The other end of the thread. Dropped, it waits until that has closed its files.
#[derive(Debug)]
pub(super) struct Reading {
    /// What asks, and what takes buffers back.
    to: Option<(Sender<Wanted>, Sender<Vec<Buffer>>)>,
    answers: Receiver<Vec<Answer>>,
    /// Answers that have come.
    ready: VecDeque<Answer>,
    used: Vec<Buffer>,
}

impl Reading {
    /// Starts the thread; it reads from the files of a subvolume.
    pub(super) fn start(files: Files) -> io::Result<Self> {
        let ((wanted, wants), (answer, answers), (used, free)) = (channel(), channel(), channel());
        let buffers = (0..BUFFERS).map(|_| vec![0; LONGEST].into()).collect();
        let (file, unsent) = (None, Vec::new());
        let thread = Thread { files, file, wants, free, buffers, unsent, answer };
        // Nobody needs what it returns.
        drop(thread::named("btrsync-reads", move || thread.run())?);
        let to = Some((wanted, used));
        Ok(Self { to, answers, ready: VecDeque::new(), used: Vec::new() })
    }

    /// Asks for data; fails where the thread is gone.
    pub(super) fn ask(&self, wanted: Wanted) -> Result<(), Gone> {
        let (ask, _) = self.to.as_ref().ok_or(Gone)?;
        ask.send(wanted).map_err(|_| Gone)
    }

    /// Waits for the next answer; a thread that is gone has none.
    pub(super) fn answer(&mut self) -> Answer {
        if self.ready.is_empty() {
            self.give_back();
            self.ready = self.answers.recv().ok()?.into();
        }
        self.ready.pop_front().flatten()
    }

    /// Takes a buffer back.
    pub(super) fn take_back(&mut self, buffer: Buffer) {
        self.used.push(buffer);
        if self.used.len() >= BATCH {
            self.give_back();
        }
    }

    fn give_back(&mut self) {
        let used = std::mem::take(&mut self.used);
        if let Some((_, to)) = self.to.as_ref().filter(|_| !used.is_empty()) {
            // A thread that is gone needs none.
            let _ = to.send(used);
        }
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.to = None;
        while self.answers.recv().is_ok() {}
    }
}

/// The thread is gone, or nobody wants more from it.
#[derive(Debug)]
pub(super) struct Gone;

/// What it works with; the last to be dropped is what tells of that.
struct Thread {
    files: Files,
    /// The file that was read from last.
    file: Option<(u64, File)>,
    wants: Receiver<Wanted>,
    free: Receiver<Vec<Buffer>>,
    buffers: Vec<Buffer>,
    /// Answers that were not given yet.
    unsent: Vec<Answer>,
    answer: Sender<Vec<Answer>>,
}

impl Thread {
    fn run(mut self) {
        while let Ok(wanted) = self.next() {
            if self.read(&wanted).and_then(|()| self.give(None)).is_err() {
                return;
            }
        }
    }

    fn next(&mut self) -> Result<Wanted, Gone> {
        if let Ok(wanted) = self.wants.try_recv() {
            return Ok(wanted);
        }
        self.give_all()?;
        self.wants.recv().map_err(|_| Gone)
    }

    fn give(&mut self, answer: Answer) -> Result<(), Gone> {
        self.unsent.push(answer);
        if self.unsent.len() < 2 * BATCH { Ok(()) } else { self.give_all() }
    }

    fn give_all(&mut self) -> Result<(), Gone> {
        let answers = std::mem::take(&mut self.unsent);
        if answers.is_empty() { Ok(()) } else { self.answer.send(answers).map_err(|_| Gone) }
    }

    /// Reads to the end, or as far as it is compressed.
    fn read(&mut self, wanted: &Wanted) -> Result<(), Gone> {
        let (mut offset, end) = (wanted.offset, wanted.offset.saturating_add(wanted.size));
        while offset < end {
            let buffer = self.buffer()?;
            let read = match self.open(wanted) {
                Some(file) => read(file, offset, buffer),
                None => Err(buffer),
            };
            let piece = match read {
                Ok(piece) => piece,
                Err(buffer) => {
                    self.buffers.push(buffer);
                    break;
                }
            };
            offset = if piece.compression == 0 { end } else { offset.saturating_add(piece.length) };
            self.give(Some(piece))?;
        }
        Ok(())
    }

    fn buffer(&mut self) -> Result<Buffer, Gone> {
        loop {
            if let Some(buffer) = self.buffers.pop() {
                return Ok(buffer);
            }
            self.give_all()?;
            self.buffers = self.free.recv().map_err(|_| Gone)?;
        }
    }

    fn open(&mut self, wanted: &Wanted) -> Option<&File> {
        if self.file.as_ref().is_none_or(|(inode, _)| *inode != wanted.inode) {
            let file = self.files.open(&wanted.path, wanted.inode).ok()?;
            self.file = Some((wanted.inode, file));
        }
        self.file.as_ref().map(|(_, file)| file)
    }
}

/// Reads data of one extent; gives the buffer back where that cannot be.
fn read(file: &File, offset: u64, mut buffer: Buffer) -> Result<Piece, Buffer> {
    let Ok(Some(read)) = kernel::encoded_read(file, offset, &mut buffer) else {
        return Err(buffer);
    };
    let kernel::Encoded { length, unencoded_length, unencoded_offset, compression, data, .. } =
        read;
    let stored = data.len();
    match stored {
        0 => Err(buffer),
        _ => Ok(Piece {
            offset,
            length,
            unencoded_length,
            unencoded_offset,
            compression,
            stored,
            buffer,
        }),
    }
}
