//! Lists the subvolumes below a local root.

use std::path::Path;

use btrsync_kernel as kernel;

use super::super::contract::Scope;
use super::super::error::RootError;
use super::{Shared, open};
use crate::btrfs::{Forest, Subvolume};
use crate::receive::is_staging_name;

/// Lists what the scope of the root admits.
pub(super) fn list(shared: &Shared) -> Result<Forest, RootError> {
    let failed = |source| RootError::List { path: shared.path.clone(), source };
    let id = kernel::info(&shared.dir).map_err(failed)?.id;
    let all = kernel::list(&shared.dir).map_err(failed)?;
    Ok(forest(&all, id, shared))
}

fn forest(all: &[kernel::Subvolume], root: u64, shared: &Shared) -> Forest {
    let prefix = all.iter().find(|vol| vol.info.id == root).map(|vol| vol.path.as_path());
    let prefix = prefix.unwrap_or(Path::new(""));
    let scope = shared.options.scope;
    let directly = |vol: &kernel::Subvolume| vol.info.parent_id == Some(root);
    let exists = |vol: &&kernel::Subvolume| scope != Scope::Isolated || directly(vol);
    let vols = all.iter().filter(exists).map(|vol| relative(vol, prefix)).collect();
    let below: std::collections::HashSet<u64> = all
        .iter()
        .filter(|vol| vol.path.starts_with(prefix) && (scope == Scope::All || directly(vol)))
        .map(|vol| vol.info.id)
        .collect();
    Forest::new(vols, |vol| {
        below.contains(&vol.id)
            && (vol.read_only || !shared.options.readonly)
            && !is_staging_name(&vol.name)
    })
}

fn relative(vol: &kernel::Subvolume, prefix: &Path) -> Subvolume {
    Subvolume::from_kernel(vol, vol.path.strip_prefix(prefix).unwrap_or(&vol.path))
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
    Ok(relative(&vol, &prefix))
}
