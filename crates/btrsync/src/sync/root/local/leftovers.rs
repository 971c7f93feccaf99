//! What interrupted runs have left below a directory: found, and removed.
//!
//! The staging subvolume of a run that is at work looks the same. So each directory is locked while
//! it is looked at or removed from, but not in between: whoever is asked may take his time.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use btrsync_kernel as kernel;

use super::super::dump::DumpFile;
use super::super::error::RootError;
use super::super::leftover::Leftover;
use super::{Shared, list, open};
use crate::btrfs::Subvolume;

/// Finds the subvolumes below a directory, and the files in it.
pub(super) fn find(shared: &Shared, path: &Path) -> Result<Vec<Leftover>, RootError> {
    let dir = directory(shared, path)?;
    let mut found = subvolumes(shared, path)?;
    let dirs: BTreeSet<&Path> = found.iter().filter_map(|left| left.path.parent()).collect();
    for above in dirs {
        // Where another mount hides it, there is nothing that could be removed.
        if let Ok(dir) = directory(shared, above) {
            shared.locks.borrow(&dir, &shared.path.join(above))?;
        }
    }
    found.extend(DumpFile::leftovers(&dir, &shared.path.join(path), path)?);
    found.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(found)
}

/// The subvolumes at or below a directory.
pub(super) fn subvolumes(shared: &Shared, path: &Path) -> Result<Vec<Leftover>, RootError> {
    let failed = |source| RootError::List { path: shared.path.clone(), source };
    let root = kernel::info(&shared.dir).map_err(failed)?.id;
    let all = list::all(shared).map_err(failed)?;
    let prefix = all.iter().find(|vol| vol.info.id == root).map(|vol| vol.path.clone());
    let prefix = prefix.unwrap_or_default();
    let leftover = |vol: kernel::Subvolume| {
        let made = time(vol.info.otime);
        let below = vol.path.strip_prefix(&prefix).ok().filter(|below| below.starts_with(path))?;
        let below = below.to_path_buf();
        let left = Leftover::of_subvolume(&Subvolume::from_kernel(vol), below)?;
        Some(Leftover { made, ..left })
    };
    Ok(all.into_iter().filter_map(leftover).collect())
}

fn time(time: kernel::Timestamp) -> Option<SystemTime> {
    UNIX_EPOCH.checked_add(Duration::from_secs(time.seconds))
}

/// Removes one, if it still is what was found.
pub(super) fn remove(shared: &Shared, left: &Leftover) -> Result<(), RootError> {
    let (Some(above), Some(name)) = (left.path.parent(), left.path.file_name()) else {
        return Err(RootError::Vanished { path: shared.path.join(&left.path) });
    };
    let (dir, path) = (directory(shared, above)?, shared.path.join(above));
    if left.subvolume.is_none() {
        return Ok(DumpFile::remove_leftover(&dir, &path, name)?);
    }
    let _lock = shared.locks.borrow(&dir, &path)?;
    is_the_same(&dir, left, name, &path.join(name))?;
    let path = path.join(name);
    kernel::delete(&dir, name).map_err(|source| RootError::Remove { path, source })
}

fn is_the_same(dir: &File, left: &Leftover, name: &OsStr, path: &Path) -> Result<(), RootError> {
    let show = |source| RootError::Show { path: path.into(), source };
    let found = open::directory_below(dir, Path::new(name)).map_err(|source| {
        let path = path.to_path_buf();
        match source.kind() {
            std::io::ErrorKind::NotFound => RootError::Vanished { path },
            _ => RootError::Open { path, source },
        }
    })?;
    let info = kernel::info(&found).map_err(show)?;
    let same = left.subvolume == Some((info.id, info.uuid));
    match same && kernel::is_subvolume(&found).map_err(show)? {
        true => Ok(()),
        false => Err(RootError::Replaced { path: path.into() }),
    }
}

fn directory(shared: &Shared, path: &Path) -> Result<File, RootError> {
    let full: PathBuf = shared.path.join(path);
    open::directory_below(&shared.dir, path)
        .map_err(|source| RootError::Open { path: full, source })
}
