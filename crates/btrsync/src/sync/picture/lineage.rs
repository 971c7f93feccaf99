//! From which subvolume each one descends, in a picture.
//!
//! The hazard is a circle. A read-only subvolume stands under its COW parent, which is read-only and older;
//! a writable one under any read-only one, or under a writable one that is older. So every walk ends.

use std::collections::HashMap;

use uuid::Uuid;

use super::Side;
use crate::btrfs::Subvolume;

pub(super) struct Lineage<'a> {
    side: Side<'a>,
    /// By origin, the newest read-only snapshot.
    newest: HashMap<Uuid, &'a Subvolume>,
    /// The oldest with a UUID.
    known: HashMap<Uuid, &'a Subvolume>,
}

impl<'a> Lineage<'a> {
    pub(super) fn new(side: Side<'a>) -> Self {
        let count = side.all.len();
        let (mut newest, mut known) = (HashMap::new(), HashMap::with_capacity(count));
        for vol in side.all.iter() {
            if let Some(origin) = vol.parent_uuid.filter(|_| side.read_only.get(vol.id).is_some()) {
                newest.insert(origin, vol);
            }
            if let Some(uuid) = vol.uuid {
                known.entry(uuid).or_insert(vol);
            }
        }
        Self { side, newest, known }
    }

    /// What a subvolume descends from.
    pub(super) fn parent(&self, vol: &Subvolume) -> Option<&'a Subvolume> {
        if self.side.read_only.get(vol.id).is_some() {
            return self.side.read_only.parent(vol);
        }
        let snapshot = vol.uuid.and_then(|uuid| self.newest.get(&uuid));
        let origin = || self.known.get(&vol.parent_uuid?).filter(|from| self.can_hold(from, vol));
        snapshot.or_else(origin).copied()
    }

    fn can_hold(&self, from: &Subvolume, vol: &Subvolume) -> bool {
        from.id < vol.id || self.side.read_only.get(from.id).is_some()
    }

    /// By id, the nearest that is shown of those from which each descends.
    pub(super) fn nearest(&self, shown: impl Fn(u64) -> bool) -> HashMap<u64, u64> {
        let mut nearest = HashMap::new();
        let is_writable = |vol: &&Subvolume| self.side.read_only.get(vol.id).is_none();
        // What anything stands under comes before it.
        for vol in self.side.read_only.iter().chain(self.side.all.iter().filter(is_writable)) {
            let Some(parent) = self.parent(vol) else { continue };
            let found =
                if shown(parent.id) { Some(parent.id) } else { nearest.get(&parent.id).copied() };
            nearest.extend(found.map(|found| (vol.id, found)));
        }
        nearest
    }
}
