//! Paths that lead out of the subvolume, or would with a little carelessness.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::verbs::{Needs, VERBS, Verb, setting};
use super::{anything, file_is};
use crate::arena::Arena;
use crate::judge::{Case, either, lands, refused};
use crate::stream::{self, Command, whole};

/// Each trick with each verb.
pub(crate) fn paths(arena: &Arena) -> Vec<Case> {
    let planted = planted(arena);
    let case = |make: fn(String, Vec<u8>) -> Case, verb: &Verb, path: &[u8]| {
        let commands = [planted.clone(), vec![(verb.on)(path)]].concat();
        make(format!("{} {}", verb.name, path.escape_ascii()), whole(&commands))
    };
    let mut cases = vec![lands("control: the setting alone", whole(&planted), |root| {
        file_is(root, "d/f", &[b'.'; 8192])
    })];
    for verb in VERBS {
        let outside = outside(arena).into_iter().map(|dir| [&dir[..], victim(verb)].concat());
        cases.extend(outside.map(|path| case(refused, verb, &path)));
        let inside = detours(verb).into_iter();
        cases.extend(inside.map(|path| case(refused, verb, &path)));
        cases.extend(loose(verb).into_iter().map(|path| case(either, verb, &path)));
    }
    cases.extend(names());
    cases
}

/// The setting, and symlinks that lead out.
fn planted(arena: &Arena) -> Vec<Command> {
    let mut commands = setting();
    commands.extend([
        stream::symlink("up", "../.."),
        stream::symlink("d/up", "../../.."),
        stream::symlink("abs", arena.victims().as_os_str().as_bytes()),
        stream::symlink("self", "."),
        stream::symlink("cwd", "/proc/self/cwd"),
    ]);
    commands
}

/// Directories outside, each ending in a slash, in which the victims stand.
fn outside(arena: &Arena) -> Vec<Vec<u8>> {
    let absolute = |path: &Path| [path.as_os_str().as_bytes(), b"/outside/"].concat();
    let mut directories: Vec<Vec<u8>> = [
        "../../outside/",
        "d/../../../outside/",
        "../mounted/",
        "../../neighbour/outside/",
        "up/outside/",
        "d/up/outside/",
        "self/up/outside/",
        "abs/",
        "cwd/outside/",
    ]
    .map(|path| path.as_bytes().to_vec())
    .into();
    let roots = [arena.fs.path(), arena.other.path(), arena.elsewhere.path()];
    directories.extend(roots.map(absolute));
    directories
}

fn victim(verb: &Verb) -> &'static [u8] {
    match verb.needs {
        Needs::File => b"victim",
        Needs::Nothing => b"planted",
        Needs::EmptyDirectory => b"empty",
    }
}

/// What would suit the verb inside the subvolume.
fn suitable(verb: &Verb) -> &'static str {
    match verb.needs {
        Needs::File => "f",
        Needs::Nothing => "new",
        Needs::EmptyDirectory => "e",
    }
}

/// Paths that no sender writes, though some of them end inside.
fn detours(verb: &Verb) -> Vec<Vec<u8>> {
    let leaf = suitable(verb);
    let text =
        ["..", "../..", "d/..", &format!("d/../{leaf}"), &format!("self/{leaf}"), "/", "f/x"];
    let mut paths: Vec<Vec<u8>> = text.iter().map(|path| path.as_bytes().to_vec()).collect();
    paths.extend([format!("/{leaf}"), format!("{leaf}\0"), format!("{leaf}\0/x")].map(Into::into));
    paths.push(b"\0".to_vec());
    paths.push(format!("{}/{leaf}", "n".repeat(256)).into());
    paths
}

/// Paths whose meaning is clear, and which no sender writes.
fn loose(verb: &Verb) -> Vec<Vec<u8>> {
    let leaf = suitable(verb);
    let paths = [
        String::new(),
        ".".into(),
        format!("./{leaf}"),
        format!("d/.//{leaf}"),
        format!("{leaf}/"),
    ];
    paths.map(String::into_bytes).into()
}

/// Names of every legal kind arrive; what is too long does not.
fn names() -> Vec<Case> {
    let long = "n".repeat(255);
    let deep = vec!["d".repeat(200); 30].join("/");
    let names: [(&str, &[u8]); 7] = [
        ("newline", b"a\nforged line"),
        ("escape sequence", b"\x1b]0;title\x07\x1b[31m"),
        ("all control characters", b"\x01\x02\x08\x0b\x0c\r\x7f\xc2\x9b"),
        ("no UTF-8", b"\xff\xfe"),
        ("255 bytes", long.as_bytes()),
        ("dots", b"..."),
        ("backslashes", b"..\\..\\x"),
    ];
    let mut cases = Vec::new();
    for (what, name) in names {
        let owned = name.to_vec();
        let written = [stream::mkfile(name), stream::write(name, 0, b"data")];
        cases.push(lands(format!("name: {what}"), whole(&written), move |root| {
            file_is(root, &owned, b"data")
        }));
        let missing = [b"no", name].concat();
        let twice = whole(&[stream::mkfile(name), stream::mkfile(name)]);
        cases.push(refused(format!("name told in an error: {what}"), twice));
        let write = whole(&[stream::write(&missing, 0, b"data")]);
        cases.push(refused(format!("missing name told in an error: {what}"), write));
    }
    cases.push(refused("name: 256 bytes", whole(&[stream::mkfile("n".repeat(256))])));
    cases.push(refused("name: 65 KB", whole(&[stream::mkfile("n".repeat(65_000))])));
    cases.push(refused("path: 30 missing directories", whole(&[stream::mkfile(&deep)])));
    cases.push(refused(
        "path: 32,000 missing directories",
        whole(&[stream::mkfile("d/".repeat(32_000))]),
    ));
    cases.push(lands("path: longer than PATH_MAX", whole(&longer_than_path_max()), anything));
    cases
}

fn longer_than_path_max() -> Vec<Command> {
    let name = "d".repeat(200);
    let depths = (1..=30).map(|depth| vec![name.as_str(); depth].join("/"));
    let mut commands: Vec<Command> = depths.map(stream::mkdir).collect();
    let file = format!("{}/f", vec![name; 30].join("/"));
    commands.extend([
        stream::mkfile(&file),
        stream::write(&file, 0, b"data"),
        stream::chmod(&file, 0o600),
    ]);
    commands.extend([stream::link("linked", &file), stream::utimes(&file, 7, 7)]);
    commands
}
