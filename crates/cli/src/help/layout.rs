//! Reads the text below the options of a help, for the manual to say the same in its own form.
//!
//! Paragraphs are apart by an empty line. A title ends the first line of one with a colon. Then come
//! examples, the line at two blanks and what it does at six; exit codes, several in a line, at least two
//! blanks apart; or prose, and words that it explains, each at two blanks with its text behind two more.

const EXAMPLES: &str = "Examples:";
const CODES: &str = "Exit codes:";
const COMMANDS: &str = "Other commands";

/// A part of the prose.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Whole sentences.
    Prose(String),
    /// A word and what it means.
    Term(String, String),
}

/// Returns the command lines and what each does.
pub(crate) fn examples(text: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    for line in titled(text, EXAMPLES) {
        match (line.strip_prefix("      "), found.last_mut()) {
            (Some(does), Some((_, text))) => join(text, does),
            _ => found.push((line.trim().to_owned(), String::new())),
        }
    }
    found
}

/// Returns the exit codes, and what else is said of them.
pub(crate) fn codes(text: &str) -> (Vec<(u8, String)>, String) {
    let (mut codes, mut more) = (Vec::new(), String::new());
    for line in titled(text, CODES) {
        for entry in line.split("  ").map(str::trim).filter(|entry| !entry.is_empty()) {
            match code(entry) {
                Some(code) => codes.push(code),
                None => join(&mut more, entry),
            }
        }
    }
    codes.sort_by_key(|(code, _)| *code);
    (codes, more)
}

fn code(entry: &str) -> Option<(u8, String)> {
    let (number, text) = entry.split_once(' ')?;
    Some((number.parse().ok()?, text.to_owned()))
}

/// Returns what is neither example nor exit code nor a list of commands.
pub(crate) fn prose(text: &str) -> Vec<Part> {
    let known = [EXAMPLES, CODES, COMMANDS];
    let others =
        text.split("\n\n").filter(|part| !known.iter().any(|title| part.starts_with(title)));
    others.flat_map(paragraph).collect()
}

fn paragraph(text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    for line in text.lines() {
        let term = line.strip_prefix("  ").and_then(|line| line.split_once("  "));
        match (term, parts.last_mut()) {
            (Some((term, text)), _) => parts.push(Part::Term(term.into(), text.trim().into())),
            (None, Some(Part::Prose(before))) => join(before, line),
            (None, _) => parts.push(Part::Prose(line.trim().to_owned())),
        }
    }
    parts
}

/// The lines of a paragraph below its title.
fn titled<'a>(text: &'a str, title: &str) -> impl Iterator<Item = &'a str> {
    let found = text.split("\n\n").filter_map(move |part| part.strip_prefix(title));
    found.flat_map(|part| part.lines().skip(1))
}

fn join(text: &mut String, more: &str) {
    if !text.is_empty() {
        text.push(' ');
    }
    text.push_str(more.trim());
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
One thing, and
another:
  .a     first
  .bcd   second

Examples:
  do it
      does
      it
  do more
      more

Exit codes:
  0 done    1 failed, or not    130 over
  3 some
  After that all is well.";

    #[test]
    fn each_form_is_read() {
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(examples(TEXT), [pair("do it", "does it"), pair("do more", "more")]);
        let codes_of = [(0, "done"), (1, "failed, or not"), (3, "some"), (130, "over")];
        let (found, more) = codes(TEXT);
        assert_eq!(found, codes_of.map(|(code, text)| (code, text.to_owned())));
        assert_eq!(more, "After that all is well.");
        let term = |a: &str, b: &str| Part::Term(a.to_owned(), b.to_owned());
        let first = Part::Prose("One thing, and another:".to_owned());
        assert_eq!(prose(TEXT), [first, term(".a", "first"), term(".bcd", "second")]);
    }

    #[test]
    fn what_has_no_such_form_is_nothing() {
        assert_eq!(examples("Exit codes:\n  0 done"), []);
        assert_eq!(codes(""), (vec![], String::new()));
    }
}
