//! The copy-on-write forest of one side, and the difference between two.
//!
//! The hazard is data that lies: UUIDs that point in a circle, twice, or to nothing. A relation is
//! believed only towards an older subvolume (a smaller id), so that every walk ends, and all of it is
//! loops over arrays, so that a chain of 100,000 snapshots is no deeper than one.

use std::collections::HashMap;

use uuid::Uuid;

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
///     ..Subvolume::default()
/// };
/// // Two snapshots of a subvolume that no longer exists: the newer descends from the older.
/// let forest = Forest::new(vec![snapshot(256, 1), snapshot(257, 1)], |vol| vol.read_only);
/// let newer = forest.get(257).unwrap();
/// assert_eq!(forest.parent(newer).unwrap().id, 256);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Forest {
    vols: Vec<Subvolume>,
    parents: Vec<Option<usize>>,
    children: Vec<Vec<usize>>,
    by_id: HashMap<u64, usize>,
}

impl Forest {
    /// Builds the forest of those subvolumes that are eligible.
    ///
    /// The COW parent of a subvolume is the one that it is a snapshot of, if that is eligible; else
    /// the newest older eligible snapshot of the same subvolume; else the COW parent of that
    /// subvolume. What is not eligible takes part in finding relations, and is then left out.
    pub fn new(mut vols: Vec<Subvolume>, eligible: impl Fn(&Subvolume) -> bool) -> Self {
        vols.sort_by_key(|vol| vol.id);
        vols.dedup_by_key(|vol| vol.id);
        let eligible: Vec<bool> = vols.iter().map(eligible).collect();
        let parents = cow_parents(&vols, &eligible);
        Self::keep(vols, &eligible, &parents)
    }

    /// Leaves out what is not eligible; COW parents are eligible by construction.
    fn keep(vols: Vec<Subvolume>, eligible: &[bool], parents: &[Option<usize>]) -> Self {
        let mut forest = Self::default();
        let mut kept = vec![None; vols.len()];
        for (old, vol) in vols.into_iter().enumerate().filter(|(old, _)| eligible[*old]) {
            kept[old] = Some(forest.vols.len());
            forest.push(vol, parents[old].and_then(|parent| kept[parent]));
        }
        forest
    }

    fn push(&mut self, vol: Subvolume, parent: Option<usize>) {
        let index = self.vols.len();
        self.by_id.insert(vol.id, index);
        self.vols.push(vol);
        self.parents.push(parent);
        self.children.push(Vec::new());
        if let Some(parent) = parent {
            self.children[parent].push(index);
        }
    }

    /// Returns the number of subvolumes.
    pub fn len(&self) -> usize {
        self.vols.len()
    }

    /// Returns whether there is no subvolume.
    pub fn is_empty(&self) -> bool {
        self.vols.is_empty()
    }

    /// Iterates over all subvolumes in id order.
    pub fn iter(&self) -> impl Iterator<Item = &Subvolume> {
        self.vols.iter()
    }

    /// Returns the subvolume with an id.
    pub fn get(&self, id: u64) -> Option<&Subvolume> {
        self.by_id.get(&id).map(|index| &self.vols[*index])
    }

    /// Takes over what is newly known of subvolumes; relations stay as they are.
    pub(crate) fn update(&mut self, vols: Vec<Subvolume>) {
        for vol in vols {
            if let Some(index) = self.by_id.get(&vol.id) {
                self.vols[*index] = vol;
            }
        }
    }

    /// Returns the roots of the hierarchies: the subvolumes without a COW parent, in id order.
    pub fn roots(&self) -> impl Iterator<Item = &Subvolume> {
        self.root_indices().map(|index| &self.vols[index])
    }

    /// Returns the COW parent of a subvolume of this forest.
    pub fn parent(&self, vol: &Subvolume) -> Option<&Subvolume> {
        let index = self.by_id.get(&vol.id)?;
        self.parents[*index].map(|parent| &self.vols[parent])
    }

    /// Returns the subvolumes whose COW parent this one is, in id order.
    pub fn successors(&self, vol: &Subvolume) -> impl Iterator<Item = &Subvolume> {
        let index = self.by_id.get(&vol.id);
        let children = index.map_or(&[][..], |index| &self.children[*index]);
        children.iter().map(|child| &self.vols[*child])
    }

    /// Iterates over the COW ancestors of a subvolume, itself first.
    pub fn ancestors<'a>(&'a self, vol: &'a Subvolume) -> impl Iterator<Item = &'a Subvolume> {
        std::iter::successors(Some(vol), |vol| self.parent(vol))
    }

    /// Iterates breadth first over all subvolumes.
    pub fn breadth_first(&self) -> impl Iterator<Item = &Subvolume> {
        self.level_indices().into_iter().flatten().map(|index| &self.vols[index])
    }

    /// Iterates depth first over a subvolume and its COW descendants.
    pub fn depth_first<'a>(&'a self, vol: &Subvolume) -> impl Iterator<Item = &'a Subvolume> {
        let mut stack: Vec<usize> = self.by_id.get(&vol.id).copied().into_iter().collect();
        std::iter::from_fn(move || {
            let index = stack.pop()?;
            stack.extend(self.children[index].iter().rev());
            Some(&self.vols[index])
        })
    }

    /// Returns the levels of the forest: groups of subvolumes that do not depend on each other.
    pub fn levels(&self) -> Vec<Vec<&Subvolume>> {
        let level = |indices: Vec<usize>| indices.into_iter().map(|i| &self.vols[i]).collect();
        self.level_indices().into_iter().map(level).collect()
    }

    pub(crate) fn index(&self, vol: &Subvolume) -> Option<usize> {
        self.by_id.get(&vol.id).copied()
    }

    pub(crate) fn vol(&self, index: usize) -> &Subvolume {
        &self.vols[index]
    }

    pub(crate) fn parent_index(&self, index: usize) -> Option<usize> {
        self.parents[index]
    }

    fn root_indices(&self) -> impl Iterator<Item = usize> {
        (0..self.vols.len()).filter(|index| self.parents[*index].is_none())
    }

    fn level_indices(&self) -> Vec<Vec<usize>> {
        let mut levels = Vec::new();
        let mut level: Vec<usize> = self.root_indices().collect();
        while !level.is_empty() {
            let next = level.iter().flat_map(|index| &self.children[*index]).copied().collect();
            levels.push(std::mem::replace(&mut level, next));
        }
        levels
    }
}

/// Finds the COW parent of each subvolume; `vols` are in id order.
fn cow_parents(vols: &[Subvolume], eligible: &[bool]) -> Vec<Option<usize>> {
    let mut older: HashMap<Uuid, usize> = HashMap::new();
    let mut newest_snapshot: HashMap<Uuid, usize> = HashMap::new();
    let mut parents: Vec<Option<usize>> = Vec::with_capacity(vols.len());
    for (index, vol) in vols.iter().enumerate() {
        let parent = vol.parent_uuid.and_then(|origin| {
            let origin_index = older.get(&origin).copied();
            origin_index
                .filter(|index| eligible[*index])
                .or_else(|| newest_snapshot.get(&origin).copied())
                .or_else(|| origin_index.and_then(|index| parents[index]))
        });
        parents.push(parent);
        if let Some(origin) = vol.parent_uuid.filter(|_| eligible[index]) {
            newest_snapshot.insert(origin, index);
        }
        if let Some(uuid) = vol.uuid {
            older.entry(uuid).or_insert(index);
        }
    }
    parents
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
