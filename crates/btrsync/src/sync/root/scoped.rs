//! From all subvolumes of a filesystem to those that a root shows.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use uuid::Uuid;

use super::contract::{RootOptions, Scope};
use crate::btrfs::{Forest, Subvolume};
use crate::receive::is_staging_name;

/// Makes the forest of a root: the subvolume `root` of the filesystem whose subvolumes are `all`, each
/// with its path from the top level.
pub(super) fn forest(all: &[Subvolume], root: u64, options: &RootOptions) -> Forest {
    let prefix = all.iter().find(|vol| vol.id == root).map(|vol| vol.path.clone());
    let prefix = prefix.unwrap_or_default();
    let scope = options.scope;
    let directly = |vol: &Subvolume| vol.parent_id == Some(root);
    let exists = |vol: &&Subvolume| scope != Scope::Isolated || directly(vol);
    let carriers = Carriers::new(all);
    let marked = |vol: &Subvolume| Subvolume {
        ambiguous: carriers.differ(vol),
        path: vol.path.strip_prefix(&prefix).unwrap_or(&vol.path).to_path_buf(),
        ..vol.clone()
    };
    let vols = all.iter().filter(exists).map(marked).collect();
    let below: HashSet<u64> = all
        .iter()
        .filter(|vol| is_below(vol, &prefix) && (scope == Scope::All || directly(vol)))
        .map(|vol| vol.id)
        .collect();
    Forest::new(vols, |vol| {
        below.contains(&vol.id)
            && (vol.read_only || !options.readonly)
            && !is_staging_name(&vol.name)
    })
}

fn is_below(vol: &Subvolume, prefix: &Path) -> bool {
    vol.path.starts_with(prefix)
}

/// All subvolumes of a filesystem by the UUIDs that a stream could name them by.
///
/// A receiver takes the first that it finds, anywhere on the filesystem, writable or not.
struct Carriers<'a>(HashMap<Uuid, Vec<&'a Subvolume>>);

impl<'a> Carriers<'a> {
    fn new(all: &'a [Subvolume]) -> Self {
        let mut carriers: HashMap<Uuid, Vec<&Subvolume>> = HashMap::new();
        for vol in all {
            for uuid in [vol.uuid, vol.received_uuid].into_iter().flatten() {
                carriers.entry(uuid).or_default().push(vol);
            }
        }
        Self(carriers)
    }

    /// Whether any other subvolume with a UUID of this one may hold other data.
    fn differ(&self, vol: &Subvolume) -> bool {
        let uuids = [vol.uuid, vol.received_uuid].into_iter().flatten();
        uuids.filter_map(|uuid| self.0.get(&uuid)).any(|carriers| {
            let others = carriers.iter().filter(|other| other.id != vol.id);
            // One that differs is enough, and thousands are not worth comparing each with each.
            others.take(100).any(|other| !same_data(vol, other)) || carriers.len() > 100
        })
    }
}

/// Whether two subvolumes that share a UUID are read-only copies of one state, never changed since, as
/// far as their side tells.
fn same_data(one: &Subvolume, other: &Subvolume) -> bool {
    let state = |vol: &Subvolume| match vol.received_uuid {
        Some(_) => (vol.stransid, !vol.is_changed_since_received()),
        None => (vol.ctransid, true),
    };
    let (one_state, other_state) = (state(one), state(other));
    let same = match (one_state.0, other_state.0) {
        (Some(one), Some(other)) => one == other,
        _ => true,
    };
    other.read_only && same && other_state.1
}
