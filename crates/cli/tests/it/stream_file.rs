//! Stream files as sources.
//!
//! The hazard is a file that is received on the wrong parent, or in part: what it needs and what it
//! holds must be known before anything is received.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use btrsync_testutil::command::{output, output_with_input, program};
use btrsync_testutil::{btrfs, require_btrfs, require_tool};
use rustix::process::Signal;

use crate::support::{Ended, Pair, State, arrived, btrsync, run, signal, subvolume};

/// Snapshots of a zoo, and the stream of each in a file: the first full, the others incremental.
struct Files {
    pair: Pair,
    home: tempfile::TempDir,
}

impl Files {
    fn new(rounds: u32) -> Self {
        let (pair, home) = (Pair::with_zoo(rounds), tempfile::tempdir().unwrap());
        for round in 0..rounds {
            let snap = |round: u32| pair.snaps().join(format!("round-{round}"));
            let parent = round.checked_sub(1).map(snap);
            let stream = btrfs::send(&snap(round), parent.as_deref());
            fs::write(home.path().join(format!("{round}")), stream).unwrap();
        }
        Self { pair, home }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    #[track_caller]
    fn receive(&self, names: &[&str]) -> Ended {
        let files = names.iter().map(|name| self.path(name).into_os_string());
        let args = ["-y", "--json"].map(Into::into).into_iter().chain(files);
        run(args.chain([self.pair.backup().into_os_string()]))
    }

    #[track_caller]
    fn arrived(&self, round: u32) {
        let name = format!("round-{round}");
        arrived(&self.pair.snaps().join(&name), &self.pair.backup().join(&name));
    }
}

fn join(files: &[PathBuf], into: &Path) {
    let parts: Vec<Vec<u8>> = files.iter().map(|file| fs::read(file).unwrap()).collect();
    fs::write(into, parts.concat()).unwrap();
}

#[test]
fn a_file_is_received_once() {
    require_btrfs!();
    let files = Files::new(2);
    assert_eq!(files.receive(&["0"]).exits(0).plan(), ["round-0 full"]);
    files.arrived(0);
    assert!(files.receive(&["0"]).exits(0).plan().is_empty());
    assert_eq!(files.receive(&["0", "1"]).exits(0).plan(), ["round-1 incremental"]);
    files.arrived(1);
}

#[test]
fn a_missing_parent_is_told_before_anything_is_received() {
    require_btrfs!();
    let files = Files::new(3);
    files.receive(&["0"]).exits(0);
    let before = State::of(files.pair.dst.path());
    let parent = btrfs::show(&files.pair.snaps().join("round-1")).get("UUID").to_owned();
    files.receive(&["2"]).exits(1).complains(&["round-2", &parent, "not there"]);
    before.unchanged(files.pair.dst.path());
}

#[test]
fn a_file_can_hold_several_streams_of_which_some_are_there() {
    require_btrfs!();
    let files = Files::new(3);
    join(&["0", "1", "2"].map(|name| files.path(name)), &files.path("all"));
    files.receive(&["1"]).exits(1);
    files.receive(&["0"]).exits(0);
    let plan = files.receive(&["all"]).exits(0).plan();
    assert_eq!(plan, ["round-1 incremental", "round-2 incremental"]);
    (0..3).for_each(|round| files.arrived(round));
}

#[test]
fn one_end_for_several_subvolumes_is_understood() {
    require_btrfs!();
    let files = Files::new(2);
    let snaps = ["round-0", "round-1"].map(|name| files.pair.snaps().join(name));
    let stream = output(program("btrfs").args(["-q", "send", "-e"]).args(snaps)).unwrap();
    fs::write(files.path("both"), stream).unwrap();
    assert_eq!(files.receive(&["both"]).exits(0).plan(), ["round-0 full", "round-1 full"]);
    (0..2).for_each(|round| files.arrived(round));
}

#[test]
fn compression_is_known_by_content() {
    require_btrfs!();
    require_tool!("zstd");
    let files = Files::new(1);
    let packed = output(program("zstd").args(["-q", "-c"]).arg(files.path("0"))).unwrap();
    fs::write(files.path("packed"), packed).unwrap();
    assert_eq!(files.receive(&["packed"]).exits(0).plan(), ["round-0 full"]);
    files.arrived(0);
}

#[test]
fn compression_with_frames_that_hold_nothing_is_known_too() {
    require_btrfs!();
    require_tool!("pzstd");
    let files = Files::new(1);
    let packed = output(program("pzstd").args(["-q", "-c"]).arg(files.path("0"))).unwrap();
    fs::write(files.path("packed"), packed).unwrap();
    assert_eq!(files.receive(&["packed"]).exits(0).plan(), ["round-0 full"]);
    files.arrived(0);
}

#[test]
fn a_stream_that_comes_again_is_received_once() {
    require_btrfs!();
    let files = Files::new(2);
    let twice = ["0", "0", "1", "0", "1"].map(|name| files.path(name));
    join(&twice, &files.path("twice"));
    let plan = files.receive(&["twice"]).exits(0).plan();
    assert_eq!(plan, ["round-0 full", "round-1 incremental"]);
    (0..2).for_each(|round| files.arrived(round));
}

/// It can take hours to read a file to its end, and nothing is received before that.
#[test]
fn an_interrupt_does_not_wait_for_the_end_of_a_long_file() {
    require_btrfs!();
    require_tool!("zstd");
    let (pair, home) = (Pair::new(), tempfile::tempdir().unwrap());
    let origin = subvolume(&pair.origin());
    fs::write(origin.join("zeros"), vec![0; 64 << 20]).unwrap();
    pair.take("a");
    let stream = btrfs::send(&pair.snaps().join("a"), None);
    let packed = output_with_input(program("zstd").args(["-q", "-c", "-1"]), &stream).unwrap();
    // Some hundred GiB in a file of some MiB.
    let long = home.path().join("long");
    fs::write(&long, packed.repeat(4000)).unwrap();
    let mut command = btrsync();
    command.arg("-y").arg(&long).arg(pair.backup()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    std::thread::sleep(Duration::from_millis(700));
    signal(child.id(), Signal::TERM);
    let begin = Instant::now();
    Ended::from(child.wait_with_output().unwrap()).exits(130).complains(&["stopping"]);
    assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
}

#[test]
fn a_damaged_file_is_told_before_anything_is_received() {
    require_btrfs!();
    let files = Files::new(1);
    let whole = fs::read(files.path("0")).unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    let cases = [
        ("cut", whole[..whole.len() - 10].to_vec(), "cut off"),
        ("flipped", flipped, "at byte"),
        ("other", b"not a stream at all".to_vec(), "no btrfs send stream"),
        ("empty", Vec::new(), "cut off"),
        ("more", [&whole[..], b"x"].concat(), "at byte"),
    ];
    let before = State::of(files.pair.dst.path());
    for (name, bytes, words) in cases {
        fs::write(files.path(name), bytes).unwrap();
        let mut command = btrsync();
        command.arg("-y").arg(files.path(name)).arg(files.pair.backup());
        Ended::of(&mut command).exits(1).complains(&[
            "not a usable stream file",
            words,
            "what next",
        ]);
    }
    before.unchanged(files.pair.dst.path());
}

#[test]
fn what_was_dumped_comes_back() {
    require_btrfs!();
    let files = Files::new(2);
    let dir = files.path("dumps");
    fs::create_dir(&dir).unwrap();
    run(files.pair.args(&["-y", "-o", dir.to_str().unwrap()])).exits(0);
    join(
        &["round-0", "round-1"].map(|name| dir.join(format!("{name}.btrfs_stream"))),
        &files.path("all"),
    );
    files.receive(&["all"]).exits(0);
    (0..2).for_each(|round| files.arrived(round));
}
