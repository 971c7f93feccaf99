//! Lists the subvolumes below a local root.

use std::path::Path;

use btrsync_kernel as kernel;

use super::super::error::RootError;
use super::super::scoped;
use super::{Shared, open};
use crate::btrfs::{Forest, Subvolume};

/// Lists what the scope of the root admits.
pub(super) fn list(shared: &Shared) -> Result<Forest, RootError> {
    let failed = |source| RootError::List { path: shared.path.clone(), source };
    let id = kernel::info(&shared.dir).map_err(failed)?.id;
    let all = kernel::list(&shared.dir).map_err(failed)?;
    let all: Vec<_> = all.iter().map(|vol| Subvolume::from_kernel(vol, &vol.path)).collect();
    Ok(scoped::forest(&all, id, &shared.options))
}

/// Returns the subvolume that holds a path below the root.
pub(super) fn show(shared: &Shared, path: &Path) -> Result<Subvolume, RootError> {
    let full = shared.path.join(path);
    let dir = open::directory_below(&shared.dir, path)
        .map_err(|source| RootError::Open { path: full.clone(), source })?;
    let failed = |source| RootError::Show { path: full.clone(), source };
    let id = kernel::info(&dir).map_err(failed)?.id;
    let root = kernel::info(&shared.dir).map_err(failed)?.id;
    let prefix = kernel::path_of(&shared.dir, root).map_err(failed)?.unwrap_or_default();
    let found = kernel::find(&dir, id).map_err(failed)?;
    let vol = found.ok_or(RootError::Vanished { path: full.clone() })?;
    Ok(Subvolume::from_kernel(&vol, vol.path.strip_prefix(&prefix).unwrap_or(&vol.path)))
}
