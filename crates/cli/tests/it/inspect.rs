//! `btrsync inspect` on streams of a real kernel.
//!
//! The hazard is a picture that is nicer than the stream: what is shown is compared with what
//! `btrfs receive --dump` shows, and sums with a tree whose numbers are known.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use btrsync::stream::CommandKind;
use btrsync_testutil::command::{output, program};
use btrsync_testutil::{LoopFs, btrfs, require_btrfs, require_tool};
use serde_json::{Value, json};

use crate::support::{Ended, Pty, btrsync, random_file, run, subvolume};

/// A stream that the codec is tested with; they are what a kernel has sent.
fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../stream/tests/fixtures").join(name)
}

fn fixtures() -> Vec<PathBuf> {
    let all = fs::read_dir(fixture("")).unwrap().map(|entry| entry.unwrap().path());
    all.filter(|path| path.to_str().unwrap().contains("-v")).collect()
}

fn inspect(args: &[&str], file: &Path) -> Ended {
    Ended::of(btrsync().arg("inspect").args(args).arg(file))
}

/// Inspects bytes that come through a pipe.
#[track_caller]
fn inspect_piped(args: &[&str], bytes: &[u8]) -> Ended {
    let mut child = btrsync();
    child.arg("inspect").args(args).arg("-").stdin(Stdio::piped());
    let mut child = child.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let bytes = bytes.to_vec();
    let writer = std::thread::spawn(move || input.write_all(&bytes));
    let ended = child.wait_with_output().unwrap().into();
    writer.join().unwrap().unwrap();
    ended
}

/// The commands in the lines of an output, in order.
fn commands(out: &str) -> Vec<&str> {
    let lines = out.lines().filter(|line| line.get(14..16) == Some("  "));
    let words = lines.filter_map(|line| line.split_whitespace().next());
    words.filter(|word| CommandKind::ALL.iter().any(|kind| kind.name() == *word)).collect()
}

#[test]
fn the_commands_are_those_that_btrfs_shows() {
    require_tool!("btrfs");
    for file in fixtures() {
        let dump = output(program("btrfs").args(["receive", "--dump", "-f"]).arg(&file)).unwrap();
        let theirs = String::from_utf8_lossy(&dump).into_owned();
        let ended = inspect(&[], &file).exits(0);
        // It stops at the first end, and shows none.
        let ours = ended.out.split("\nend\n").next().unwrap();
        assert_eq!(commands(ours), commands(&theirs), "{file:?}");
        assert_eq!(ended.err, "");
    }
}

#[test]
fn every_value_of_a_command_is_shown() {
    let ended = inspect(&[], &fixture("full-v2")).exits(0);
    ended.says(&[
        "stream          v2\tat byte 0\n",
        "set_xattr       dir/data\tname=user.note\tvalue=\\x01\\xff value\n",
        "mknod           o265-7-0\tino=265\trdev=259:1048575\tmode=60644\n",
        "chown           fifo\tuid=4294967294\tgid=100000\n",
        "utimes          link\tatime=1960-02-29T12:00:00.123456789Z\t",
        "truncate        sparse\tsize=40000\n",
        "link            dir/inner/hard\texisting=dir/data\n",
    ]);
    let more = inspect(&[], &fixture("incremental-v2")).exits(0);
    more.says(&["\tmode=0x3\toffset=0\tsize=4096\n", "remove_xattr    dir\tname=user.doomed\n"]);
    for (name, algorithm) in [("zlib-v2", "zlib"), ("compressed-v2", "zstd"), ("lzo-v2", "lzo-4k")]
    {
        let written = format!(
            "\tunencoded_file_len=131072\tunencoded_len=131072\tunencoded_offset=0\tcompression={algorithm}\t"
        );
        inspect(&[], &fixture(name)).exits(0).says(&[&written]);
    }
}

#[test]
fn names_are_bytes_and_never_change_a_line() {
    let ended = inspect(&[], &fixture("full-v1")).exits(0);
    let ended = ended.says(&["write           caf\\xe9 \\n latin1\toffset=0\tlen=5\n"]);
    assert!(ended.out.bytes().all(|byte| byte == b'\n' || byte == b'\t' || byte >= b' '));

    let events = inspect(&["--json"], &fixture("full-v1")).exits(0).events_of("command");
    let write = events.iter().find(|event| event["len"] == 5).unwrap();
    assert_eq!(write["path"], "caf\u{fffd} \n latin1");
    assert_eq!(write["path_bytes"], json!(b"caf\xe9 \n latin1"));
}

