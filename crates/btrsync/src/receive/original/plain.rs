//! Data that is copied as a program reads it, from file to file.

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use rustix::fs::{SeekFrom, seek, sendfile};
use rustix::io::Errno;

use super::super::apply_error::{Applied, ApplyError, Told};
use super::super::error::ReceiveError;
use super::super::node::Node;
use super::super::tree::most_open;
use super::ahead::Ahead;
use super::direct::{self, Direct};
use super::files::Files;
use super::{Extent, Original};
use crate::flow::Beside;

/// Copies data from file to file.
#[derive(Debug)]
pub(super) struct Plain {
    /// Where the subvolume is, for messages.
    path: PathBuf,
    files: Files,
    ahead: Ahead,
    /// The file that was copied from last, by its inode number.
    from: Option<(u64, File)>,
    /// What reads large data, once there was some.
    direct: Option<Direct>,
    beside: Beside,
}

/// Takes notice of data that was written.
fn wrote(node: &Node, beside: &mut Beside, bytes: usize) -> Applied<()> {
    node.wrote(bytes)?;
    beside.pass(bytes).map_err(|_| ApplyError::Cancelled)
}

impl Plain {
    pub(super) fn new(original: &Original, beside: Beside) -> Result<Self, ReceiveError> {
        let (path, files) = (original.path.clone(), Files::new(original.dir()?));
        let ahead = Ahead::start(Files::new(original.dir()?), most_open(8));
        let ahead = ahead.map_err(|source| original.no_thread(source))?;
        Ok(Self { path, files, ahead, from: None, direct: None, beside })
    }

    /// Whether it is of use to see more of the commands whose turn will come.
    pub(super) fn wants_more(&self) -> bool {
        self.ahead.wants_more()
    }

    /// Takes notice of data of a file that will be copied.
    pub(super) fn see(&mut self, extent: Extent<'_>, inode: u64) {
        self.ahead.see(extent, inode);
    }

    /// Copies data of the file with an inode number into an open file.
    pub(super) fn copy(&mut self, node: &Node, extent: Extent<'_>, wanted: u64) -> Applied<()> {
        let from = match self.from.take() {
            Some((inode, file)) if inode == wanted => file,
            _ => match self.ahead.take(wanted) {
                Some(file) => file,
                None => self.files.open(extent.path, wanted)?,
            },
        };
        let rest = extent.behind(self.copy_past(node, &from, extent)?);
        self.copy_through(node, &from, rest)?;
        self.from = Some((wanted, from));
        Ok(())
    }

    /// Copies large data that is not in memory, or as much of it as can be read past that; returns how much.
    fn copy_past(&mut self, node: &Node, from: &File, extent: Extent<'_>) -> Applied<u64> {
        let Extent { offset, size, .. } = extent;
        if !direct::pays(from, offset, size) {
            return Ok(0);
        }
        if self.direct.is_none() {
            self.direct = Direct::start().ok();
        }
        let (Some(direct), beside) = (&self.direct, &mut self.beside) else { return Ok(0) };
        let mut at = offset;
        direct.read(from, (offset, offset.saturating_add(size)), |data| {
            data.chunks(beside.piece()).try_for_each(|piece| {
                node.file.write_all_at(piece, at).told("write")?;
                at += piece.len() as u64;
                wrote(node, beside, piece.len())
            })
        })?;
        Ok(at - offset)
    }

    /// Copies data that the kernel has in memory, or puts there.
    fn copy_through(&mut self, node: &Node, from: &File, extent: Extent<'_>) -> Applied<()> {
        let to = &node.file;
        let (mut at, end) = (extent.offset, extent.offset.saturating_add(extent.size));
        if at < end {
            seek(to, SeekFrom::Start(at)).told("write")?;
        }
        while at < end {
            let piece = (end - at).min(self.beside.piece() as u64) as usize;
            let copied = match sendfile(to, from, Some(&mut at), piece) {
                Err(error) => return Err(self.failure(from, extent.path, (at, error))),
                Ok(0) => return Err(ApplyError::NoData),
                Ok(copied) => copied,
            };
            wrote(node, &mut self.beside, copied)?;
        }
        Ok(())
    }

    /// Tells which of the two files a copy has failed at.
    fn failure(&self, from: &File, path: &[u8], (at, error): (u64, Errno)) -> ApplyError {
        match from.read_at(&mut [0; 4096], at) {
            Ok(_) => ApplyError::Io { what: "write", source: error.into() },
            Err(source) => {
                let path = self.path.join(OsStr::from_bytes(path));
                ApplyError::Original { path, source }
            }
        }
    }
}
