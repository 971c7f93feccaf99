//! The data of files, fetched from the subvolume that is sent.
//!
//! Where both ends are in one process, a stream need not carry data: it says where a file has some, and
//! that is copied from file to file, which spares most of the copying in memory. The hazard is to copy
//! from another file than is meant, since a path in the stream is one of that moment and not of the
//! subvolume as it is. So what is opened must have the inode number that the stream gave to the file
//! that it has made last: in a full stream all data of a file follows its creation, before the next
//! file is made. What cannot be found is an error, and the stream is made again with its data.

mod ahead;
mod files;
mod reading;
mod small;
mod stored;

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use btrsync_kernel as kernel;
use btrsync_stream::Command;
use rustix::fs::{SeekFrom, seek, sendfile};
use rustix::io::Errno;

use self::ahead::{Ahead, AtHand};
use self::files::Files;
use self::small::Small;
use self::stored::Stored;
use super::apply_error::{Applied, ApplyError, Told};
use super::error::ReceiveError;
use super::node::Node;
use super::prefix::Prefix;
use super::tree::{Tree, most_open};
use crate::flow::Beside;

/// A read-only subvolume that is sent, open.
#[derive(Debug)]
pub(crate) struct Original {
    dir: File,
    path: PathBuf,
    info: kernel::Info,
    /// What part of its data's length is stored, where that is compressed.
    share: Option<f64>,
}

impl Original {
    /// Takes the root directory of a subvolume that was checked; `path` is for messages.
    /// With a share of its data that is stored, the data is copied as it is.
    pub(crate) fn new(dir: &File, path: PathBuf, share: Option<f64>) -> Result<Self, ReceiveError> {
        let failed = |source| ReceiveError::Io { what: "open", path: path.clone(), source };
        let dir = dir.try_clone().map_err(failed)?;
        let info = kernel::info(&dir).map_err(|source| ReceiveError::Kernel {
            what: "look at",
            path: path.clone(),
            source,
        })?;
        Ok(Self { dir, path, info, share })
    }

    fn dir(&self) -> Result<File, ReceiveError> {
        let failed = |source| ReceiveError::Io { what: "open", path: self.path.clone(), source };
        self.dir.try_clone().map_err(failed)
    }

    /// What bytes of a whole stream amount to, where data is copied as it is stored: about as many as that is.
    pub(crate) fn amount(&self, bytes: u64) -> u64 {
        self.share.map_or(bytes, |share| (bytes as f64 * share) as u64)
    }

    fn stored(&self) -> Result<Stored, ReceiveError> {
        let failed = |source| {
            let what = "start a thread that reads";
            ReceiveError::Io { what, path: self.path.clone(), source }
        };
        Stored::new([Files::new(self.dir()?), Files::new(self.dir()?)]).map_err(failed)
    }

    /// The beginning of a stream of this subvolume in its present state. The stream says nothing of the
    /// data, so whether that is the same must be told by where it comes from.
    pub(super) fn prefix(&self) -> Prefix {
        let kernel::Info { uuid, ctransid, otransid, .. } = self.info;
        let state = [uuid.unwrap_or_default().as_u128(), ctransid.into(), otransid.into()];
        let state: Vec<u8> = state.iter().flat_map(|number| number.to_le_bytes()).collect();
        Prefix { bytes: 0, hash: *blake3::hash(&state).as_bytes() }
    }

    /// Fails where the subvolume was changed since it was opened, or can be.
    ///
    /// The kernel keeps it from being made writable only for as long as it makes the stream. Of what was
    /// written meanwhile it tells when that is on its way to the disk.
    fn check(&self) -> Result<(), ReceiveError> {
        let path = || self.path.clone();
        let now = kernel::info(&self.dir).map_err(|source| ReceiveError::Kernel {
            what: "look at",
            path: path(),
            source,
        })?;
        match now.read_only && now.ctransid == self.info.ctransid {
            true => Ok(()),
            false => Err(ReceiveError::Changed { path: path() }),
        }
    }
}

/// Fetches the data of one stream.
#[derive(Debug)]
pub(super) struct Fetch {
    original: Original,
    files: Files,
    small: Small,
    beside: Beside,
    /// The inode number of the file that was made last.
    inode: u64,
    /// What was copied from last, and of which file that is the data.
    from: Option<(u64, AtHand)>,
    ahead: Ahead,
    /// What copies compressed data, where the subvolume has much of it.
    stored: Option<Stored>,
}

/// Where a file has data.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extent<'a> {
    pub(super) path: &'a [u8],
    pub(super) offset: u64,
    pub(super) size: u64,
}

