//! Tells what stands at a path.

use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;

use btrsync_kernel as kernel;
use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
use rustix::io::Errno;

use super::super::contract::{Kind, Look};
use super::super::error::RootError;
use super::locate::{failed, open};

/// Looks at a path of this machine.
pub(super) fn look(path: &Path) -> Result<Look, RootError> {
    let metadata = match std::fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Ok(Look { kind: Kind::Missing, path: path.to_path_buf(), mounted: false });
        }
        other => other.map_err(|source| failed(path, source))?,
    };
    let path = std::fs::canonicalize(path).map_err(|source| failed(path, source))?;
    let kind = match metadata.is_dir() {
        true if is_subvolume(&path)? => Kind::Subvolume,
        true => Kind::Directory,
        false if metadata.is_file() => Kind::File,
        false => Kind::Other,
    };
    let mounted = is_mount_point(&path);
    Ok(Look { kind, path, mounted })
}

fn is_subvolume(path: &Path) -> Result<bool, RootError> {
    let show = |source| RootError::Show { path: path.to_path_buf(), source };
    kernel::is_subvolume(open(path)?).map_err(show)
}

/// Whether a mount begins at a path; the root of everything is one.
fn is_mount_point(path: &Path) -> bool {
    let (Some(above), Some(name)) = (path.parent(), path.file_name()) else { return true };
    let Ok(above) = File::open(above) else { return true };
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let opened = openat2(&above, name, flags, Mode::empty(), ResolveFlags::NO_XDEV);
    matches!(opened, Err(Errno::XDEV))
}
