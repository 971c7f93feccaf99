//! A picture that any browser shows.

use super::drawing::{Column, Drawing, Drawn, Entry};
use super::lines::{HEIGHT, drawn, right};
use crate::screen::{Paint, width};

/// How wide a column of text is; the font is not known exactly.
const COLUMN: usize = 9;

pub(super) fn all(drawing: &Drawing) -> String {
    let edges = edges(drawing);
    let (mut body, mut top) = (String::new(), 0);
    for drawn in drawing.forests.iter().filter(|drawn| !drawn.entries.is_empty()) {
        forest(&mut body, drawn, &drawing.columns, &edges, &mut top);
    }
    let wide = edges.last().copied().unwrap_or_default();
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{wide}\" height=\"{top}\" viewBox=\"0 0 {wide} {top}\" \
         font-family=\"monospace\" font-size=\"13\" stroke-width=\"1.5\">\n\
         <title>{}</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n{body}</svg>\n",
        xml(&drawing.title)
    )
}

/// Where the columns behind the first begin, and where the last one ends.
fn edges(drawing: &Drawing) -> Vec<usize> {
    let entries = || drawing.forests.iter().flat_map(|drawn| &drawn.entries);
    let titles = drawing.forests.iter().map(|drawn| width(&drawn.title) * COLUMN + right(0));
    let first = |least: usize| {
        let wide =
            entries().map(|entry| right(entry.row.depth) + (width(&entry.path) + 2) * COLUMN);
        wide.max().unwrap_or_default().max(least)
    };
    let mut edge = first(0);
    let mut edges = vec![edge];
    for column in &drawing.columns {
        let wide = entries().map(|entry| width(entry.says(*column))).max().unwrap_or_default();
        edge += (wide + 2) * COLUMN;
        edges.push(edge);
    }
    if let (Some(end), Some(title)) = (edges.last_mut(), titles.max()) {
        *end = (*end).max(title);
    }
    edges
}

fn forest(body: &mut String, forest: &Drawn, columns: &[Column], edges: &[usize], top: &mut usize) {
    let text = |at: usize, top: usize, colour: &str, weight: &str, said: &str| {
        let y = top + HEIGHT / 2 + 4;
        let said = xml(said);
        format!(
            "<text x=\"{at}\" y=\"{y}\" fill=\"{colour}\"{weight} xml:space=\"preserve\">{said}</text>"
        )
    };
    *body += &text(right(0), *top, "#000", " font-weight=\"bold\"", &forest.title);
    body.push('\n');
    *top += HEIGHT;
    for entry in &forest.entries {
        *body +=
            &format!("<g stroke=\"#888\" fill=\"none\">{}</g>", drawn(entry, *top, &dot(entry)));
        *body += &text(right(entry.row.depth), *top, colour(entry.paint), "", &entry.path);
        for (column, at) in columns.iter().zip(edges) {
            let said = entry.says(*column);
            if !said.is_empty() {
                *body += &text(*at, *top, "#333", "", said);
            }
        }
        body.push('\n');
        *top += HEIGHT;
    }
}

fn dot(entry: &Entry) -> String {
    let colour = colour(entry.paint);
    let fill = if entry.mode == "rw" { "#fff" } else { colour };
    format!("stroke=\"{colour}\" fill=\"{fill}\"")
}

pub(super) fn colour(paint: Paint) -> &'static str {
    match paint {
        Paint::Good => "#217a3c",
        Paint::New => "#0b63b5",
        Paint::Odd => "#b3560a",
        _ => "#333333",
    }
}

/// Text within XML or HTML. Two characters that a name may hold are none in XML.
pub(super) fn xml(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            '\u{fffe}' | '\u{ffff}' => safe.push('\u{fffd}'),
            c => safe.push(c),
        }
    }
    safe
}
