//! The rules of the planner once more, as they are written down: slow, and without any cleverness.

use btrsync::btrfs::Subvolume;
use btrsync::sync::usable_parent;

use super::world::World;

pub(super) struct Reference<'a> {
    world: &'a World,
    /// All of the source, in id order.
    vols: Vec<&'a Subvolume>,
}

/// Whether a subvolume is known to be what it was in a transaction.
fn is_same(vol: &Subvolume, then: Option<u64>) -> bool {
    let (Some(changed), Some(then)) = (vol.ctransid, then) else { return false };
    changed <= then
}

impl<'a> Reference<'a> {
    pub(super) fn new(world: &'a World) -> Self {
        let mut vols: Vec<&Subvolume> = world.source.iter().collect();
        vols.sort_by_key(|vol| vol.id);
        Self { world, vols }
    }

    fn vol(&self, id: u64) -> &'a Subvolume {
        self.vols.iter().find(|vol| vol.id == id).unwrap()
    }

    fn older(&self, id: u64) -> impl DoubleEndedIterator<Item = &'a Subvolume> {
        self.vols.iter().copied().filter(move |vol| vol.id < id)
    }

    /// The COW parent, of any subvolume.
    pub(super) fn parent(&self, id: u64) -> Option<u64> {
        let origin_uuid = self.vol(id).parent_uuid?;
        let origin = self.older(id).find(|vol| vol.uuid == Some(origin_uuid));
        let taken = self.vol(id).otransid;
        if let Some(origin) = origin.filter(|origin| origin.read_only && is_same(origin, taken)) {
            return Some(origin.id);
        }
        let is_sibling = |vol: &&Subvolume| {
            vol.read_only && vol.parent_uuid == Some(origin_uuid) && is_same(vol, vol.otransid)
        };
        match self.older(id).rev().find(is_sibling) {
            Some(sibling) => Some(sibling.id),
            None => origin.and_then(|origin| self.parent(origin.id)),
        }
    }

    pub(super) fn ancestors_and_self(&self, id: u64) -> Vec<u64> {
        std::iter::successors(Some(id), |id| self.parent(*id)).collect()
    }

    pub(super) fn root(&self, id: u64) -> Option<u64> {
        self.ancestors_and_self(id).pop()
    }

    fn equals(&self, id: u64) -> impl Iterator<Item = &'a Subvolume> {
        let ids = |vol: &Subvolume| [vol.uuid, vol.received_uuid];
        let wanted = ids(self.vol(id));
        let is_equal = move |vol: &&Subvolume| {
            ids(vol).iter().any(|uuid| uuid.is_some() && wanted.contains(uuid))
        };
        self.world.dest.iter().filter(|vol| vol.read_only).filter(is_equal)
    }

    pub(super) fn is_present(&self, id: u64) -> bool {
        self.equals(id).next().is_some()
    }

    /// Whether the destination has an equal that can be a parent, before anything is sent.
    pub(super) fn is_usable(&self, id: u64) -> bool {
        self.equals(id).any(|there| usable_parent(self.vol(id), there).is_ok())
    }

    /// The nearest of itself and its ancestors that can be a parent.
    pub(super) fn nearest(&self, id: u64, is_sent: impl Fn(u64) -> bool) -> Option<u64> {
        let line = self.ancestors_and_self(id);
        line.into_iter().find(|above| self.is_usable(*above) || is_sent(*above))
    }

    /// Whether one is an ancestor of another that can be its parent.
    pub(super) fn is_parent_of(&self, id: u64, of: u64) -> bool {
        self.is_usable(id) && self.ancestors_and_self(of).contains(&id)
    }

    /// What a plan must hold, of those that `which` admits.
    pub(super) fn wanted(&self, which: impl Fn(u64) -> bool) -> Vec<u64> {
        let vols = self.vols.iter().filter(|vol| vol.read_only && which(vol.id));
        let vols = vols.filter(|vol| !self.world.skipped.contains(&vol.id));
        let vols = vols.filter(|vol| self.world.transfer_existing || !self.is_present(vol.id));
        vols.map(|vol| vol.id).collect()
    }
}
