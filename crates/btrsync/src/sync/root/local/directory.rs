//! The directory that is received into: found, created where that is wanted, and locked.
//!
//! Its path may come from the names of another machine's subvolumes, so every component is opened
//! below the root, one by one, and no symbolic link is followed.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::path::{Component, Path, PathBuf};

use btrsync_kernel as kernel;
use rustix::fs::{AtFlags, Mode, StatVfsMountFlags, fstatvfs, mkdirat, statat};
use rustix::io::Errno;

use super::super::error::RootError;
use super::{Shared, locate, open};
use crate::receive::{self, Directory, Partial};

/// Opens the directory `path` below the root for receiving, and keeps other runs out of it.
pub(super) fn open_locked(shared: &Shared, path: &Path) -> Result<Directory, RootError> {
    let full = shared.path.join(path);
    let file = match open::directory_below(&shared.dir, path) {
        Err(error) if is_missing(&error) && shared.options.create_recvpath => create(shared, path)?,
        other => other.map_err(|source| RootError::Open { path: full.clone(), source })?,
    };
    let mount = |dir: &File| {
        locate::mount_of(dir).map_err(|source| RootError::Open { path: full.clone(), source })
    };
    if mount(&file)? != mount(&shared.dir)? {
        return Err(RootError::OtherMount { path: full });
    }
    check_writable(&file, &full)?;
    shared.locks.lock(&file, &full)?;
    let root = shared.fence.as_ref().unwrap_or(&shared.dir).try_clone();
    let root = root.map_err(|source| RootError::Open { path: full.clone(), source })?;
    Ok(Directory::new(file, full, root))
}

/// Returns what could be continued in a directory, which may be missing.
pub(super) fn partial(shared: &Shared, path: &Path) -> Result<Vec<Partial>, RootError> {
    let full = shared.path.join(path);
    match open::directory_below(&shared.dir, path) {
        Err(error) if is_missing(&error) => Ok(Vec::new()),
        Err(source) => Err(RootError::Open { path: full, source }),
        Ok(dir) => Ok(receive::partial(&dir, &full)?),
    }
}

/// Tells a read-only destination before anything is sent to it.
fn check_writable(dir: &File, path: &Path) -> Result<(), RootError> {
    let read_only = |what| RootError::ReadOnly { path: path.to_path_buf(), what };
    let mount = fstatvfs(dir).map_err(|error| {
        let source = error.into();
        RootError::Open { path: path.to_path_buf(), source }
    })?;
    if mount.f_flag.contains(StatVfsMountFlags::RDONLY) {
        return Err(read_only("the filesystem"));
    }
    let info = kernel::info(dir);
    match info.map_err(|source| RootError::Show { path: path.to_path_buf(), source })?.read_only {
        true => Err(read_only("the subvolume that holds it")),
        false => Ok(()),
    }
}

/// Creates what is missing of a path, component by component.
fn create(shared: &Shared, path: &Path) -> Result<File, RootError> {
    let failed = |path: &Path, source: io::Error| RootError::CreateDirectory {
        path: shared.path.join(path),
        source,
    };
    let mut at = open::directory_below(&shared.dir, Path::new(""))
        .map_err(|source| failed(Path::new(""), source))?;
    let mut done = PathBuf::new();
    for component in path.components() {
        let Component::Normal(name) = component else { continue };
        done.push(name);
        at = enter(&at, name).map_err(|source| failed(&done, source))?;
    }
    Ok(at)
}

/// Opens a directory, creating it first if need be. Its name is durable when the first subvolume in it
/// is: that commits the whole filesystem.
fn enter(at: &File, name: &OsStr) -> io::Result<File> {
    match open::directory_below(at, Path::new(name)) {
        Err(error) if is_missing(&error) => {
            match mkdirat(at, name, Mode::from_raw_mode(0o755)) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
            open::directory_below(at, Path::new(name))
        }
        other => other,
    }
}

/// Returns those of `paths` at which something stands.
pub(super) fn occupied(shared: &Shared, paths: Vec<PathBuf>) -> Result<Vec<PathBuf>, RootError> {
    let mut occupied = Vec::new();
    for path in paths {
        if stands(shared, &path)? {
            occupied.push(path);
        }
    }
    Ok(occupied)
}

fn stands(shared: &Shared, path: &Path) -> Result<bool, RootError> {
    let failed = |source| RootError::Open { path: shared.path.join(path), source };
    let (Some(above), Some(name)) = (path.parent(), path.file_name()) else { return Ok(true) };
    let dir = match open::directory_below(&shared.dir, above) {
        Err(error) if is_missing(&error) => return Ok(false),
        other => other.map_err(failed)?,
    };
    match statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(_) => Ok(true),
        Err(Errno::NOENT) => Ok(false),
        Err(error) => Err(failed(error.into())),
    }
}

fn is_missing(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
}
