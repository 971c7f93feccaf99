//! What a stream may call its subvolume, and what it may build it on.

use std::fs;

use super::{anything, ensure, file_is};
use crate::arena::{Arena, BASE};
use crate::judge::{Case, either, lands, refused};
use crate::stream::{self, Command, bare, whole};

type Begin<'a> = &'a dyn Fn(&[u8]) -> Command;

pub(crate) fn subvolumes(arena: &Arena) -> Vec<Case> {
    let (uuid, ctransid) = arena.parent.pair();
    let snapshot = |name: &[u8]| stream::snapshot(name, uuid, ctransid);
    let begins: [(&str, Begin<'_>); 2] =
        [("subvol", &|name| stream::subvol(name)), ("snapshot", &snapshot)];
    let mut cases = vec![
        lands("control: full", arena.full.clone(), |root| file_is(root, "moved", b"inner")),
        lands("control: incremental", arena.incremental.clone(), |root| {
            file_is(root, "moved", b"inner")?;
            file_is(root, "base", &BASE.repeat(1000))
        }),
    ];
    for (what, begin) in begins {
        cases.extend(names(arena, what, begin));
        cases.extend(several(what, begin));
    }
    cases.extend(parents(arena));
    cases.extend(on_the_parent(&snapshot));
    cases
}

fn names(arena: &Arena, what: &str, begin: Begin<'_>) -> Vec<Case> {
    let stream = |name: &[u8]| bare(1, &[begin(name), stream::mkfile("f"), stream::end()]);
    let absolute = arena.victims().join("planted");
    let long = "n".repeat(256);
    let staging = format!(".btrsync-{}.partial", "0".repeat(32));
    let bad: [&[u8]; 19] = [
        b"",
        b".",
        b"..",
        b"/",
        b"../outside/planted",
        b"../planted",
        b"directory/planted",
        b"link/planted",
        b"mounted/planted",
        b"./planted",
        b"planted/",
        b"planted/.",
        b"planted\0",
        b"\0",
        b"planted\0/../../outside/planted",
        b"a\0../b",
        absolute.as_os_str().as_encoded_bytes(),
        long.as_bytes(),
        staging.as_bytes(),
    ];
    let taken = ["parent", "writable", "taken", "directory", "file", "link", "dangling", "mounted"];
    let bad = bad.into_iter().chain(taken.map(str::as_bytes));
    let refused =
        bad.map(|name| refused(format!("{what} called {:.40}", name.escape_ascii()), stream(name)));
    let good: [&[u8]; 6] =
        [b"a\nforged", b"\x1b[2J", b"\xff\xfe", b"-rf", b"...", &long.as_bytes()[..255]];
    let good = good.map(|name| {
        lands(format!("{what} called {:.40}", name.escape_ascii()), stream(name), |root| {
            file_is(root, "f", b"")
        })
        .bringing(&[name])
    });
    refused.chain(good).collect()
}

/// A second beginning where the first has not ended.
fn several(what: &str, begin: Begin<'_>) -> Vec<Case> {
    let second = |name: &str| {
        let commands = [begin(b"new"), stream::mkfile("f"), begin(name.as_bytes())];
        bare(1, &[&commands[..], &[stream::mkfile("g"), stream::end()]].concat())
    };
    let both: [&[u8]; 2] = [b"new", b"second"];
    let mut cases =
        vec![either(format!("{what}, and a second"), second("second")).bringing(&both).leaving()];
    for name in ["new", "../outside/planted", "..", "", "taken", "link"] {
        cases
            .push(refused(format!("{what}, and a second called {name:?}"), second(name)).leaving());
    }
    let unfinished = bare(1, &[begin(b"new"), begin(b"second"), stream::mkfile("f")]);
    cases.push(refused(format!("{what}, and a second without an end"), unfinished).leaving());
    let outside =
        [begin(b"new"), begin(b"second"), stream::write("../new/f", 0, b"x"), stream::end()];
    cases.push(
        refused(format!("{what}, and the second reaches for the first"), bare(1, &outside))
            .leaving(),
    );
    cases
}

fn parents(arena: &Arena) -> Vec<Case> {
    let on = |uuid: &[u8], ctransid: u64| {
        bare(1, &[stream::snapshot("new", uuid, ctransid), stream::end()])
    };
    let (uuid, ctransid) = arena.parent.pair();
    let (outside, outside_ctransid) = arena.outside.pair();
    let (neighbour, neighbour_ctransid) = arena.neighbour.pair();
    let (writable, writable_ctransid) = arena.writable.pair();
    vec![
        lands("control: on the parent", on(uuid, ctransid), |root| {
            file_is(root, "base", &BASE.repeat(1000))
        }),
        refused("on a parent beside the destination", on(outside, outside_ctransid)),
        refused("on a neighbour that was never received", on(neighbour, neighbour_ctransid)),
        refused("on a writable parent", on(writable, writable_ctransid)),
        refused("on a parent of generation 0", on(uuid, 0)),
        refused("on a younger parent", on(uuid, ctransid + 1)),
        refused("on an older parent", on(uuid, ctransid - 1)),
        refused("on a parent of the last generation", on(uuid, u64::MAX)),
        refused("on nobody", on(&[0; 16], ctransid)),
        refused("on a stranger", on(&[9; 16], ctransid)),
        refused("on itself", on(&stream::NEW, 7)),
    ]
}

/// What the parent holds, used as a way out.
fn on_the_parent(begin: Begin<'_>) -> Vec<Case> {
    let after =
        |commands: &[Command]| bare(1, &[&[begin(b"new")], commands, &[stream::end()]].concat());
    vec![
        refused(
            "a write through the parent's link",
            after(&[stream::write("way-out/victim", 0, b"x")]),
        ),
        refused("a file below the parent's link", after(&[stream::mkfile("way-out/planted")])),
        refused(
            "a file in the parent's nested subvolume",
            after(&[stream::mkfile("nested/planted")]),
        ),
        refused("a write to the parent's directory", after(&[stream::write("dir", 0, b"x")])),
        refused("a subvolume over the parent's directory", after(&[stream::rename("base", "dir")])),
        lands("the parent's file rewritten", after(&[stream::write("base", 0, b"!")]), |root| {
            let parent = root.with_file_name("parent/base");
            ensure(fs::read(parent).unwrap() == BASE.repeat(1000), "apart from its parent")?;
            file_is(root, "base", &[b"!", &BASE.repeat(1000)[1..]].concat())
        }),
        lands("the parent's nested subvolume untouched", whole(&[stream::mkfile("f")]), anything),
    ]
}
