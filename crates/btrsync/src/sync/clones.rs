//! Which subvolumes a stream may clone from, beside its parent.
//!
//! The hazard is cost: the kernel looks up each extent among all of them, so they are few. And what an
//! interrupted transfer has received is of use only to a stream that clones from the same ones: they are
//! chosen by what both sides hold before the transfer, never by what may come while it runs.

use std::collections::{BTreeSet, HashMap};

use super::view::View;
use crate::btrfs::{Forest, Subvolume};

/// At most so many clone sources has one stream.
const MOST: usize = 8;

/// When clone sources can be used, as far as the two roots are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CloneSources {
    /// Never.
    #[default]
    Never,
    /// Where there is a parent.
    WithParent,
    /// Always.
    Always,
}

impl CloneSources {
    /// Returns what both of two sides can do.
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Never, _) | (_, Self::Never) => Self::Never,
            (Self::Always, Self::Always) => Self::Always,
            _ => Self::WithParent,
        }
    }
}

/// The volumes that both sides hold and that could be parents, by their places in the forest.
#[derive(Debug)]
pub(super) struct Common {
    when: CloneSources,
    /// The root of the COW tree that each is in.
    roots: Vec<usize>,
    all: BTreeSet<usize>,
    by_root: HashMap<usize, BTreeSet<usize>>,
}

impl Common {
    pub(super) fn new(src: &Forest, view: &View<'_>, when: CloneSources) -> Self {
        let (all, by_root) = Default::default();
        let mut common = Self { when, roots: Vec::with_capacity(src.len()), all, by_root };
        for (index, vol) in src.iter().enumerate() {
            let root = src.parent_index(index).map_or(index, |parent| common.roots[parent]);
            common.roots.push(root);
            if view.is_usable(vol) {
                common.put(index);
            }
        }
        common
    }

    /// Notes that the destination has, or will have, another.
    pub(super) fn add(&mut self, src: &Forest, vol: &Subvolume) {
        if let Some(index) = src.index(vol) {
            self.put(index);
        }
    }

    fn put(&mut self, index: usize) {
        if self.when == CloneSources::Never {
            return;
        }
        self.all.insert(index);
        self.by_root.entry(self.roots[index]).or_default().insert(index);
    }

    /// Chooses for a volume, the nearest first: older ones of its own tree, and where it is sent in full
    /// any older ones behind them.
    pub(super) fn choose(
        &self,
        src: &Forest,
        vol: &Subvolume,
        parent: Option<&Subvolume>,
    ) -> Vec<Subvolume> {
        let Some(index) = src.index(vol).filter(|_| self.is_possible(parent)) else {
            return Vec::new();
        };
        let related = self.by_root.get(&self.roots[index]);
        let related = related.into_iter().flat_map(|tree| tree.range(..index).rev());
        let any = self.all.range(..index).rev().filter(|_| parent.is_none());
        let mut seen: BTreeSet<usize> = parent.and_then(|vol| src.index(vol)).into_iter().collect();
        let chosen = related.take(MOST + 1).chain(any).filter(|index| seen.insert(**index));
        chosen.take(MOST).map(|index| src.vol(*index).clone()).collect()
    }

    fn is_possible(&self, parent: Option<&Subvolume>) -> bool {
        match self.when {
            CloneSources::Never => false,
            CloneSources::WithParent => parent.is_some(),
            CloneSources::Always => true,
        }
    }
}
