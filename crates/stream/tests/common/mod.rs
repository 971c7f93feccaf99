//! What the tests of this crate share: the streams of a real kernel, and a reader that decodes every command.

#![allow(dead_code)]

pub(crate) mod craft;
pub(crate) mod fill;

use std::io::Read;

use btrsync_stream::{Command, CommandKind, Error, FrameReader, Header, Version};

/// The fixtures by name, with their versions.
pub(crate) const FIXTURES: &[(&str, Version, &[u8])] = &[
    ("full-v1", Version::V1, FULL_V1),
    ("full-v2", Version::V2, include_bytes!("../fixtures/full-v2")),
    ("incremental-v1", Version::V1, include_bytes!("../fixtures/incremental-v1")),
    ("incremental-v2", Version::V2, INCREMENTAL_V2),
    ("compressed-v2", Version::V2, COMPRESSED_V2),
    ("zlib-v2", Version::V2, ZLIB_V2),
    ("lzo-v2", Version::V2, LZO_V2),
    ("clones-v1", Version::V1, CLONES_V1),
    ("no-data-v1", Version::V1, NO_DATA_V1),
    ("concatenated-v1", Version::V1, CONCATENATED_V1),
    ("one-end-v1", Version::V1, ONE_END_V1),
];
pub(crate) const FULL_V1: &[u8] = include_bytes!("../fixtures/full-v1");
pub(crate) const INCREMENTAL_V2: &[u8] = include_bytes!("../fixtures/incremental-v2");
pub(crate) const COMPRESSED_V2: &[u8] = include_bytes!("../fixtures/compressed-v2");
pub(crate) const ZLIB_V2: &[u8] = include_bytes!("../fixtures/zlib-v2");
pub(crate) const LZO_V2: &[u8] = include_bytes!("../fixtures/lzo-v2");
pub(crate) const CLONES_V1: &[u8] = include_bytes!("../fixtures/clones-v1");
pub(crate) const NO_DATA_V1: &[u8] = include_bytes!("../fixtures/no-data-v1");
pub(crate) const CONCATENATED_V1: &[u8] = include_bytes!("../fixtures/concatenated-v1");
pub(crate) const ONE_END_V1: &[u8] = include_bytes!("../fixtures/one-end-v1");

/// One frame, taken out of the reader's buffer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Seen {
    pub(crate) header: Option<Header>,
    pub(crate) kind: CommandKind,
    pub(crate) offset: u64,
    pub(crate) raw: Vec<u8>,
}

/// Reads and decodes a stream to its end or its first error, and tells both.
pub(crate) fn read(input: impl Read) -> (Vec<Seen>, Result<(), Error>) {
    let mut reader = FrameReader::new(input);
    let mut seen = Vec::new();
    loop {
        match reader.next_frame() {
            Ok(None) => return (seen, Ok(())),
            Err(error) => return (seen, Err(error)),
            Ok(Some(frame)) => {
                if let Err(error) = Command::decode(&frame) {
                    return (seen, Err(error));
                }
                seen.push(Seen {
                    header: frame.header(),
                    kind: frame.kind(),
                    offset: frame.offset(),
                    raw: frame.raw().to_vec(),
                });
            }
        }
    }
}

/// The kinds of the commands, in order.
pub(crate) fn kinds(seen: &[Seen]) -> Vec<CommandKind> {
    seen.iter().map(|frame| frame.kind).collect()
}

/// A stream of one version out of commands.
pub(crate) fn stream(version: Version, commands: &[Command<'_>]) -> Vec<u8> {
    let mut out = Header { version }.encode().to_vec();
    for command in commands {
        assert_eq!(command.encode(version, &mut out), Ok(()));
    }
    out
}

/// A reader that gives one byte at a time.
pub(crate) struct Trickle<'a>(pub(crate) &'a [u8]);

impl Read for Trickle<'_> {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let one = buf.len().min(1);
        self.0.read(&mut buf[..one])
    }
}
