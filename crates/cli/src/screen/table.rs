//! Columns that fit the screen. Widths are those on the screen: a wide character takes two columns.

use std::borrow::Cow;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::{Paint, Screen};

/// The least to which a column is cut.
const LEAST: usize = 12;

const GAP: usize = 2;

/// How a cell is shown.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cell {
    /// Where its text ends in that of the table.
    end: usize,
    /// How much of it comes first and is never cut.
    lead: u16,
    paint: Paint,
    /// Whether it loses its end where it is too long, as a sentence does.
    is_sentence: bool,
    /// Whether it stands at the right edge of its column, as a number does.
    is_right: bool,
}

impl Cell {
    pub(crate) fn sentence(&mut self) -> &mut Self {
        self.is_sentence = true;
        self
    }

    pub(crate) fn right(&mut self) -> &mut Self {
        self.is_right = true;
        self
    }

    pub(crate) fn paint(&mut self, paint: Paint) -> &mut Self {
        self.paint = paint;
        self
    }

    /// What of its text is shown in so many columns: what comes first, and the rest.
    fn fitting<'a>(&self, text: &'a str, columns: usize) -> (Cow<'a, str>, Cow<'a, str>) {
        let (lead, rest) = text.split_at(self.lead.into());
        if width(text) <= columns {
            return (lead.into(), rest.into());
        }
        let lead = cut(lead, columns);
        let left = columns - width(&lead);
        let rest = if self.is_sentence { begun(rest, left) } else { cut(rest, left) };
        (lead, rest)
    }
}

/// Rows under a head; the last column has no padding. The texts of the cells, all of them printable, follow one
/// another in one: there are hundreds of thousands of them.
#[derive(Debug)]
pub(crate) struct Table {
    columns: usize,
    cells: Vec<Cell>,
    text: String,
}

impl Table {
    pub(crate) fn new(head: &[&str]) -> Self {
        let mut table = Self { columns: head.len(), cells: Vec::new(), text: String::new() };
        for name in head {
            table.put(name).paint(Paint::Bold);
        }
        table
    }

    /// Adds the next cell, from the left to the right and from row to row.
    pub(crate) fn put(&mut self, text: &str) -> &mut Cell {
        self.put_behind("", text)
    }

    /// Adds a cell with what comes first and is never cut.
    pub(crate) fn put_behind(&mut self, lead: &str, text: &str) -> &mut Cell {
        self.text += lead;
        self.text += text;
        let (end, at) = (self.text.len(), self.cells.len());
        // What comes first is short; if it were not, it would be cut as all else is.
        let lead = lead.len().try_into().unwrap_or(0);
        self.cells.push(Cell { end, lead, ..Cell::default() });
        &mut self.cells[at]
    }

    /// Returns the lines, none of which is wider than the screen.
    pub(crate) fn lines(&self, screen: &Screen) -> Vec<String> {
        let mut lines = Vec::new();
        self.each_line(screen, |line| lines.push(line.to_owned()));
        lines
    }

    /// Visits the lines, as [`Table::lines`].
    pub(crate) fn each_line(&self, screen: &Screen, mut visit: impl FnMut(&str)) {
        let (widths, mut line) = (self.widths(screen), String::new());
        let mut cells = self.all().peekable();
        while cells.peek().is_some() {
            // The widths first, so that no cell of the next row is taken.
            put_line(&mut line, widths.iter().zip(cells.by_ref()), screen);
            visit(&line);
            line.clear();
        }
    }

    /// All cells with their texts.
    fn all(&self) -> impl Iterator<Item = (&Cell, &str)> {
        let mut from = 0;
        self.cells.iter().map(move |cell| {
            let text = &self.text[from..cell.end];
            from = cell.end;
            (cell, text)
        })
    }

    fn widths(&self, screen: &Screen) -> Vec<usize> {
        let mut widths = vec![0; self.columns];
        for (index, (_, text)) in self.all().enumerate() {
            let widest = &mut widths[index % self.columns];
            *widest = width(text).max(*widest);
        }
        if let Some(columns) = screen.width {
            fit(&mut widths, columns);
        }
        widths
    }
}

fn put_line<'a>(
    line: &mut String,
    row: impl Iterator<Item = (&'a usize, (&'a Cell, &'a str))>,
    screen: &Screen,
) {
    let mut blank = 0;
    for (columns, (cell, text)) in row {
        let rest = columns.saturating_sub(width(text));
        let (before, behind) = if cell.is_right { (rest, 0) } else { (0, rest) };
        blank += before;
        let (lead, text) = cell.fitting(text, *columns);
        if !lead.is_empty() || !text.is_empty() {
            push_blank(line, blank);
            blank = 0;
            screen.paint_to(line, Paint::Dim, &lead);
            screen.paint_to(line, cell.paint, &text);
        }
        blank += behind + GAP;
    }
}

fn push_blank(line: &mut String, mut columns: usize) {
    const BLANK: &str = "                                ";
    while columns > 0 {
        let some = columns.min(BLANK.len());
        line.push_str(&BLANK[..some]);
        columns -= some;
    }
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
    if text.is_ascii() { text.len() } else { text.width() }
}

/// Cuts out the middle of a text: names differ in their beginnings and their ends.
pub(crate) fn cut(text: &str, columns: usize) -> Cow<'_, str> {
    if width(text) <= columns {
        return text.into();
    }
    let Some(rest) = columns.checked_sub(1) else { return "".into() };
    let tail: String = taken(text.chars().rev(), rest / 2).chars().rev().collect();
    // A mark that combines has nothing to combine with where what it stands on is cut off.
    let tail = tail.trim_start_matches(|c: char| c.width() == Some(0));
    (taken(text.chars(), rest - rest / 2) + "…" + tail).into()
}

/// Cuts off the end of a text.
fn begun(text: &str, columns: usize) -> Cow<'_, str> {
    match columns.checked_sub(1) {
        _ if width(text) <= columns => text.into(),
        None => "".into(),
        Some(rest) => (taken(text.chars(), rest).trim_end().to_owned() + "…").into(),
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
        for columns in 0..60 {
            let mut table = Table::new(&["NAME", "OTHER"]);
            for text in ["日本語日本語日本語", "a"] {
                table.put_behind(&"│ ".repeat(3), text);
                table.put(text);
            }
            let lines = table.lines(&Screen { width: Some(columns), ..PLAIN });
            assert!(lines.iter().all(|line| width(line) <= columns), "{columns}: {lines:#?}");
        }
    }

    #[test]
    fn numbers_stand_at_the_right() {
        let mut table = Table::new(&["NAME", "N", ""]);
        for size in ["10", "7", ""] {
            table.put("a");
            table.put(size).right();
            table.put("x");
        }
        assert_eq!(table.lines(&PLAIN), ["NAME  N", "a     10  x", "a      7  x", "a         x"]);
    }

    #[test]
    fn columns_stand_under_each_other_and_nothing_trails() {
        let mut table = Table::new(&["NAME", "ID", "T"]);
        for text in ["日本", "1", "", "a", "", "x"] {
            table.put(text);
        }
        assert_eq!(table.lines(&PLAIN), ["NAME  ID  T", "日本  1", "a         x"]);
    }
}
