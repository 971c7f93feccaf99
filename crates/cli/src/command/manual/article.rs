//! A page of the manual from a page of the handbook: `btrsync-protocol(7)` says what `docs/protocol.md` says.
//!
//! It knows as much of Markdown as that has: headings, paragraphs, tables, and words that are code, strong or
//! linked. A table becomes a list, for its cells are sentences.

use clap_mangen::roff::{Inline, Roff, bold, roman};

const PROTOCOL: &str = include_str!("protocol.md");

pub(super) fn protocol() -> Vec<u8> {
    let mut roff = Roff::new();
    let version = format!("btrsync {}", env!("CARGO_PKG_VERSION"));
    roff.control("TH", ["BTRSYNC-PROTOCOL", "7", "", version.as_str(), ""]);
    roff.control("SH", ["NAME"]);
    roff.text([roman("btrsync-protocol - what two btrsyncs say to each other")]);
    roff.control("SH", ["DESCRIPTION"]);
    PROTOCOL.split("\n\n").for_each(|part| block(&mut roff, part.trim_end()));
    roff.control("SH", ["SEE ALSO"]);
    roff.text([bold("btrsync"), roman("(1), "), bold("btrsync-serve"), roman("(1)")]);
    roff.to_roff().into_bytes()
}

fn block(roff: &mut Roff, text: &str) {
    if let Some(title) = text.strip_prefix("## ") {
        roff.control("SH", [title.to_uppercase().as_str()]);
    } else if text.starts_with('|') {
        table(roff, text);
    } else if !text.is_empty() && !text.starts_with("# ") {
        roff.control("PP", []);
        roff.text(words(&text.replace('\n', " ")));
    }
}

/// The first cell is what the others are about, and the third and those behind it are told by their titles.
fn table(roff: &mut Roff, text: &str) {
    let mut rows = text.lines().map(cells);
    let titles = rows.next().unwrap_or_default();
    for row in rows.skip(1) {
        let [first, rest @ ..] = row.as_slice() else { continue };
        roff.control("TP", []);
        roff.text([bold(first.replace('`', ""))]);
        let told = rest.iter().zip(titles.iter().skip(1)).enumerate().map(|(at, (cell, title))| {
            if at == 0 { (*cell).to_owned() } else { format!("{title}: {cell}") }
        });
        roff.text(words(&told.collect::<Vec<_>>().join("; ")));
    }
}

fn cells(line: &str) -> Vec<&str> {
    line.trim_matches('|').split('|').map(str::trim).collect()
}

/// Code and what is strong is bold; of a link only its text is left.
fn words(text: &str) -> Vec<Inline> {
    let parts = linkless(text).replace("**", "`").replace('*', "`");
    let inline = |(at, part): (usize, &str)| {
        if at % 2 == 1 { bold(part) } else { roman(part) }
    };
    parts.split('`').enumerate().map(inline).collect()
}

fn linkless(text: &str) -> String {
    let mut rest = text;
    let mut found = String::new();
    while let Some((before, behind)) = rest.split_once("](") {
        let (name, after) = (before.rsplit_once('['), behind.split_once(')'));
        let (Some((before, name)), Some((_, after))) = (name, after) else { break };
        found.push_str(before);
        found.push_str(name);
        rest = after;
    }
    found + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_told_apart() {
        let shown = |text: &str| {
            let mut roff = Roff::new();
            roff.text(words(text));
            roff.render()
        };
        let said = shown("a `b` [c](d) **e** *f*, g");
        assert!(said.contains(r"a \fBb\fR c \fBe\fR \fBf\fR, g"), "{said}");
        assert_eq!(linkless("no link [x] (y)"), "no link [x] (y)");
    }

    #[test]
    fn a_table_is_a_list() {
        let mut roff = Roff::new();
        table(&mut roff, "| kind | body | at most |\n|---|---|---|\n| 0 message | a map | 1 MiB |");
        let shown = roff.render();
        assert!(shown.contains(".TP\n\\fB0 message\\fR\na map; at most: 1 MiB"), "{shown}");
    }
}
