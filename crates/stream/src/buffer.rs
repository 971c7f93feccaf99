//! The lengths in a stream are claims of a stranger. The buffer grows to what its caller has bounded, keeps what it has
//! when the reader fails, and moves bytes only when it runs out of room.

use std::io::{self, Read};

/// Large enough that a frame of v2 fits and that small commands cost few reads.
const CAPACITY: usize = 256 << 10;

/// A reader and the bytes read ahead from it.
#[derive(Debug)]
pub(crate) struct Buffer<R> {
    reader: R,
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    consumed: u64,
    /// Whether more is read than was asked for.
    ahead: bool,
}

impl<R: Read> Buffer<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self { reader, bytes: vec![0; CAPACITY], start: 0, end: 0, consumed: 0, ahead: true }
    }

    /// Leaves in the reader what was not asked for.
    pub(crate) fn exact(reader: R) -> Self {
        Self { ahead: false, ..Self::new(reader) }
    }

    /// The position in the input of the next byte.
    pub(crate) fn offset(&self) -> u64 {
        self.consumed
    }

    /// How much was read ahead.
    pub(crate) fn available(&self) -> usize {
        self.end - self.start
    }

    /// Reads ahead until `len` bytes are there; says whether they are, which they are not at the end of the input.
    pub(crate) fn fill(&mut self, len: usize) -> io::Result<bool> {
        if self.available() < len {
            self.make_room(len);
        }
        while self.available() < len {
            let until = if self.ahead { self.bytes.len() } else { self.start + len };
            match self.reader.read(&mut self.bytes[self.end..until])? {
                0 => return Ok(false),
                read => self.end += read,
            }
        }
        Ok(true)
    }

    fn make_room(&mut self, len: usize) {
        if self.bytes.len() - self.start >= len {
            return;
        }
        self.bytes.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.bytes.len() < len {
            self.bytes.resize(len, 0);
        }
    }

    pub(crate) fn first_chunk<const N: usize>(&self) -> Option<&[u8; N]> {
        self.unread().first_chunk()
    }

    pub(crate) fn unread(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// Takes `len` bytes that are there.
    pub(crate) fn consume(&mut self, len: usize) -> &[u8] {
        let from = self.start;
        self.start += len.min(self.available());
        self.consumed += (self.start - from) as u64;
        &self.bytes[from..self.start]
    }
}

#[cfg(test)]
mod tests {
    use super::{Buffer, CAPACITY};

    #[test]
    fn grows_to_what_is_asked_and_no_further() {
        let mut buffer = Buffer::new(std::io::repeat(7));
        assert!(buffer.fill(10).unwrap());
        buffer.consume(3);
        assert!(buffer.fill(CAPACITY).unwrap());
        assert_eq!(buffer.bytes.len(), CAPACITY);
        assert!(buffer.fill(CAPACITY + 5).unwrap());
        assert_eq!(buffer.bytes.len(), CAPACITY + 5);
        assert_eq!(buffer.offset(), 3);
    }

    #[test]
    fn takes_only_what_is_asked_for_where_that_is_wanted() {
        let mut input = &[1, 2, 3, 4, 5][..];
        let mut buffer = Buffer::exact(&mut input);
        assert!(buffer.fill(2).unwrap() && buffer.fill(3).unwrap());
        assert_eq!(buffer.consume(3), [1, 2, 3]);
        assert_eq!(input, [4, 5]);
    }

    #[test]
    fn moves_bytes_without_changing_them() {
        let input: Vec<u8> = (0..3 * CAPACITY).map(|at| (at % 251) as u8).collect();
        let mut buffer = Buffer::new(&input[..]);
        let mut output = Vec::new();
        while buffer.fill(1000).unwrap() {
            output.extend_from_slice(buffer.consume(1000));
        }
        output.extend_from_slice(buffer.unread());
        assert!(output == input);
        assert_eq!(buffer.bytes.len(), CAPACITY);
    }
}
