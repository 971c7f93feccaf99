//! The end of the input proves nothing, only END does: a stream that stops between two commands looks whole until then.
//! Nothing is taken from the buffer before it was checked, so a call that failed can be repeated: after a failed read
//! it goes on, after any other error it fails again.

use std::io::Read;

use crate::buffer::Buffer;
use crate::command::CommandKind;
use crate::error::{Error, Place};
use crate::frame::{COMMAND_HEADER_LEN, CommandHeader, Frame};
use crate::version::{HEADER_LEN, Header, Version};

/// Where the reader stands between two calls.
#[derive(Debug, Clone, Copy)]
enum State {
    /// A stream header comes next; nothing need come if a stream has ended before.
    Outside { ended: bool },
    /// A command comes next.
    Inside { version: Version, after: Option<CommandKind> },
}

/// Splits a send stream into its commands and verifies their checksums.
///
/// It reads both forms of several subvolumes in one input: whole streams one after the other, and one stream with
/// several SUBVOL or SNAPSHOT commands. It reads ahead, holds at most about 1 MiB, and allocates nothing per command.
#[derive(Debug)]
pub struct FrameReader<R> {
    buffer: Buffer<R>,
    state: State,
    /// How far in the input commands were looked at before their turn.
    peeked: u64,
}

impl<R: Read> FrameReader<R> {
    /// Creates a reader over an input that begins with a stream header; reads nothing yet.
    pub fn new(reader: R) -> Self {
        Self::over(Buffer::new(reader))
    }

    /// Creates a reader that takes nothing from the input but the commands that it has returned, at the
    /// price of two reads for each: what follows END is left for whoever reads next.
    pub fn exact(reader: R) -> Self {
        Self::over(Buffer::exact(reader))
    }

    fn over(buffer: Buffer<R>) -> Self {
        Self { buffer, state: State::Outside { ended: false }, peeked: 0 }
    }

    /// Returns the next command, or none where the input ends after an END command.
    ///
    /// After END it waits for the end of the input or another stream; whoever wants one stream stops at END.
    ///
    /// # Errors
    /// [`Error::Read`] from the reader itself; all other variants that say what is wrong with a header or a frame.
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_>>, Error> {
        if let State::Outside { ended } = self.state
            && !self.enter_stream(ended)?
        {
            return Ok(None);
        }
        match self.state {
            State::Inside { version, after } => self.read_frame(version, after).map(Some),
            State::Outside { .. } => Ok(None),
        }
    }

    /// Returns a command that will be the next one later, out of those that were read ahead: each is returned here
    /// once at most, in their order, and not once its turn has come.
    ///
    /// Nothing where no more are there, or none of the subvolume at hand; where something is wrong, that is said when
    /// its turn comes.
    pub fn peek_frame(&mut self) -> Option<Frame<'_>> {
        let State::Inside { version, .. } = self.state else { return None };
        let offset = self.peeked.max(self.buffer.offset());
        let skipped = usize::try_from(offset - self.buffer.offset()).ok()?;
        let bytes = self.buffer.unread().get(skipped..)?;
        let head = Head { offset, header: CommandHeader::parse(bytes.first_chunk()?) };
        let raw = bytes.get(..COMMAND_HEADER_LEN + head.payload_len(version).ok()?)?;
        head.verify(&raw[COMMAND_HEADER_LEN..]).ok()?;
        let kind = head.judge(version, false).ok()?;
        if kind.names_subvolume() || kind == CommandKind::End {
            return None;
        }
        self.peeked = offset + raw.len() as u64;
        Some(Frame { offset, version, kind, first: false, raw })
    }

    /// Reads a stream header; false where the input ended properly instead.
    fn enter_stream(&mut self, ended: bool) -> Result<bool, Error> {
        let whole = self.fill(HEADER_LEN)?;
        if !whole && ended && self.buffer.available() == 0 {
            return Ok(false);
        }
        let Some(bytes) = self.buffer.first_chunk() else {
            return Err(self.truncated(Place::StreamHeader));
        };
        let version = Header::parse(bytes, self.buffer.offset())?.version;
        self.buffer.consume(HEADER_LEN);
        self.state = State::Inside { version, after: None };
        Ok(true)
    }

    fn read_frame(
        &mut self,
        version: Version,
        after: Option<CommandKind>,
    ) -> Result<Frame<'_>, Error> {
        let offset = self.buffer.offset();
        let head = Head { offset, header: self.read_header(after)? };
        let len = COMMAND_HEADER_LEN + head.payload_len(version)?;
        if !self.fill(len)? {
            let command = head.header.code;
            return Err(self.truncated(Place::Payload { command, start: offset }));
        }
        // What was looked ahead at was verified then.
        if offset >= self.peeked {
            head.verify(&self.buffer.unread()[COMMAND_HEADER_LEN..len])?;
        }
        let kind = head.judge(version, after.is_none())?;
        self.state = match kind {
            CommandKind::End => State::Outside { ended: true },
            _ => State::Inside { version, after: Some(kind) },
        };
        let raw = self.buffer.consume(len);
        Ok(Frame { offset, version, kind, first: after.is_none(), raw })
    }

    fn read_header(&mut self, after: Option<CommandKind>) -> Result<CommandHeader, Error> {
        self.fill(COMMAND_HEADER_LEN)?;
        let header = self.buffer.first_chunk().map(CommandHeader::parse);
        header.ok_or_else(|| self.truncated(Place::CommandHeader { after }))
    }

    fn fill(&mut self, len: usize) -> Result<bool, Error> {
        let filled = self.buffer.fill(len);
        filled.map_err(|source| Error::Read { offset: self.input_len(), source })
    }

    fn truncated(&self, place: Place) -> Error {
        Error::Truncated { offset: self.input_len(), place }
    }

    fn input_len(&self) -> u64 {
        self.buffer.offset() + self.buffer.available() as u64
    }
}

/// The header of a command and where it stands.
struct Head {
    offset: u64,
    header: CommandHeader,
}

impl Head {
    fn payload_len(&self, version: Version) -> Result<usize, Error> {
        let (offset, CommandHeader { code: command, length, .. }) = (self.offset, self.header);
        let limit = version.max_payload();
        match usize::try_from(length) {
            Ok(length) if length <= limit => Ok(length),
            _ => Err(Error::CommandTooLong { offset, command, length, limit }),
        }
    }

    fn verify(&self, payload: &[u8]) -> Result<(), Error> {
        let (offset, CommandHeader { code: command, crc: expected, .. }) =
            (self.offset, self.header);
        let found = self.header.checksum(payload);
        match found == expected {
            true => Ok(()),
            false => Err(Error::Checksum { offset, command, expected, found }),
        }
    }

    /// Says which command it is, if one may stand here, `first` in its stream or not.
    fn judge(&self, version: Version, first: bool) -> Result<CommandKind, Error> {
        let (offset, number) = (self.offset, self.header.code.0);
        let command =
            CommandKind::from_number(number).ok_or(Error::UnknownCommand { offset, number })?;
        if command.since() > version {
            return Err(Error::CommandTooNew { offset, command, version });
        }
        if first && !command.names_subvolume() {
            return Err(Error::NoSubvolume { offset, command });
        }
        Ok(command)
    }
}
