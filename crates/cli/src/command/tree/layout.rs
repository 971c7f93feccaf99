//! From a forest to rows. Pure.
//!
//! The hazard is a line of a hundred snapshots that is drawn a hundred columns deep. So the largest branch
//! goes straight on, as in the graph of a version control system, and only what leaves it is set off: what is
//! drawn is never deeper than the binary logarithm of the number of subvolumes.

/// A row of the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Row {
    /// Which subvolume.
    pub(super) node: usize,
    /// How many lines run past it on its left.
    pub(super) depth: usize,
    /// Whether its line comes from above, or from the line on its left.
    pub(super) goes_on: bool,
    /// Whether its line goes on below.
    pub(super) has_next: bool,
}

/// Lays out a forest, of which it is given under which node each one stands.
pub(super) fn rows(under: &[Option<usize>]) -> Vec<Row> {
    let mut children = vec![Vec::new(); under.len()];
    for (node, parent) in under.iter().enumerate() {
        if let Some(parent) = parent {
            children[*parent].push(node);
        }
    }
    let sizes = sizes(under, &children);
    let mut rows = Vec::with_capacity(under.len());
    let mut stack: Vec<(usize, usize, bool)> = Vec::new();
    stack.extend((0..under.len()).rev().filter(|n| under[*n].is_none()).map(|n| (n, 0, false)));
    while let Some((node, depth, goes_on)) = stack.pop() {
        let next = children[node].iter().copied().max_by_key(|child| (sizes[*child], *child));
        rows.push(Row { node, depth, goes_on, has_next: next.is_some() });
        stack.extend(next.map(|next| (next, depth, true)));
        let aside = children[node].iter().rev().filter(|child| Some(**child) != next);
        stack.extend(aside.map(|child| (*child, depth + 1, false)));
    }
    rows
}

/// How many there are from each on downwards.
fn sizes(under: &[Option<usize>], children: &[Vec<usize>]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..under.len()).filter(|node| under[*node].is_none()).collect();
    let mut at = 0;
    while let Some(node) = order.get(at) {
        order.extend(&children[*node]);
        at += 1;
    }
    let mut sizes = vec![1; under.len()];
    for node in order.into_iter().rev() {
        if let Some(parent) = under[node] {
            sizes[parent] += sizes[node];
        }
    }
    sizes
}

impl Row {
    /// The row's lines, as box-drawing characters.
    pub(super) fn lines(&self) -> String {
        let own = match (self.goes_on, self.has_next) {
            (false, false) => "─ ",
            (false, true) => "┬ ",
            (true, true) => "├ ",
            (true, false) => "└ ",
        };
        match self.depth {
            0 if own == "┬ " => "┌ ".to_owned(),
            0 => own.to_owned(),
            depth if self.goes_on => "│ ".repeat(depth) + own,
            depth => "│ ".repeat(depth - 1) + "├─" + own,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Draws nodes that are called a, b, ...; each is given as the one that it stands under, or `-`.
    fn drawn(under: &str) -> Vec<String> {
        let index = |c: char| (c != '-').then(|| usize::from(c as u8 - b'a'));
        let under: Vec<_> = under.chars().map(index).collect();
        let name = |row: &Row| char::from(b'a' + row.node as u8);
        rows(&under).iter().map(|row| format!("{}{}", row.lines(), name(row))).collect()
    }

    #[test]
    fn a_line_goes_straight_down() {
        assert_eq!(drawn("-ab"), ["┌ a", "├ b", "└ c"]);
        assert_eq!(drawn("--"), ["─ a", "─ b"]);
        assert_eq!(drawn(""), [""; 0]);
    }

    #[test]
    fn what_leaves_a_line_is_set_off() {
        assert_eq!(drawn("-aab"), ["┌ a", "├── c", "├ b", "└ d"]);
        assert_eq!(
            drawn("-aabdcc-"),
            ["┌ a", "├─┬ b", "│ ├ d", "│ └ e", "├ c", "├── f", "└ g", "─ h"]
        );
    }

    #[test]
    fn a_node_may_stand_under_one_that_comes_later() {
        assert_eq!(drawn("c-b"), ["┌ b", "├ c", "└ a"]);
    }

    #[test]
    fn what_is_drawn_is_not_deep() {
        let deepest = |under: &[Option<usize>]| rows(under).iter().map(|row| row.depth).max();
        let chain: Vec<_> = (0..100_000_usize).map(|n| n.checked_sub(1)).collect();
        assert_eq!(deepest(&chain), Some(0));
        // A complete binary tree is the worst.
        let heap: Vec<_> = (0..1023_usize).map(|n| n.checked_sub(1).map(|n| n / 2)).collect();
        assert_eq!(deepest(&heap), Some(9));
    }
}
