//! Finds out which subvolumes a stream file holds.
//!
//! The whole file is read and each checksum compared, so that a damaged or truncated file is told
//! before anything of it is received.

use std::ffi::OsString;
use std::io::Read;
use std::os::unix::ffi::OsStringExt;

use btrsync_stream::{
    Begun, COMMAND_HEADER_LEN, Command, CommandKind, Error, Frame, FrameReader, HEADER_LEN,
};
use uuid::Uuid;

/// A subvolume in a stream file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Section {
    pub(super) name: OsString,
    pub(super) uuid: Uuid,
    pub(super) ctransid: u64,
    /// The UUID and ctransid of the parent, where it is incremental.
    pub(super) parent: Option<(Uuid, u64)>,
    /// How long its stream is, with header and end, in bytes.
    pub(super) bytes: u64,
    /// How much of that is the data of files.
    pub(super) data: u64,
}

/// Reads a whole stream and returns the subvolumes in it, in order.
pub(super) fn scan(source: impl Read) -> Result<Vec<Section>, Error> {
    let mut frames = FrameReader::new(source);
    let mut sections = Vec::new();
    while let Some(frame) = frames.next_frame()? {
        sections.extend(frame.begun()?.map(Section::from));
        if let Some(open) = sections.last_mut().filter(|_| frame.kind() != CommandKind::End) {
            open.bytes += frame.raw().len() as u64;
            open.data += data(&frame);
        }
    }
    Ok(sections)
}

/// The data in a command; what makes no sense there is told when it is received.
fn data(frame: &Frame<'_>) -> u64 {
    match Command::decode(frame) {
        Ok(Command::Write { data, .. } | Command::EncodedWrite { data, .. }) => data.len() as u64,
        _ => 0,
    }
}

impl From<Begun<'_>> for Section {
    fn from(begun: Begun<'_>) -> Self {
        let Begun { name, uuid, ctransid, parent } = begun;
        let bytes = (HEADER_LEN + COMMAND_HEADER_LEN) as u64;
        Self { name: OsString::from_vec(name.to_vec()), uuid, ctransid, parent, bytes, data: 0 }
    }
}
