//! The copy-on-write forest of one side, and the difference between two.
//!
//! The hazard is data that lies: UUIDs that point in a circle, twice, or to nothing. A relation is
//! believed only towards an older subvolume (a smaller id), so that every walk ends, and all of it is
//! loops over arrays, so that a chain of 100,000 snapshots is no deeper than one.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use super::relations::Relations;
use super::{Key, KeyFn, Subvolume};

/// The eligible subvolumes of one side, each below its COW parent.
///
/// # Examples
///
/// ```
/// use btrsync::btrfs::{Forest, Subvolume};
/// # use uuid::Uuid;
/// let snapshot = |id, of| Subvolume {
///     id,
///     uuid: Some(Uuid::from_u128(id.into())),
///     parent_uuid: Some(Uuid::from_u128(of)),
///     read_only: true,
///     otransid: Some(id),
///     ctransid: Some(id),
///     ..Subvolume::default()
/// };
/// // Two snapshots of a subvolume that no longer exists: the newer descends from the older.
/// let forest = Forest::new(vec![snapshot(256, 1), snapshot(257, 1)], |vol| vol.read_only);
/// let newer = forest.get(257).unwrap();
/// assert_eq!(forest.parent(newer).unwrap().id, 256);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Forest {
    /// All that is known, in id order: what is not eligible takes part in finding relations.
    all: Arc<Vec<Subvolume>>,
    /// Where in `all` those are that are eligible. What follows is of these alone.
    places: Vec<usize>,
    ids: Vec<u64>,
    /// Found when somebody asks: who lists may want to see the subvolumes alone.
    relations: OnceLock<Relations>,
    children: OnceLock<Vec<Vec<usize>>>,
}

impl Forest {
    /// Builds the forest of those subvolumes that are eligible.
    ///
    /// The COW parent of a subvolume is the one that it is a snapshot of, if that is eligible and was not
    /// changed since; else the newest older eligible snapshot of the same subvolume that was never
    /// changed; else the COW parent of that subvolume. What is not eligible takes part in finding
    /// relations, and is then left out.
    pub fn new(mut vols: Vec<Subvolume>, eligible: impl Fn(&Subvolume) -> bool) -> Self {
        vols.sort_by_key(|vol| vol.id);
        vols.dedup_by_key(|vol| vol.id);
        Self::of(Arc::new(vols), eligible)
    }

    fn of(all: Arc<Vec<Subvolume>>, eligible: impl Fn(&Subvolume) -> bool) -> Self {
        let places: Vec<usize> = (0..all.len()).filter(|place| eligible(&all[*place])).collect();
        let ids = places.iter().map(|place| all[*place].id).collect();
        let (relations, children) = Default::default();
        Self { all, places, ids, relations, children }
    }

    fn relations(&self) -> &Relations {
        self.relations.get_or_init(|| Relations::find(&self.all, &self.places))
    }

    fn children(&self) -> &[Vec<usize>] {
        self.children.get_or_init(|| children(&self.relations().parents))
    }

    /// Returns the number of subvolumes.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Returns whether there is no subvolume.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Iterates over all subvolumes in id order.
    pub fn iter(&self) -> impl Iterator<Item = &Subvolume> {
        self.places.iter().map(|place| &self.all[*place])
    }

    /// Returns the subvolume with an id.
    pub fn get(&self, id: u64) -> Option<&Subvolume> {
        self.at(id).map(|index| self.vol(index))
    }

    fn at(&self, id: u64) -> Option<usize> {
        self.ids.binary_search(&id).ok()
    }

    /// Takes over what is newly known of subvolumes, and finds the relations anew.
    pub(crate) fn update(&mut self, vols: Vec<Subvolume>) {
        let Self { mut all, ids, places, .. } = std::mem::take(self);
        let known = Arc::make_mut(&mut all);
        for vol in vols {
            if let Ok(index) = ids.binary_search(&vol.id) {
                known[places[index]] = vol;
            }
        }
        *self = Self::of(all, |vol| ids.binary_search(&vol.id).is_ok());
    }

    /// Builds the forest of those that are read-only, as a root shows them by default.
    pub fn read_only(&self) -> Self {
        Self::of(Arc::clone(&self.all), |vol| vol.read_only && self.at(vol.id).is_some())
    }

    /// Returns all subvolumes that are known, in id order, each with whether it is eligible.
    pub(crate) fn everything(&self) -> impl Iterator<Item = (&Subvolume, bool)> {
        self.all.iter().map(|vol| (vol, self.at(vol.id).is_some()))
    }

    /// Returns those that would be COW parents if it were known that they were not changed.
    pub(crate) fn in_doubt(&self) -> impl Iterator<Item = &Subvolume> {
        self.relations().in_doubt.iter().filter_map(|id| self.get(*id))
    }

    /// Returns the roots of the hierarchies: the subvolumes without a COW parent, in id order.
    pub fn roots(&self) -> impl Iterator<Item = &Subvolume> {
        self.root_indices().map(|index| self.vol(index))
    }

