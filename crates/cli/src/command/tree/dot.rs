//! For graphviz.

use super::drawing::{Column, Drawing, Drawn, Entry};
use super::svg::colour;

pub(super) fn all(drawing: &Drawing) -> String {
    let mut text = format!("digraph btrsync {{\n  label={}\n", quoted(&drawing.title));
    text += "  node [shape=box fontname=monospace]\n";
    for (number, drawn) in drawing.forests.iter().enumerate() {
        forest(&mut text, number, drawn, &drawing.columns);
    }
    text + "}\n"
}

fn forest(text: &mut String, number: usize, drawn: &Drawn, columns: &[Column]) {
    text.push_str(&format!("  subgraph cluster_{number} {{\n    label={}\n", quoted(&drawn.title)));
    for entry in &drawn.entries {
        let node = entry.row.node;
        let (style, colour) =
            (if entry.mode == "rw" { "dashed" } else { "solid" }, colour(entry.paint));
        let label = label(entry, columns);
        text.push_str(&format!(
            "    n{number}_{node} [label={label} style={style} color=\"{colour}\"]\n"
        ));
        if let Some(under) = entry.under {
            text.push_str(&format!("    n{number}_{under} -> n{number}_{node}\n"));
        }
    }
    text.push_str("  }\n");
}

/// A line for each column that says something; `\l` ends one.
fn label(entry: &Entry, columns: &[Column]) -> String {
    let said =
        columns.iter().map(|column| (column.is_number(), column.title(), entry.says(*column)));
    let said = said.filter(|(_, _, said)| !said.is_empty());
    let lines = said.map(|(is_number, title, said)| match is_number {
        true => format!("{} {said}", title.to_lowercase()),
        false => said.to_owned(),
    });
    let lines = [entry.path.clone()].into_iter().chain(lines);
    format!("\"{}\"", lines.map(|line| inner(&line) + "\\l").collect::<String>())
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", inner(text))
}

/// What a name holds is text: neither its quotes nor its backslashes are those of the language, nor is
/// an ampersand that of an entity.
fn inner(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('&', "&amp;")
}
