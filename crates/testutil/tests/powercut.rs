//! The disk that can lose power: that it keeps what was flushed, and loses what was not.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panic")]

use std::fs;

use btrsync_testutil::command::{output, program};
use btrsync_testutil::{LoopFs, Random, RecordedFs, btrfs, leftovers, require_btrfs, require_tool};

/// Has another process work on the recorded filesystem, as its users must.
fn shell(fs: &RecordedFs, line: &str) {
    output(program("sh").args(["-ec", line]).current_dir(fs.path())).unwrap();
}

fn recorded() -> RecordedFs {
    let fs = LoopFs::new();
    fs::write(fs.path().join("before"), b"before").unwrap();
    RecordedFs::new(fs)
}

#[test]
fn what_was_synced_survives_every_cut_after_it_and_the_rest_may_not() {
    require_btrfs!();
    require_tool!("cp");
    let fs = recorded();
    shell(&fs, "echo synced >synced; sync -f .");
    let synced = fs.now();
    shell(&fs, "head -c 3M /dev/urandom >late; btrfs -q subvolume snapshot -r . snapshot");
    let recording = fs.finish();
    let mut chance = Random::new(1);
    let mut late = 0;
    for moment in [0, synced, synced + 1, (synced + recording.end()) / 2, recording.end()] {
        let survivor = recording.cut(moment, &mut chance);
        assert_eq!(fs::read(survivor.path().join("before")).unwrap(), b"before");
        if moment >= synced {
            assert_eq!(fs::read(survivor.path().join("synced")).unwrap(), b"synced\n");
        }
        late += usize::from(survivor.path().join("snapshot").exists());
        // It is a filesystem like any other.
        btrfs::create_subvolume(&survivor.path().join("new"));
    }
    assert!((1..4).contains(&late), "the snapshot is there in {late} of 5 cuts");
}

#[test]
fn every_cut_leaves_a_sound_filesystem() {
    require_btrfs!();
    let fs = recorded();
    shell(&fs, "for i in 1 2 3; do head -c 100K /dev/urandom >$i; sync -f .; done");
    let recording = fs.finish();
    let mut chance = Random::new(2);
    for moment in recording.flushes() {
        let survivor = recording.cut(moment, &mut chance);
        output(program("btrfs").args(["scrub", "start", "-B"]).arg(survivor.path())).unwrap();
    }
}

#[test]
fn nothing_is_left_of_a_recording_that_fails() {
    require_btrfs!();
    let failed = std::panic::catch_unwind(|| {
        let fs = recorded();
        shell(&fs, "exit 1");
    });
    assert!(failed.is_err());
    let mine = format!("btrsync-loopfs.{}.", std::process::id());
    assert!(!leftovers().iter().any(|left| left.contains(&mine)), "{:?}", leftovers());
}
