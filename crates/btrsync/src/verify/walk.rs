//! Walks a subvolume and digests all of it.
//!
//! The order must be the same on both sides, so names are sorted as bytes; and a tree can be deeper than
//! the stack, than the longest path, and than there are descriptors. So what is still to do stands in a
//! list, only the last directories of it are open, and another is opened again from the root.

use std::ffi::OsString;
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Dir, OFlags};
use rustix::io::Errno;

use super::DigestOptions;
use super::entry::{Entry, Kind};
use super::error::VerifyError;
use super::node::{Nodes, Unread};
use super::spool::{Listing, Spool};
use crate::Cancel;
use crate::cancel::is_cancelled;
use crate::receive::confine;

/// How many directories stay open.
const OPEN: usize = 64;

/// Digests a tree; the entries of its directories are kept in `spool`. Returns its root.
pub(super) fn walk(
    root: &File,
    path: &Path,
    options: DigestOptions,
    cancel: &Cancel,
    spool: &mut Spool,
) -> Result<Entry, VerifyError> {
    let unread = |unread| failed(path, b"", unread);
    let nodes = Nodes::new(root, options, cancel).map_err(unread)?;
    let mut walk = Walk { root, path, nodes, cancel, spool, at: Vec::new(), stack: Vec::new() };
    let mut entry = walk.nodes.root(root).map_err(unread)?;
    if !options.root_mtime {
        entry.mtime = (0, 0);
    }
    walk.enter(entry)?;
    loop {
        if let Some(root) = walk.step()? {
            return Ok(root);
        }
    }
}

struct Walk<'a> {
    root: &'a File,
    /// The path of the root, for messages.
    path: &'a Path,
    nodes: Nodes,
    cancel: &'a Cancel,
    spool: &'a mut Spool,
    /// The path of the last directory of the stack, from the root.
    at: Vec<u8>,
    stack: Vec<Frame>,
}

/// A directory that is being read.
struct Frame {
    entry: Entry,
    listing: Listing,
    /// The directories in it that are still to be read; the next comes last.
    todo: Vec<Entry>,
    open: Option<OwnedFd>,
}

impl Walk<'_> {
    /// Enters the next directory or leaves the last; returns the root when that is left.
    fn step(&mut self) -> Result<Option<Entry>, VerifyError> {
        if self.cancel.is_cancelled() {
            return Err(VerifyError::Cancelled);
        }
        match self.stack.last_mut().and_then(|frame| frame.todo.pop()) {
            Some(next) => self.enter(next).map(|()| None),
            None => self.leave(),
        }
    }

    /// Reads a directory, but for the directories in it: files come first.
    fn enter(&mut self, entry: Entry) -> Result<(), VerifyError> {
        let dir = self.open(&entry)?;
        self.at = join(&self.at, entry.name.as_bytes());
        let mut frame = Frame { entry, listing: Listing::new(), todo: Vec::new(), open: None };
        let names = names(&dir).map_err(|error| self.failed("list", error))?;
        for name in names {
            self.read(dir.as_fd(), &name, &mut frame)?;
        }
        frame.todo.reverse();
        frame.open = Some(dir);
        if let Some(far) = self.stack.len().checked_sub(OPEN) {
            self.stack[far].open = None;
        }
        self.stack.push(frame);
        Ok(())
    }

    fn read(
        &mut self,
        dir: BorrowedFd<'_>,
        name: &[u8],
        frame: &mut Frame,
    ) -> Result<(), VerifyError> {
        let path = join(&self.at, name);
        let read = self.nodes.read(dir, name, &path);
        match read.map_err(|unread| failed(self.path, &path, unread))? {
            None => Ok(()),
            Some(entry) if entry.kind == Kind::Directory => {
                frame.todo.push(entry);
                Ok(())
            }
            Some(entry) => frame.listing.push(&entry, self.spool).map_err(spooled),
        }
    }

    fn leave(&mut self) -> Result<Option<Entry>, VerifyError> {
        let Some(Frame { mut entry, listing, .. }) = self.stack.pop() else { return Ok(None) };
        (entry.body, entry.place) = listing.finish(self.spool).map_err(spooled)?;
        let Some(above) = self.stack.last_mut() else { return Ok(Some(entry)) };
        above.listing.push(&entry, self.spool).map_err(spooled)?;
        let length = self.at.len() - entry.name.len();
        self.at.truncate(length.saturating_sub(1));
        Ok(None)
    }

    /// Opens a directory of the last one of the stack, which is opened again where it was closed.
    fn open(&mut self, entry: &Entry) -> Result<OwnedFd, VerifyError> {
        let above = match self.stack.last_mut().map(|frame| frame.open.take()) {
            Some(Some(open)) => open,
            _ => confine::directory(self.root.as_fd(), &self.at)
                .map_err(|error| self.failed("open", error))?,
        };
        let name = if self.stack.is_empty() { b"." } else { entry.name.as_bytes() };
        let opened = confine::beneath(above.as_fd(), name, OFlags::RDONLY | OFlags::DIRECTORY)
            .map_err(|error| self.failed("open a directory in", error));
        if let Some(frame) = self.stack.last_mut() {
            frame.open = Some(above);
        }
        opened
    }

    fn failed(&self, what: &'static str, error: Errno) -> VerifyError {
        failed(self.path, &self.at, Unread { what, source: error.into() })
    }
}

fn join(above: &[u8], name: &[u8]) -> Vec<u8> {
    match (above, name) {
        (b"", one) | (one, b"") => one.to_vec(),
        both => [both.0, both.1].join(&b'/'),
    }
}

/// Returns the names in a directory, sorted.
fn names(dir: &OwnedFd) -> rustix::io::Result<Vec<Vec<u8>>> {
    let entries = Dir::read_from(dir)?.map(|entry| Ok(entry?.file_name().to_bytes().to_vec()));
    let wanted = |name: &rustix::io::Result<Vec<u8>>| !matches!(name.as_deref(), Ok(b"." | b".."));
    let mut names = entries.filter(wanted).collect::<rustix::io::Result<Vec<_>>>()?;
    names.sort_unstable();
    Ok(names)
}

fn failed(root: &Path, path: &[u8], unread: Unread) -> VerifyError {
    let path = match path {
        b"" => root.to_path_buf(),
        path => root.join(PathBuf::from(OsString::from_vec(path.to_vec()))),
    };
    let Unread { what, source } = unread;
    match source.raw_os_error().map(Errno::from_raw_os_error) {
        _ if is_cancelled(&source) => VerifyError::Cancelled,
        Some(Errno::XDEV) => VerifyError::Mounted { path },
        _ => VerifyError::Read { what, path, source },
    }
}

fn spooled(source: std::io::Error) -> VerifyError {
    VerifyError::Spool { source }
}
