//! For the terminal.

use super::drawing::{Column, Drawing, Drawn, Entry};
use crate::screen::{Paint, Screen, Table, cut};

pub(super) fn all(drawing: &Drawing, screen: &Screen) -> String {
    let mut text = String::new();
    for drawn in drawing.forests.iter().filter(|drawn| !drawn.entries.is_empty()) {
        let columns = screen.width.unwrap_or(usize::MAX);
        text += &format!("{}\n", screen.paint(Paint::Bold, &cut(&drawn.title, columns)));
        table(drawing, drawn).each_line(screen, |line| {
            text += line;
            text.push('\n');
        });
    }
    if text.is_empty() { "No subvolumes\n".to_owned() } else { text }
}

fn table(drawing: &Drawing, drawn: &Drawn) -> Table {
    let mut table = Table::new(&drawing.head());
    drawn.entries.iter().for_each(|entry| put_row(&mut table, entry, &drawing.columns));
    table
}

fn put_row(table: &mut Table, entry: &Entry, columns: &[Column]) {
    table.put_behind(&entry.row.lines(), &entry.path).paint(entry.paint);
    for column in columns {
        let cell = table.put(entry.says(*column));
        if *column == Column::Sync {
            cell.sentence();
        } else if column.is_number() {
            cell.right();
        }
    }
}
