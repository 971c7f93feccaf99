//! Streams that are dumped to files and through pipelines.
//!
//! The hazard is a dump that looks whole: every one is received again by `btrfs receive` here, and
//! whatever fails must leave no file under a final name.

use std::fs;
use std::path::{Path, PathBuf};

use btrsync_testutil::command::{output, output_with_input, program};
use btrsync_testutil::{btrfs, require_btrfs, require_tool};
use rustix::process::Signal;

use crate::support::{Ended, Pair, Running, State, btrsync, run, snapshot};

/// A directory for dumps, beside the loop filesystems.
fn dumps() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// The names in a directory, sorted, hidden ones too.
#[track_caller]
fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn dump(pair: &Pair, options: &[&str]) -> Ended {
    run(pair.args(&[&["-y", "--json"], options].concat()))
}

/// Receives files with the program that everybody has, and compares.
#[track_caller]
fn receivable(pair: &Pair, files: &[PathBuf]) {
    files.iter().for_each(|file| btrfs::receive(&fs::read(file).unwrap(), &pair.backup()));
    for entry in fs::read_dir(pair.snaps()).unwrap() {
        let name = entry.unwrap().file_name();
        let how = btrsync_testutil::Compare::default().root_mtime(false);
        how.assert_identical(&pair.snaps().join(&name), &pair.backup().join(&name));
    }
}

#[test]
fn dumps_are_whole_and_the_destination_is_only_compared() {
    require_btrfs!();
    let (pair, home) = (Pair::with_zoo(2), dumps());
    let before = State::of(pair.dst.path());
    dump(&pair, &["-o", home.path().to_str().unwrap()]).exits(0);
    before.unchanged(pair.dst.path());
    let files = ["round-0.btrfs_stream", "round-1.btrfs_stream"];
    assert_eq!(names(home.path()), files);
    receivable(&pair, &files.map(|file| home.path().join(file)));
    // What the destination has is not dumped.
    let ended = dump(&pair, &["-o", home.path().to_str().unwrap()]).exits(0);
    assert!(ended.plan().is_empty(), "{ended:?}");
}

#[test]
fn a_pipeline_compresses_and_an_extension_says_so() {
    require_btrfs!();
    let (pair, home) = (Pair::with_snapshots(&["a"]), dumps());
    let dir = home.path().to_str().unwrap();
    dump(&pair, &["-o", dir, "-O", "cat | gzip '-9'", "-e", ".gz"]).exits(0);
    assert_eq!(names(home.path()), ["a.btrfs_stream.gz"]);
    let plain = output(program("zcat").arg(home.path().join("a.btrfs_stream.gz"))).unwrap();
    btrfs::receive(&plain, &pair.backup());
}

#[test]
fn no_dump_replaces_another() {
    require_btrfs!();
    let (pair, home) = (Pair::with_snapshots(&["a"]), dumps());
    fs::create_dir(pair.snaps().join("sub")).unwrap();
    snapshot(&pair.src.path().join("other"), &pair.snaps().join("sub/a"));
    let dir = home.path().to_str().unwrap();
    dump(&pair, &["-o", dir]).exits(0);
    let found = names(home.path());
    assert_eq!(found.len(), 2, "{found:?}");
    let uuid = btrfs::show(&pair.snaps().join("sub/a")).get("UUID").to_owned();
    let mut expected = [format!("a.{uuid}.btrfs_stream"), "a.btrfs_stream".to_owned()];
    // Which comes first depends on the UUID.
    expected.sort();
    assert_eq!(found, expected);
    // The same dump again is not there twice.
    let again = || {
        let words = ["-y", "-f", "-o", dir];
        let places = [pair.snaps().join("sub/a"), pair.backup()].map(PathBuf::into_os_string);
        run(words.into_iter().map(Into::into).chain(places))
    };
    again().exits(0);
    assert_eq!(names(home.path()), found);
    // Where something else has its names, none is left.
    found.iter().for_each(|name| fs::write(home.path().join(name), "else").unwrap());
    again().exits(1).complains(&["already exists", "what next"]);
    assert_eq!(names(home.path()), found);
}

#[test]
fn the_longest_name_is_cut_for_a_dump() {
    require_btrfs!();
    let (pair, home) = (Pair::new(), dumps());
    let long = "n".repeat(255);
    let snap = snapshot(&pair.origin(), &pair.snaps().join(&long));
    dump(&pair, &["-o", home.path().to_str().unwrap()]).exits(0);
    let uuid = btrfs::show(&snap).get("UUID").to_owned();
    assert_eq!(names(home.path()), [format!("{}.{uuid}.btrfs_stream", &long[..205])]);
}

/// What has to be on disk, in order, before a dump is told of: each new directory as an entry of the one
/// above, the dump, its name.
#[test]
fn a_dump_and_the_directories_above_it_are_on_disk() {
    require_btrfs!();
    require_tool!("strace");
    let (pair, home) = (Pair::with_snapshots(&["a"]), dumps());
    let (trace, home) = (home.path().join("trace"), home.path().canonicalize().unwrap());
    let dir = home.join("x/y");
    let mut command = program("strace");
    command.args(["-f", "-y", "-e", "trace=mkdir,fsync,renameat2", "-o"]).arg(&trace);
    command.arg(env!("CARGO_BIN_EXE_btrsync"));
    command.args(pair.args(&["-y", "-c", "-o", dir.to_str().unwrap()]));
    output(&mut command).unwrap();
    let trace = fs::read_to_string(&trace).unwrap();
    let at = |call: &str, path: &Path, end: &str| {
        let wanted = format!("{}{end}", path.display());
        let is_it = |line: &str| line.contains(call) && line.contains(&wanted);
        trace.lines().position(is_it).unwrap_or_else(|| panic!("no {call}{wanted} in {trace}"))
    };
    let order = [
        at("mkdir(\"", &home.join("x"), "\""),
        at("fsync(", &home, ">"),
        at("mkdir(\"", &dir, "\""),
        at("fsync(", &home.join("x"), ">"),
        at("fsync(", &dir.join(".btrsync-"), ""),
        at("renameat2(", &dir, ">"),
        at("fsync(", &dir, ">"),
    ];
    assert!(order.is_sorted(), "{order:?} in {trace}");
}

