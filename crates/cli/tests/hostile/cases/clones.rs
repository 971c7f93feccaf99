//! Extents shared with what a stream has no right to read, and ranges that are none.

use btrsync_stream::Attribute;

use super::file_is;
use super::verbs::setting;
use crate::arena::{Arena, BASE};
use crate::judge::{Case, either, lands, refused};
use crate::stream::{self, Command, NEW, whole};

pub(crate) fn clones(arena: &Arena) -> Vec<Case> {
    let mut cases = sources(arena);
    cases.extend(paths(arena));
    cases.extend(ranges());
    cases
}

fn after_setting(command: Command) -> Vec<u8> {
    whole(&[&setting()[..], &[command]].concat())
}

fn sources(arena: &Arena) -> Vec<Case> {
    let from = |source: (&[u8], u64), path: &str| after_setting(stream::clone("f", source, path));
    let (uuid, ctransid) = arena.parent.pair();
    let cloned = [&BASE.repeat(1000)[..4096], &[b'.'; 4096]].concat();
    vec![
        lands("control: clone inside", from((&NEW, 7), "g"), |root| {
            file_is(root, "f", &[[b'g'; 4096], [b'.'; 4096]].concat())
        }),
        lands("control: clone from the parent", from((uuid, ctransid), "base"), move |root| {
            file_is(root, "f", &cloned)
        }),
        refused("clone from beside the destination", from(arena.outside.pair(), "victim")),
        refused("clone of harmless data from there", from(arena.outside.pair(), "base")),
        refused("clone from a neighbour", from(arena.neighbour.pair(), "outside/victim")),
        refused("clone from a stranger", from((&[9; 16], 1), "f")),
        refused("clone from nobody", from((&[0; 16], 0), "f")),
        refused("clone from a writable subvolume", from(arena.writable.pair(), "base")),
        either("clone from another generation", from((uuid, ctransid + 1), "base")),
        either("clone from itself, another generation", from((&NEW, 8), "g")),
    ]
}

fn paths(arena: &Arena) -> Vec<Case> {
    let parent = arena.parent;
    let bad: [&[u8]; 12] = [
        b"",
        b".",
        b"..",
        b"../../outside/victim",
        b"../taken/file",
        b"dir",
        b"dir/../base",
        b"way-out/victim",
        b"nested",
        b"missing",
        b"base\0",
        b"/way-out/victim",
    ];
    let case = |path: &[u8]| {
        let stream = after_setting(stream::clone("f", parent.pair(), path));
        refused(format!("clone from the parent's {:?}", path.escape_ascii().to_string()), stream)
    };
    bad.iter().map(|path| case(path)).collect()
}

/// Place in the target, length, and place in the source.
fn range(at: u64, len: u64, from: u64) -> Vec<u8> {
    let clone = stream::clone_inside("f", "g").but_u64(Attribute::FileOffset, at);
    let clone = clone.but_u64(Attribute::CloneLen, len);
    after_setting(clone.but_u64(Attribute::CloneOffset, from))
}

fn ranges() -> Vec<Case> {
    const BAD: [(u64, u64, u64); 10] = [
        (0, u64::MAX, 0),
        (0, u64::MAX - 4095, 4096),
        (0, 1 << 63, 0),
        (0, 4096, 1 << 63),
        (0, 4096, u64::MAX - 4095),
        (u64::MAX - 4095, 4096, 0),
        (1 << 63, 4096, 0),
        ((1 << 63) - 4096, 8192, 0),
        (0, 4096, 8192),
        (0, 8192, 4096),
    ];
    let bad = BAD.map(|(at, len, from)| {
        refused(format!("clone of {len} bytes from {from} to {at}"), range(at, len, from))
    });
    let nothing = either("clone of no bytes", range(0, 0, 0))
        .holding(|root| file_is(root, "f", &[b'.'; 8192]));
    // Not whole blocks: these can be copied, and nothing else may come of it.
    let copied =
        [(0, 4096, 1), (1, 4096, 0), (0, 100, 0), (4000, 4192, 0)].map(|(at, len, from)| {
            let stream = range(at as u64, len as u64, from);
            either(format!("clone of {len} bytes from {from} to {at}"), stream).holding(
                move |root| {
                    let mut content = [b'.'; 8192];
                    content[at..at + len].fill(b'g');
                    file_is(root, "f", &content)
                },
            )
        });
    let itself = after_setting(stream::clone_inside("f", "f"));
    let sparse = lands("clone far behind the end", range(1 << 40, 8192, 0), |root| {
        let size = root.join("f").metadata().unwrap().len();
        super::ensure(size == (1 << 40) + 8192, "as large")
    });
    let itself =
        either("clone onto itself", itself).holding(|root| file_is(root, "f", &[b'.'; 8192]));
    bad.into_iter().chain(copied).chain([nothing, sparse, itself]).collect()
}
