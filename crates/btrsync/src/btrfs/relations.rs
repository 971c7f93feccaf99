//! Which subvolume is the COW parent of which.
//!
//! The hazard is an ancestor that is none. An increment from anything but an earlier state of the same data
//! can be silently wrong: send does not see what was truncated on a branch (Linux 6.18). So a subvolume
//! counts as an ancestor only where its transaction ids show that nothing in it was changed after the
//! descendant went its own way.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use super::Subvolume;

/// The COW parent of each eligible subvolume, as a number among these, and what could be one if more were known
/// of it.
#[derive(Debug, Clone)]
pub(super) struct Relations {
    pub(super) parents: Vec<Option<usize>>,
    pub(super) in_doubt: Vec<u64>,
}

impl Relations {
    /// Finds them among `vols`, which are in id order, and of which those at `places` are eligible. The others
    /// take part, and are then left out; COW parents are eligible by construction.
    pub(super) fn find(vols: &[Subvolume], places: &[usize]) -> Self {
        let mut eligible = vec![None; vols.len()];
        places.iter().enumerate().for_each(|(index, place)| eligible[*place] = Some(index));
        let mut search = Search { vols, eligible, ..Search::default() };
        let mut number = |vol: &Subvolume| vol.parent_uuid.map(|uuid| search.number(uuid));
        let origins: Vec<Option<usize>> = vols.iter().map(&mut number).collect();
        for (place, vol) in vols.iter().enumerate() {
            let parent = origins[place].and_then(|origin| search.parent(vol, origin));
            search.parents.push(parent);
            search.pass(place, origins[place]);
        }
        let Search { eligible, parents, in_doubt, .. } = search;
        let parents = places.iter().map(|place| eligible[parents[*place]?]).collect();
        let mut in_doubt: Vec<u64> = in_doubt.into_iter().collect();
        in_doubt.sort_unstable();
        Self { parents, in_doubt }
    }
}

/// What is known of the subvolumes before one of them, while relations are found.
#[derive(Default)]
struct Search<'a> {
    vols: &'a [Subvolume],
    /// Of each, which of the eligible it is.
    eligible: Vec<Option<usize>>,
    /// By UUID, which of the origins that is.
    numbers: HashMap<Uuid, usize>,
    origins: Vec<Origin>,
    parents: Vec<Option<usize>>,
    in_doubt: HashSet<u64>,
}

/// A subvolume that others are snapshots of, there or not.
#[derive(Default)]
struct Origin {
    /// The oldest with its UUID.
    at: Option<usize>,
    /// The newest snapshot that was never changed.
    newest_snapshot: Option<usize>,
    /// The newest snapshot after that of which it is not known.
    perhaps: Option<usize>,
}

impl Search<'_> {
    fn number(&mut self, uuid: Uuid) -> usize {
        *self.numbers.entry(uuid).or_insert_with(|| {
            self.origins.push(Origin::default());
            self.origins.len() - 1
        })
    }

    fn parent(&mut self, vol: &Subvolume, origin: usize) -> Option<usize> {
        let origin = &mut self.origins[origin];
        if let Some(at) = origin.at.filter(|at| self.eligible[*at].is_some()) {
            match is_unchanged(&self.vols[at], vol.otransid) {
                Some(true) => return Some(at),
                Some(false) => {}
                None => drop(self.in_doubt.insert(self.vols[at].id)),
            }
        }
        self.in_doubt.extend(origin.perhaps.take().map(|at| self.vols[at].id));
        origin.newest_snapshot.or_else(|| origin.at.and_then(|at| self.parents[at]))
    }

    /// Notes what a subvolume can be to those after it.
    fn pass(&mut self, place: usize, origin: Option<usize>) {
        let vol = &self.vols[place];
        if let Some(origin) = origin.filter(|_| self.eligible[place].is_some()) {
            let origin = &mut self.origins[origin];
            // What was received on a parent was changed after it was taken from that.
            let unchanged = is_unchanged(vol, vol.otransid);
            match unchanged.or(vol.received_uuid.map(|_| false)) {
                Some(true) => (origin.newest_snapshot, origin.perhaps) = (Some(place), None),
                Some(false) => {}
                None => origin.perhaps = Some(place),
            }
        }
        if let Some(number) = vol.uuid.and_then(|uuid| self.numbers.get(&uuid)) {
            self.origins[*number].at.get_or_insert(place);
        }
    }
}

/// Whether nothing in a subvolume was changed after a transaction; `None` where its side does not tell.
///
/// Snapshots are taken at the end of a transaction, so what changed in the same one is in them.
pub(crate) fn is_unchanged(vol: &Subvolume, since: Option<u64>) -> Option<bool> {
    let since = since?;
    // What changes a file also changes the tree.
    let tree_unchanged = vol.generation.filter(|last| *last <= since).map(|_| true);
    vol.ctransid.map(|last| last <= since).or(tree_unchanged)
}
