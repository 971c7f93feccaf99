//! Random histories of a subvolume, for streams that nobody has thought of.
//!
//! The hazard is a failure that cannot be repeated or understood. A history is a list of numbers, each
//! the seed of one operation; what an operation does depends on its number and on the tree alone. So
//! the same history always makes the same trees (but for the times that only the clock can give), and
//! one that shows a failure can be shrunk, operation by operation, to what the failure needs.

mod at;
mod attributes;
mod content;
mod names;
mod shapes;
mod world;

use std::io;
use std::path::{Path, PathBuf};

use crate::Random;
use crate::must::must;
use world::World;

/// What one operation did, or why it could do nothing.
type Done = io::Result<String>;
type Operation = fn(&mut World) -> Done;

/// A tree with fewer entries grows first.
const FEWEST: usize = 8;

const COMPRESS: &str = "compress";

/// Every kind of operation, and how often it occurs in relation to the others.
const OPERATIONS: [(u64, &str, Operation); 38] = [
    (8, "create", content::create),
    (5, "overwrite", content::overwrite),
    (4, "append", content::append),
    (4, "shrink", content::shrink),
    (2, "grow", content::grow),
    (3, "punch", content::punch),
    (2, "zero", content::zero),
    (3, "allocate", content::allocate),
    (5, "clone file", content::clone_file),
    (5, "clone range", content::clone_range),
    (3, "clone inside", content::clone_inside),
    (4, "clone from older", content::clone_from_older),
    (6, "mkdir", names::mkdir),
    (7, "rename", names::rename),
    (4, "rename over", names::rename_over),
    (5, "exchange", names::exchange),
    (5, "rotate", shapes::rotate),
    (3, "invert", shapes::invert),
    (3, "replace", shapes::replace),
    (3, "recreate", shapes::recreate),
    (1, "whiteout", names::whiteout),
    (4, "link", names::link),
    (5, "unlink", names::unlink),
    (2, "rmdir", names::rmdir),
    (2, "remove all", shapes::remove_all),
    (1, "nest", shapes::nest),
    (1, "crowd", shapes::crowd),
    (1, "many links", shapes::many_links),
    (3, "symlink", names::symlink),
    (3, "mknod", names::mknod),
    (5, "set xattr", attributes::set_xattr),
    (3, "remove xattr", attributes::remove_xattr),
    (3, "acl", attributes::acl),
    (4, "chmod", attributes::chmod),
    (3, "chown", attributes::chown),
    (4, "times", attributes::times),
    (2, "flags", attributes::flags),
    (2, COMPRESS, attributes::compress),
];

/// What a subvolume goes through: rounds of operations, with a snapshot after each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    rounds: Vec<Vec<u64>>,
    compress: bool,
}

impl History {
    /// Makes the history of a seed.
    #[must_use]
    pub fn new(seed: u64, rounds: usize, operations: usize) -> Self {
        let mut random = Random::new(seed);
        let mut round = || (0..operations).map(|_| random.next_u64()).collect();
        Self { rounds: (0..rounds).map(|_| round()).collect(), compress: true }
    }

    /// Leaves out what asks for compression, for filesystems mounted in a way that refuses it.
    #[must_use]
    pub fn without_compression(mut self) -> Self {
        self.compress = false;
        self
    }

    /// Returns how many rounds there are.
    #[must_use]
    pub fn rounds(&self) -> usize {
        self.rounds.len()
    }

    /// Returns how many operations there are.
    #[must_use]
    pub fn operations(&self) -> usize {
        self.rounds.iter().map(Vec::len).sum()
    }

    /// Carries out one round in the subvolume `origin`, which may clone from snapshots that are `older`.
    ///
    /// Returns a line for each operation: its kind, a colon, what it did; one that could do nothing
    /// says `nothing` and why.
    #[must_use]
    #[track_caller]
    pub fn play(&self, round: usize, origin: &Path, older: &[PathBuf]) -> Vec<String> {
        let mut world = must("open", origin, World::open(origin, older));
        self.rounds[round].iter().map(|seed| self.operate(&mut world, *seed)).collect()
    }

    /// Leaves out what a failure does not need: first the last rounds, then pieces, then operations.
    ///
    /// `fails` must tell whether a history still shows the failure.
    #[must_use]
    pub fn shrunk(&self, mut fails: impl FnMut(&Self) -> bool) -> Self {
        let mut least = self.clone();
        while least.rounds.len() > 1 {
            let mut shorter = least.clone();
            shorter.rounds.pop();
            if !fails(&shorter) {
                break;
            }
            least = shorter;
        }
        for size in [16, 4, 1] {
            for round in (0..least.rounds.len()).rev() {
                least.leave_out(round, size, &mut fails);
            }
        }
        least
    }

    /// Leaves out pieces of some size of one round, from its end on.
    fn leave_out(&mut self, round: usize, size: usize, fails: &mut impl FnMut(&Self) -> bool) {
        let mut end = self.rounds[round].len();
        while end > 0 {
            let begin = end.saturating_sub(size);
            let mut shorter = self.clone();
            shorter.rounds[round].drain(begin..end);
            if fails(&shorter) {
                *self = shorter;
            }
            end = begin;
        }
    }

    fn operate(&self, world: &mut World, seed: u64) -> String {
        let mut random = Random::new(seed);
        let entries = must("look at", "the tree", world.look());
        let (name, operation) = self.choose(&mut random, entries);
        world.random = random;
        match operation(world) {
            Ok(what) => format!("{name}: {what}"),
            Err(error) => format!("{name}: nothing: {error}"),
        }
    }

    /// Chooses an operation; in a tree of few entries one that makes some.
    fn choose(&self, random: &mut Random, entries: usize) -> (&'static str, Operation) {
        let makes = |name: &str| entries >= FEWEST || matches!(name, "create" | "mkdir");
        let wanted = |name: &str| makes(name) && (self.compress || name != COMPRESS);
        let possible = OPERATIONS.into_iter().filter(|(_, name, _)| wanted(name));
        let mut at = random.below(possible.clone().map(|(weight, ..)| weight).sum());
        for (weight, name, operation) in possible {
            if at < weight {
                return (name, operation);
            }
            at -= weight;
        }
        unreachable!("the number is below the sum of all weights")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shrinking_keeps_what_the_failure_needs() {
        let history = History::new(1, 3, 10);
        let needed = [history.rounds[0][3], history.rounds[1][7]];
        let has = |history: &History| {
            needed.iter().all(|seed| history.rounds.iter().flatten().any(|other| other == seed))
        };
        let least = history.shrunk(has);
        assert_eq!(least.rounds, [vec![needed[0]], vec![needed[1]]]);
    }
}
