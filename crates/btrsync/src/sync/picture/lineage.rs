//! From which subvolume each one descends, in a picture.
//!
//! The hazard is a circle. A read-only subvolume stands under its COW parent, which is read-only and older;
//! a writable one under any read-only one, or under a writable one that is older. So every walk ends.

use std::cmp::Ordering;
use std::collections::HashMap;

use uuid::Uuid;

use super::Side;
use crate::btrfs::{Forest, Subvolume};

pub(super) struct Lineage<'a> {
    /// All of the side, in id order. Numbers here are those of these.
    pub(super) vols: Vec<&'a Subvolume>,
    /// What each descends from.
    pub(super) parents: Vec<Option<usize>>,
    is_read_only: Vec<bool>,
}

/// What writable subvolumes could descend from, by a UUID of theirs.
#[derive(Default)]
struct Origin {
    /// The newest read-only snapshot of it.
    newest: Option<usize>,
    /// The oldest that has it.
    known: Option<usize>,
}

impl<'a> Lineage<'a> {
    pub(super) fn new(side: Side<'a>) -> Self {
        let mut vols = Vec::with_capacity(side.all.len());
        let mut read_only = Vec::with_capacity(side.read_only.len());
        for (vol, is_read_only) in merged(side.all, side.read_only) {
            read_only.extend(is_read_only.then_some(vols.len()));
            vols.push(vol);
        }
        let (mut is_read_only, mut parents) = (vec![false; vols.len()], vec![None; vols.len()]);
        for (index, number) in read_only.iter().enumerate() {
            is_read_only[*number] = true;
            parents[*number] = side.read_only.parent_index(index).map(|parent| read_only[parent]);
        }
        let mut lineage = Self { vols, parents, is_read_only };
        lineage.place_writable();
        lineage
    }

    fn writable(&self) -> impl Iterator<Item = usize> {
        (0..self.vols.len()).filter(|number| !self.is_read_only[*number])
    }

    /// Finds what those descend from of which a plan knows nothing.
    fn place_writable(&mut self) {
        let origins = self.origins();
        let parent = |number: usize| {
            let vol = self.vols[number];
            let snapshot = vol.uuid.and_then(|uuid| origins.get(&uuid)?.newest);
            let origin = || vol.parent_uuid.and_then(|uuid| origins.get(&uuid)?.known);
            let can_hold = |from: &usize| *from < number || self.is_read_only[*from];
            (number, snapshot.or_else(|| origin().filter(can_hold)))
        };
        let found: Vec<_> = self.writable().map(parent).collect();
        found.into_iter().for_each(|(number, parent)| self.parents[number] = parent);
    }

    fn origins(&self) -> HashMap<Uuid, Origin> {
        let uuids = |number: usize| [self.vols[number].uuid, self.vols[number].parent_uuid];
        let wanted = self.writable().flat_map(uuids).flatten();
        let mut origins: HashMap<_, _> = wanted.map(|uuid| (uuid, Origin::default())).collect();
        for (number, vol) in self.vols.iter().enumerate() {
            let snapshot_of = vol.parent_uuid.filter(|_| self.is_read_only[number]);
            if let Some(origin) = snapshot_of.and_then(|uuid| origins.get_mut(&uuid)) {
                origin.newest = Some(number);
            }
            if let Some(origin) = vol.uuid.and_then(|uuid| origins.get_mut(&uuid)) {
                origin.known.get_or_insert(number);
            }
        }
        origins
    }

    /// Of each, the nearest that is shown of those from which it descends.
    pub(super) fn nearest(&self, is_shown: impl Fn(usize) -> bool) -> Vec<Option<usize>> {
        let mut nearest = vec![None; self.vols.len()];
        let read_only = (0..self.vols.len()).filter(|number| self.is_read_only[*number]);
        // What anything stands under comes before it.
        for number in read_only.chain(self.writable()) {
            let Some(parent) = self.parents[number] else { continue };
            nearest[number] = if is_shown(parent) { Some(parent) } else { nearest[parent] };
        }
        nearest
    }
}

/// The subvolumes of two forests of one side in id order, each with whether it is in the second.
fn merged<'a>(
    all: &'a Forest,
    read_only: &'a Forest,
) -> impl Iterator<Item = (&'a Subvolume, bool)> {
    let (mut all, mut read_only) = (all.iter().peekable(), read_only.iter().peekable());
    std::iter::from_fn(move || match (all.peek(), read_only.peek()) {
        (Some(one), Some(other)) => match one.id.cmp(&other.id) {
            Ordering::Less => Some((all.next()?, false)),
            Ordering::Equal => read_only.next().and_then(|_| Some((all.next()?, true))),
            Ordering::Greater => Some((read_only.next()?, true)),
        },
        (None, _) => Some((read_only.next()?, true)),
        (_, None) => Some((all.next()?, false)),
    })
}