#[test]
fn json_tells_the_same_commands_with_their_places() {
    for file in fixtures() {
        let text = inspect(&[], &file).exits(0).out;
        let events = inspect(&["--json"], &file).exits(0).events_of("command");
        let named = events.iter().map(|event| event["command"].as_str().unwrap());
        let text = commands(&text).into_iter();
        assert!(named.filter(|command| *command != "end").eq(text), "{file:?}");
        assert_eq!(events[0]["at"], 17);
        assert!(events.is_sorted_by_key(|event| event["at"].as_u64()), "{file:?}");
    }
}

#[test]
fn the_sum_is_that_of_a_known_tree() {
    require_btrfs!();
    let fs = LoopFs::new();
    let (origin, snap) = (subvolume(&fs.path().join("origin")), fs.path().join("snap"));
    fs::create_dir_all(origin.join("a/b")).unwrap();
    random_file(&origin.join("a/large"), 3);
    fs::write(origin.join("a/b/small"), [7; 1000]).unwrap();
    File::create(origin.join("empty")).unwrap();
    symlink("nowhere", origin.join("link")).unwrap();
    fs::hard_link(origin.join("empty"), origin.join("hard")).unwrap();
    btrfs::snapshot_ro(&origin, &snap);

    let stream = btrfs::send(&snap, None);
    let ended = inspect_piped(&["--json"], &stream).exits(0);
    let sum = ended.events_of("subvolume").pop().unwrap();
    let shown = btrfs::show(&snap);
    assert_eq!(sum["uuid"], shown.get("UUID"));
    assert_eq!(sum["ctransid"].to_string(), shown.get("Generation"));
    assert_eq!((&sum["path"], &sum["parent_uuid"]), (&json!("snap"), &Value::Null));
    let created = json!({"files": 3, "directories": 2, "symlinks": 1, "special": 0, "links": 1});
    assert_eq!(sum["created"], created);
    assert_eq!(sum["data"]["written"], (3 << 20) + 1000);
    assert_eq!(sum["commands"]["mkfile"], 3);
    assert_eq!(sum["complete"], true);
    // All but the header of the stream is commands.
    assert_eq!(sum["bytes"], stream.len() - 17);

    let counted: u64 =
        sum["commands"].as_object().unwrap().values().filter_map(Value::as_u64).sum();
    assert_eq!(ended.events_of("command").len() as u64, counted);
    let text = inspect_piped(&["--summary"], &stream).exits(0);
    assert_eq!(commands(&text.out), Vec::<&str>::new());
    text.says(&["snap: full, v1, complete\n", "3 files, 2 directories", "3.0 MiB written"]);
}

#[test]
fn several_streams_and_one_end_for_several_are_summed_up_one_by_one() {
    for (name, streams) in [("concatenated-v1", 2), ("one-end-v1", 1)] {
        let ended = inspect(&["--summary", "--json"], &fixture(name)).exits(0);
        let sums = ended.events_of("subvolume");
        let names: Vec<_> = sums.iter().map(|sum| sum["path"].as_str().unwrap()).collect();
        assert_eq!(names, ["two", "three"]);
        assert!(sums.iter().all(|sum| sum["complete"] == true && sum["parent_uuid"].is_string()));
        let summary = ended.events_of("summary").pop().unwrap();
        assert_eq!((&summary["streams"], &summary["subvolumes"]), (&json!(streams), &json!(2)));
    }
}

#[test]
fn several_files_are_named_and_one_that_is_bad_fails_all() {
    let files = [fixture("full-v1"), fixture("no-data-v1")];
    let good = Ended::of(btrsync().args(["inspect", "-s"]).args(&files)).exits(0);
    good.says(&["full-v1:\n", "no-data-v1:\n", "8.9 KiB left out"]);
    let mixed = Ended::of(btrsync().args(["inspect", "-s", "/nowhere"]).args(&files)).exits(1);
    mixed.says(&["no-data-v1:\n"]).complains(&["cannot open /nowhere", "what next"]);
}

