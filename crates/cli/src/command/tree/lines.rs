//! The lines of a row, drawn.

use super::drawing::Entry;

/// The height of a row.
pub(super) const HEIGHT: usize = 22;

const STEP: usize = 16;

/// How far to the right a line runs.
fn x(depth: usize) -> usize {
    12 + depth * STEP
}

/// Where the text begins.
pub(super) fn right(depth: usize) -> usize {
    x(depth) + 14
}

/// The lines and the dot of a row whose upper edge is at `top`; the dot looks as its attributes say.
pub(super) fn drawn(entry: &Entry, top: usize, dot: &str) -> String {
    let (row, middle, bottom) = (entry.row, top + HEIGHT / 2, top + HEIGHT);
    let mut shapes = String::new();
    let mut path = |from: (usize, usize), to: (usize, usize)| {
        shapes += &format!("<path d=\"M{} {}L{} {}\"/>", from.0, from.1, to.0, to.1);
    };
    for depth in 0..row.depth {
        path((x(depth), top), (x(depth), bottom));
    }
    let at = x(row.depth);
    if row.goes_on {
        path((at, top), (at, middle));
    } else if row.depth > 0 {
        path((x(row.depth - 1), middle), (at, middle));
    }
    if row.has_next {
        path((at, middle), (at, bottom));
    }
    shapes + &format!("<circle cx=\"{at}\" cy=\"{middle}\" r=\"5\" {dot}/>")
}
