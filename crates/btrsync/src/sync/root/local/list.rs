//! Lists the subvolumes below a local root.

use std::path::Path;
use std::sync::atomic::Ordering;

use btrsync_kernel as kernel;
use rustix::io::Errno;

use super::super::error::RootError;
use super::super::scoped;
use super::{Shared, open};
use crate::btrfs::{Forest, Subvolume};

/// Lists what the scope of the root admits.
pub(super) fn list(shared: &Shared) -> Result<Forest, RootError> {
    let failed = |source| RootError::List { path: shared.path.clone(), source };
    let id = kernel::info(&shared.dir).map_err(failed)?.id;
    let all = all(shared).map_err(failed)?;
    // In the memory that they are in, which is no smaller for one of them.
    let all = all.into_iter().map(Subvolume::from_kernel).collect();
    Ok(scoped::forest(all, id, &shared.options))
}

/// All subvolumes of the filesystem; where the user may not know of all, and is content with that, those
/// below the root that he can reach.
pub(super) fn all(shared: &Shared) -> kernel::Result<Vec<kernel::Subvolume>> {
    match (kernel::list(&shared.dir), &shared.reached) {
        (Err(error), Some(reached)) if is_forbidden(&error) => {
            reached.store(true, Ordering::Relaxed);
            kernel::list_reachable(&shared.dir)
        }
        (listed, _) => listed,
    }
}

fn is_forbidden(error: &kernel::Error) -> bool {
    error.raw_os_error() == Some(Errno::PERM.raw_os_error())
}

/// Returns the subvolume that holds a path below the root.
pub(super) fn show(shared: &Shared, path: &Path) -> Result<Subvolume, RootError> {
    match find(shared, path) {
        Err(RootError::Show { source, .. })
            if is_forbidden(&source) && shared.reached.is_some() =>
        {
            reach(shared, path)
        }
        other => other,
    }
}

/// As [`find`], by walking up from the path.
fn reach(shared: &Shared, path: &Path) -> Result<Subvolume, RootError> {
    for above in path.ancestors() {
        let full = shared.path.join(above);
        let dir = open::directory_below(&shared.dir, above)
            .map_err(|source| RootError::Open { path: full.clone(), source })?;
        let failed = |source| RootError::Show { path: full.clone(), source };
        if kernel::is_subvolume(&dir).map_err(failed)? {
            let info = kernel::info(&dir).map_err(failed)?;
            return Ok(Subvolume::from_kernel(kernel::Subvolume::new(info, above.into())));
        }
    }
    Err(RootError::NoSubvolume { path: shared.path.join(path) })
}

fn find(shared: &Shared, path: &Path) -> Result<Subvolume, RootError> {
    let full = shared.path.join(path);
    let dir = open::directory_below(&shared.dir, path)
        .map_err(|source| RootError::Open { path: full.clone(), source })?;
    let failed = |source| RootError::Show { path: full.clone(), source };
    let id = kernel::info(&dir).map_err(failed)?.id;
    let root = kernel::info(&shared.dir).map_err(failed)?.id;
    let prefix = kernel::path_of(&shared.dir, root).map_err(failed)?.unwrap_or_default();
    let found = kernel::find(&dir, id).map_err(failed)?;
    let vol = found.ok_or(RootError::Vanished { path: full.clone() })?;
    let mut vol = Subvolume::from_kernel(vol);
    vol.shorten(&prefix);
    Ok(vol)
}
