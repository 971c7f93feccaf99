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
                let dir = fs::File::open(self.0.join(&staging)).unwrap();
                btrsync_kernel::create(dir, "nested".as_ref()).unwrap();
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

/// Even what runs in the middle of it cannot reach out: the kernel sees to that.
#[test]
fn the_thread_that_receives_is_walled_in() {
    require_btrfs!();
    use btrsync::receive::{Directory, ReceiveOptions, StreamMeta, Watch, receive};
    struct Escape(std::path::PathBuf, Vec<std::io::ErrorKind>);
    impl Watch for Escape {
        fn command(&mut self, _: &Command<'_>, _: u64) {
            let (guarded, new) = (self.0.join("guarded"), self.0.join("new"));
            let errors = [
                fs::read(&guarded).unwrap_err(),
                fs::remove_file(&guarded).unwrap_err(),
                fs::write(&new, b"x").unwrap_err(),
                fs::File::open("/").unwrap_err(),
                fs::hard_link(&guarded, self.0.join("in/link")).unwrap_err(),
            ];
            self.1.extend(errors.iter().map(std::io::Error::kind));
        }
    }
    if !landlock_has_refer() {
        eprintln!("skipped: this kernel has no Landlock that can move files");
        return;
    }
    let fs = guarded();
    let into = Directory::open(&fs.path().join("in")).unwrap();
    let mut escape = Escape(fs.path().to_path_buf(), Vec::new());
    let bytes = Script::full("v").mkfile("f").end();
    let (meta, options) = (StreamMeta::default(), ReceiveOptions::default());
    receive(&bytes[..], &into, &meta, options, &mut escape).unwrap();
    let denied = |kind: &_| *kind == std::io::ErrorKind::PermissionDenied;
    assert!(escape.1[..4].iter().all(denied), "{:?}", escape.1);
    assert_eq!(escape.1.len(), 15);
    // And only that thread.
    assert_eq!(fs::read(fs.path().join("guarded")).unwrap(), b"mine");
}

fn landlock_has_refer() -> bool {
    use landlock::{AccessFs, CompatLevel, Compatible, Ruleset, RulesetAttr};
    let required = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
    required.handle_access(AccessFs::Refer).is_ok()
}
