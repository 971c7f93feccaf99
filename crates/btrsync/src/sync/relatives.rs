//! The relatives of a volume that the destination holds although none of them can be its parent.
//!
//! The hazard is a full transfer that surprises: the data is there, but in a subvolume that is writable, out
//! of reach, or a branch. So for whatever goes in full the nearest such relative is found, and what is wrong
//! with it. Linear in the number of subvolumes, as all of planning.

use std::collections::HashMap;

use uuid::Uuid;

use crate::btrfs::{Forest, Problem, Subvolume, usable_parent};
use crate::receive::is_unfinished;

/// A subvolume, and whether its root shows it.
type Seen<'a> = (&'a Subvolume, bool);

/// The nearest held relative of each subvolume of the source.
#[derive(Debug)]
pub(super) struct Relatives<'a> {
    src: Vec<Seen<'a>>,
    held: Held<'a>,
    nearest: HashMap<u64, usize>,
}

impl<'a> Relatives<'a> {
    pub(super) fn new(src: &'a Forest, dst: &'a Forest) -> Self {
        let mut relatives =
            Self { src: src.everything().collect(), held: Held::new(dst), nearest: HashMap::new() };
        relatives.find();
        relatives
    }

    fn find(&mut self) {
        let mut by_uuid: HashMap<Uuid, usize> = HashMap::new();
        let mut newest_held: HashMap<Uuid, usize> = HashMap::new();
        for (index, (vol, _)) in self.src.iter().enumerate() {
            if let Some(origin) = vol.parent_uuid {
                let at = by_uuid.get(&origin).copied();
                let near = at
                    .filter(|at| self.held.copy(self.src[*at].0).is_some())
                    .or_else(|| newest_held.get(&origin).copied())
                    .or_else(|| self.nearest.get(&self.src[at?].0.id).copied());
                self.nearest.extend(near.map(|near| (vol.id, near)));
                if self.held.copy(vol).is_some() {
                    newest_held.insert(origin, index);
                }
            }
            if let Some(uuid) = vol.uuid {
                by_uuid.entry(uuid).or_insert(index);
            }
        }
    }

    /// Returns the nearest relative of a volume that the destination holds, which can be the volume itself,
    /// and why that is no parent.
    pub(super) fn of(&self, vol: &'a Subvolume) -> Option<(&'a Subvolume, Problem)> {
        let (relative, shown) = match self.held.copy(vol) {
            Some(_) => (vol, true),
            None => self.src[*self.nearest.get(&vol.id)?],
        };
        let (copy, copy_shown) = self.held.copy(relative)?;
        let problem = match (relative.read_only, shown, copy.read_only, copy_shown) {
            (false, ..) => Problem::SourceWritable,
            (_, false, ..) => Problem::SourceHidden,
            (.., false, _) => Problem::Writable,
            (.., false) => Problem::Hidden,
            _ => usable_parent(relative, copy).err().unwrap_or(Problem::Branch),
        };
        Some((relative, problem))
    }
}

/// The subvolumes of the destination by the UUIDs that they are known by.
#[derive(Debug)]
struct Held<'a>(HashMap<Uuid, Seen<'a>>);

impl<'a> Held<'a> {
    fn new(dst: &'a Forest) -> Self {
        let mut held: HashMap<Uuid, Seen<'a>> = HashMap::new();
        for (vol, shown) in dst.everything() {
            if is_unfinished(&vol.name) {
                continue;
            }
            for uuid in [vol.uuid, vol.received_uuid].into_iter().flatten() {
                let known = held.entry(uuid).or_insert((vol, shown));
                if shown && !known.1 {
                    *known = (vol, shown);
                }
            }
        }
        Self(held)
    }

    fn copy(&self, vol: &Subvolume) -> Option<Seen<'a>> {
        let uuids = [vol.stream_uuid(), vol.uuid];
        uuids.into_iter().flatten().find_map(|uuid| self.0.get(&uuid)).copied()
    }
}
