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
    beside: Beside,
}

impl Plain {
    pub(super) fn new(original: &Original, beside: Beside) -> Result<Self, ReceiveError> {
        let (path, files) = (original.path.clone(), Files::new(original.dir()?));
        let ahead = Ahead::start(Files::new(original.dir()?), most_open(8));
        let ahead = ahead.map_err(|source| original.no_thread(source))?;
        Ok(Self { path, files, ahead, from: None, beside })
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
            node.wrote(copied)?;
            self.beside.pass(copied).map_err(|_| ApplyError::Cancelled)?;
        }
        self.from = Some((wanted, from));
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
