//! Data that is copied as a program reads it, out of the tree or from an open file.

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
use super::ahead::{Ahead, AtHand};
use super::files::Files;
use super::small::Small;
use super::{Extent, Original};
use crate::flow::Beside;

/// Copies data from file to file.
#[derive(Debug)]
pub(super) struct Plain {
    /// Where the subvolume is, for messages.
    path: PathBuf,
    files: Files,
    small: Small,
    ahead: Ahead,
    /// What was copied from last, and of which file that is the data.
    from: Option<(u64, AtHand)>,
    beside: Beside,
}

impl Plain {
    pub(super) fn new(original: &Original, beside: Beside) -> Result<Self, ReceiveError> {
        let (files, small) = (Files::new(original.dir()?), Small::new(original.dir()?));
        let (path, ahead) = (original.path.clone(), Ahead::new(most_open(8)));
        Ok(Self { path, files, small, ahead, from: None, beside })
    }

    /// Whether it is of use to see more of the commands whose turn will come.
    pub(super) fn wants_more(&self) -> bool {
        self.ahead.wants_more()
    }

    /// Takes notice of data of a file that will be copied.
    pub(super) fn see(&mut self, extent: Extent<'_>, inode: u64) {
        self.ahead.see(extent, inode, &mut self.files, &mut self.small);
    }

    /// Copies data of the file with an inode number into an open file.
    pub(super) fn copy(&mut self, node: &Node, extent: Extent<'_>, wanted: u64) -> Applied<()> {
        if self.from.as_ref().is_none_or(|(inode, _)| *inode != wanted) {
            self.from = self.ahead.take(wanted).map(|from| (wanted, from));
        }
        match self.from.take() {
            Some((_, AtHand::Data(data))) if extent.is_all_of(&data) => self.write(node, &data),
            Some((inode, AtHand::File(file))) if inode == wanted => {
                self.copy_from(file, node, extent, wanted)
            }
            _ => {
                let file = self.files.open(extent.path, wanted)?;
                self.copy_from(file, node, extent, wanted)
            }
        }
    }

    /// Writes all data of a small file.
    fn write(&mut self, node: &Node, data: &[u8]) -> Applied<()> {
        node.file.write_all_at(data, 0).told("write")?;
        self.wrote(node, data.len())
    }

    /// Copies data from an open file, which stays open.
    fn copy_from(
        &mut self,
        from: File,
        node: &Node,
        extent: Extent<'_>,
        inode: u64,
    ) -> Applied<()> {
        let to = &node.file;
        seek(to, SeekFrom::Start(extent.offset)).told("write")?;
        let (mut at, end) = (extent.offset, extent.offset.saturating_add(extent.size));
        while at < end {
            let piece = (end - at).min(self.beside.piece() as u64) as usize;
            let copied = match sendfile(to, &from, Some(&mut at), piece) {
                Err(error) => return Err(self.failure(&from, extent.path, (at, error))),
                Ok(0) => return Err(ApplyError::NoData),
                Ok(copied) => copied,
            };
            self.wrote(node, copied)?;
        }
        self.from = Some((inode, AtHand::File(from)));
        Ok(())
    }

    /// Takes notice of data that was written.
    fn wrote(&mut self, node: &Node, bytes: usize) -> Applied<()> {
        node.wrote(bytes)?;
        self.beside.pass(bytes).map_err(|_| ApplyError::Cancelled)
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
