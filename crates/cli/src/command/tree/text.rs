//! For the terminal.

use super::drawing::{Drawing, Drawn, Entry};
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
    Table { head: drawing.head().to_vec(), rows: drawn.entries.iter().map(row).collect() }
}

fn row(entry: &Entry) -> Vec<Cell> {
    let first = Cell::new(&entry.path).lead(entry.row.lines()).paint(entry.paint);
    let [age, mode, state, sync] = entry.columns();
    vec![first, Cell::new(age), Cell::new(mode), Cell::new(state), Cell::sentence(sync)]
}
