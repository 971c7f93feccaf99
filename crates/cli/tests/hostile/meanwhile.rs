//! Somebody else at work in the staging subvolume while a stream is received.
//!
//! The hazard is a directory that was inside when it was opened or checked: a mount, a subvolume or a
//! link takes its place before the next command.

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use btrsync_testutil::command::{output, program};
use btrsync_testutil::{btrfs, require_btrfs};

use crate::arena::{Arena, SECRET};
use crate::bounded::{self, limited};
use crate::cases::every_verb;
use crate::receiver;
use crate::stream::{self, bare};
use crate::watch::{Watch, is_subvolume, remove_result};

const PATIENCE: Duration = Duration::from_secs(20);

/// What somebody does in the staging subvolume, of which the directory `d` is there, and how to undo
/// what would keep it from being removed.
struct Deed {
    what: &'static str,
    does: fn(&Arena, &Path),
    undo: fn(&Path),
    /// The directory whose entries must not be touched.
    under: &'static str,
}

const DEEDS: [Deed; 3] = [
    Deed {
        what: "a mount in the way",
        does: |arena, staging| {
            let mut mount = program("mount");
            output(mount.arg("--bind").args([arena.victims(), staging.join("d")])).unwrap();
        },
        undo: |staging| drop(output(program("umount").arg(staging.join("d")))),
        under: "d",
    },
    Deed {
        what: "a subvolume in the way",
        does: |_, staging| {
            btrfs::create_subvolume(&staging.join("d/sub"));
            fs::create_dir(staging.join("d/sub/empty")).unwrap();
            fs::write(staging.join("d/sub/victim"), SECRET.repeat(400)).unwrap();
        },
        undo: |staging| {
            let sub = staging.join("d/sub");
            assert_eq!(fs::read(sub.join("victim")).unwrap(), SECRET.repeat(400));
            assert_eq!(fs::read_dir(&sub).unwrap().count(), 2);
            btrfs::delete(&sub);
        },
        under: "d/sub",
    },
    Deed {
        what: "a link in the way",
        does: |arena, staging| {
            fs::rename(staging.join("d"), staging.join("moved")).unwrap();
            symlink(arena.victims(), staging.join("d")).unwrap();
        },
        undo: |_| {},
        under: "d",
    },
];

/// Receives the first part of a stream, lets the deed be done, and then receives the rest.
#[track_caller]
fn attempt(arena: &Arena, watch: &Watch, deed: &Deed, verb: &str, command: stream::Command) {
    let first = bare(3, &[&[stream::subvol("new"), stream::mkdir("d")][..], &files()].concat());
    let rest = [&bare(3, &[command])[17..], &bare(3, &[stream::end()])[17..]].concat();
    let (reader, mut writer) = std::io::pipe().unwrap();
    let mut receive = limited(&receiver::program());
    receive.arg("receive").arg(arena.dest()).stdin(Stdio::from(reader));
    let ended = scope(|scope| {
        scope.spawn(move || {
            writer.write_all(&first).unwrap();
            (deed.does)(arena, &staging(arena));
            // It may have given up already.
            let _ = writer.write_all(&rest);
        });
        bounded::run(receive, PATIENCE)
    });
    let case = format!("{}, then {verb}: {}", deed.what, ended.output.escape_ascii());
    // A directory that stays open may go on to be used: then the file is in it, and inside.
    assert!(ended.status.is_some_and(|status| matches!(status.code(), Some(0 | 1))), "{case}");
    for left in entries(arena).into_iter().filter(|path| is_ours(path)) {
        (deed.undo)(&left);
        remove_result(&left);
    }
    let changes = watch.changes(arena);
    assert!(changes.is_empty(), "{case}\n{changes:#?}");
}

/// What the verbs rely on besides the directory.
fn files() -> Vec<stream::Command> {
    let file = |name| [stream::mkfile(name), stream::write(name, 0, [b'.'; 8192])];
    [file("f"), file("g")].concat()
}

fn entries(arena: &Arena) -> Vec<PathBuf> {
    fs::read_dir(arena.dest()).unwrap().map(|entry| entry.unwrap().path()).collect()
}

fn is_ours(path: &Path) -> bool {
    let name = path.file_name().unwrap().to_str().unwrap();
    is_subvolume(path) && (name == "new" || name.starts_with(".btrsync-"))
}

/// Waits until the staging subvolume has what the first part of the stream made.
fn staging(arena: &Arena) -> PathBuf {
    let begin = Instant::now();
    loop {
        let ready =
            |path: &PathBuf| is_ours(path) && path.join("d").exists() && path.join("g").exists();
        if let Some(path) = entries(arena).into_iter().find(ready) {
            return path;
        }
        assert!(begin.elapsed() < PATIENCE, "no staging subvolume");
        sleep(Duration::from_millis(2));
    }
}

#[test]
fn who_comes_between_is_not_followed() {
    require_btrfs!();
    let arena = Arena::new();
    let watch = Watch::of(&arena);
    for deed in &DEEDS {
        for (name, command) in every_verb(deed.under) {
            attempt(&arena, &watch, deed, name, command);
        }
    }
}
