//! A page that is complete in itself: it loads nothing, from nowhere.
//!
//! The hazard is a name that is taken for a part of the page. So names are only ever text, and what the page
//! may do is said in its head: neither load nor send.

use super::drawing::{Column, Drawing, Drawn, Entry};
use super::lines::{HEIGHT, drawn, right};
use super::svg::xml;
use crate::screen::Paint;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

pub(super) fn all(drawing: &Drawing) -> String {
    let title = xml(&drawing.title);
    let mut body = String::new();
    for drawn in drawing.forests.iter().filter(|drawn| !drawn.entries.is_empty()) {
        body += &forest(drawn, drawing);
    }
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title}</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n\
         <p class=\"search\"><input id=\"search\" type=\"search\" placeholder=\"Search\" aria-label=\"Search\" autofocus> \
         <span id=\"count\"></span> <span id=\"states\"></span></p>\n\
         {body}<script>\n{SCRIPT}</script>\n</body>\n</html>\n"
    )
}

fn forest(forest: &Drawn, drawing: &Drawing) -> String {
    let head = |column: &Column| {
        let class = if column.is_number() { " class=\"number\"" } else { "" };
        format!("<th{class}>{}</th>", xml(column.title()))
    };
    let head: String = drawing.columns.iter().map(head).collect();
    let rows: String = forest.entries.iter().map(|entry| row(entry, &drawing.columns)).collect();
    let title = xml(&forest.title);
    format!(
        "<section><h2>{title}</h2>\n<table>\n<thead><tr><th>SUBVOLUME</th>{head}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table></section>\n"
    )
}

fn row(entry: &Entry, columns: &[Column]) -> String {
    let dot = if entry.mode == "rw" { "class=\"open\"" } else { "" };
    let (wide, lines) = (right(entry.row.depth), drawn(entry, 0, dot));
    let cells: String = columns.iter().map(|column| cell(entry, *column)).collect();
    format!(
        "<tr class=\"{}\"><td class=\"vol\"><svg width=\"{wide}\" height=\"{HEIGHT}\" aria-hidden=\"true\">{lines}</svg>\
         <bdi>{}</bdi></td>{cells}</tr>\n",
        class(entry.paint),
        xml(&entry.path)
    )
}

fn cell(entry: &Entry, column: Column) -> String {
    let class = match column {
        Column::Sync => " class=\"sync\"".to_owned(),
        Column::State => " class=\"state\"".to_owned(),
        column if column.is_number() => {
            format!(" class=\"number\" data-what=\"{}\"", column.title().to_lowercase())
        }
        _ => String::new(),
    };
    format!("<td{class}>{}</td>", xml(entry.says(column)))
}

fn class(paint: Paint) -> &'static str {
    match paint {
        Paint::Good => "good",
        Paint::New => "new",
        Paint::Odd => "odd",
        _ => "plain",
    }
}
