//! Streams that reach out of the subvolume, or wait for ever.

use std::fs;

use btrsync_stream::Command;
use btrsync_testutil::{LoopFs, btrfs, require_btrfs};

use crate::script::{MADE, Script};
use crate::support::{accepted, refused};

/// A destination with something to protect beside it.
fn guarded() -> LoopFs {
    let fs = LoopFs::new();
    fs::create_dir(fs.path().join("in")).unwrap();
    fs::write(fs.path().join("guarded"), b"mine").unwrap();
    fs
}

#[track_caller]
fn refuses(fs: &LoopFs, script: Script, words: &str) {
    refused(&script.end(), &fs.path().join("in"), words);
    assert_eq!(fs::read(fs.path().join("guarded")).unwrap(), b"mine");
    assert_eq!(crate::support::names(fs.path()), ["guarded", "in"]);
}

const PATHS: [&str; 9] =
    ["../../guarded", "/etc/x", "d/../../../guarded", "..", ".", "d//f", "d/", "./f", "d\0f"];

#[test]
fn paths_that_lead_out_are_refused_in_every_command() {
    require_btrfs!();
    let fs = guarded();
    let start = || Script::full("v").mkdir("d").mkfile("f");
    for path in PATHS {
        let bytes = path.as_bytes();
        for script in [
            start().mkfile(path),
            start().mkdir(path),
            start().symlink(path, "x"),
            start().then(Command::Mkfifo { path: bytes, ino: 1, rdev: 0, mode: 0 }),
            start().rename("f", path),
            start().rename(path, "g"),
            start().link(path, "f"),
            start().link("g", path),
            start().unlink(path),
            start().rmdir(path),
            start().write(path, "x"),
            start().clone("f", (MADE, 7, path), 0, 4096),
            start().clone(path, (MADE, 7, "f"), 0, 4096),
            start().xattr(path, "user.x", b"x"),
            start().then(Command::Truncate { path: bytes, size: 0 }),
            start().then(Command::Chmod { path: bytes, mode: 0o777 }),
            start().then(Command::Chown { path: bytes, uid: 1, gid: 1 }),
            start().utimes(path, 1),
            start().mkfile("o").rename("o", path),
        ] {
            refuses(&fs, script, "the path");
        }
    }
}

#[test]
fn symbolic_links_are_not_followed() {
    require_btrfs!();
    let fs = guarded();
    for target in ["../..", "/", "d"] {
        let start = || Script::full("v").mkdir("d").symlink("s", target);
        refuses(&fs, start().mkfile("s/f"), "");
        refuses(&fs, start().write("s/guarded", "x"), "");
        refuses(&fs, start().rename("d", "s/x"), "");
        refuses(&fs, start().utimes("s/guarded", 1), "");
    }
    let file = || Script::full("v").symlink("s", "../../guarded");
    refuses(&fs, file().write("s", "x"), "not a regular file");
    refuses(&fs, file().mkfile("s"), "File exists");
    refuses(&fs, file().then(Command::Truncate { path: b"s", size: 0 }), "not a regular file");
    refuses(
        &fs,
        file().then(Command::Chmod { path: b"s", mode: 0o777 }),
        "cannot set the permissions",
    );
    refuses(&fs, file().xattr("s", "user.x", b"x"), "cannot set the extended attribute");
    // Of the link itself.
    let own = file().then(Command::Chown { path: b"s", uid: 7, gid: 7 }).utimes("s", 77);
    accepted(&own.end(), &fs.path().join("in"));
    let own = fs::metadata(fs.path().join("guarded")).unwrap();
    assert_eq!(std::os::unix::fs::MetadataExt::uid(&own), 0);
}

/// To open a FIFO would wait for ever; to open a device could do anything.
#[test]
fn pipes_and_devices_are_never_opened() {
    require_btrfs!();
    let fs = guarded();
    let node = |mode, rdev| Command::Mknod { path: b"n", ino: 1, rdev, mode };
    let fifo = Command::Mkfifo { path: b"n", ino: 1, rdev: 0, mode: 0o644 };
    let sock = Command::Mksock { path: b"n", ino: 1, rdev: 0, mode: 0o644 };
    for made in [fifo, sock, node(0o020_666, 0x0103), node(0o060_666, 0x0700)] {
        let start = || Script::full("v").mkfile("f").write("f", "x").then(made);
        refuses(&fs, start().write("n", "x"), "not a regular file");
        refuses(&fs, start().clone("f", (MADE, 7, "n"), 0, 4096), "not a regular file");
        refuses(&fs, start().clone("n", (MADE, 7, "f"), 0, 1), "not a regular file");
        refuses(&fs, start().then(Command::Truncate { path: b"n", size: 0 }), "not a regular file");
        refuses(&fs, start().mkfile("n/f"), "Not a directory");
    }
    refuses(&fs, Script::full("v").mkdir("n").write("n", "x"), "not a regular file");
    refuses(&fs, Script::full("v").write("", "x"), "not a regular file");
    refuses(&fs, Script::full("v").rename("", "x"), "is the root");
    refuses(&fs, Script::full("v").rmdir(""), "is the root");
}

/// A subvolume that somebody makes in the staging subvolume while it is received is not entered.
#[test]
fn nested_subvolumes_are_not_entered() {
    require_btrfs!();
    let fs = guarded();
    let into = fs.path().join("in");
    struct Nest(std::path::PathBuf, bool);
    impl btrsync::receive::Watch for Nest {
        fn command(&mut self, command: &Command<'_>, _: u64) {
            if matches!(command, Command::Chmod { .. }) {
                let staging = crate::support::names(&self.0).pop().unwrap();
                btrfs::create_subvolume(&self.0.join(&staging).join("nested"));
                fs::create_dir(self.0.join(&staging).join("nested/d")).unwrap();
                self.1 = true;
            }
        }
    }
    for last in [
        Script::mkfile(
            Script::full("v").then(Command::Chmod { path: b"", mode: 0o755 }),
            "nested/f",
        ),
        Script::mkfile(
            Script::full("v").then(Command::Chmod { path: b"", mode: 0o755 }),
            "nested/d/f",
        ),
        Script::utimes(
            Script::full("v").then(Command::Chmod { path: b"", mode: 0o755 }),
            "nested",
            7,
        ),
    ] {
        use btrsync::receive::{Directory, ReceiveOptions, StreamMeta, receive};
        let mut nest = Nest(into.clone(), false);
        let bytes = last.end();
        let dir = Directory::open(&into).unwrap();
        let (meta, options) = (StreamMeta::default(), ReceiveOptions::default());
        let error = receive(&bytes[..], &dir, &meta, options, &mut nest).unwrap_err();
        assert!(nest.1 && error.to_string().contains("lies in another subvolume"), "{error}");
        // Nobody but its maker can delete it: the staging subvolume stays until that is done.
        let staging = into.join(crate::support::names(&into).pop().unwrap());
        btrfs::delete(&staging.join("nested"));
        drop(dir);
        drop(Directory::open(&into).unwrap());
        assert!(crate::support::names(&into).is_empty());
    }
}

#[test]
fn names_are_escaped_in_messages() {
    require_btrfs!();
    let fs = guarded();
    refuses(&fs, Script::full("v").unlink("a\x1b[2J\nb"), r"unlink a\x1b[2J\nb (byte");
}
