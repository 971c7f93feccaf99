//! Opens what a stream is made from. What the kernel would refuse with an errno that fits many causes
//! is told here by name.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use btrsync_kernel as kernel;
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;

use super::error::SendError;

/// A read-only subvolume.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) path: PathBuf,
    pub(super) dir: File,
    pub(super) info: kernel::Info,
}

impl Source {
    pub(super) fn open(path: &Path) -> Result<Self, SendError> {
        let path = path.to_path_buf();
        let dir = open_directory(&path)?;
        let look = |source| SendError::Look { path: path.clone(), source };
        if !kernel::is_btrfs(&dir).map_err(look)? {
            return Err(SendError::NotBtrfs { path });
        }
        if !kernel::is_subvolume(&dir).map_err(look)? {
            return Err(SendError::NotSubvolume { path });
        }
        let info = kernel::info(&dir).map_err(look)?;
        match info.read_only {
            true => Ok(Self { path, dir, info }),
            false => Err(SendError::Writable { path }),
        }
    }

    /// The same subvolume in another role.
    pub(super) fn again(&self) -> Result<Self, SendError> {
        let open = |source| SendError::Open { path: self.path.clone(), source };
        let dir = self.dir.try_clone().map_err(open)?;
        Ok(Self { path: self.path.clone(), dir, info: self.info.clone() })
    }
}

/// Opens a directory. A FIFO is not waited for.
fn open_directory(path: &Path) -> Result<File, SendError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    match openat(CWD, path, flags, Mode::empty()) {
        Ok(fd) => Ok(File::from(fd)),
        Err(Errno::NOTDIR) if path.exists() => {
            Err(SendError::NotSubvolume { path: path.to_path_buf() })
        }
        Err(error) => {
            Err(SendError::Open { path: path.to_path_buf(), source: io::Error::from(error) })
        }
    }
}

/// Checks that the kernel can find all of them by their ids.
pub(super) fn on_one_filesystem<'a>(
    sources: impl Iterator<Item = &'a Source>,
) -> Result<(), SendError> {
    let mut first = None;
    for source in sources {
        let look = |error| SendError::Look { path: source.path.clone(), source: error };
        let fsid = kernel::fs_info(&source.dir).map_err(look)?.fsid;
        let (expected, path) = first.get_or_insert((fsid, &source.path));
        if *expected != fsid {
            let (path, other) = (source.path.clone(), path.clone());
            return Err(SendError::OtherFilesystem { path, other });
        }
    }
    Ok(())
}
