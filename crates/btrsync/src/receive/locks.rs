//! Files that refuse every change.
//!
//! An immutable file cannot even be renamed or get its times, and a stream changes what its source had
//! made changeable in between. So the protection is lifted when such a file is opened, and given back
//! at the very end. Until then it is known by inode: paths change.

use std::collections::HashMap;
use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;

use btrsync_kernel::{self as kernel, Protection};
use rustix::fs::OFlags;

use super::apply_error::{Applied, ApplyError, Told};
use super::confine;

/// How many such files one stream may have; each takes a few bytes until its end.
const MOST: usize = 1 << 16;

/// The protection that files get at the end.
#[derive(Debug, Default)]
pub(super) struct Locks(HashMap<u64, Protection>);

impl Locks {
    /// Makes a file changeable, and notes how it was.
    pub(super) fn lift(&mut self, file: impl AsFd, inode: u64) -> Applied<()> {
        let was = kernel::protection(&file)?;
        kernel::set_protection(&file, Protection::default())?;
        self.set(inode, was)
    }

    /// Notes how a file is to be protected at the end.
    pub(super) fn set(&mut self, inode: u64, protection: Protection) -> Applied<()> {
        if protection == Protection::default() {
            self.0.remove(&inode);
        } else if self.0.len() >= MOST && !self.0.contains_key(&inode) {
            return Err(ApplyError::Unsupported("so large a number of immutable files"));
        } else {
            self.0.insert(inode, protection);
        }
        Ok(())
    }

    /// Protects the files of a subvolume; those that were removed meanwhile are gone.
    ///
    /// The root directory cannot be one of them: it would refuse the rename to the final name, and the
    /// removal of what has failed.
    pub(super) fn restore(&mut self, root: &File) -> Applied<()> {
        if self.0.contains_key(&confine::look(root).told("look at it")?.inode) {
            return Err(ApplyError::Unsupported("an immutable root directory"));
        }
        for (inode, protection) in self.0.drain() {
            let Some(path) = kernel::inode_path(root, inode)? else { continue };
            let path = path.as_os_str().as_bytes();
            let file = open(root, path)?;
            if confine::look(&file).told("look at it")?.inode != inode {
                return Err(ApplyError::outside(path));
            }
            kernel::set_protection(&file, protection)?;
        }
        Ok(())
    }
}

/// Opens a file or directory of the subvolume.
fn open(root: &File, path: &[u8]) -> Applied<File> {
    if path.is_empty() {
        return root.try_clone().told("open it");
    }
    let (above, name) = confine::split(path)?;
    let above = confine::directory(root.as_fd(), above).told("open the directory")?;
    let (found, look) = confine::entry(above.as_fd(), name).told("open it")?;
    match look.protected {
        // Nobody but us should know it.
        true => Err(ApplyError::outside(path)),
        false => confine::reopen(found, OFlags::RDONLY).told("open it"),
    }
}
