//! Finds out which subvolumes a stream file holds.
//!
//! The whole file is read and each checksum compared, so that a damaged or truncated file is told
//! before anything of it is received.

use std::ffi::OsString;
use std::io::Read;
use std::os::unix::ffi::OsStringExt;

use btrsync_stream::{Begun, Error, FrameReader};
use uuid::Uuid;

/// A subvolume in a stream file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Section {
    pub(super) name: OsString,
    pub(super) uuid: Uuid,
    pub(super) ctransid: u64,
    /// The UUID and ctransid of the parent, where it is incremental.
    pub(super) parent: Option<(Uuid, u64)>,
}

/// Reads a whole stream and returns the subvolumes in it, in order.
pub(super) fn scan(source: impl Read) -> Result<Vec<Section>, Error> {
    let mut frames = FrameReader::new(source);
    let mut sections = Vec::new();
    while let Some(frame) = frames.next_frame()? {
        sections.extend(frame.begun()?.map(Section::from));
    }
    Ok(sections)
}

impl From<Begun<'_>> for Section {
    fn from(begun: Begun<'_>) -> Self {
        let Begun { name, uuid, ctransid, parent } = begun;
        Self { name: OsString::from_vec(name.to_vec()), uuid, ctransid, parent }
    }
}
