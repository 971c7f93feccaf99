//! Links as the last component, and names that become links while a receiver remembers what they were.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;

use super::verbs::{Needs, VERBS, setting};
use super::{anything, ensure, file_is};
use crate::arena::Arena;
use crate::judge::{Case, either, lands, refused};
use crate::stream::{self, Command, whole};

const VICTIM: &str = "../../outside/victim";

pub(crate) fn links(arena: &Arena) -> Vec<Case> {
    let mut cases = targets();
    cases.extend(through(arena));
    cases.extend(swapped());
    cases.extend(own());
    cases
}

fn after_setting(commands: &[Command]) -> Vec<u8> {
    whole(&[&setting(), commands].concat())
}

/// Data is read and written through a link.
fn through(arena: &Arena) -> Vec<Case> {
    let absolute = arena.victims().join("victim");
    let targets: [(&str, &[u8]); 4] = [
        ("out", VICTIM.as_bytes()),
        ("out, absolute", absolute.as_os_str().as_bytes()),
        ("to what is not there", b"../../outside/planted"),
        ("out by /proc", b"/proc/self/cwd/outside/victim"),
    ];
    let mut cases = Vec::new();
    for verb in VERBS.iter().filter(|verb| verb.data) {
        for (what, target) in targets {
            let stream = after_setting(&[stream::symlink("l", target), (verb.on)(b"l")]);
            cases.push(refused(format!("{} through a link {what}", verb.name), stream));
        }
        let linked = [stream::symlink("s", VICTIM), stream::link("l", "s"), (verb.on)(b"l")];
        cases.push(refused(
            format!("{} through a hard link to a link", verb.name),
            after_setting(&linked),
        ));
        let inside = [stream::symlink("l", "f"), (verb.on)(b"l")];
        cases.push(either(format!("{} through a link inside", verb.name), after_setting(&inside)));
    }
    cases
}

/// A directory or a file is used, moved away, and its name becomes a link: a descriptor or a path
/// that was kept for it now means something else.
fn swapped() -> Vec<Case> {
    let used = |path: &str| {
        let path = path.to_owned();
        [stream::mkfile(&path), stream::write(&path, 0, [b'x'; 8192]), stream::chmod(&path, 0o600)]
    };
    let mut cases = Vec::new();
    for verb in VERBS {
        let leaf = match verb.needs {
            Needs::File => "x/victim",
            Needs::Nothing => "x/planted",
            Needs::EmptyDirectory => "x/empty",
        };
        let mut commands = vec![stream::mkdir("x"), stream::mkdir("x/empty")];
        commands.extend(used("x/victim"));
        commands.extend([stream::rename("x", "y"), stream::symlink("x", "../../outside")]);
        commands.push((verb.on)(leaf.as_bytes()));
        cases.push(refused(
            format!("{} in a directory that became a link", verb.name),
            after_setting(&commands),
        ));
        if verb.data {
            let mut commands = used("x").to_vec();
            commands.extend([
                stream::rename("x", "y"),
                stream::symlink("x", VICTIM),
                (verb.on)(b"x"),
            ]);
            cases.push(refused(
                format!("{} of a file that became a link", verb.name),
                after_setting(&commands),
            ));
            let mut commands = used("x").to_vec();
            commands.extend([
                stream::unlink("x"),
                stream::symlink("s", VICTIM),
                stream::rename("s", "x"),
            ]);
            commands.push((verb.on)(b"x"));
            cases.push(refused(
                format!("{} of a file that a link replaced", verb.name),
                after_setting(&commands),
            ));
        }
    }
    cases
}

/// What a stream may do to a link itself.
fn own() -> Vec<Case> {
    let linked = |command: Command| after_setting(&[stream::symlink("l", VICTIM), command]);
    vec![
        lands("chown of a link", linked(stream::chown("l", 12, 34)), |root| {
            let meta = fs::symlink_metadata(root.join("l")).unwrap();
            ensure((meta.uid(), meta.gid()) == (12, 34), "the link's owner")
        }),
        lands("utimes of a link", linked(stream::utimes("l", 77, 5)), |root| {
            let meta = fs::symlink_metadata(root.join("l")).unwrap();
            ensure((meta.mtime(), meta.mtime_nsec()) == (77, 5), "the link's time")
        }),
        lands("xattr of a link", linked(stream::set_xattr("l", "trusted.x", b"x")), anything),
        refused("user xattr of a link", linked(stream::set_xattr("l", "user.x", b"x"))),
        either("chmod of a link", linked(stream::chmod("l", 0o777))),
        lands("unlink of a link", linked(stream::unlink("l")), |root| {
            ensure(fs::symlink_metadata(root.join("l")).is_err(), "without the link")
        }),
        refused(
            "rmdir of a link to a directory",
            after_setting(&[stream::symlink("l", "e"), stream::rmdir("l")]),
        ),
        refused("mkfile where a link is", linked(stream::mkfile("l"))),
        refused("mkdir where a link is", linked(stream::mkdir("l"))),
        refused("directory into itself", after_setting(&[stream::rename("d", "d/x")])),
        refused("hard link to a directory", after_setting(&[stream::link("l", "d")])),
        refused("hard link to itself", after_setting(&[stream::link("f", "f")])),
        lands(
            "hard link, and the first name goes",
            after_setting(&[
                stream::link("l", "f"),
                stream::unlink("f"),
                stream::write("l", 0, b"!"),
            ]),
            |root| file_is(root, "l", &[&b"!"[..], &[b'.'; 8191]].concat()),
        ),
        lands("exchanged names", after_setting(&exchange()), |root| {
            file_is(root, "d2/f", b"second")
        }),
    ]
}

/// Two directories change places between writes to the same path.
fn exchange() -> Vec<Command> {
    vec![
        stream::mkdir("d1"),
        stream::mkdir("d2"),
        stream::mkfile("d1/f"),
        stream::mkfile("d2/f"),
        stream::write("d1/f", 0, b"first"),
        stream::rename("d1", "o"),
        stream::rename("d2", "d1"),
        stream::write("d1/f", 0, b"second"),
        stream::rename("d1", "d2"),
        stream::rename("o", "d1"),
    ]
}

fn targets() -> Vec<Case> {
    let link = |target: &[u8]| whole(&[stream::symlink("l", target)]);
    let arrives = |what: &str, target: Vec<u8>| {
        lands(format!("target: {what}"), link(&target), move |root| {
            let found = fs::read_link(root.join("l")).unwrap();
            ensure(found.as_os_str().as_bytes() == target, "the same target")
        })
    };
    vec![
        arrives("with a newline", b"a\nforged".to_vec()),
        arrives("out", b"../../../../../../etc/passwd".to_vec()),
        arrives("3900 bytes", vec![b't'; 3900]),
        refused("target: empty", link(b"")),
        refused("target: with NUL", link(b"a\0b")),
        refused("target: 4096 bytes", link(&[b't'; 4096])),
        refused("target: 60 KB", link(&[b't'; 60_000])),
    ]
}
