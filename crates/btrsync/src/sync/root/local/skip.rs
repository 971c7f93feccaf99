//! Leaves out of streams what the other side has received of them before.
//!
//! The kernel makes a stream from its start only. What is left out was received from a stream that was
//! made then; that this one begins in the same way is not believed but compared.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use btrsync_stream::{CommandKind, Frame, FrameReader};

use super::super::error::RootError;
use crate::receive::{Prefix, ReceiveError};

const BUFFER: usize = 256 << 10;

/// Passes streams on, each from its own header to its end, without what is to be skipped of each behind
/// its first command. `paths` are those of the subvolumes.
pub(super) fn pass(
    from: impl Read,
    to: OwnedFd,
    skip: &[Option<Prefix>],
    paths: &[PathBuf],
) -> Result<(), RootError> {
    let mut to = BufWriter::with_capacity(BUFFER, File::from(to));
    let passed = pass_all(FrameReader::new(from), &mut to, &mut Streams { skip, paths, at: None });
    if passed.is_err() {
        // What the error has left in the buffer would be tried once more.
        let _ = to.into_parts();
    }
    passed
}

fn pass_all(
    mut frames: FrameReader<impl Read>,
    to: &mut impl Write,
    streams: &mut Streams<'_>,
) -> Result<(), RootError> {
    while let Some(frame) = frames.next_frame().map_err(ReceiveError::from)? {
        if let Some(header) = frame.header() {
            streams.next();
            to.write_all(&header.encode()).map_err(|error| streams.broken(error))?;
        }
        if !streams.leaves_out(&frame)? {
            to.write_all(frame.raw()).map_err(|error| streams.broken(error))?;
        }
    }
    to.flush().map_err(|error| streams.broken(error))
}

/// Where in which stream we are.
struct Streams<'a> {
    skip: &'a [Option<Prefix>],
    paths: &'a [PathBuf],
    at: Option<(usize, Prefix)>,
}

impl Streams<'_> {
    fn next(&mut self) {
        self.at = Some((self.at.map_or(0, |(stream, _)| stream + 1), Prefix::default()));
    }

    /// Whether a command is one that the other side has.
    fn leaves_out(&mut self, frame: &Frame<'_>) -> Result<bool, RootError> {
        let Some((stream, passed)) = &mut self.at else { return Ok(false) };
        let Some(wanted) = self.skip.get(*stream).copied().flatten() else { return Ok(false) };
        if passed.bytes >= wanted.bytes {
            return Ok(false);
        }
        let is_first = passed.bytes == 0;
        passed.add(frame.raw());
        let is_other = frame.kind() == CommandKind::End || passed.reaches(&wanted).is_none();
        match is_other {
            true => Err(RootError::OtherPrefix { path: self.path() }),
            false => Ok(!is_first),
        }
    }

    fn path(&self) -> PathBuf {
        self.at.and_then(|(stream, _)| self.paths.get(stream)).cloned().unwrap_or_default()
    }

    fn broken(&self, source: io::Error) -> RootError {
        RootError::StreamPipe { path: self.path(), source }
    }
}

#[cfg(test)]
mod tests {
    use btrsync_stream::{Command, Header, Version};
    use std::io::pipe;

    use super::*;

    fn frame(command: &Command<'_>) -> Vec<u8> {
        let mut bytes = Vec::new();
        command.encode(Version::V1, &mut bytes).unwrap();
        bytes
    }

    fn commands() -> Vec<Vec<u8>> {
        let subvol = Command::Subvol { path: b"s", uuid: uuid::Uuid::nil(), ctransid: 1 };
        let write = |byte| frame(&Command::Write { path: b"f", offset: 0, data: &[byte; 300] });
        vec![frame(&subvol), write(1), write(2), write(3), frame(&Command::End)]
    }

    fn stream(commands: &[&[u8]]) -> Vec<u8> {
        [&Header { version: Version::V1 }.encode()[..], &commands.concat()].concat()
    }

    fn prefix(commands: &[Vec<u8>]) -> Prefix {
        let mut prefix = Prefix::default();
        commands.iter().for_each(|command| prefix.add(command));
        prefix
    }

    fn passed(bytes: &[u8], skip: &[Option<Prefix>]) -> Result<Vec<u8>, RootError> {
        let (mut reader, writer) = pipe().unwrap();
        pass(bytes, writer.into(), skip, &["s".into(), "t".into()])?;
        let mut passed = Vec::new();
        reader.read_to_end(&mut passed).unwrap();
        Ok(passed)
    }

    #[test]
    fn what_is_there_is_left_out_behind_the_first_command() {
        let all = commands();
        let whole = stream(&all.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let two = [whole.clone(), whole.clone()].concat();
        let rest = stream(&[&all[0], &all[3], &all[4]]);
        let skip = [Some(prefix(&all[..3])), None];
        assert_eq!(passed(&two, &skip).unwrap(), [rest, whole.clone()].concat());
        let first = [None, Some(prefix(&all[..1]))];
        assert_eq!(passed(&two, &first).unwrap(), [whole.clone(), whole].concat());
    }

    #[test]
    fn another_beginning_is_an_error() {
        let all = commands();
        let whole = stream(&all.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let other = |change: fn(&mut Prefix)| {
            let mut wanted = prefix(&all[..3]);
            change(&mut wanted);
            passed(&whole, &[Some(wanted)]).unwrap_err()
        };
        let changes: [fn(&mut Prefix); 4] = [
            |prefix| prefix.hash[0] ^= 1,
            |prefix| prefix.bytes -= 1,
            |prefix| prefix.bytes += 1,
            |prefix| prefix.bytes *= 100,
        ];
        for change in changes {
            assert!(other(change).is_other_prefix());
        }
    }
}
