//! The subvolumes that a stream builds on or clones from.
//!
//! A stream names them by UUID and generation, and whoever made it may name any subvolume of the
//! filesystem. So one is used only if it is below the directory that is received into, or the caller
//! has announced it; if it is read-only; and if it provably is in the state that the stream was made
//! against, since a parent that was changed gives wrong data and no error.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use btrsync_kernel as kernel;
use uuid::Uuid;

use super::confine;
use super::directory::Directory;
use crate::btrfs::{Subvolume, is_after_receive, usable_parent};

use crate::text::escaped;

/// How many stay open.
const OPEN: usize = 16;

/// Why a subvolume that a stream names cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// There is none.
    #[error("no subvolume with the UUID {uuid} is here, nor one that was received from it")]
    Unknown {
        /// The UUID that the stream names.
        uuid: Uuid,
    },
    /// It is outside of the directory.
    #[error("{} is not below the directory that is received into", escaped(path))]
    Outside {
        /// Its path from the top level of the filesystem.
        path: PathBuf,
    },
    /// It is writable, so nothing is known of its state.
    #[error("{} is not read-only", escaped(path))]
    Writable {
        /// Its path from the top level of the filesystem.
        path: PathBuf,
    },
    /// It is in another state than the one that the stream was made against.
    #[error(
        "{} was changed on one of the two sides: it has the generation {found}, and the stream \
         was made against {named}",
        escaped(path)
    )]
    Generation {
        /// Its path from the top level of the filesystem.
        path: PathBuf,
        /// The generation that the stream names.
        named: u64,
        /// The generation that it has or was received at.
        found: u64,
    },
    /// It was changed after it was received, or is a snapshot of one that was.
    #[error("{} was changed after it was received", escaped(path))]
    Changed {
        /// Its path from the top level of the filesystem.
        path: PathBuf,
    },
    /// Something else stands at its path.
    #[error("{} is hidden here by something else", escaped(path))]
    Hidden {
        /// Its path from the top level of the filesystem.
        path: PathBuf,
    },
    /// It could not be opened.
    #[error("cannot open {}: {source}", escaped(path))]
    Open {
        /// Its path from the top level of the filesystem.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The kernel did not tell what it is.
    #[error("cannot look for it: {0}")]
    Kernel(#[from] kernel::Error),
}

impl SourceError {
    pub(super) fn raw_os_error(&self) -> Option<i32> {
        match self {
            Self::Open { source, .. } => source.raw_os_error(),
            Self::Kernel(source) => source.raw_os_error(),
            _ => None,
        }
    }
}

/// What a stream says of a subvolume that it builds on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) uuid: Uuid,
    pub(crate) ctransid: u64,
}

/// Finds and keeps the subvolumes that the streams of a flow build on.
#[derive(Debug)]
pub(super) struct Sources<'a> {
    into: &'a Directory,
    /// What the caller announced, as the sending side lists it.
    announced: &'a [Subvolume],
    open: Vec<(Named, Rc<File>)>,
    /// The file that was read last, by subvolume and path.
    file: Option<(Named, Box<[u8]>, Rc<File>)>,
}

impl<'a> Sources<'a> {
    pub(super) fn new(into: &'a Directory, announced: &'a [Subvolume]) -> Self {
        Self { into, announced, open: Vec::new(), file: None }
    }

    /// Opens what was announced and is outside of the directory.
    pub(super) fn announced_elsewhere(&self) -> Vec<File> {
        let uuids = self.announced.iter().filter_map(Subvolume::stream_uuid);
        let ids = uuids.flat_map(|uuid| self.candidates(uuid).unwrap_or_default());
        // What cannot be opened now is told when it is needed.
        let path_of = |id| kernel::path_of(&self.into.file, id).ok().flatten();
        ids.filter_map(|id| self.reach(&path_of(id)?, true).ok()).collect()
    }

    /// Opens a regular file of a subvolume that the stream names.
    pub(super) fn file(
        &mut self,
        named: Named,
        path: &[u8],
    ) -> Result<Rc<File>, super::ApplyError> {
        if let Some((known, at, file)) = &self.file
            && (*known, &**at) == (named, path)
        {
            return Ok(Rc::clone(file));
        }
        let file = Rc::new(confine::file_to_read(&*self.subvolume(named)?, path)?);
        self.file = Some((named, path.into(), Rc::clone(&file)));
        Ok(file)
    }

