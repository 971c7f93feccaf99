//! Extents that several places of a subvolume share, and share at the destination too.
//!
//! Of an extent each part is fetched once, where it comes first; what comes again is cloned from there. The hazard is a
//! balance, which moves extents while the stream is made, and could put another one where the first was: so whoever
//! clones makes sure that the file that it clones from still has the extent.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;

use uuid::Uuid;

/// What was sent of extents that occur more than once.
#[derive(Debug)]
pub(super) struct Shared {
    repeated: HashSet<u64>,
    /// By where the extent is; its parts by where they begin in its data. They do not overlap.
    sent: HashMap<u64, BTreeMap<u64, Part>>,
    /// The size of a block, of which only whole ones can be cloned, but for the end of a file.
    block: u64,
    /// UUID and transaction of the subvolume, by which a stream names it.
    pub(super) identity: (Uuid, u64),
}

/// A part of an extent, and where it was sent to.
#[derive(Debug)]
struct Part {
    length: u64,
    to: Place,
    /// Where in the file it was sent to.
    offset: u64,
}

/// An item of a file that refers to an extent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) path: Rc<[u8]>,
    /// The inode number of the file.
    pub(super) inode: u64,
    /// Where in the file the extent begins.
    pub(super) begin: u64,
}

/// A range in an extent's data.
#[derive(Debug, Clone, Copy)]
pub(super) struct Range {
    /// Where the extent is.
    pub(super) start: u64,
    /// Where in its data the range begins.
    pub(super) from: u64,
    pub(super) length: u64,
}

/// How the beginning of a range gets to its place.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// It is sent for the first time, so many bytes.
    New(u64),
    /// So many bytes are those at an offset of a file.
    Again(u64, Place, u64),
}

impl Shared {
    /// Takes the extents that occur more than once.
    pub(super) fn new(repeated: HashSet<u64>, block: u32, identity: (Uuid, u64)) -> Self {
        Self { repeated, sent: HashMap::new(), block: block.max(1).into(), identity }
    }

    /// Returns how the beginning of a range gets to an offset of a file; what is new is from there on.
    pub(super) fn piece(&mut self, range: Range, to: &Place, offset: u64) -> Piece {
        let Range { start, from, length } = range;
        if !self.repeated.contains(&start) {
            return Piece::New(length);
        }
        let parts = self.sent.entry(start).or_default();
        if let Some((first, part)) = parts.range(..=from).next_back()
            && let Some(rest) = (first + part.length).checked_sub(from).filter(|rest| *rest > 0)
        {
            let whole = if rest > length { length - length % self.block } else { rest };
            return match whole {
                0 => Piece::New(length),
                whole => Piece::Again(whole, part.to.clone(), part.offset + (from - first)),
            };
        }
        let until = parts.range(from..).next().map_or(u64::MAX, |(next, _)| next - from);
        let length = length.min(until);
        parts.insert(from, Part { length, to: to.clone(), offset });
        Piece::New(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(name: &str) -> Place {
        Place { path: name.as_bytes().into(), inode: 300, begin: 0 }
    }

    /// The pieces of a range of an extent, at an offset of a file.
    fn pieces(
        shared: &mut Shared,
        (start, mut from, mut length): (u64, u64, u64),
        name: &str,
        mut offset: u64,
    ) -> Vec<Piece> {
        let mut all = Vec::new();
        while length > 0 {
            let piece = shared.piece(Range { start, from, length }, &path(name), offset);
            let (Piece::New(done) | Piece::Again(done, ..)) = piece;
            (from, length, offset) = (from + done, length - done, offset + done);
            all.push(piece);
        }
        all
    }

    #[test]
    fn each_part_is_new_once() {
        let mut shared = Shared::new([7].into(), 5, (Uuid::nil(), 1));
        assert_eq!(pieces(&mut shared, (7, 20, 10), "a", 100), [Piece::New(10)]);
        assert_eq!(pieces(&mut shared, (7, 40, 10), "b", 0), [Piece::New(10)]);
        let all = [
            Piece::New(20),
            Piece::Again(10, path("a"), 100),
            Piece::New(10),
            Piece::Again(10, path("b"), 0),
            Piece::New(5),
        ];
        assert_eq!(pieces(&mut shared, (7, 0, 55), "c", 1000), all);
        let again = [Piece::Again(10, path("c"), 1010), Piece::Again(5, path("a"), 100)];
        assert_eq!(pieces(&mut shared, (7, 10, 15), "d", 0), again);
    }

    /// A file ends within a block: that is cloned where the other ends too, and sent again where it goes on.
    #[test]
    fn what_ends_within_a_block_is_cloned_only_where_both_end() {
        let mut shared = Shared::new([7].into(), 5, (Uuid::nil(), 1));
        assert_eq!(pieces(&mut shared, (7, 0, 23), "a", 0), [Piece::New(23)]);
        assert_eq!(pieces(&mut shared, (7, 10, 13), "b", 0), [Piece::Again(13, path("a"), 10)]);
        let cut = [Piece::Again(10, path("a"), 0), Piece::New(2)];
        assert_eq!(pieces(&mut shared, (7, 0, 12), "c", 0), cut);
        let longer = [Piece::Again(23, path("a"), 0), Piece::New(7)];
        assert_eq!(pieces(&mut shared, (7, 0, 30), "d", 0), longer);
    }

    #[test]
    fn what_occurs_once_is_not_kept_in_mind() {
        let mut shared = Shared::new([7].into(), 5, (Uuid::nil(), 1));
        for _ in 0..2 {
            assert_eq!(pieces(&mut shared, (8, 0, 10), "a", 0), [Piece::New(10)]);
        }
    }
}
