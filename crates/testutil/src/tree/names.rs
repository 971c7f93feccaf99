//! Names and shapes: bytes that are no text, the longest name, deep and empty directories, links.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::symlink;
use std::path::Path;

use super::raw;
use crate::must::must;

pub(crate) const ODD_NAMES: [&[u8]; 16] = [
    b"caf\xe9",
    b"\xff\xfe\x80",
    b"with space",
    b" leading and trailing ",
    b"tab\there",
    b"new\nline",
    b"quote'double\"back`",
    b"back\\slash\\040",
    b"-leading-dash",
    b"--",
    b"...",
    b"*?[glob]{a,b}$HOME;&|",
    b"\x01\x7f control",
    "\u{fc}ml\u{e4}ut \u{1f427}".as_bytes(),
    b"o257-7-0",
    b"x",
];

pub(super) fn populate(dir: &Path) {
    for name in ODD_NAMES {
        raw::write(&dir.join(OsStr::from_bytes(name)), name);
    }
    raw::write(&dir.join("n".repeat(255)), b"longest");
    let deep = (0..60).fold(dir.join("deep"), |path, level| path.join(format!("level-{level}")));
    must("create", &deep, std::fs::create_dir_all(&deep));
    raw::write(&deep.join("bottom"), b"bottom");
    raw::directory(&raw::directory(dir, "empty"), "also empty");
    let latin = dir.join(OsStr::from_bytes(b"dir \xe4"));
    must("create", &latin, std::fs::create_dir(&latin));
    raw::write(&latin.join("inside"), b"inside");
    populate_symlinks(&raw::directory(dir, "symlinks"));
    populate_hard_links(&raw::directory(dir, "hard"));
}

fn populate_symlinks(dir: &Path) {
    let long = OsString::from("t/".repeat(500));
    let latin = OsString::from_vec(b"../caf\xe9".to_vec());
    let targets: [(&str, OsString); 6] = [
        ("dangling", "no such file".into()),
        ("absolute", "/etc/passwd".into()),
        ("relative", "../x".into()),
        ("to-itself", "to-itself".into()),
        ("long", long),
        ("latin", latin),
    ];
    for (name, target) in targets {
        must("symlink", dir.join(name), symlink(target, dir.join(name)));
    }
}

fn populate_hard_links(dir: &Path) {
    let other = raw::directory(dir, "other");
    raw::write(&dir.join("a"), b"one file under four names");
    for name in [dir.join("b"), other.join("a"), other.join("z")] {
        raw::link(&dir.join("a"), &name);
    }
    // Equal content, but a file of its own.
    raw::write(&dir.join("not linked"), b"one file under four names");
    must("symlink", dir, symlink("a", dir.join("symlink")));
    raw::link(&dir.join("symlink"), &other.join("symlink"));
}