impl Extent<'_> {
    /// What follows so many bytes of it.
    fn behind(self, length: u64) -> Self {
        let offset = self.offset.saturating_add(length);
        Self { offset, size: self.size.saturating_sub(length), ..self }
    }

    /// Whether this is all data of a file that begins with it.
    fn is_all_of(&self, data: &[u8]) -> bool {
        self.offset == 0 && self.size == data.len() as u64
    }
}

impl Fetch {
    pub(super) fn new(original: Original, beside: Beside) -> Result<Self, ReceiveError> {
        let (files, small) = (Files::new(original.dir()?), Small::new(original.dir()?));
        let stored = original.share.map(|_| original.stored()).transpose()?;
        let (inode, from, ahead) = (0, None, Ahead::new(most_open(8)));
        Ok(Self { original, files, small, beside, inode, from, ahead, stored })
    }

    /// The root directory of what is fetched from.
    pub(super) fn dir(&self) -> Result<File, ReceiveError> {
        self.original.dir()
    }

    pub(super) fn prefix(&self) -> Prefix {
        self.original.prefix()
    }

    /// Whether it is of use to see more of the commands whose turn will come.
    pub(super) fn looks_ahead(&self) -> bool {
        self.stored.as_ref().map_or_else(|| self.ahead.wants_more(), Stored::wants_more)
    }

    /// Takes notice of a command at a place in the stream, whose turn will come.
    pub(super) fn see(&mut self, command: &Command<'_>, place: u64) {
        match &mut self.stored {
            Some(stored) => stored.see(command, place, self.inode),
            None => self.ahead.see(command, &mut self.files, &mut self.small),
        }
    }

    /// Takes notice of a command, which may make a file.
    pub(super) fn note(&mut self, command: &Command<'_>) {
        if let Command::Mkfile { ino, .. } = *command {
            self.inode = ino;
        }
    }

    /// Counts what a command stands for that has not gone through the flow.
    pub(super) fn count(&self, bytes: i64) {
        self.beside.count(bytes);
    }

    /// What bytes of a whole stream amount to here.
    pub(super) fn amount(&self, bytes: u64) -> u64 {
        self.original.amount(bytes)
    }

    /// Copies what a command at a place in the stream tells of.
    pub(super) fn copy(&mut self, tree: &mut Tree, extent: Extent<'_>, place: u64) -> Applied<()> {
        let rest = self.copy_stored(tree, extent, place)?;
        if rest.size == 0 { Ok(()) } else { self.copy_plain(&*tree.writable(rest.path)?, rest) }
    }

    /// Copies what is compressed, and returns what follows that.
    fn copy_stored<'a>(
        &mut self,
        tree: &mut Tree,
        mut rest: Extent<'a>,
        place: u64,
    ) -> Applied<Extent<'a>> {
        let Some(stored) = &mut self.stored else { return Ok(rest) };
        while rest.size > 0
            && let Some(copied) = stored.copy(tree, rest, (place, self.inode))?
        {
            rest = rest.behind(copied.length);
            self.beside.pass(copied.stored).map_err(|_| ApplyError::Cancelled)?;
        }
        Ok(rest)
    }

    /// Copies data into an open file.
    fn copy_plain(&mut self, node: &Node, extent: Extent<'_>) -> Applied<()> {
        if self.from.as_ref().is_none_or(|(inode, _)| *inode != self.inode) {
            self.from = self.ahead.take(self.inode).map(|from| (self.inode, from));
        }
        match self.from.take() {
            Some((_, AtHand::Data(data))) if extent.is_all_of(&data) => self.write(node, &data),
            Some((inode, AtHand::File(file))) if inode == self.inode => {
                self.copy_from(file, node, extent)
            }
            _ => {
                let file = self.files.open(extent.path, self.inode)?;
                self.copy_from(file, node, extent)
            }
        }
    }

    /// Writes all data of a small file.
    fn write(&mut self, node: &Node, data: &[u8]) -> Applied<()> {
        node.file.write_all_at(data, 0).told("write")?;
        self.wrote(node, data.len())
    }

    /// Copies data from an open file, which stays open.
    fn copy_from(&mut self, from: File, node: &Node, extent: Extent<'_>) -> Applied<()> {
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
        self.from = Some((self.inode, AtHand::File(from)));
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
                let path = self.original.path.join(OsStr::from_bytes(path));
                ApplyError::Original { path, source }
            }
        }
    }

    /// Fails where what was copied may not be what the stream tells of.
    pub(super) fn finish(&self) -> Result<(), ReceiveError> {
        self.original.check()
    }
}
