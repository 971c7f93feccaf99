//! Lists the subvolumes below a local root.

use std::collections::HashMap;
use std::path::Path;

use btrsync_kernel as kernel;
use uuid::Uuid;

use super::super::contract::Scope;
use super::super::error::RootError;
use super::{Shared, open};
use crate::btrfs::{Forest, Subvolume, is_after_receive};
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
    let carriers = Carriers::new(all);
    let marked = |vol| Subvolume { ambiguous: carriers.differ(vol), ..relative(vol, prefix) };
    let vols = all.iter().filter(exists).map(marked).collect();
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

/// All subvolumes of a filesystem by the UUIDs that a stream could name them by.
///
/// A receiver takes the first that it finds, anywhere on the filesystem, writable or not.
struct Carriers<'a>(HashMap<Uuid, Vec<&'a kernel::Info>>);

impl<'a> Carriers<'a> {
    fn new(all: &'a [kernel::Subvolume]) -> Self {
        let mut carriers: HashMap<Uuid, Vec<&kernel::Info>> = HashMap::new();
        for info in all.iter().map(|vol| &vol.info) {
            for uuid in [info.uuid, info.received_uuid].into_iter().flatten() {
                carriers.entry(uuid).or_default().push(info);
            }
        }
        Self(carriers)
    }

    /// Whether any other subvolume with a UUID of this one may hold other data.
    fn differ(&self, vol: &kernel::Subvolume) -> bool {
        let uuids = [vol.info.uuid, vol.info.received_uuid].into_iter().flatten();
        uuids.filter_map(|uuid| self.0.get(&uuid)).any(|carriers| {
            let others = carriers.iter().filter(|other| other.id != vol.info.id);
            // One that differs is enough, and thousands are not worth comparing each with each.
            others.take(100).any(|other| !same_data(&vol.info, other)) || carriers.len() > 100
        })
    }
}

/// Whether two subvolumes that share a UUID are read-only copies of one state, never changed since.
fn same_data(one: &kernel::Info, other: &kernel::Info) -> bool {
    let state = |info: &kernel::Info| match info.received_uuid {
        Some(_) => (info.stransid, !is_after_receive(info.ctransid, info.rtransid)),
        None => (info.ctransid, true),
    };
    let (one_state, other_state) = (state(one), state(other));
    other.read_only && one_state.0 == other_state.0 && other_state.1
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
