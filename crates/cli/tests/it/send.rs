//! `btrsync send` in place of `btrfs send`.
//!
//! The hazard is a stream that is almost the same: each is compared byte by byte with that of the
//! original for the same arguments, and what is refused must leave nothing behind.

use std::fs::{self, File};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use btrsync_testutil::command::{output_with_input, program};
use btrsync_testutil::{Compare, LoopFs, btrfs, require_btrfs, require_tool};
use rustix::process::Signal;

use crate::support::{Ended, Pair, Pty, btrsync, signal, snapshot, subvolume};

/// What a program writes to standard output, run in a directory.
#[track_caller]
fn stream(mut command: Command, args: &str, dir: &Path) -> Vec<u8> {
    command.arg("send").args(args.split_whitespace()).current_dir(dir);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{args}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// Asserts that both programs write the same for the same arguments.
#[track_caller]
fn same(args: &str, dir: &Path) {
    let (ours, theirs) = (stream(btrsync(), args, dir), stream(program("btrfs"), args, dir));
    assert!(ours == theirs, "{args}: {} and {} bytes", ours.len(), theirs.len());
    assert!(ours.len() > 100, "{args}");
}

/// Runs `btrsync send` in a directory.
#[track_caller]
fn send(args: &[&str], dir: &Path) -> Ended {
    let mut command = btrsync();
    Ended::of(command.arg("send").args(args).current_dir(dir).stdout(Stdio::null()))
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Rust opens `/dev/null` in its place, and then all is well but for the stream.
#[test]
fn a_closed_output_is_no_output() {
    require_btrfs!();
    let pair = Pair::with_snapshots(&["1"]);
    let mut shell = program("sh");
    shell.args(["-c", "\"$@\" >&-", "sh", env!("CARGO_BIN_EXE_btrsync"), "send"]);
    let ended = Ended::of(shell.arg(pair.snaps().join("1"))).exits(2);
    ended.complains(&["standard output is closed", "what next"]);
    let one = pair.snaps().join("1");
    let to_null = [one.as_os_str(), "-f".as_ref(), "/dev/null".as_ref()];
    Ended::of(btrsync().arg("send").args(to_null)).exits(0);
}

#[test]
fn streams_are_those_of_the_original() {
    require_btrfs!();
    let pair = Pair::with_zoo(4);
    let dir = pair.snaps();
    for args in [
        "round-0",
        "-q round-0",
        "round-0/",
        "-p round-0 round-1",
        "-pround-0 -- round-1",
        "round-1 -p round-0",
        "-p round-2 round-1",
        "-p round-0 round-1 round-2",
        "-e -p round-0 round-1 round-2",
        "-e round-0 round-1 round-2",
        "round-0 round-1",
        "--no-data -p round-0 round-1",
        "--proto 1 round-0",
        "--proto 2 -p round-1 round-2",
        "--proto=0 round-0",
        "--compressed-data round-0",
        "--proto 2 --compressed-data -e -p round-0 round-1 round-2",
    ] {
        same(args, &dir);
    }
}

#[test]
fn clone_sources_and_the_parent_among_them_are_those_of_the_original() {
    require_btrfs!();
    let pair = Pair::with_zoo(4);
    let dir = pair.snaps();
    btrfs::snapshot_ro(&dir.join("round-1"), &dir.join("of-round-1"));
    fs::write(pair.origin().join("changed since"), "x").unwrap();
    snapshot(&pair.src.path().join("stranger"), &dir.join("strange"));
    btrfs::sync(pair.src.path());
    for args in [
        "-c round-0 round-1",
        "-c round-0 -c round-1 round-2",
        "-c round-1 -c round-0 round-2",
        "-c round-0 -c round-3 round-1",
        "-c strange -c round-0 round-2",
        "-c round-0 -c round-1 of-round-1",
        "-c round-0 -p round-1 round-2",
        "-c round-1 -p round-1 round-2",
        "-c strange -p round-0 round-1",
        "-c round-0 round-1 round-2 round-3",
        "-e -c round-0 round-1 round-2",
    ] {
        same(args, &dir);
    }
}

#[test]
fn compressed_extents_are_those_of_the_original() {
    require_btrfs!();
    let fs = LoopFs::builder().mount_options("compress-force=zstd").build();
    let origin = subvolume(&fs.path().join("origin"));
    fs::write(origin.join("text"), "the same line again\n".repeat(20_000)).unwrap();
    snapshot(&origin, &fs.path().join("snap"));
    same("--compressed-data snap", fs.path());
    let plain = stream(btrsync(), "snap", fs.path()).len();
    assert!(stream(btrsync(), "--compressed-data snap", fs.path()).len() * 4 < plain);
}

#[test]
fn a_subvolume_that_is_mounted_by_itself_can_be_sent() {
    require_btrfs!();
    let pair = Pair::with_snapshots(&["one", "two"]);
    let mount = pair.src.mount_subvol("snaps/two");
    let (at, one) = (mount.path().to_str().unwrap(), pair.snaps().join("one"));
    let ours = stream(btrsync(), &format!("-p {} {at}", one.display()), Path::new("/"));
    let expected = stream(btrsync(), "-p one two", &pair.snaps());
    assert!(ours.len() == expected.len() && ours.len() > 100);
    same(at, Path::new("/"));
}

#[test]
fn the_original_receives_it() {
    require_btrfs!();
    let pair = Pair::with_zoo(2);
    for args in ["round-0", "-p round-0 round-1"] {
        let bytes = stream(btrsync(), args, &pair.snaps());
        let mut receive = program("btrfs");
        output_with_input(receive.args(["receive", "-q"]).arg(pair.backup()), &bytes).unwrap();
    }
    for round in ["round-0", "round-1"] {
        // Which gets the time of the root wrong.
        let compare = Compare::default().root_mtime(false);
        compare.assert_identical(&pair.snaps().join(round), &pair.backup().join(round));
    }
}

#[test]
fn what_is_said_goes_to_standard_error() {
    require_btrfs!();
    let pair = Pair::with_snapshots(&["one", "two"]);
    let dir = pair.snaps();
    assert_eq!(send(&["one", "two"], &dir).exits(0).err, "At subvol one\nAt subvol two\n");
    assert_eq!(send(&["-q", "one"], &dir).exits(0).err, "");
    let said = send(&["-v", "-c", "one", "two"], &dir).exits(0).err;
    assert_eq!(said, "At subvol two, from one\n");
}

#[test]
fn a_file_appears_when_it_is_complete_and_replaces_another() {
    require_btrfs!();
    let (pair, home) = (Pair::with_snapshots(&["one"]), tempfile::tempdir().unwrap());
    let (dir, file) = (pair.snaps(), home.path().join("stream"));
    let path = file.to_str().unwrap();
    let expected = stream(btrsync(), "one", &dir);
    for before in [None, Some("something else")] {
        if let Some(text) = before {
            fs::write(&file, text).unwrap();
        }
        assert_eq!(send(&["-f", path, "one"], &dir).exits(0).out, "");
        assert!(fs::read(&file).unwrap() == expected);
        assert_eq!(names(home.path()), ["stream"]);
    }
    fs::remove_file(&file).unwrap();
    send(&["-f", path, "one"], &dir).exits(0);
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    // A relative path, and a link that leads to the file.
    let link = home.path().join("link");
    fs::write(&file, "old").unwrap();
    symlink("stream", &link).unwrap();
    let snap = dir.join("one");
    send(&["-f", "link", snap.to_str().unwrap()], home.path()).exits(0);
    assert!(fs::read(&file).unwrap() == expected && link.is_symlink());
}

#[test]
fn what_is_no_regular_file_is_written_to_directly() {
    require_btrfs!();
    let (pair, home) = (Pair::with_snapshots(&["one"]), tempfile::tempdir().unwrap());
    let dir = pair.snaps();
    send(&["-f", "/dev/null", "one"], &dir).exits(0);
    send(&["-f", "/dev/full", "one"], &dir).exits(1).complains(&["No space left on device"]);
    let mut dash = btrsync();
    let dash = dash.args(["send", "-f", "-", "one"]).current_dir(&dir).output().unwrap();
    assert!(dash.stdout == stream(btrsync(), "one", &dir));
    assert!(!dir.join("-").exists());
    let target = home.path().to_str().unwrap();
    let ended = send(&["-f", target, "one"], &dir).exits(1);
    ended.complains(&[target, "Is a directory"]);
    send(&["-f", "/nowhere/at/all", "one"], &dir).exits(1).complains(&["No such file"]);
}

#[test]
fn what_cannot_be_sent_is_told_and_leaves_nothing() {
    require_btrfs!();
    let (pair, other) = (Pair::with_snapshots(&["one", "two"]), LoopFs::new());
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(pair.src.path().join("plain")).unwrap();
    fs::write(home.path().join("out"), "as it was").unwrap();
    snapshot(&pair.src.path().join("stranger"), &pair.snaps().join("strange"));
    snapshot(&other.path().join("origin"), &other.path().join("far"));
    let far = other.path().join("far");
    let far = far.to_str().unwrap();
    let out = home.path().join("out");
    let cases: &[(&[&str], &[&str])] = &[
        (&["nowhere"], &["cannot open nowhere: No such file"]),
        (&["one/file"], &["one/file is not a subvolume"]),
        (&["../plain"], &["../plain is not a subvolume"]),
        (&["/dev/null"], &["/dev/null is not a subvolume"]),
        (&["/proc"], &["/proc is not on a btrfs filesystem"]),
        (&["../origin"], &["../origin is a writable subvolume"]),
        (&["-p", "../origin", "one"], &["../origin is a writable subvolume"]),
        (&["-c", "../origin", "one"], &["../origin is a writable subvolume"]),
        (&["-p", "nowhere", "one"], &["cannot open nowhere"]),
        (&["-p", far, "one"], &["on different filesystems", "one", "far"]),
        (&["-c", "strange", "two"], &["no clone source can be the parent of two"]),
        (&["one", "../origin"], &["../origin is a writable subvolume"]),
        (&["--proto", "9999", "one"], &["version 9999", "newest is"]),
        (&["--proto", "1", "--compressed-data", "one"], &["version 1", "compressed"]),
    ];
    for (args, words) in cases {
        let args = [&["-f", out.to_str().unwrap()], *args].concat();
        let ended = send(&args, &pair.snaps()).exits(1).complains(words);
        assert!(ended.err.contains("\n  what next: "), "{ended:#?}");
        assert_eq!(names(home.path()), ["out"]);
        assert_eq!(fs::read(&out).unwrap(), b"as it was");
    }
    send(&[], home.path()).exits(2);
    send(&["-p", "one", "-p", "two", "one"], &pair.snaps()).exits(2);
}

#[test]
fn a_terminal_gets_no_stream() {
    require_btrfs!();
    require_tool!("script");
    let pair = Pair::with_snapshots(&["one"]);
    let (code, shown) = Pty::start(["send", pair.snaps().join("one").to_str().unwrap()]).end();
    assert_eq!(code, 2, "{shown}");
    assert!(shown.contains("standard output is a terminal"), "{shown}");
    assert!(shown.contains("-f FILE") && !shown.contains("btrfs-stream"), "{shown}");
}

#[test]
fn a_reader_that_leaves_is_told() {
    require_btrfs!();
    let pair = Pair::with_large(8);
    let mut child = btrsync();
    child.arg("send").arg(pair.snaps().join("large"));
    let mut child = child.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let ended: Ended = child.wait_with_output().unwrap().into();
    ended.exits(1).complains(&["cannot write the stream", "Broken pipe", "nobody reads any more"]);
}

#[test]
fn a_full_disk_leaves_what_was_there() {
    require_btrfs!();
    let pair = Pair::with_large(200);
    let small = LoopFs::builder().size_mib(128).build();
    let out = small.path().join("out");
    fs::write(&out, "as it was").unwrap();
    let args = ["-f", out.to_str().unwrap(), "large"];
    let ended = send(&args, &pair.snaps()).exits(1);
    ended.complains(&["No space left on device", "what next"]);
    assert_eq!(fs::read(&out).unwrap(), b"as it was");
    assert_eq!(names(small.path()), ["out"]);
}

#[test]
fn an_interrupted_send_leaves_nothing() {
    require_btrfs!();
    let pair = Pair::with_large(300);
    for what in [Signal::INT, Signal::TERM] {
        let out = pair.dst.path().join("out");
        let mut child = btrsync();
        child.args(["send", "-f"]).arg(&out).arg(pair.snaps().join("large"));
        let child = child.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        wait_for_bytes(pair.dst.path());
        signal(child.id(), what);
        let ended: Ended = child.wait_with_output().unwrap().into();
        ended.exits(130).complains(&["interrupted"]);
        assert_eq!(names(pair.dst.path()), ["backup"]);
    }
}

/// Waits until some of a stream is in a temporary file.
#[track_caller]
fn wait_for_bytes(dir: &Path) {
    for _ in 0..4000 {
        let files = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap());
        let mut temporary =
            files.filter(|entry| entry.file_name().to_str().unwrap().starts_with(".btrsync-"));
        let written = |entry: fs::DirEntry| entry.metadata().is_ok_and(|found| found.len() > 0);
        if temporary.any(written) {
            return;
        }
        sleep(Duration::from_millis(5));
    }
    panic!("nothing is written");
}

/// The kernel begins the stream again when its process goes on after a stop.
#[test]
fn a_stop_in_the_middle_makes_no_stream_that_looks_whole() {
    require_btrfs!();
    let pair = Pair::with_large(30);
    let mut child = btrsync();
    child.args(["send", "-q"]).arg(pair.snaps().join("large"));
    let mut child = child.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut output = child.stdout.take().unwrap();
    let mut stream = vec![0; 1 << 20];
    output.read_exact(&mut stream).unwrap();
    // By now it waits for somebody to read on.
    sleep(Duration::from_millis(300));
    signal(child.id(), Signal::STOP);
    sleep(Duration::from_millis(100));
    signal(child.id(), Signal::CONT);
    output.read_to_end(&mut stream).unwrap();
    let ended: Ended = child.wait_with_output().unwrap().into();
    ended.exits(1).complains(&["a stream that is not whole", "let it run without a stop"]);
    let ended = receive_piped(&pair.backup(), &stream);
    ended.exits(1).complains(&["the stream is cut off at byte"]);
    assert_eq!(names(&pair.backup()), Vec::<String>::new());
}

#[track_caller]
fn receive_piped(into: &Path, stream: &[u8]) -> Ended {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(stream).unwrap();
    file.rewind().unwrap();
    Ended::of(btrsync().arg("receive").arg(into).stdin(file))
}

#[test]
fn what_a_killed_send_left_the_next_removes() {
    require_btrfs!();
    let pair = Pair::with_large(300);
    let out = pair.dst.path().join("out");
    let mut child = btrsync();
    child.args(["send", "-q", "-f"]).arg(&out).arg(pair.snaps().join("large"));
    let mut child = child.spawn().unwrap();
    wait_for_bytes(pair.dst.path());
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!out.exists() && names(pair.dst.path()).len() == 2);
    pair.take("small");
    let out = pair.dst.path().join("other");
    send(&["-f", out.to_str().unwrap(), "-p", "large", "small"], &pair.snaps()).exits(0);
    assert_eq!(names(pair.dst.path()), ["backup", "other"]);
    assert!(File::open(&out).unwrap().metadata().unwrap().len() > 100);
}
