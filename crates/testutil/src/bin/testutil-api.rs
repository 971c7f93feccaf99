//! Lists what is public of a crate, from its rendered documentation: `testutil-api DOC CRATE`.
//!
//! The hazard is a change of the API that nobody has decided. The documentation has everything that is public,
//! with its signature, and needs no unstable format; what other toolchains render otherwise is for the caller to know.
#![allow(clippy::print_stdout, clippy::expect_used, reason = "a program for developers")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn main() {
    let mut args = std::env::args_os().skip(1).map(PathBuf::from);
    let (doc, name) = (args.next().expect("DOC"), args.next().expect("CRATE"));
    let mut lines = BTreeSet::new();
    for page in pages(&doc.join(&name)) {
        let html = fs::read_to_string(&page).expect("a page");
        let below = page.strip_prefix(&doc).expect("below DOC");
        lines.extend(items(&html).into_iter().map(|item| format!("{}: {item}", path_of(below))));
    }
    lines.iter().for_each(|line| println!("{line}"));
}

/// All pages below a directory.
fn pages(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).expect("a directory").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(pages(&path));
        } else if path.extension().is_some_and(|extension| extension == "html") {
            found.push(path);
        }
    }
    found
}

/// `crate/sync/struct.Plan.html` is `crate::sync::Plan`, and an index is its module.
fn path_of(page: &Path) -> String {
    let text = page.with_extension("").to_string_lossy().replace('/', "::");
    let (above, last) = text.rsplit_once("::").unwrap_or(("", &text));
    match last.split_once('.') {
        Some((_, name)) => format!("{above}::{name}"),
        None => above.to_owned(),
    }
}

/// What a page declares: the item, its methods, what it implements by itself, and what it re-exports.
fn items(html: &str) -> Vec<String> {
    // What follows is implemented for everything, or found by the compiler.
    let ours = html.split("id=\"synthetic-implementations\"").next().unwrap_or_default();
    let ours = ours.split("id=\"blanket-implementations\"").next().unwrap_or_default();
    let ours = ours.split("id=\"deref-methods").next().unwrap_or_default();
    let declared = between(ours, "<pre class=\"rust item-decl\">", "</pre>");
    let methods = between(ours, "<h4 class=\"code-header\">", "</h4>");
    let methods = methods.filter(|text| text.starts_with("pub "));
    let implemented = between(ours, "<h3 class=\"code-header\">", "</h3>");
    let is_told = |text: &String| {
        // What a derive adds for the compiler is no part of it.
        text.starts_with("impl") && text.contains(" for ") && !text.contains("StructuralPartialEq")
    };
    let implemented = implemented.filter(is_told);
    let exported = between(ours, "<code>pub use ", "</code>").map(|text| format!("pub use {text}"));
    declared.chain(methods).chain(implemented).chain(exported).collect()
}

/// The text, without its tags and in one line, of everything between two marks.
fn between<'a>(html: &'a str, begin: &'a str, end: &'a str) -> impl Iterator<Item = String> + 'a {
    html.split(begin).skip(1).filter_map(move |rest| rest.split(end).next()).map(text)
}

fn text(html: &str) -> String {
    let mut bare = String::new();
    for (at, part) in html.split('<').enumerate() {
        bare += if at == 0 { part } else { part.split_once('>').map_or("", |(_, text)| text) };
    }
    let bare = bare
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&#39;", "'")
        .replace("&quot;", "\"");
    let bare = bare.replace("&nbsp;", " ").replace('\u{a0}', " ").replace("&amp;", "&");
    bare.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_without_what_everything_has() {
        let html = "<pre class=\"rust item-decl\"><code>pub struct <a>A</a>&lt;T&gt; {\n  x: T }</code></pre>\
            <h3 class=\"code-header\">impl <a>A</a></h3><h4 class=\"code-header\">pub fn <a>b</a>(&amp;self)</h4>\
            <h3 class=\"code-header\">impl Debug for A</h3><h4 class=\"code-header\">fn fmt()</h4>\
            <h2 id=\"synthetic-implementations\"></h2><h3 class=\"code-header\">impl Send for A</h3>";
        let expected = ["pub struct A<T> { x: T }", "pub fn b(&self)", "impl Debug for A"];
        assert_eq!(items(html), expected);
    }

    #[test]
    fn pages_have_the_paths_of_their_items() {
        assert_eq!(path_of(Path::new("a/b/struct.C.html")), "a::b::C");
        assert_eq!(path_of(Path::new("a/b/index.html")), "a::b");
    }
}