#[test]
fn compression_is_known_by_content_also_in_a_pipe() {
    require_tool!("zstd");
    let plain = inspect(&[], &fixture("full-v2")).exits(0).out;
    let packed = output(program("zstd").args(["-q", "-c"]).arg(fixture("full-v2"))).unwrap();
    assert_eq!(inspect_piped(&[], &packed).exits(0).out, plain);
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("stream"), &packed).unwrap();
    assert_eq!(inspect(&[], &home.path().join("stream")).exits(0).out, plain);
    let cut = inspect_piped(&[], &packed[..packed.len() / 2]).exits(1);
    cut.complains(&["standard input: cannot read the stream after byte ", "incomplete frame"]);
}

#[test]
fn a_cut_stream_is_shown_up_to_the_cut() {
    let bytes = fs::read(fixture("full-v1")).unwrap();
    let whole = inspect_piped(&[], &bytes).exits(0).out;
    for cut in [0, 5, 17, 40, 300, bytes.len() / 2, bytes.len() - 10, bytes.len() - 1] {
        let ended = inspect_piped(&[], &bytes[..cut]).exits(1);
        let place = format!("standard input: the stream is cut off at byte {cut}, ");
        let ended = ended.complains(&[&place, "what next"]);
        let shown = ended.out.split("\n\n").next().unwrap().trim_end_matches('\n');
        assert!(whole.starts_with(shown), "{cut}: {shown}");
        assert_eq!(cut > 100, shown.contains("chown"), "{cut}: {shown}");
        assert!(cut < 100 || ended.out.contains("one: full, v1, not complete\n"), "{cut}");
    }
}

#[test]
fn damage_is_told_with_its_command_and_place() {
    let mut bytes = fs::read(fixture("full-v1")).unwrap();
    let events = inspect_piped(&["--json"], &bytes).exits(0).events_of("command");
    let write = events.iter().find(|event| event["command"] == "write").unwrap();
    let at = write["at"].as_u64().unwrap();
    bytes[at as usize + 100] ^= 1;
    let ended = inspect_piped(&["--json"], &bytes).exits(1);
    let place = format!("write at byte {at}: crc32c is ");
    let errors = ended.events_of("error");
    assert!(errors[0]["message"].as_str().unwrap().contains(&place), "{errors:?}");
    assert_eq!(ended.events_of("summary")[0]["exit_code"], 1);
    assert_eq!(ended.events_of("subvolume")[0]["complete"], false);
    let before = events.iter().filter(|event| event["at"].as_u64() < Some(at)).count();
    assert_eq!(ended.events_of("command").len(), before);
    ended.complains(&[&place]);
}

#[test]
fn what_is_no_stream_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let text = home.path().join("text");
    fs::write(&text, "just some text, long enough").unwrap();
    inspect(&[], &text).exits(1).complains(&["text: no btrfs send stream at byte 0", "what next"]);
    inspect(&[], home.path()).exits(1).complains(&["Is a directory", "what next"]);
    inspect(&[], &home.path().join("none")).exits(1).complains(&["cannot open", "No such file"]);
    run(["inspect"]).exits(2).complains(&["FILE"]);
    run(["inspect", "--help"]).exits(0).says(&["Examples:", "Exit codes:"]);
}

#[test]
fn a_terminal_is_no_stream() {
    require_tool!("script");
    let (code, shown) = Pty::start(["inspect", "-"]).end();
    assert_eq!(code, 2, "{shown}");
    assert!(shown.contains("standard input is a terminal"), "{shown}");
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure_and_a_full_disk_is() {
    let mut child = btrsync();
    child.arg("inspect").arg(fixture("full-v1")).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = child.spawn().unwrap();
    drop(child.stdout.take());
    let ended: Ended = child.wait_with_output().unwrap().into();
    assert_eq!(ended.exits(0).err, "");
    let full = File::options().write(true).open("/dev/full").unwrap();
    let ended = Ended::of(btrsync().arg("inspect").arg(fixture("full-v1")).stdout(full)).exits(1);
    ended.complains(&["cannot write to standard output", "No space left"]);
}

#[test]
fn a_source_of_that_name_is_reached_by_its_path() {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join("inspect")).unwrap();
    let mut sync = btrsync();
    let sync = sync.current_dir(home.path()).args(["./inspect", "-n", "nowhere/at/all"]);
    // It is looked at as one side of a sync, which this place cannot be.
    assert!(!Ended::of(sync).err.contains("stream"));
    let mut command = btrsync();
    let command = command.current_dir(home.path()).args(["inspect", "nowhere"]);
    Ended::of(command).exits(1).complains(&["cannot open nowhere"]);
}
