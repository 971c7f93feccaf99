//! A stream that arrives in pieces of any size, with reads that fail in between: the same frames, and the same end.

#![no_main]

use std::io::{self, Read};

use btrsync_fuzz::sealed;
use btrsync_stream::{Error, FrameReader};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((sizes, rest)) = input.split_first_chunk::<8>() else { return };
    let stream = sealed(rest);
    // Not every read may fail.
    let sizes = sizes.iter().copied().chain([1]).cycle();
    let pieces = Pieces { rest: &stream, sizes };
    assert_eq!(read(&stream[..]), read(pieces));
});

/// Gives as much as the next size says, and fails where that is zero.
struct Pieces<'a, S> {
    rest: &'a [u8],
    sizes: S,
}

impl<S: Iterator<Item = u8>> Read for Pieces<'_, S> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let size = self.sizes.next().map_or(1, usize::from);
        if size == 0 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let len = buf.len().min(size);
        self.rest.read(&mut buf[..len])
    }
}

/// Every frame, and how it ends; a read that fails is made again.
fn read(input: impl Read) -> (Vec<(u64, Vec<u8>)>, Option<String>) {
    let mut reader = FrameReader::new(input);
    let mut frames = Vec::new();
    loop {
        match reader.next_frame() {
            Ok(Some(frame)) => frames.push((frame.offset(), frame.raw().to_vec())),
            Ok(None) => return (frames, None),
            Err(Error::Read { .. }) => {}
            Err(error) => return (frames, Some(error.to_string())),
        }
    }
}
