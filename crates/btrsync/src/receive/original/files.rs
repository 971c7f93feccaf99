//! The files of a subvolume that is sent, found by what its stream says of them.
//!
//! The hazard is to take another file than is meant: a path in a stream is one of that moment, and not
//! of the subvolume as it is. So what is found must have the inode number of the file that is meant.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use btrsync_kernel as kernel;
use rustix::fs::{FileType, OFlags};

use super::super::apply_error::{Applied, ApplyError, Told};
use super::super::confine;

/// Opens files below the root of a subvolume.
#[derive(Debug)]
pub(super) struct Files {
    dir: File,
    /// The directory in which one was opened last.
    above: Option<(Box<[u8]>, OwnedFd)>,
}

impl Files {
    pub(super) fn new(dir: File) -> Self {
        Self { dir, above: None }
    }

    /// Opens the file with an inode number that a path of the stream leads to, or some other.
    pub(super) fn open(&mut self, path: &[u8], inode: u64) -> Applied<File> {
        if let Some(file) = self.open_at(path, inode)? {
            return Ok(file);
        }
        let known = kernel::inode_path(&self.dir, inode)?.ok_or(ApplyError::NoData)?;
        self.open_at(known.as_os_str().as_bytes(), inode)?.ok_or(ApplyError::NoData)
    }

    /// Opens what is at a path, if it is the file with that inode number.
    pub(super) fn open_at(&mut self, path: &[u8], inode: u64) -> Applied<Option<File>> {
        confine::check(path)?;
        let (above, name) = confine::split(path)?;
        if self.above.as_ref().is_none_or(|(known, _)| **known != *above) {
            let Ok(opened) = confine::directory(self.dir.as_fd(), above) else {
                return Ok(None);
            };
            self.above = Some((above.into(), opened));
        }
        let Some((_, above)) = &self.above else { return Ok(None) };
        let Ok(file) = confine::beneath(above.as_fd(), name, OFlags::RDONLY | OFlags::NONBLOCK)
        else {
            return Ok(None);
        };
        let look = confine::look(&file).told("look at the source")?;
        let is_it = look.inode == inode && look.kind == FileType::RegularFile;
        Ok(is_it.then(|| File::from(file)))
    }
}