    /// Returns the COW parent of a subvolume of this forest.
    pub fn parent(&self, vol: &Subvolume) -> Option<&Subvolume> {
        let parent = self.parent_index(self.at(vol.id)?);
        parent.map(|parent| self.vol(parent))
    }

    /// Returns the subvolumes whose COW parent this one is, in id order.
    pub fn successors(&self, vol: &Subvolume) -> impl Iterator<Item = &Subvolume> {
        let children = self.at(vol.id).map_or(&[][..], |index| &self.children()[index]);
        children.iter().map(|child| self.vol(*child))
    }

    /// Iterates over the COW ancestors of a subvolume, itself first.
    pub fn ancestors<'a>(&'a self, vol: &'a Subvolume) -> impl Iterator<Item = &'a Subvolume> {
        std::iter::successors(Some(vol), |vol| self.parent(vol))
    }

    /// Iterates breadth first over all subvolumes.
    pub fn breadth_first(&self) -> impl Iterator<Item = &Subvolume> {
        self.level_indices().into_iter().flatten().map(|index| self.vol(index))
    }

    /// Iterates depth first over a subvolume and its COW descendants.
    pub fn depth_first<'a>(&'a self, vol: &Subvolume) -> impl Iterator<Item = &'a Subvolume> {
        let mut stack: Vec<usize> = self.at(vol.id).into_iter().collect();
        std::iter::from_fn(move || {
            let index = stack.pop()?;
            stack.extend(self.children()[index].iter().rev());
            Some(self.vol(index))
        })
    }

    /// Returns the levels of the forest: groups of subvolumes that do not depend on each other.
    pub fn levels(&self) -> Vec<Vec<&Subvolume>> {
        let level =
            |indices: Vec<usize>| indices.into_iter().map(|index| self.vol(index)).collect();
        self.level_indices().into_iter().map(level).collect()
    }

    pub(crate) fn index(&self, vol: &Subvolume) -> Option<usize> {
        self.at(vol.id)
    }

    pub(crate) fn vol(&self, index: usize) -> &Subvolume {
        &self.all[self.places[index]]
    }

    pub(crate) fn parent_index(&self, index: usize) -> Option<usize> {
        self.relations().parents[index]
    }

    fn root_indices(&self) -> impl Iterator<Item = usize> {
        (0..self.len()).filter(|index| self.parent_index(*index).is_none())
    }

    fn level_indices(&self) -> Vec<Vec<usize>> {
        let mut levels = Vec::new();
        let mut level: Vec<usize> = self.root_indices().collect();
        while !level.is_empty() {
            let next = level.iter().flat_map(|index| &self.children()[*index]).copied().collect();
            levels.push(std::mem::replace(&mut level, next));
        }
        levels
    }
}

/// By subvolume, those whose parent it is.
fn children(parents: &[Option<usize>]) -> Vec<Vec<usize>> {
    let mut children = vec![Vec::new(); parents.len()];
    for (child, parent) in parents.iter().enumerate() {
        if let Some(parent) = parent {
            children[*parent].push(child);
        }
    }
    children
}

/// One equal is the rule. Where thousands carry one received UUID, as snapshots of a received subvolume
/// that was made writable do, each of them has thousands of equals, and all pairs would fill the memory.
const MOST_EQUALS: usize = 100;

/// Which subvolumes of one forest have equals in another.
#[derive(Debug, Clone, Default)]
pub struct Diff {
    equals: HashMap<u64, Vec<u64>>,
}

impl Diff {
    /// Compares two forests by key functions: two subvolumes are equal where any key of the one
    /// equals any key of the other.
    pub fn new(a: &Forest, b: &Forest, a_keys: &[KeyFn], b_keys: &[KeyFn]) -> Self {
        let mut by_key: HashMap<Key, Vec<u64>> = HashMap::new();
        for vol in b.iter() {
            for key in keys(vol, b_keys) {
                by_key.entry(key).or_default().push(vol.id);
            }
        }
        let equals_of = |vol: &Subvolume| -> Vec<u64> {
            let found = keys(vol, a_keys).into_iter().filter_map(|key| by_key.get(&key));
            let mut ids: Vec<u64> = found.flatten().copied().take(MOST_EQUALS).collect();
            ids.sort_unstable();
            ids.dedup();
            ids
        };
        let equals = a.iter().map(|vol| (vol.id, equals_of(vol)));
        Self { equals: equals.filter(|(_, ids)| !ids.is_empty()).collect() }
    }

    /// Returns the ids of the equals of a subvolume of the first forest, in the second; where there
    /// are very many, only some of them.
    pub fn equals(&self, vol: &Subvolume) -> &[u64] {
        self.equals.get(&vol.id).map_or(&[], Vec::as_slice)
    }
}

fn keys(vol: &Subvolume, functions: &[KeyFn]) -> Vec<Key> {
    let mut keys: Vec<Key> = functions.iter().filter_map(|function| function.of(vol)).collect();
    keys.dedup();
    keys
}