    /// Opens the root directory of a subvolume that the stream names.
    pub(super) fn subvolume(&mut self, named: Named) -> Result<Rc<File>, SourceError> {
        if let Some((_, file)) = self.open.iter().find(|(known, _)| *known == named) {
            return Ok(Rc::clone(file));
        }
        let file = Rc::new(self.find(named)?);
        if self.open.len() >= OPEN {
            self.open.remove(0);
        }
        self.open.push((named, Rc::clone(&file)));
        Ok(file)
    }

    /// Finds the one that fits. Those that fit are in the same state, so the first is as good as any.
    fn find(&self, named: Named) -> Result<File, SourceError> {
        let mut problem = SourceError::Unknown { uuid: named.uuid };
        for id in self.candidates(named.uuid)? {
            match self.judge(id, named) {
                Ok(Some(file)) => return Ok(file),
                Ok(None) => {}
                // What is outside says least about what is wrong.
                Err(SourceError::Outside { .. })
                    if !matches!(problem, SourceError::Unknown { .. }) => {}
                Err(other) => problem = other,
            }
        }
        Err(problem)
    }

    fn candidates(&self, uuid: Uuid) -> kernel::Result<Vec<u64>> {
        let mut ids = kernel::lookup_received_uuid(&self.into.file, uuid)?;
        ids.extend(kernel::lookup_uuid(&self.into.file, uuid)?);
        Ok(ids)
    }

    /// Opens a candidate if it may be used; `None` where it is gone.
    fn judge(&self, id: u64, named: Named) -> Result<Option<File>, SourceError> {
        let Some(path) = kernel::path_of(&self.into.file, id)? else { return Ok(None) };
        let announced = self.announced.iter().find(|here| here.stream_uuid() == Some(named.uuid));
        let file = self.reach(&path, announced.is_some())?;
        let info = kernel::info(&file)?;
        if info.id != id || !kernel::is_subvolume(&file)? {
            return Err(SourceError::Hidden { path });
        }
        let there = kernel::Subvolume::new(info, path);
        fits(&there, named, announced)?;
        Ok(Some(file))
    }

    /// Opens what is at a path from the top level, if it may be read.
    fn reach(&self, path: &Path, announced: bool) -> Result<File, SourceError> {
        let below = |dir: &File| -> Result<Option<PathBuf>, SourceError> {
            let above = kernel::directory_path(dir)?;
            Ok(above.and_then(|above| path.strip_prefix(above).ok().map(Path::to_path_buf)))
        };
        let opened = |fd: rustix::io::Result<OwnedFd>| {
            let failed =
                |e: rustix::io::Errno| SourceError::Open { path: path.into(), source: e.into() };
            fd.map(File::from).map_err(failed)
        };
        let Directory { file, root, .. } = self.into;
        for dir in std::iter::once(file).chain(root.as_ref().filter(|_| announced)) {
            if let Some(rest) = below(dir)? {
                return opened(confine::directory(dir.as_fd(), bytes(&rest)));
            }
        }
        Err(SourceError::Outside { path: path.into() })
    }
}

fn bytes(path: &Path) -> &[u8] {
    OsStr::as_bytes(path.as_os_str())
}

/// Checks that a subvolume is in the state that a stream was made against.
fn fits(
    there: &kernel::Subvolume,
    named: Named,
    announced: Option<&Subvolume>,
) -> Result<(), SourceError> {
    let (info, path) = (&there.info, || there.path.clone());
    if !info.read_only {
        return Err(SourceError::Writable { path: path() });
    }
    let candidate = Subvolume::from_kernel(there.clone());
    if announced.is_some_and(|here| usable_parent(here, &candidate).is_ok()) {
        return Ok(());
    }
    let received = info.received_uuid == Some(named.uuid);
    if received && is_changed(info) {
        return Err(SourceError::Changed { path: path() });
    }
    let found = if received { info.stransid } else { info.ctransid };
    // A snapshot that was never changed has one state only. A copy of it that was sent on names it
    // with the generation of the copy.
    let only_state = !received && info.ctransid <= info.otransid;
    match found == named.ctransid || only_state {
        true => Ok(()),
        false => Err(SourceError::Generation { path: path(), named: named.ctransid, found }),
    }
}

/// Whether a received subvolume no longer is what was received.
pub(super) fn is_changed(info: &kernel::Info) -> bool {
    info.otransid > info.rtransid || is_after_receive(info.ctransid, info.rtransid)
}
