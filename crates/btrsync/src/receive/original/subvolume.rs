//! The subvolume that is sent, in the state that it has.

use std::fs::File;
use std::io;
use std::path::PathBuf;

use btrsync_kernel as kernel;

use super::super::error::ReceiveError;
use super::super::prefix::Prefix;
use super::files::Files;
use super::stored::Stored;

/// A read-only subvolume that is sent, open.
#[derive(Debug)]
pub(crate) struct Original {
    dir: File,
    pub(super) path: PathBuf,
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

    pub(super) fn dir(&self) -> Result<File, ReceiveError> {
        let failed = |source| ReceiveError::Io { what: "open", path: self.path.clone(), source };
        self.dir.try_clone().map_err(failed)
    }

    /// What bytes of a whole stream amount to, where data is copied as it is stored: about as many as that is.
    pub(crate) fn amount(&self, bytes: u64) -> u64 {
        self.share.map_or(bytes, |share| (bytes as f64 * share) as u64)
    }

    /// What copies its data as it is stored, where it has much that is compressed.
    pub(super) fn stored(&self) -> Result<Option<Stored>, ReceiveError> {
        if self.share.is_none() {
            return Ok(None);
        }
        let stored = Stored::new([Files::new(self.dir()?), Files::new(self.dir()?)]);
        stored.map(Some).map_err(|source| self.no_thread(source))
    }

    pub(super) fn no_thread(&self, source: io::Error) -> ReceiveError {
        ReceiveError::Io { what: "start a thread that reads", path: self.path.clone(), source }
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
    pub(super) fn check(&self) -> Result<(), ReceiveError> {
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
