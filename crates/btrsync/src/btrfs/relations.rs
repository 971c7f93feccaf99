//! Which subvolume is the COW parent of which.
//!
//! The hazard is an ancestor that is none. An increment from anything but an earlier state of the same data
//! can be silently wrong: send does not see what was truncated on a branch (Linux 6.18). So a subvolume
//! counts as an ancestor only where its transaction ids show that nothing in it was changed after the
//! descendant went its own way.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use super::Subvolume;

/// The COW parent of each subvolume, and what could be one if more were known of it.
pub(super) struct Relations {
    pub(super) parents: Vec<Option<usize>>,
    pub(super) in_doubt: Vec<u64>,
}

impl Relations {
    /// Finds them among `vols`, which are in id order.
    pub(super) fn find(vols: &[Subvolume], eligible: &[bool]) -> Self {
        let older = HashMap::with_capacity(vols.len());
        let mut search = Search { vols, eligible, older, ..Search::default() };
        for (index, vol) in vols.iter().enumerate() {
            let parent = vol.parent_uuid.and_then(|origin| search.parent(vol, origin));
            search.parents.push(parent);
            search.pass(index, vol);
        }
        let mut in_doubt: Vec<u64> = search.in_doubt.into_iter().collect();
        in_doubt.sort_unstable();
        Self { parents: search.parents, in_doubt }
    }
}

/// What is known of the subvolumes before one of them, while relations are found.
#[derive(Default)]
struct Search<'a> {
    vols: &'a [Subvolume],
    eligible: &'a [bool],
    older: HashMap<Uuid, usize>,
    /// By origin, the newest snapshot that was never changed.
    newest_snapshot: HashMap<Uuid, usize>,
    /// By origin, the newest snapshot after that of which it is not known.
    perhaps: HashMap<Uuid, usize>,
    parents: Vec<Option<usize>>,
    in_doubt: HashSet<u64>,
}

impl Search<'_> {
    fn parent(&mut self, vol: &Subvolume, origin: Uuid) -> Option<usize> {
        let at = self.older.get(&origin).copied();
        if let Some(at) = at.filter(|at| self.eligible[*at]) {
            match is_unchanged(&self.vols[at], vol.otransid) {
                Some(true) => return Some(at),
                Some(false) => {}
                None => drop(self.in_doubt.insert(self.vols[at].id)),
            }
        }
        self.in_doubt.extend(self.perhaps.remove(&origin).map(|at| self.vols[at].id));
        let sibling = self.newest_snapshot.get(&origin).copied();
        sibling.or_else(|| at.and_then(|at| self.parents[at]))
    }

    /// Notes what a subvolume can be to those after it.
    fn pass(&mut self, index: usize, vol: &Subvolume) {
        if let Some(origin) = vol.parent_uuid.filter(|_| self.eligible[index]) {
            // What was received on a parent was changed after it was taken from that.
            let unchanged = is_unchanged(vol, vol.otransid);
            match unchanged.or(vol.received_uuid.map(|_| false)) {
                Some(true) => {
                    self.newest_snapshot.insert(origin, index);
                    self.perhaps.remove(&origin);
                }
                Some(false) => {}
                None => drop(self.perhaps.insert(origin, index)),
            }
        }
        if let Some(uuid) = vol.uuid {
            self.older.entry(uuid).or_insert(index);
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
