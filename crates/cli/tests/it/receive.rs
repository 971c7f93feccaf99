//! `btrsync receive` in place of `btrfs receive`.
//!
//! The hazard is a script that trades the one for the other and loses something: every letter of the
//! original is tried, and what arrives is compared with its source, not with what the original makes.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use btrsync_testutil::command::{output, program};
use btrsync_testutil::{LoopFs, btrfs, require_btrfs, require_tool};
use rustix::process::Signal;

use crate::support::{
    Ended, Pair, Pty, State, arrived, btrsync, no_leftover, random_file, signal, snapshot,
    subvolume, subvolumes,
};

/// Starts `btrsync receive` with bytes to come on its standard input.
fn start(args: &[&str], into: &Path) -> Child {
    let mut command = btrsync();
    command.arg("receive").args(args).arg(into).stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Receives bytes from standard input.
#[track_caller]
fn receive(args: &[&str], into: &Path, bytes: &[u8]) -> Ended {
    let mut child = start(args, into);
    let mut input = child.stdin.take().unwrap();
    let bytes = bytes.to_vec();
    // Who fails early reads no further.
    let writer = std::thread::spawn(move || input.write_all(&bytes));
    let ended = child.wait_with_output().unwrap().into();
    let _ = writer.join().unwrap();
    ended
}

/// The stream of a round of a zoo, from the round before but for the first.
fn round(pair: &Pair, round: u32) -> Vec<u8> {
    let snap = |round: u32| pair.snaps().join(format!("round-{round}"));
    btrfs::send(&snap(round), round.checked_sub(1).map(snap).as_deref())
}

#[track_caller]
fn round_arrived(pair: &Pair, round: u32) {
    let name = format!("round-{round}");
    arrived(&pair.snaps().join(&name), &pair.backup().join(&name));
}

#[test]
fn a_directory_is_no_stream() {
    require_btrfs!();
    let pair = Pair::with_snapshots(&[]);
    let directory = std::fs::File::open(pair.snaps()).unwrap();
    let mut command = crate::support::btrsync();
    let ended =
        crate::support::Ended::of(command.arg("receive").arg(pair.backup()).stdin(directory));
    ended.exits(2).complains(&["standard input is a directory", "what next"]);
}

#[test]
fn what_the_original_sends_arrives() {
    require_btrfs!();
    let pair = Pair::with_zoo(3);
    let first = receive(&[], &pair.backup(), &round(&pair, 0)).exits(0);
    assert_eq!((first.err.as_str(), first.out.as_str()), ("At subvol round-0\n", ""));
    let next = receive(&[], &pair.backup(), &round(&pair, 1)).exits(0);
    assert_eq!(next.err, "At snapshot round-1\n");
    assert_eq!(receive(&["-q"], &pair.backup(), &round(&pair, 2)).exits(0).err, "");
    (0..3).for_each(|round| round_arrived(&pair, round));
    no_leftover(pair.dst.path());
}

#[test]
fn what_we_send_we_receive() {
    require_btrfs!();
    let pair = Pair::with_zoo(3);
    for args in [
        &["--proto", "2", "--compressed-data", "round-0"][..],
        &["-e", "-p", "round-0", "round-1", "round-2"],
    ] {
        let mut send = btrsync();
        send.arg("send").args(args).current_dir(pair.snaps());
        let mut send = send.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut receive = btrsync();
        let receive = receive.arg("receive").arg(pair.backup()).stdin(send.stdout.take().unwrap());
        Ended::of(receive).exits(0);
        assert!(send.wait().unwrap().success());
    }
    (0..3).for_each(|round| round_arrived(&pair, round));
}

#[test]
fn files_with_several_streams_and_compressed_ones_are_received() {
    require_btrfs!();
    require_tool!("zstd");
    let (pair, home) = (Pair::with_zoo(3), tempfile::tempdir().unwrap());
    let file = home.path().join("streams");
    fs::write(&file, [round(&pair, 0), round(&pair, 1)].concat()).unwrap();
    let path = file.to_str().unwrap();
    let ended = receive(&["-f", path], &pair.backup(), b"").exits(0);
    assert_eq!(ended.err, "At subvol round-0\nAt snapshot round-1\n");
    fs::write(&file, round(&pair, 2)).unwrap();
    let packed = output(program("zstd").args(["-q", "-c"]).arg(&file)).unwrap();
    receive(&["-f", "-"], &pair.backup(), &packed).exits(0);
    (0..3).for_each(|round| round_arrived(&pair, round));
}

#[test]
fn the_letters_of_the_original_are_taken() {
    require_btrfs!();
    let pair = Pair::with_zoo(1);
    let mount = pair.dst.path().to_str().unwrap();
    let args = ["-v", "-C", "-E", "1", "-m", mount, "--force-decompress", "--terminate-on-end"];
    let ended = receive(&args, &pair.backup(), &round(&pair, 0)).exits(0);
    ended.complains(&["subvol          round-0\tuuid="]);
    round_arrived(&pair, 0);
    // What cannot be kept is refused, and not ignored.
    let zero = receive(&["-E", "0"], &pair.backup(), b"").exits(2);
    zero.complains(&["--max-errors"]);
    receive(&["-f", "a", "-f", "b"], &pair.backup(), b"").exits(2);
    Ended::of(btrsync().arg("receive")).exits(2).complains(&["DIR"]);
}

#[test]
fn more_is_said_where_that_is_wanted() {
    require_btrfs!();
    let pair = Pair::with_snapshots(&["one"]);
    let stream = btrfs::send(&pair.snaps().join("one"), None);
    let once = receive(&["-v"], &pair.backup(), &stream).exits(0);
    assert_eq!(once.err.lines().count(), 1, "{}", once.err);
    btrfs::delete(&pair.backup().join("one"));
    let twice = receive(&["-vv"], &pair.backup(), &stream).exits(0);
    twice.complains(&[
        "mkfile          o257-",
        "write           file\toffset=0\tlen=3\n",
        "\nend\n",
    ]);
}

#[test]
fn terminate_on_end_leaves_the_next_stream_to_the_next() {
    require_btrfs!();
    let (pair, home) = (Pair::with_zoo(2), tempfile::tempdir().unwrap());
    let file = home.path().join("both");
    fs::write(&file, [round(&pair, 0), round(&pair, 1)].concat()).unwrap();
    let input = File::open(&file).unwrap();
    for round in 0..2 {
        let mut receive = btrsync();
        let stdin = input.try_clone().unwrap();
        let receive = receive.args(["receive", "-e"]).arg(pair.backup()).stdin(stdin);
        Ended::of(receive).exits(0);
        round_arrived(&pair, round);
        assert_eq!(pair.backup().join("round-1").exists(), round == 1);
    }
}

#[test]
fn terminate_on_end_does_not_wait_for_the_end_of_the_input() {
    require_btrfs!();
    let pair = Pair::with_zoo(1);
    let mut child = start(&["-e"], &pair.backup());
    let mut input = child.stdin.take().unwrap();
    input.write_all(&round(&pair, 0)).unwrap();
    // The pipe stays open.
    assert!(child.wait().unwrap().success());
    drop(input);
    round_arrived(&pair, 0);
}

#[test]
fn a_dump_shows_the_stream_and_receives_nothing() {
    require_btrfs!();
    let (pair, home) = (Pair::with_zoo(1), tempfile::tempdir().unwrap());
    let file = home.path().join("stream");
    fs::write(&file, round(&pair, 0)).unwrap();
    let mut inspect = btrsync();
    let expected = Ended::of(inspect.arg("inspect").arg(&file)).exits(0).out;
    let before = State::of(pair.dst.path());
    let path = file.to_str().unwrap();
    let dumped = receive(&["--dump", "-f", path], &pair.backup(), b"").exits(0);
    assert_eq!(dumped.out, expected);
    let mut alone = btrsync();
    let alone = alone.args(["receive", "--dump"]).stdin(File::open(&file).unwrap());
    assert_eq!(Ended::of(alone).exits(0).out, expected);
    before.unchanged(pair.dst.path());
}

/// Asserts that bytes are refused with some words, and that the destination holds what it held.
#[track_caller]
fn refuses(pair: &Pair, into: &Path, bytes: &[u8], words: &[&str]) {
    let before = State::of(pair.dst.path());
    let ended = receive(&["-q"], into, bytes).exits(1).complains(words);
    assert!(ended.err.starts_with("btrsync: "), "{ended:#?}");
    ended.complains(&["\n  what next: "]);
    before.same_content(pair.dst.path());
    no_leftover(pair.dst.path());
}

#[test]
fn a_stream_that_is_not_whole_leaves_nothing() {
    require_btrfs!();
    let pair = Pair::with_zoo(1);
    let whole = round(&pair, 0);
    for cut in [0, 10, 17, 60, whole.len() / 2, whole.len() - 10, whole.len() - 1] {
        let place = format!("the stream is cut off at byte {cut}, ");
        refuses(&pair, &pair.backup(), &whole[..cut], &[&place]);
    }
    let mut damaged = whole.clone();
    damaged[whole.len() / 2] ^= 1;
    refuses(&pair, &pair.backup(), &damaged, &["at byte", "crc32c is"]);
    refuses(&pair, &pair.backup(), b"no stream at all, just text", &["no btrfs send stream"]);
    receive(&[], &pair.backup(), &whole).exits(0);
    round_arrived(&pair, 0);
}

#[test]
fn what_cannot_be_received_is_told() {
    require_btrfs!();
    let pair = Pair::with_zoo(2);
    let plain = tempfile::tempdir().unwrap();
    let stream = round(&pair, 0);
    refuses(&pair, &pair.dst.path().join("nowhere"), &stream, &["nowhere", "No such file"]);
    if !is_btrfs(plain.path()) {
        refuses(&pair, plain.path(), &stream, &["is not a directory on btrfs"]);
    }
    let file = pair.dst.path().join("file");
    fs::write(&file, "").unwrap();
    refuses(&pair, &file, &stream, &["is not a directory on btrfs"]);
    refuses(&pair, &pair.backup(), &round(&pair, 1), &["cannot build on the parent", "UUID"]);
    fs::create_dir(pair.backup().join("round-0")).unwrap();
    refuses(&pair, &pair.backup(), &stream, &["backup/round-0 already exists"]);
    let none = receive(&["-f", "/nowhere/at/all"], &pair.backup(), b"").exits(1);
    none.complains(&["cannot open /nowhere/at/all: No such file", "what next"]);
}

fn is_btrfs(dir: &Path) -> bool {
    btrsync_kernel::is_btrfs(File::open(dir).unwrap()).unwrap()
}

#[test]
fn what_is_there_already_is_passed_over_and_nothing_else() {
    require_btrfs!();
    let pair = Pair::with_zoo(2);
    let both = [round(&pair, 0), round(&pair, 1)].concat();
    receive(&[], &pair.backup(), &both).exits(0);
    let name = |number: u32| pair.backup().join(format!("round-{number}"));
    let taken = ["backup/round-0 already exists"];
    // Nothing of it is left to do, which no interrupted run leaves.
    refuses(&pair, &pair.backup(), &both, &taken);
    btrfs::delete(&name(1));
    assert_eq!(receive(&["-q"], &pair.backup(), &both).exits(0).err, "");
    arrived(&pair.snaps().join("round-1"), &name(1));
    // What this run has received is not of an interrupted one.
    btrfs::delete(&name(1));
    let twice = [&both[..], &round(&pair, 1)].concat();
    receive(&[], &pair.backup(), &twice).exits(1).complains(&["backup/round-1 already exists"]);
    // Half of it, and a damaged one, are no streams for that.
    refuses(&pair, &pair.backup(), &both[..both.len() / 2], &["is cut off"]);
    // Another one of the same name.
    btrfs::delete(&name(0));
    btrfs::snapshot_ro(&name(1), &name(0));
    refuses(&pair, &pair.backup(), &both, &taken);
    btrfs::delete(&name(0));
    receive(&[], &pair.backup(), &round(&pair, 0)).exits(0);
    // And one that somebody has changed.
    btrfs::set_ro(&name(0), false);
    fs::write(name(0).join("changed"), "x").unwrap();
    refuses(&pair, &pair.backup(), &both, &taken);
    let set_ro = |to| btrsync_kernel::set_read_only(File::open(name(0)).unwrap(), to).unwrap();
    set_ro(true);
    refuses(&pair, &pair.backup(), &both, &taken);
}

#[test]
fn a_parent_that_was_changed_is_refused() {
    require_btrfs!();
    let pair = Pair::with_zoo(2);
    receive(&[], &pair.backup(), &round(&pair, 0)).exits(0);
    let copy = pair.backup().join("round-0");
    btrfs::set_ro(&copy, false);
    fs::write(copy.join("changed"), "x").unwrap();
    btrfs::set_ro(&copy, true);
    refuses(&pair, &pair.backup(), &round(&pair, 1), &["cannot build on the parent"]);
}

#[test]
fn a_full_destination_leaves_what_goes_on_when_there_is_room() {
    require_btrfs!();
    let pair = Pair::with_large(150);
    // With the least metadata a filesystem that was full of data has no room to rename anything.
    let small = LoopFs::builder().size_mib(600).mkfs_args(["-m", "dup"]).build();
    let filler = small.path().join("filler");
    random_file(&filler, 400);
    btrfs::sync(small.path());
    let stream = btrfs::send(&pair.snaps().join("large"), None);
    let ended = receive(&["--checkpoint=16M"], small.path(), &stream).exits(1);
    ended.complains(&["No space left on device", "what next: free some space"]);
    assert!(subvolumes(small.path()).contains(".checkpoint"));
    fs::remove_file(filler).unwrap();
    // What was freed can be had after the next commit.
    btrfs::sync(small.path());
    receive(&[], small.path(), &stream).exits(0);
    arrived(&pair.snaps().join("large"), &small.path().join("large"));
    no_leftover(small.path());
}

#[test]
fn a_signal_leaves_nothing_under_a_name_that_is_not_complete() {
    require_btrfs!();
    let pair = Pair::with_large(50);
    snapshot(&pair.src.path().join("other"), &pair.snaps().join("first"));
    let first = btrfs::send(&pair.snaps().join("first"), None);
    let large = btrfs::send(&pair.snaps().join("large"), None);
    let mut child = start(&[], &pair.backup());
    let mut input = child.stdin.take().unwrap();
    input.write_all(&first).unwrap();
    input.write_all(&large[..large.len() / 2]).unwrap();
    // It waits for the rest.
    std::thread::sleep(Duration::from_millis(200));
    signal(child.id(), Signal::INT);
    let ended: Ended = child.wait_with_output().unwrap().into();
    ended.exits(130).complains(&["interrupted"]);
    drop(input);
    arrived(&pair.snaps().join("first"), &pair.backup().join("first"));
    assert!(!pair.backup().join("large").exists());
    let again = receive(&[], &pair.backup(), &[&first[..], &large].concat()).exits(0);
    again.complains(&["At subvol first\nfirst is there already\nAt subvol large\n"]);
    arrived(&pair.snaps().join("large"), &pair.backup().join("large"));
    no_leftover(pair.dst.path());
}

#[test]
fn another_run_is_not_disturbed() {
    require_btrfs!();
    let pair = Pair::with_zoo(1);
    let stream = round(&pair, 0);
    let mut child = start(&[], &pair.backup());
    let mut input = child.stdin.take().unwrap();
    input.write_all(&stream[..stream.len() / 2]).unwrap();
    std::thread::sleep(Duration::from_millis(200));
    let second = receive(&[], &pair.backup(), &stream).exits(4);
    second.complains(&["another run is using", "wait for the other run"]);
    input.write_all(&stream[stream.len() / 2..]).unwrap();
    drop(input);
    assert!(child.wait().unwrap().success());
    round_arrived(&pair, 0);
}

#[test]
fn a_terminal_is_no_stream() {
    require_btrfs!();
    require_tool!("script");
    let fs = LoopFs::new();
    let (code, shown) = Pty::start(["receive", fs.path().to_str().unwrap()]).end();
    assert_eq!(code, 2, "{shown}");
    assert!(shown.contains("standard input is a terminal"), "{shown}");
}

#[test]
fn names_of_bytes_arrive_and_are_escaped_in_what_is_said() {
    require_btrfs!();
    let pair = Pair::new();
    let origin = subvolume(&pair.origin());
    let name = |bytes: &[u8]| PathBuf::from(std::ffi::OsStr::from_bytes(bytes));
    let snap = pair.snaps().join(name(b"a \xff\n\x1b[2J"));
    fs::write(origin.join(name(b"\xff file")), "x").unwrap();
    btrfs::snapshot_ro(&origin, &snap);
    let ended = receive(&[], &pair.backup(), &btrfs::send(&snap, None)).exits(0);
    assert_eq!(ended.err, "At subvol a \\xff\\n\\x1b[2J\n");
    arrived(&snap, &pair.backup().join(snap.file_name().unwrap()));
}
