//! Sends subvolumes of a local root through the kernel.

use std::cell::Cell;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use btrsync_kernel as kernel;

use super::super::error::RootError;
use super::super::form::StreamForm;
use super::{Shared, open};
use crate::Cancel;
use crate::btrfs::Subvolume;
use crate::receive::Original;
use crate::send::{Busy, FullError, in_full, is_busy, patiently};
use crate::text::escaped;

/// One stream to make.
#[derive(Debug)]
pub(super) struct Sending {
    pub(super) path: PathBuf,
    pub(super) dir: File,
    pub(super) options: kernel::SendOptions,
}

/// Opens what is to be sent, and checks that all of it still is what was listed, and what it is sent from
/// unchanged.
pub(super) fn prepare(
    shared: &Shared,
    vols: &[Subvolume],
    parent: Option<Subvolume>,
    clones: &[Subvolume],
    form: StreamForm,
) -> Result<Vec<Sending>, RootError> {
    if let Some(parent) = &parent {
        check_by_id(shared, parent)?;
    }
    for clone in clones {
        let unusable = |error| RootError::CloneSource {
            path: shared.path.join(&clone.path),
            source: Box::new(error),
        };
        check_by_id(shared, clone).map_err(unusable)?;
    }
    // The kernel clones from the parent only where it is named among the clone sources too.
    let mut clone_sources: Vec<u64> = parent.iter().chain(clones).map(|vol| vol.id).collect();
    clone_sources.dedup();
    let options = kernel::SendOptions {
        parent: parent.map(|parent| parent.id),
        clone_sources,
        version: (form > StreamForm::One).then_some(2),
        compressed: form == StreamForm::Compressed,
        ..kernel::SendOptions::default()
    };
    vols.iter()
        .map(|vol| {
            // What is sent is as it is now, also where that is newer than the list.
            let vol = &Subvolume { ctransid: None, ..vol.clone() };
            let (path, dir) = (shared.path.join(&vol.path), open_vol(shared, vol)?);
            Ok(Sending { path, dir, options: options.clone() })
        })
        .collect()
}

/// Returns the best form that the running kernel sends.
pub(super) fn best_form() -> StreamForm {
    match kernel::max_send_version() {
        0 | 1 => StreamForm::One,
        _ => StreamForm::Compressed,
    }
}

/// Lets streams come without the data of files, where whoever receives them can read that; returns from
/// what, stream by stream. It is for full streams: there the inode numbers are those of the subvolume.
/// What is compressed is copied as it is, where the form of the stream allows that.
pub(super) fn leave_data(sends: &mut [Sending]) -> Result<Vec<Option<Original>>, RootError> {
    let leave = |sending: &mut Sending| {
        let Sending { dir, options, path } = sending;
        if options.parent.is_some() {
            return Ok(None);
        }
        options.no_file_data = true;
        let share = options.compressed.then(|| stored_share(dir)).flatten();
        Ok(Some(Original::new(dir, path.clone(), share)?))
    };
    sends.iter_mut().map(leave).collect()
}

/// How many extents are looked at to tell whether a subvolume is compressed: what is read of its tree
/// for that is little against what a send reads.
const SAMPLE: u32 = 4096;

/// What part of the data's length is stored, by the first files; nothing where hardly any is compressed.
fn stored_share(dir: &File) -> Option<f64> {
    let seen = Cell::new(0);
    let enough = || {
        seen.set(seen.get() + 1);
        seen.get() >= SAMPLE
    };
    let data = kernel::file_data(dir, 0, enough).unwrap_or_default();
    (data.stored < data.length / 8 * 7).then(|| data.stored as f64 / data.length as f64)
}

/// Writes the streams one after another; each is complete, with header and end. Those without the data of files
/// are made here where they can, if whoever receives them reads that from where it is `at_hand`.
pub(super) fn run(
    sends: &[Sending],
    at_hand: bool,
    writer: &OwnedFd,
    cancel: &Cancel,
    told: impl Fn(Busy) + Sync,
) -> Result<(), RootError> {
    for sending in sends {
        let (path, options) = (escaped(&sending.path), &sending.options);
        tracing::debug!(%path, parent = options.parent, clones = ?options.clone_sources, "sends");
        let send = |to: BorrowedFd<'_>| patiently(&sending.dir, to, options, cancel, &told);
        write(sending, at_hand, writer, send).map_err(|error| match error {
            FullError::Kernel(source)
                if is_busy(source.raw_os_error()) && cancel.is_cancelled() =>
            {
                RootError::Cancelled
            }
            FullError::Kernel(source) => RootError::Send { path: sending.path.clone(), source },
            other => broken(sending, other),
        })?;
    }
    Ok(())
}

/// Writes one stream: it is made here where that can be, or else by the kernel, which `send` calls.
pub(super) fn write(
    sending: &Sending,
    at_hand: bool,
    writer: &OwnedFd,
    send: impl Fn(BorrowedFd<'_>) -> kernel::Result<()> + Sync,
) -> Result<(), FullError> {
    let is_made = at_hand && in_full(&sending.dir, &sending.options, writer.as_fd(), &send)?;
    if is_made { Ok(()) } else { send(writer.as_fd()).map_err(FullError::Kernel) }
}

fn broken(sending: &Sending, error: FullError) -> RootError {
    let source = match error {
        FullError::Write(source) | FullError::System(source) => source,
        other => io::Error::other(other),
    };
    RootError::StreamPipe { path: sending.path.clone(), source }
}

/// Opens a subvolume where it was listed.
pub(super) fn open_vol(shared: &Shared, vol: &Subvolume) -> Result<File, RootError> {
    let path = shared.path.join(&vol.path);
    let dir =
        open::directory_below(&shared.dir, &vol.path).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => RootError::Vanished { path: path.clone() },
            _ => RootError::Open { path: path.clone(), source },
        })?;
    let is_root = kernel::is_subvolume(&dir);
    if !is_root.map_err(|source| RootError::Show { path: path.clone(), source })? {
        return Err(RootError::Replaced { path });
    }
    let info = info(&dir, &path)?;
    same(vol, &info, path)?;
    Ok(dir)
}

/// Checks a subvolume that the kernel will find by its id. Where it can be opened that is better: the
/// record that is found by id is as old as the last commit.
fn check_by_id(shared: &Shared, vol: &Subvolume) -> Result<(), RootError> {
    if let Ok(dir) = open::directory_below(&shared.dir, &vol.path)
        && kernel::info(&dir).is_ok_and(|info| info.id == vol.id)
    {
        return open_vol(shared, vol).map(drop);
    }
    let path = shared.path.join(&vol.path);
    let found = kernel::find(&shared.dir, vol.id)
        .map_err(|source| RootError::Show { path: path.clone(), source })?;
    match found {
        Some(found) => same(vol, &found.info, path),
        None => Err(RootError::Vanished { path }),
    }
}

pub(super) fn info(dir: impl AsFd, path: &Path) -> Result<kernel::Info, RootError> {
    kernel::info(dir).map_err(|source| RootError::Show { path: path.to_path_buf(), source })
}

/// Checks that a subvolume is the one that was listed, unchanged and still read-only.
pub(super) fn same(vol: &Subvolume, info: &kernel::Info, path: PathBuf) -> Result<(), RootError> {
    if info.id != vol.id || info.uuid != vol.uuid {
        return Err(RootError::Replaced { path });
    }
    if !info.read_only {
        return Err(RootError::Writable { path });
    }
    if vol.ctransid.is_some_and(|ctransid| ctransid != info.ctransid) {
        return Err(RootError::Changed { path });
    }
    Ok(())
}
