//! For the terminal.

use super::drawing::{Column, Drawing, Drawn, Entry};
use crate::screen::{Cell, Paint, Screen, Table, cut};

pub(super) fn all(drawing: &Drawing, screen: &Screen) -> String {
    let mut text = String::new();
    for drawn in drawing.forests.iter().filter(|drawn| !drawn.entries.is_empty()) {
        let columns = screen.width.unwrap_or(usize::MAX);
        text += &format!("{}\n", screen.paint(Paint::Bold, &cut(&drawn.title, columns)));
        for line in table(drawing, drawn).lines(screen) {
            text += &format!("{line}\n");
        }
    }
    if text.is_empty() { "No subvolumes\n".to_owned() } else { text }
}

fn table(drawing: &Drawing, drawn: &Drawn) -> Table {
    let row = |entry| row(entry, &drawing.columns);
    Table { head: drawing.head(), rows: drawn.entries.iter().map(row).collect() }
}

fn row(entry: &Entry, columns: &[Column]) -> Vec<Cell> {
    let first = Cell::new(&entry.path).lead(entry.row.lines()).paint(entry.paint);
    let cell = |column: &Column| match (column, entry.says(*column)) {
        (Column::Sync, text) => Cell::sentence(text),
        (column, text) if column.is_number() => Cell::new(text).right(),
        (_, text) => Cell::new(text),
    };
    [first].into_iter().chain(columns.iter().map(cell)).collect()
}
