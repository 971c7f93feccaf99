//! Large data that is read past the memory that the kernel keeps files in, while what came before is written.
//!
//! To find room for each page there and to give it up again is a sixth of all work, for data that is wanted
//! once. But nothing is then read before it is asked for, so a thread asks, as long as it has buffers. What cannot be
//! read so is left to an ordinary copy, which tells what is wrong.

use std::fs::File;
use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};

use btrsync_kernel as kernel;
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::{pread, retry_on_intr};

use crate::thread;

/// How much is read at once, in bytes: what a processor has room for beside.
const PIECE: usize = 512 << 10;

/// How many pieces are read ahead at most.
const BUFFERS: usize = 8;

/// Where buffers and reads must begin and end, in bytes; where it is more, nothing can be read so.
const BLOCK: usize = 4096;

/// From how many bytes on it pays.
pub(super) const LEAST: u64 = 8 << 20;

/// Whether it pays to read data of a file so: where it is large, and half of it is not in memory.
pub(super) fn pays(file: &File, offset: u64, size: u64) -> bool {
    size >= LEAST && kernel::in_memory(file, offset, size).unwrap_or(0) < size / 2
}

/// A range of a file, from `at` on.
#[derive(Debug)]
struct Wanted {
    file: File,
    at: u64,
    end: u64,
}

/// Room for a piece, and where in it that begins.
#[derive(Debug)]
struct Buffer(Vec<u8>, usize);

impl Buffer {
    fn new() -> Self {
        // Not zeros: for those there would be no memory yet, and the kernel would not read past its own into none.
        let room = vec![u8::MAX; PIECE + BLOCK];
        let from = room.as_ptr().align_offset(BLOCK).min(BLOCK);
        Self(room, from)
    }

    fn room(&mut self) -> &mut [u8] {
        &mut self.0[self.1..self.1 + PIECE]
    }
}

/// A piece that was read.
#[derive(Debug)]
pub(super) struct Piece {
    buffer: Buffer,
    length: usize,
}

impl Piece {
    pub(super) fn data(&self) -> &[u8] {
        &self.buffer.0[self.buffer.1..self.buffer.1 + self.length]
    }
}

/// The other end of a thread that reads. Dropped, it waits until that has closed its file.
#[derive(Debug)]
pub(super) struct Direct {
    /// What asks, and what gives buffers back.
    to: Option<(Sender<Wanted>, Sender<Buffer>)>,
    pieces: Receiver<Option<Piece>>,
}

impl Direct {
    pub(super) fn start() -> io::Result<Self> {
        let ((wanted, wants), (give, free), (answer, pieces)) = (channel(), channel(), channel());
        // Nobody needs what it returns.
        drop(thread::named("btrsync-reads", move || read_all(&wants, &free, &answer))?);
        // Nobody has gone yet.
        (0..BUFFERS).for_each(|_| drop(give.send(Buffer::new())));
        Ok(Self { to: Some((wanted, give)), pieces })
    }

    /// Reads a range of a file; `take` gets piece after piece, which follow each other. What is left in the
    /// end could not be read.
    pub(super) fn read<E>(
        &self,
        file: &File,
        (at, end): (u64, u64),
        mut take: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let Some((ask, give)) = &self.to else { return Ok(()) };
        let Ok(_past) = Past::of(file) else { return Ok(()) };
        let Ok(file) = file.try_clone() else { return Ok(()) };
        // A thread that is gone answers nothing.
        let _ = ask.send(Wanted { file, at, end });
        while let Ok(Some(piece)) = self.pieces.recv() {
            take(piece.data())?;
            let _ = give.send(piece.buffer);
        }
        Ok(())
    }
}

impl Drop for Direct {
    fn drop(&mut self) {
        self.to = None;
        while self.pieces.recv().is_ok() {}
    }
}

/// A file that is read past the memory, as long as this lives.
struct Past<'a>(&'a File);

