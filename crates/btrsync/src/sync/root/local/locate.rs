//! Finds the subvolume that holds a path.
//!
//! Walking up through `..` can leave a mount without noticing: the directory above may be of the same
//! filesystem and yet not hold this one. So every step is checked to stay on the mount it began on.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use btrsync_kernel as kernel;
use rustix::fs::{AtFlags, StatxFlags, statx};

use super::super::error::RootError;

/// A subvolume and a path in it.
#[derive(Debug)]
pub(super) struct Located {
    /// The canonical path of the subvolume's root directory.
    pub(super) path: PathBuf,
    /// That directory.
    pub(super) dir: File,
    /// The rest of the path; it may not exist.
    pub(super) below: PathBuf,
}

/// Finds the subvolume nearest at or above a path.
pub(super) fn locate(path: &Path) -> Result<Located, RootError> {
    let (existing, missing) = existing_part(path)?;
    let dir = open(&existing)?;
    let held = |source| RootError::Show { path: existing.clone(), source };
    if !kernel::is_btrfs(&dir).map_err(held)? {
        return Err(RootError::NotBtrfs { path: existing });
    }
    let mount = mount_of(&dir).map_err(|source| failed(&existing, source))?;
    for above in existing.ancestors() {
        let dir = open(above)?;
        if mount_of(&dir).map_err(|source| failed(above, source))? != mount {
            break;
        }
        if kernel::is_subvolume(&dir).map_err(held)? {
            let inside = existing.strip_prefix(above).unwrap_or(Path::new(""));
            let below = inside.iter().chain(missing.iter()).collect();
            return Ok(Located { path: above.to_path_buf(), dir, below });
        }
    }
    Err(RootError::NoSubvolume { path: existing })
}

/// Splits a path into the canonical part that exists and the names below that do not.
pub(super) fn existing_part(path: &Path) -> Result<(PathBuf, PathBuf), RootError> {
    let mut missing: Vec<OsString> = Vec::new();
    let mut part = path.to_path_buf();
    loop {
        let shown = if part.as_os_str().is_empty() { Path::new(".") } else { &part };
        match std::fs::canonicalize(shown) {
            Ok(existing) => return Ok((existing, missing.into_iter().rev().collect())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // `..` below something that does not exist has no meaning.
                let Some(name) = part.file_name() else { return Err(failed(path, error)) };
                missing.push(name.to_os_string());
                part.pop();
            }
            Err(error) => return Err(failed(path, error)),
        }
    }
}

pub(super) fn open(path: &Path) -> Result<File, RootError> {
    let file = File::open(path).map_err(|source| failed(path, source))?;
    let metadata = file.metadata().map_err(|source| failed(path, source))?;
    match metadata.is_dir() {
        true => Ok(file),
        false => Err(RootError::NotADirectory { path: path.to_path_buf() }),
    }
}

pub(super) fn failed(path: &Path, source: io::Error) -> RootError {
    RootError::Open { path: path.to_path_buf(), source }
}

/// Returns what tells one mount from another.
pub(super) fn mount_of(dir: impl AsFd) -> io::Result<u64> {
    Ok(statx(dir, c"", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID)?.stx_mnt_id)
}
