//! One page of the manual, in roff: what the definition of a command says, and what goes with it.

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use super::about;
use crate::help::layout::{self, Part};

/// Writes the page of a command.
pub(super) fn page(command: &Command, names: &[String]) -> Vec<u8> {
    let name = &super::title(command);
    let version = format!("btrsync {}", env!("CARGO_PKG_VERSION"));
    let man = Man::new(command.clone()).title(name.to_uppercase()).source(version);
    let text = command.get_after_long_help().map(ToString::to_string).unwrap_or_default();
    let mut page = Vec::new();
    // Writing to memory does not fail.
    let _ = man.render_title(&mut page);
    let _ = man.render_name_section(&mut page);
    write(&mut page, |roff| synopsis(roff, command));
    let _ = man.render_description_section(&mut page);
    write(&mut page, |roff| prose(roff, &text));
    let _ = man.render_options_section(&mut page);
    write(&mut page, |roff| {
        if name == "btrsync" {
            section(roff, "COMMANDS");
            about::commands().into_iter().for_each(|(name, text)| term(roff, &name, &text));
        }
        examples(roff, &text);
        codes(roff, &text);
        listed(roff, "FILES", about::files(name));
        listed(roff, "ENVIRONMENT", about::ENVIRONMENT);
        see_also(roff, name, names);
    });
    page
}

fn write(page: &mut Vec<u8>, fill: impl FnOnce(&mut Roff)) {
    let mut roff = Roff::new();
    fill(&mut roff);
    let _ = roff.to_writer(page);
}

fn section(roff: &mut Roff, title: &str) {
    roff.control("SH", [title]);
}

fn term(roff: &mut Roff, term: &str, text: &str) {
    roff.control("TP", []);
    roff.text([bold(term)]);
    roff.text([roman(text)]);
}

/// The usage in short: the options are all below.
fn synopsis(roff: &mut Roff, command: &Command) {
    let usage = command.clone().render_usage().to_string();
    section(roff, "SYNOPSIS");
    roff.text([roman(usage.trim_start_matches("Usage:").trim())]);
}

fn prose(roff: &mut Roff, text: &str) {
    for part in layout::prose(text) {
        match part {
            Part::Prose(text) => {
                roff.control("PP", []);
                roff.text([roman(text)]);
            }
            Part::Term(word, text) => term(roff, &word, &text),
        }
    }
}

fn examples(roff: &mut Roff, text: &str) {
    section(roff, "EXAMPLES");
    layout::examples(text).iter().for_each(|(line, does)| term(roff, line, does));
}

fn codes(roff: &mut Roff, text: &str) {
    let (codes, more) = layout::codes(text);
    section(roff, "EXIT STATUS");
    codes.iter().for_each(|(code, text)| term(roff, &code.to_string(), text));
    if !more.is_empty() {
        roff.control("PP", []);
        roff.text([roman(more)]);
    }
}

fn listed(roff: &mut Roff, title: &str, entries: &[(&str, &str)]) {
    if !entries.is_empty() {
        section(roff, title);
        entries.iter().for_each(|(word, text)| term(roff, word, text));
    }
}

fn see_also(roff: &mut Roff, name: &str, names: &[String]) {
    let ours = names.iter().filter(|other| *other != name).map(|other| (other.as_str(), 1));
    let all = ours.chain([
        ("btrsync-protocol", 7),
        ("btrfs", 8),
        ("btrfs-send", 8),
        ("btrfs-receive", 8),
        ("ssh", 1),
    ]);
    section(roff, "SEE ALSO");
    let mut words = Vec::new();
    for (at, (name, number)) in all.enumerate() {
        words.extend([roman(if at > 0 { ", " } else { "" }), bold(name)]);
        words.push(roman(format!("({number})")));
    }
    roff.text(words);
}