impl<'a> Past<'a> {
    fn of(file: &'a File) -> rustix::io::Result<Self> {
        fcntl_setfl(file, fcntl_getfl(file)? | OFlags::DIRECT)?;
        Ok(Self(file))
    }
}

impl Drop for Past<'_> {
    fn drop(&mut self) {
        // Whoever reads from it next can do so either way.
        let _ = fcntl_getfl(self.0).and_then(|flags| fcntl_setfl(self.0, flags - OFlags::DIRECT));
    }
}

/// Reads what is asked for until nobody asks any more.
fn read_all(wants: &Receiver<Wanted>, free: &Receiver<Buffer>, answer: &Sender<Option<Piece>>) {
    let mut unused = None;
    while let Ok(Wanted { file, mut at, end }) = wants.recv() {
        while at < end {
            let Some(buffer) = unused.take().or_else(|| free.recv().ok()) else { return };
            match read(&file, at, end - at, buffer) {
                Ok(piece) => {
                    at += piece.length as u64;
                    if answer.send(Some(piece)).is_err() {
                        return;
                    }
                }
                Err(buffer) => {
                    unused = Some(buffer);
                    break;
                }
            }
        }
        drop(file);
        if answer.send(None).is_err() {
            return;
        }
    }
}

/// Reads a piece, as much of it as is wanted; gives the buffer back where that cannot be.
fn read(file: &File, at: u64, wanted: u64, mut buffer: Buffer) -> Result<Piece, Buffer> {
    let wanted = usize::try_from(wanted).unwrap_or(PIECE).min(PIECE);
    let room = &mut buffer.room()[..wanted.next_multiple_of(BLOCK)];
    match retry_on_intr(|| pread(file, &mut *room, at)) {
        Ok(read) if read > 0 => Ok(Piece { buffer, length: read.min(wanted) }),
        _ => Err(buffer),
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    fn noise(length: usize) -> Vec<u8> {
        (0..length as u32)
            .flat_map(|at| at.wrapping_mul(2_654_435_761).to_le_bytes())
            .step_by(4)
            .collect()
    }

    fn all(direct: &Direct, file: &File, range: (u64, u64)) -> Vec<u8> {
        let mut all = Vec::new();
        let taken: Result<(), Infallible> = direct.read(file, range, |data| {
            all.extend(data);
            Ok(())
        });
        taken.map_or_else(|never| match never {}, |()| all)
    }

    /// On whatever filesystem this is, it reads right or not at all.
    #[test]
    fn what_is_read_is_what_is_there() {
        let file = tempfile::tempfile_in(".").unwrap();
        let data = noise(10 * PIECE + 777);
        std::os::unix::fs::FileExt::write_all_at(&file, &data, 0).unwrap();
        file.sync_all().unwrap();
        let direct = Direct::start().unwrap();
        for (from, to) in [(0, data.len()), (4096, 3 * PIECE), (8192, data.len()), (0, 1)] {
            let read = all(&direct, &file, (from as u64, to as u64));
            assert!(data[from..to].starts_with(&read), "{from} to {to}");
            let flags = fcntl_getfl(&file).unwrap();
            assert!(!flags.contains(OFlags::DIRECT));
        }
    }

    /// Each failure gives its buffer back, or the thread would have none in the end.
    #[test]
    fn what_cannot_be_read_is_left_as_often_as_it_is_tried() {
        let file = File::open("/").unwrap();
        let direct = Direct::start().unwrap();
        (0..3 * BUFFERS).for_each(|_| assert_eq!(all(&direct, &file, (0, 1 << 20)), []));
    }

    #[test]
    fn whoever_takes_no_more_ends_it() {
        let file = tempfile::tempfile_in(".").unwrap();
        file.set_len(1 << 30).unwrap();
        let direct = Direct::start().unwrap();
        assert_eq!(direct.read(&file, (0, 1 << 30), |_| Err(7)), Err(7));
    }
}
