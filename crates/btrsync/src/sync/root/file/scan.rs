//! Finds out which subvolumes a stream file holds.
//!
//! The whole file is read and each checksum compared, so that a damaged or truncated file is told
//! before anything of it is received.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use btrsync_stream::{Command, Error, Frame, FrameReader};
use uuid::Uuid;

use crate::stream_file;

/// A subvolume in a stream file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Section {
    pub(super) name: OsString,
    pub(super) uuid: Uuid,
    pub(super) ctransid: u64,
    /// The UUID and ctransid of the parent, where it is incremental.
    pub(super) parent: Option<(Uuid, u64)>,
}

/// Reads a whole stream file and returns the subvolumes in it, in order.
pub(super) fn scan(path: &Path) -> Result<Vec<Section>, Error> {
    let source = stream_file::open(path).map_err(|source| Error::Read { offset: 0, source })?;
    let mut frames = FrameReader::new(source);
    let mut sections = Vec::new();
    while let Some(frame) = frames.next_frame()? {
        if frame.kind().names_subvolume() {
            sections.extend(section(&frame)?);
        }
    }
    Ok(sections)
}

/// Returns the subvolume that a frame begins.
pub(super) fn section(frame: &Frame<'_>) -> Result<Option<Section>, Error> {
    let (path, uuid, ctransid, parent) = match Command::decode(frame)? {
        Command::Subvol { path, uuid, ctransid } => (path, uuid, ctransid, None),
        Command::Snapshot { path, uuid, ctransid, clone_uuid, clone_ctransid } => {
            (path, uuid, ctransid, Some((clone_uuid, clone_ctransid)))
        }
        _ => return Ok(None),
    };
    Ok(Some(Section { name: OsString::from_vec(path.to_vec()), uuid, ctransid, parent }))
}
