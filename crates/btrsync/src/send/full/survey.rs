//! What must be known of a subvolume before the first command.

use std::collections::HashSet;
use std::fs::File;

use btrsync_kernel as kernel;
use kernel::{ExtentData, FileExtent, Item};
use rustix::fs::FileType;

/// The extents that are kept in mind at most, in memory of some twenty megabytes.
const EXTENTS: usize = 1 << 20;

/// How often extents may come again. Each time is kept in mind when the stream is made.
const REPEATS: usize = 1 << 16;

/// How many names may be in a directory with a higher inode number, which then may have to be made before its turn.
const EARLY: usize = 1 << 18;

/// How many names and attributes a symbolic link may have, which are kept in mind until its target comes.
const OF_LINK: usize = 1 << 10;

/// How many items are looked at of the clone sources: so many times those of the subvolume, and some. To look at
/// many large ones would take longer than what is gained.
const OF_OTHERS: (usize, usize) = (4, 1 << 16);

/// Looks through a subvolume; returns the extents that occur more than once in it, by where they are, or nothing
/// where its stream cannot be made here. That is so too where it shares data with one of `others`, the clone
/// sources, by their ids.
pub(super) fn survey(subvolume: &File, others: &[u64]) -> kernel::Result<Option<HashSet<u64>>> {
    let mut seen = Seen::default();
    let all = kernel::items(subvolume, |inode, item| seen.take(inode, item));
    match all.and_then(|()| others.iter().try_for_each(|other| seen.other(subvolume, *other))) {
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
    items: usize,
    of_others: usize,
    /// What there was of the symbolic link at hand, if it is one.
    of_link: Option<usize>,
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
    /// Looks for the same extents in another subvolume.
    fn other(&mut self, fd: &File, subvolume: u64) -> Result<(), Stop> {
        if self.extents.is_empty() {
            return Ok(());
        }
        kernel::items_of(fd, subvolume, |_, item| self.take_other(item))
    }

    fn take_other(&mut self, item: Item<'_>) -> Result<(), Stop> {
        self.of_others += 1;
        let (times, more) = OF_OTHERS;
        within(self.of_others, times * self.items + more, "items of clone sources")?;
        match item {
            Item::Extent(FileExtent { data: ExtentData::Stored { start, .. }, .. })
                if self.extents.contains(&start) =>
            {
                Err(Stop::TooMuch("data that a clone source has"))
            }
            _ => Ok(()),
        }
    }

    fn take(&mut self, inode: u64, item: Item<'_>) -> Result<(), Stop> {
        self.items += 1;
        if let Item::Inode(record) = item {
            let kind = FileType::from_raw_mode(record.mode);
            self.of_link = (kind == FileType::Symlink).then_some(0);
            return Ok(());
        }
        if let Some(of_link) = self.of_link.as_mut() {
            *of_link += 1;
            within(*of_link, OF_LINK, "names and attributes of a symbolic link")?;
        }
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

    fn inode(mode: u32) -> Item<'static> {
        let time = kernel::InodeTime { seconds: 0, nanoseconds: 0 };
        let (links, size, uid, gid, device) = (1, 0, 0, 0, 0);
        let [atime, mtime, ctime, otime] = [time; 4];
        let inode =
            kernel::Inode { links, size, mode, uid, gid, device, atime, mtime, ctime, otime };
        Item::Inode(inode)
    }

    #[test]
    fn of_a_symbolic_link_not_more_is_kept_in_mind_than_fits() {
        let (name, link) = (Item::Name { directory: 256, name: b"name" }, inode(0o120_777));
        let with = |first, names| std::iter::once(first).chain(std::iter::repeat_n(name, names));
        assert!(seen(with(link, OF_LINK)).is_some());
        assert!(seen(with(link, OF_LINK + 1)).is_none());
        assert!(seen(with(inode(0o100_644), OF_LINK + 1)).is_some());
        assert!(seen(with(link, OF_LINK).chain(with(link, OF_LINK))).is_some());
    }

    /// Whether that may be in a clone source of a subvolume with these items.
    fn beside(own: &[Item<'_>], others: &[Item<'_>]) -> bool {
        let mut seen = Seen::default();
        let own = own.iter().try_for_each(|item| seen.take(300, *item));
        own.is_ok() && others.iter().try_for_each(|item| seen.take_other(*item)).is_ok()
    }

    #[test]
    fn what_a_clone_source_has_too_is_left_to_the_kernel_and_so_are_very_large_ones() {
        let own = [stored(1), stored(2)];
        assert!(beside(&own, &[stored(3), extent(ExtentData::Nothing), inode(0o100_644)]));
        assert!(!beside(&own, &[stored(3), stored(2)]));
        let most = 4 * own.len() + (1 << 16);
        assert!(beside(&own, &vec![stored(3); most]));
        assert!(!beside(&own, &vec![stored(3); most + 1]));
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
