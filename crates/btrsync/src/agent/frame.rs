//! Frames: all that goes over a connection after the greeting.
//!
//! A length comes from the other side before the bytes do, so each kind has a bound that it is held
//! against before anything is allocated.

use std::io::{self, BufRead};

use super::packing::BLOCK;

/// What stands before the body: its length, the channel, the kind.
pub(super) const HEAD: usize = 9;

/// The most bytes of a message.
pub(crate) const LONGEST_MESSAGE: usize = 1 << 20;

/// The most bulk data in one frame. Heartbeats and messages of other channels go in between.
pub(super) const LONGEST_DATA: usize = 64 * 1024;

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A request, an answer, a greeting: see [`super::message`].
    Message,
    /// Bulk data, as it is.
    Data,
    /// The end of the data; messages can follow.
    End,
    /// Nothing comes after this on the channel, and nothing is wanted.
    Close,
    /// So many bytes more may be sent on the channel.
    Window,
    /// A sign of life.
    Alive,
    /// A block of bulk data, compressed: see [`super::packing`].
    Packed,
}

const KINDS: [Kind; 7] =
    [Kind::Message, Kind::Data, Kind::End, Kind::Close, Kind::Window, Kind::Alive, Kind::Packed];

impl Kind {
    fn longest(self) -> usize {
        match self {
            Self::Message => LONGEST_MESSAGE,
            Self::Data => LONGEST_DATA,
            Self::Packed => BLOCK,
            Self::Window => 4,
            Self::End | Self::Close | Self::Alive => 0,
        }
    }
}

/// A frame that was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) kind: Kind,
    pub(super) channel: u32,
    pub(super) body: Vec<u8>,
}

/// Returns what stands before a body of so many bytes. What is longer than its kind allows is the fault
/// of the caller, and refused by the other side.
pub(super) fn head(kind: Kind, channel: u32, length: usize) -> [u8; HEAD] {
    let ([a, b, c, d], [e, f, g, h]) = ((length as u32).to_le_bytes(), channel.to_le_bytes());
    [a, b, c, d, e, f, g, h, kind as u8]
}

/// Returns a frame as bytes.
pub(super) fn encode(kind: Kind, channel: u32, body: &[u8]) -> Vec<u8> {
    [&head(kind, channel, body.len())[..], body].concat()
}

/// Reads a frame; `None` where the input ends before it begins.
pub(super) fn read(input: &mut impl BufRead) -> io::Result<Option<Frame>> {
    read_into(input, Vec::new)
}

/// As [`read`], with the body in memory that was used before.
pub(super) fn read_into(
    input: &mut impl BufRead,
    memory: impl FnOnce() -> Vec<u8>,
) -> io::Result<Option<Frame>> {
    let mut head = [0; HEAD];
    if !begins(input, &mut head)? {
        return Ok(None);
    }
    let [a, b, c, d, e, f, g, h, kind] = head;
    let length = u32::from_le_bytes([a, b, c, d]) as usize;
    let channel = u32::from_le_bytes([e, f, g, h]);
    let kind = *KINDS.get(usize::from(kind)).ok_or_else(|| bad("a frame of an unknown kind"))?;
    if length > kind.longest() {
        return Err(bad("a frame that is too long"));
    }
    let memory = if kind == Kind::Data { memory() } else { Vec::new() };
    Ok(Some(Frame { kind, channel, body: body(input, length, memory)? }))
}

/// Reads a body; the memory for it is not cleared before.
fn body(input: &mut impl BufRead, length: usize, mut body: Vec<u8>) -> io::Result<Vec<u8>> {
    body.clear();
    body.reserve_exact(length);
    while body.len() < length {
        let there = input.fill_buf()?;
        if there.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let count = there.len().min(length - body.len());
        body.extend_from_slice(&there[..count]);
        input.consume(count);
    }
    Ok(body)
}

/// Reads a head; false where there is not a byte of it.
fn begins(input: &mut impl BufRead, head: &mut [u8; HEAD]) -> io::Result<bool> {
    let mut done = 0;
    while done < HEAD {
        match input.read(&mut head[done..]) {
            Ok(0) if done == 0 => return Ok(false),
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => done += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

/// What breaks the rules of the protocol.
pub(super) fn bad(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_back() {
        let bytes = [encode(Kind::Message, 7, b"abc"), encode(Kind::End, u32::MAX, b"")].concat();
        let mut input = &bytes[..];
        let first = read(&mut input).unwrap().unwrap();
        assert_eq!(first, Frame { kind: Kind::Message, channel: 7, body: b"abc".to_vec() });
        assert_eq!(read(&mut input).unwrap().unwrap().kind, Kind::End);
        assert_eq!(read(&mut input).unwrap(), None);
    }

    #[test]
    fn a_length_is_not_believed_and_a_cut_is_told() {
        let head = |length: u32, kind: u8| {
            let mut bytes = length.to_le_bytes().to_vec();
            bytes.extend([0, 0, 0, 0, kind]);
            bytes
        };
        for (length, kind) in
            [(u32::MAX, 0), (1 << 20 | 1, 0), (65_537, 1), (1, 3), (5, 4), (0, 7), (1 << 18 | 1, 6)]
        {
            let error = read(&mut &head(length, kind)[..]).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{length} {kind}");
        }
        let whole = encode(Kind::Data, 1, b"abc");
        for cut in 1..whole.len() {
            let error = read(&mut &whole[..cut]).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{cut}");
        }
    }
}
