//! What must be known of a subvolume before the first command.

use std::collections::HashSet;
use std::fs::File;

use btrsync_kernel as kernel;
use kernel::{ExtentData, Item};

/// The extents that are kept in mind at most, in memory of some twenty megabytes.
const EXTENTS: usize = 1 << 20;

/// How often extents may come again. Each time is kept in mind when the stream is made.
const REPEATS: usize = 1 << 16;

/// How many names may be in a directory with a higher inode number, which then may have to be made before its turn.
const EARLY: usize = 1 << 18;

/// Looks through a subvolume; returns the extents that occur more than once in it, by where they are, or nothing
/// where its stream cannot be made here.
pub(super) fn survey(subvolume: &File) -> kernel::Result<Option<HashSet<u64>>> {
    let mut seen = Seen::default();
    match kernel::items(subvolume, |inode, item| seen.take(inode, item)) {
        Ok(()) => Ok(Some(seen.repeated)),
        Err(Stop::TooMuch(what)) => {
            tracing::debug!(what, "the kernel makes the stream");
            Ok(None)
        }
        Err(Stop::Kernel(error)) => Err(error),
    }
}

/// What was seen so far.
#[derive(Debug, Default)]
struct Seen {
    extents: HashSet<u64>,
    repeated: HashSet<u64>,
    repeats: usize,
    early: usize,
}

/// Why not all was looked at.
enum Stop {
    TooMuch(&'static str),
    Kernel(kernel::Error),
}

impl From<kernel::Error> for Stop {
    fn from(error: kernel::Error) -> Self {
        Self::Kernel(error)
    }
}

impl Seen {
    fn take(&mut self, inode: u64, item: Item<'_>) -> Result<(), Stop> {
        match item {
            Item::Name { directory, .. } if directory > inode => {
                self.early += 1;
                within(self.early, EARLY, "directories made later than what is in them")
            }
            Item::Extent(extent) => match extent.data {
                ExtentData::Stored { start, .. } => self.stored(start),
                ExtentData::Unknown => Err(Stop::TooMuch("an unknown encoding")),
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }

    fn stored(&mut self, start: u64) -> Result<(), Stop> {
        if self.extents.insert(start) {
            return within(self.extents.len(), EXTENTS, "extents");
        }
        self.repeated.insert(start);
        self.repeats += 1;
        within(self.repeats, REPEATS, "extents that come again")
    }
}

fn within(count: usize, most: usize, what: &'static str) -> Result<(), Stop> {
    if count <= most { Ok(()) } else { Err(Stop::TooMuch(what)) }
}

#[cfg(test)]
mod tests {
    use kernel::FileExtent;

    use super::*;

    fn extent(data: ExtentData<'_>) -> Item<'_> {
        Item::Extent(FileExtent { offset: 0, length: 4096, data })
    }

    /// Whether all of that may be, and what occurs more than once.
    fn seen<'a>(items: impl IntoIterator<Item = Item<'a>>) -> Option<Vec<u64>> {
        let mut seen = Seen::default();
        let all = items.into_iter().try_for_each(|item| seen.take(300, item));
        let mut repeated: Vec<_> = seen.repeated.into_iter().collect();
        repeated.sort_unstable();
        all.is_ok().then_some(repeated)
    }

    fn stored(start: u64) -> Item<'static> {
        extent(ExtentData::Stored { start, from: 0 })
    }

    #[test]
    fn extents_that_come_again_are_found() {
        assert_eq!(seen([1, 2, 3, 2, 1, 2].map(|at| stored(at << 12))), Some(vec![4096, 8192]));
        assert_eq!(seen([extent(ExtentData::Nothing); 3]), Some(vec![]));
    }

    #[test]
    fn what_takes_too_much_memory_or_is_unknown_is_left_to_the_kernel() {
        let name = |directory| Item::Name { directory, name: b"name" };
        assert!(seen((0..EXTENTS as u64).map(stored)).is_some());
        assert!(seen((0..=EXTENTS as u64).map(stored)).is_none());
        assert!(seen((0..=REPEATS).map(|_| stored(1))).is_some());
        assert!(seen((0..REPEATS + 2).map(|_| stored(1))).is_none());
        assert!(seen((0..EARLY).map(|_| name(301))).is_some());
        assert!(seen((0..=EARLY).map(|_| name(301))).is_none());
        assert!(seen((0..=EARLY).map(|_| name(299))).is_some());
        assert!(seen([extent(ExtentData::Unknown)]).is_none());
    }
}
