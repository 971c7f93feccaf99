//! Columns that fit the screen. Widths are those on the screen: a wide character takes two columns.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::{Paint, Screen};

/// The least to which a column is cut.
const LEAST: usize = 12;

const GAP: usize = 2;

/// A cell, all of it printable.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cell {
    /// Comes first and is never cut.
    pub(crate) lead: String,
    pub(crate) text: String,
    pub(crate) paint: Paint,
    /// Whether it loses its end where it is too long, as a sentence does.
    is_sentence: bool,
    /// Whether it stands at the right edge of its column, as a number does.
    is_right: bool,
}

impl Cell {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    pub(crate) fn sentence(text: impl Into<String>) -> Self {
        Self { is_sentence: true, ..Self::new(text) }
    }

    pub(crate) fn right(self) -> Self {
        Self { is_right: true, ..self }
    }

    pub(crate) fn paint(self, paint: Paint) -> Self {
        Self { paint, ..self }
    }

    pub(crate) fn lead(self, lead: String) -> Self {
        Self { lead, ..self }
    }

    fn width(&self) -> usize {
        width(&self.lead) + width(&self.text)
    }

    fn shown(&self, columns: usize, screen: &Screen) -> String {
        let lead = cut(&self.lead, columns);
        let left = columns - width(&lead);
        let text = if self.is_sentence { begun(&self.text, left) } else { cut(&self.text, left) };
        let text = screen.paint(self.paint, &text);
        screen.paint(Paint::Dim, &lead) + &text
    }
}

/// Rows under a head; the last column has no padding.
#[derive(Debug, Default)]
pub(crate) struct Table {
    pub(crate) head: Vec<&'static str>,
    pub(crate) rows: Vec<Vec<Cell>>,
}

impl Table {
    /// Returns the lines, none of which is wider than the screen.
    pub(crate) fn lines(&self, screen: &Screen) -> Vec<String> {
        let head: Vec<Cell> =
            self.head.iter().map(|name| Cell::new(*name).paint(Paint::Bold)).collect();
        let mut widths: Vec<usize> = head.iter().map(Cell::width).collect();
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.width().max(*width);
            }
        }
        if let Some(columns) = screen.width {
            fit(&mut widths, columns);
        }
        let rows = std::iter::once(&head).chain(&self.rows);
        rows.map(|row| line(row, &widths, screen)).collect()
    }
}

fn line(row: &[Cell], widths: &[usize], screen: &Screen) -> String {
    let (mut line, mut blank) = (String::new(), 0);
    for (cell, columns) in row.iter().zip(widths) {
        let shown = cell.shown(*columns, screen);
        let rest = columns.saturating_sub(cell.width().min(*columns));
        let (before, behind) = if cell.is_right { (rest, 0) } else { (0, rest) };
        blank += before;
        if !shown.is_empty() {
            line.extend(std::iter::repeat_n(' ', blank));
            blank = 0;
            line.push_str(&shown);
        }
        blank += behind + GAP;
    }
    line
}

/// Takes from the widest column until all fit, and then from the last.
fn fit(widths: &mut [usize], columns: usize) {
    let gaps = GAP * widths.len().saturating_sub(1);
    let mut excess = (widths.iter().sum::<usize>() + gaps).saturating_sub(columns);
    while excess > 0 {
        let Some(widest) = widths.iter_mut().max().filter(|widest| **widest > LEAST) else { break };
        *widest -= 1;
        excess -= 1;
    }
    for width in widths.iter_mut().rev() {
        let taken = excess.min(*width);
        *width -= taken;
        excess -= taken;
    }
}

/// How many columns a text takes.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// Cuts out the middle of a text: names differ in their beginnings and their ends.
pub(crate) fn cut(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let Some(rest) = columns.checked_sub(1) else { return String::new() };
    let tail: String = taken(text.chars().rev(), rest / 2).chars().rev().collect();
    // A mark that combines has nothing to combine with where what it stands on is cut off.
    let tail = tail.trim_start_matches(|c: char| c.width() == Some(0));
    taken(text.chars(), rest - rest / 2) + "…" + tail
}

/// Cuts off the end of a text.
fn begun(text: &str, columns: usize) -> String {
    match columns.checked_sub(1) {
        _ if width(text) <= columns => text.to_owned(),
        None => String::new(),
        Some(rest) => taken(text.chars(), rest).trim_end().to_owned() + "…",
    }
}

fn taken(chars: impl Iterator<Item = char>, columns: usize) -> String {
    let mut left = columns;
    let fits = |c: &char| {
        let rest = left.checked_sub(c.width().unwrap_or(0));
        left = rest.unwrap_or(0);
        rest.is_some()
    };
    chars.take_while(fits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Screen = Screen { width: Some(30), colours: false };

    #[test]
    fn what_is_too_long_loses_its_middle() {
        assert_eq!(cut("abcdefgh", 8), "abcdefgh");
        assert_eq!(cut("abcdefgh", 5), "ab…gh");
        assert_eq!(cut("日本語日本語", 6), "日…語");
        assert_eq!(cut("日本語", 1), "…");
        assert_eq!(cut("日本語", 0), "");
        assert_eq!([begun("one two", 7), begun("one two", 5)], ["one two", "one…"]);
        for columns in 0..20 {
            assert!(width(&cut("día 日本 🦀 e\u{301}tude", columns)) <= columns, "{columns}");
        }
    }

    #[test]
    fn no_line_is_wider_than_the_screen() {
        let row = |text: &str| vec![Cell::new(text).lead("│ ".repeat(3)), Cell::new(text)];
        for columns in 0..60 {
            let table = Table {
                head: vec!["NAME", "OTHER"],
                rows: vec![row("日本語日本語日本語"), row("a")],
            };
            let lines = table.lines(&Screen { width: Some(columns), ..PLAIN });
            assert!(lines.iter().all(|line| width(line) <= columns), "{columns}: {lines:#?}");
        }
    }

    #[test]
    fn numbers_stand_at_the_right() {
        let row = |size: &str| vec![Cell::new("a"), Cell::new(size).right(), Cell::new("x")];
        let table = Table { head: vec!["NAME", "N", ""], rows: vec![row("10"), row("7"), row("")] };
        assert_eq!(table.lines(&PLAIN), ["NAME  N", "a     10  x", "a      7  x", "a         x"]);
    }

    #[test]
    fn columns_stand_under_each_other_and_nothing_trails() {
        let rows = vec![
            vec![Cell::new("日本"), Cell::new("1"), Cell::default()],
            vec![Cell::new("a"), Cell::default(), Cell::new("x")],
        ];
        let table = Table { head: vec!["NAME", "ID", "T"], rows };
        assert_eq!(table.lines(&PLAIN), ["NAME  ID  T", "日本  1", "a         x"]);
    }
}