#[test]
fn directories_are_replicated_and_a_batch_is_one_file() {
    require_btrfs!();
    let (pair, home) = (Pair::new(), dumps());
    snapshot(&pair.src.path().join("one"), &pair.snaps().join("a"));
    snapshot(&pair.src.path().join("two"), &pair.snaps().join("b"));
    let dir = home.path().to_str().unwrap();
    dump(&pair, &["-r", "-B", "-o", dir]).exits(0);
    assert_eq!(names(&home.path().join("snaps")), ["a_et-al.btrfs_stream"]);
    receivable(&pair, &[home.path().join("snaps/a_et-al.btrfs_stream")]);
}

#[test]
fn without_a_directory_the_stream_alone_goes_to_standard_output() {
    require_btrfs!();
    let pair = Pair::with_snapshots(&["a", "b"]);
    let ended = btrsync().args(pair.args(&["-y", "-O", "cat"])).output().unwrap();
    assert!(ended.status.success());
    assert!(String::from_utf8_lossy(&ended.stderr).contains(" - Done"));
    btrfs::receive(&ended.stdout, &pair.backup());
    receivable(&pair, &[]);
    run(pair.args(&["-y", "-O", "cat", "--json"])).exits(2).complains(&["standard output"]);
}

#[test]
fn standard_output_is_the_stream_to_the_byte() {
    require_btrfs!();
    let pair = Pair::with_snapshots(&["a"]);
    let stream = btrfs::send(&pair.snaps().join("a"), None);
    let talkative = "sh -c 'echo to standard error >&2; cat'";
    for (options, wanted) in [
        (["-y", "-O", "cat"].as_slice(), stream.as_slice()),
        (&["-y", "-v", "-p", "-t", "0.01", "-B", "-P", "-O", talkative], &stream),
        (&["-n", "-O", "cat"], b""),
        (&["-O", "cat"], b""),
    ] {
        let ended = btrsync().args(pair.args(options)).output().unwrap();
        assert!(ended.stdout == wanted, "{options:?}: {}", ended.stdout.escape_ascii());
    }
}

#[test]
fn a_stage_that_fails_is_named_and_leaves_no_file() {
    require_btrfs!();
    let (pair, home) = (Pair::with_snapshots(&["a"]), dumps());
    let dir = home.path().to_str().unwrap();
    for (pipeline, words) in [
        ("cat | false | cat", "'false' in the pipeline failed (exit status: 1)"),
        ("sh -c 'cat; echo oh dear >&2; exit 3'", "(exit status: 3): oh dear"),
        ("cat | no-such-program", "cannot start 'no-such-program'"),
    ] {
        let ended = run(pair.args(&["-y", "-o", dir, "-O", pipeline])).exits(1);
        ended.complains(&[words, "what next"]);
        assert!(names(home.path()).is_empty(), "{pipeline}");
    }
    run(pair.args(&["-y", "-o", dir, "-O", "cat > x"])).exits(2).complains(&["'>'"]);
    run(pair.args(&["-y", "-e", ".zst"])).exits(2);
    let missing = home.path().join("missing");
    let ended = run(pair.args(&["-y", "-o", missing.to_str().unwrap()]));
    ended.exits(1).complains(&["does not exist", "what next"]);
}

#[test]
fn a_stage_that_stops_reading_has_failed_whatever_it_says() {
    require_btrfs!();
    let (pair, home) = (Pair::with_large(8), dumps());
    let dir = home.path().to_str().unwrap();
    let ended = run(pair.args(&["-y", "-o", dir, "-O", "head -c 10"])).exits(1);
    ended.complains(&["stopped reading", "what next"]);
    assert!(names(home.path()).is_empty());
}

#[test]
fn a_killed_dump_leaves_nothing_for_long() {
    require_btrfs!();
    let (pair, home) = (Pair::with_large(48), dumps());
    let dir = home.path().to_str().unwrap();
    let running = Running::start(pair.args(&["-o", dir])).in_transfer(1 << 20);
    running.kill();
    assert!(names(home.path()).iter().all(|name| name.starts_with(".btrsync-")));
    let running = Running::start(pair.args(&["-o", dir])).in_transfer(1 << 20);
    running.signal(Signal::INT);
    running.end().exits(130);
    assert!(names(home.path()).is_empty(), "{:?}", names(home.path()));
    dump(&pair, &["-o", dir]).exits(0);
    assert_eq!(names(home.path()), ["large.btrfs_stream"]);
    let received = output_with_input(
        program("btrfs").arg("receive").arg(pair.backup()),
        &fs::read(home.path().join("large.btrfs_stream")).unwrap(),
    );
    received.unwrap();
}
