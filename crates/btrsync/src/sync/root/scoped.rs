//! From all subvolumes of a filesystem to those that a root shows.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use uuid::Uuid;

use super::contract::{RootOptions, Scope};
use crate::btrfs::{Forest, Subvolume};
use crate::receive::is_unfinished;

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
        below.contains(&vol.id) && (vol.read_only || !options.readonly) && !is_unfinished(&vol.name)
    })
}

fn is_below(vol: &Subvolume, prefix: &Path) -> bool {
    vol.path.starts_with(prefix)
}

/// Returns those of `all` that share a UUID with one of `vols` and could hold the same data, `vols`
/// themselves left out.
pub(super) fn sharing<'a>(all: &'a [Subvolume], vols: &[Subvolume]) -> Vec<&'a Subvolume> {
    let carriers = Carriers::new(all);
    let mut seen: HashSet<u64> = vols.iter().map(|vol| vol.id).collect();
    let others = vols.iter().filter_map(|vol| carriers.others(vol)).flatten();
    others.filter(|other| other.read_only && seen.insert(other.id)).collect()
}

/// Decides for `vols` what a listing leaves open: whether others of `all` share their UUIDs and hold other
/// data. What still is not known by now could be anything.
pub(super) fn decide_ambiguity(all: &[Subvolume], vols: &mut [Subvolume]) {
    let carriers = Carriers::new(all);
    for vol in vols {
        vol.ambiguous = Some(carriers.differ(vol).unwrap_or(true));
    }
}

/// All subvolumes of a filesystem by the UUIDs that a stream could name them by.
///
/// A receiver takes the first that it finds, anywhere on the filesystem, writable or not.
struct Carriers<'a>(HashMap<Uuid, Vec<&'a Subvolume>>);

/// One that differs is enough, and thousands are not worth comparing each with each.
const MOST_CARRIERS: usize = 100;

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

    /// Returns all others with a UUID of this one; `None` where there are too many.
    fn others(&self, vol: &Subvolume) -> Option<Vec<&'a Subvolume>> {
        let uuids = [vol.uuid, vol.received_uuid].into_iter().flatten();
        let carriers: Vec<_> = uuids.filter_map(|uuid| self.0.get(&uuid)).flatten().collect();
        let others = || carriers.iter().filter(|other| other.id != vol.id).map(|other| **other);
        (carriers.len() <= MOST_CARRIERS).then(|| others().collect())
    }

    /// Whether any other subvolume with a UUID of this one may hold other data; `None` where that is
    /// not known.
    fn differ(&self, vol: &Subvolume) -> Option<bool> {
        let Some(others) = self.others(vol) else { return Some(true) };
        let same: Vec<Option<bool>> = others.iter().map(|other| same_data(vol, other)).collect();
        match same.contains(&Some(false)) {
            true => Some(true),
            false => (!same.contains(&None)).then_some(false),
        }
    }
}

/// Whether two subvolumes that share a UUID are read-only copies of one state, never changed since; `None`
/// where their side does not tell.
fn same_data(one: &Subvolume, other: &Subvolume) -> Option<bool> {
    let state =
        |vol: &Subvolume| if vol.received_uuid.is_some() { vol.stransid } else { vol.ctransid };
    let same = state(one).zip(state(other)).map(|(one, other)| one == other);
    let untouched = match other.received_uuid {
        Some(_) => other.ctransid.zip(other.rtransid).map(|_| !other.is_changed_since_received()),
        None => Some(true),
    };
    match [Some(other.read_only), same, untouched] {
        told if told.contains(&Some(false)) => Some(false),
        told => (!told.contains(&None)).then_some(true),
    }
}
