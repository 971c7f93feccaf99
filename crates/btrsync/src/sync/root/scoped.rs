//! From all subvolumes of a filesystem to those that a root shows.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use uuid::Uuid;

use super::contract::{RootOptions, Scope};
use crate::btrfs::{Forest, Subvolume, is_unchanged};
use crate::receive::is_unfinished;

/// Makes the forest of a root: the subvolume `root` of the filesystem whose subvolumes are `all`, each
/// with its path from the top level.
pub(super) fn forest(mut all: Vec<Subvolume>, root: u64, options: &RootOptions) -> Forest {
    let prefix = all.iter().find(|vol| vol.id == root).map(|vol| vol.path.clone());
    let prefix = prefix.unwrap_or_default();
    let scope = options.scope;
    let directly = |vol: &Subvolume| vol.parent_id == Some(root);
    let is_shown =
        |vol: &&Subvolume| is_below(vol, &prefix) && (scope == Scope::All || directly(vol));
    let mut shown: Vec<u64> = all.iter().filter(is_shown).map(|vol| vol.id).collect();
    shown.sort_unstable();
    let carriers = Carriers::shared(&all);
    let ambiguous: Vec<_> = all.iter().map(|vol| carriers.differ(vol)).collect();
    for (vol, ambiguous) in all.iter_mut().zip(ambiguous) {
        vol.ambiguous = ambiguous;
        vol.shorten(&prefix);
    }
    all.retain(|vol| scope != Scope::Isolated || directly(vol));
    Forest::new(all, |vol| {
        (vol.read_only || !options.readonly)
            && !is_unfinished(&vol.name)
            && shown.binary_search(&vol.id).is_ok()
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

/// Subvolumes of a filesystem by the UUIDs that a stream could name them by.
///
/// A receiver takes the first that it finds, anywhere on the filesystem, writable or not.
struct Carriers<'a>(HashMap<Uuid, Vec<&'a Subvolume>>);

/// One that differs is enough, and thousands are not worth comparing each with each.
const MOST_CARRIERS: usize = 100;

impl<'a> Carriers<'a> {
    /// All of them.
    fn new(all: &'a [Subvolume]) -> Self {
        Self::of_at_least(1, all)
    }

    /// Those that have others with the same UUID. Few have, of which a map is small and fast.
    fn shared(all: &'a [Subvolume]) -> Self {
        Self::of_at_least(2, all)
    }

    fn of_at_least(count: usize, all: &'a [Subvolume]) -> Self {
        let uuids = |vol: &'a Subvolume| {
            [vol.uuid, vol.received_uuid].into_iter().flatten().map(move |uuid| (uuid, vol))
        };
        let mut carriers: Vec<(Uuid, &Subvolume)> = Vec::with_capacity(2 * all.len());
        carriers.extend(all.iter().flat_map(uuids));
        carriers.sort_unstable_by_key(|(uuid, vol)| (*uuid, vol.id));
        let groups = carriers.chunk_by(|(one, _), (other, _)| one == other);
        let groups = groups.filter(|group| group.len() >= count);
        Self(
            groups.map(|group| (group[0].0, group.iter().map(|(_, vol)| *vol).collect())).collect(),
        )
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
        let originals: Vec<_> =
            others.iter().filter(|other| other.received_uuid.is_none()).copied().collect();
        let same = others.iter().map(|other| same_by_way(vol, other, &originals));
        all(same).map(|same| !same)
    }
}

/// Whether two subvolumes that share a UUID hold the same data, or both the same as an original: what was
/// sent around and came back has the transaction of the last filesystem that it came from.
fn same_by_way(one: &Subvolume, other: &Subvolume, originals: &[&Subvolume]) -> Option<bool> {
    let by_way = originals
        .iter()
        .map(|original| all([same_data(one, original), same_data(original, other)]));
    any(std::iter::once(same_data(one, other)).chain(by_way))
}

/// Whether two subvolumes that share a UUID are read-only copies of one state, never changed since; `None`
/// where their side does not tell.
fn same_data(one: &Subvolume, other: &Subvolume) -> Option<bool> {
    let state =
        |vol: &Subvolume| if vol.received_uuid.is_some() { vol.stransid } else { vol.ctransid };
    let same_state = state(one).zip(state(other)).map(|(one, other)| one == other);
    let untouched = match other.received_uuid {
        Some(_) => other.ctransid.zip(other.rtransid).map(|_| !other.is_changed_since_received()),
        None => Some(true),
    };
    all([Some(other.read_only), any([same_state, first_hand(one, other)]), untouched])
}

/// Whether one of the two is the original of the other, and has had one state only.
fn first_hand(one: &Subvolume, other: &Subvolume) -> Option<bool> {
    let is_copy =
        |copy: &Subvolume, of: &Subvolume| of.uuid.is_some() && copy.received_uuid == of.uuid;
    match (is_copy(other, one), is_copy(one, other)) {
        (true, _) => is_unchanged(one, one.otransid),
        (_, true) => is_unchanged(other, other.otransid),
        _ => Some(false),
    }
}

/// Whether all of it is so, as far as that can be told.
fn all(told: impl IntoIterator<Item = Option<bool>>) -> Option<bool> {
    any(told.into_iter().map(|one| one.map(|is| !is))).map(|is| !is)
}

/// Whether any of it is so, as far as that can be told.
fn any(told: impl IntoIterator<Item = Option<bool>>) -> Option<bool> {
    let mut known = Some(false);
    for one in told {
        match one {
            Some(true) => return one,
            Some(false) => {}
            None => known = None,
        }
    }
    known
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vol(id: u64, created: u64, changed: u64) -> Subvolume {
        Subvolume {
            id,
            uuid: Some(Uuid::from_u128(id.into())),
            otransid: Some(created),
            ctransid: Some(changed),
            read_only: true,
            ..Subvolume::default()
        }
    }

    /// A copy of the subvolume with a UUID, received at one of its transactions.
    fn copy(id: u64, of: u128, stransid: u64) -> Subvolume {
        Subvolume {
            received_uuid: Some(Uuid::from_u128(of)),
            stransid: Some(stransid),
            rtransid: Some(id + 1),
            ..vol(id, id, id + 1)
        }
    }

    fn ambiguous(vols: &[Subvolume]) -> Vec<Option<bool>> {
        let carriers = Carriers::shared(vols);
        vols.iter().map(|vol| carriers.differ(vol)).collect()
    }

    #[test]
    fn copies_of_one_state_are_not_ambiguous_and_of_two_are() {
        assert_eq!(ambiguous(&[copy(30, 1, 7), copy(40, 1, 7)]), [Some(false); 2]);
        assert_eq!(ambiguous(&[copy(30, 1, 7), copy(40, 1, 8)]), [Some(true); 2]);
        assert_eq!(ambiguous(&[copy(30, 1, 7), copy(40, 2, 8)]), [Some(false); 2]);
    }

    #[test]
    fn an_untouched_original_and_what_came_back_of_it_are_not_ambiguous() {
        let original = vol(1, 7, 7);
        let back = [copy(30, 1, 22), copy(40, 1, 33)];
        assert_eq!(ambiguous(&[original.clone(), back[0].clone()]), [Some(false); 2]);
        let both = [original.clone(), back[0].clone(), back[1].clone()];
        assert_eq!(ambiguous(&both), [Some(false); 3]);
        // Not where any of them was changed, or can be.
        let changed = Subvolume { ctransid: Some(9), ..original.clone() };
        assert_eq!(ambiguous(&[changed, back[0].clone()]), [Some(true); 2]);
        let touched = Subvolume { ctransid: Some(50), ..back[0].clone() };
        assert_eq!(ambiguous(&[original.clone(), touched])[0], Some(true));
        let writable = Subvolume { read_only: false, ..back[0].clone() };
        assert_eq!(ambiguous(&[original, writable])[0], Some(true));
    }

    #[test]
    fn what_is_not_told_leaves_it_open() {
        let original = Subvolume { ctransid: None, ..vol(1, 7, 7) };
        let back = copy(30, 1, 22);
        assert_eq!(ambiguous(&[original.clone(), back.clone()]), [None; 2]);
        let two = [original.clone(), back.clone(), copy(40, 1, 33)];
        assert_eq!(ambiguous(&two), [None; 3]);
        // The tree is as old as the subvolume.
        let told = Subvolume { generation: Some(7), ..original };
        assert_eq!(ambiguous(&[told.clone(), back.clone()]), [Some(false); 2]);
        let untold = Subvolume { rtransid: None, ..back };
        assert_eq!(ambiguous(&[told, untold]), [None, Some(false)]);
    }
}
