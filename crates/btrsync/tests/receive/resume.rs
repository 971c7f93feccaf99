//! A stream that breaks off and comes again.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use btrsync::ReceiveError;
use btrsync::receive::{Checkpoints, ReceiveOptions};
use btrsync_stream::{Command, FrameReader};
use btrsync_testutil::{LoopFs, Random, btrfs, populate_zoo, require_btrfs};

use crate::sent::{identical, zoo};
use crate::support::{FORMS, names, received, send};

const EVERY: u64 = 32 << 10;

fn often() -> ReceiveOptions {
    let checkpoints = Checkpoints { every: EVERY, resume: true };
    ReceiveOptions { checkpoints, ..ReceiveOptions::default() }
}

/// Receives the first `end` bytes of a stream.
#[track_caller]
fn interrupt(bytes: &[u8], end: usize, into: &Path) {
    let error = received(&bytes[..end], into, often()).expect_err("a part of a stream");
    assert!(matches!(error, ReceiveError::Stream(_)), "{error}");
}

/// Receives a whole stream; returns how much of it had been received before.
#[track_caller]
fn complete(bytes: &[u8], into: &Path) -> u64 {
    let received = received(bytes, into, often()).unwrap_or_else(|error| panic!("{error}"));
    received[0].resumed
}

/// What an interrupted receive has left, of one kind.
fn left(into: &Path, kind: &str) -> Option<PathBuf> {
    let mut found = names(into).into_iter().filter(|name| {
        let name = name.to_str().unwrap_or_default();
        name.starts_with(".btrsync-") && name.ends_with(kind)
    });
    let one = found.next().map(|name| into.join(name));
    assert_eq!(found.next(), None);
    one
}

/// Breaks a stream off at up to three places, one behind the other, before it comes as a whole. In
/// `between` something may happen to what was left.
fn broken(bytes: &[u8], into: &Path, chance: &mut Random, between: impl Fn(&Path)) -> u64 {
    let mut ends: Vec<usize> =
        (0..1 + chance.below(3)).map(|_| chance.below(bytes.len() as u64) as usize).collect();
    ends.sort_unstable();
    for end in ends {
        interrupt(bytes, end, into);
        between(into);
    }
    complete(bytes, into)
}

/// Writes to the staging subvolume, as a run that is killed may have done after its last checkpoint.
fn spoil(into: &Path) {
    if let Some(stage) = left(into, ".partial") {
        fs::write(stage.join("spoilt"), "more").unwrap();
    }
}

fn chain_of_zoos(form: &[&str], seed: u64, between: impl Fn(&Path)) -> u64 {
    let (from, mut chance, mut resumed) = (LoopFs::new(), Random::new(seed), 0);
    let snaps = zoo(&from, 4);
    let to = LoopFs::new();
    let mut parent = None;
    for name in &snaps {
        let snap = from.path().join(name);
        let bytes = send(&snap, parent.as_deref(), form);
        resumed += broken(&bytes, to.path(), &mut chance, &between);
        identical(&snap, &to.path().join(name));
        parent = Some(snap);
    }
    assert_eq!(names(to.path()), snaps.iter().map(OsStr::new).collect::<Vec<_>>());
    resumed
}

#[test]
fn a_stream_goes_on_where_it_broke_off() {
    require_btrfs!();
    for form in FORMS {
        assert!(chain_of_zoos(form, 1, |_| {}) > 0);
    }
}

#[test]
fn what_was_written_after_the_checkpoint_does_not_count() {
    require_btrfs!();
    for form in FORMS {
        assert!(chain_of_zoos(form, 2, spoil) > 0);
    }
}

/// A full stream of some files of a hundred kilobytes.
fn files(from: &LoopFs) -> PathBuf {
    let (origin, snap) = (from.path().join("origin"), from.path().join("snap"));
    btrfs::create_subvolume(&origin);
    populate_zoo(&origin);
    for name in 0..10 {
        fs::write(origin.join(format!("file-{name}")), vec![name; 100_000]).unwrap();
    }
    btrfs::snapshot_ro(&origin, &snap);
    snap
}

#[test]
fn no_more_than_the_interval_comes_again() {
    require_btrfs!();
    let (from, to) = (LoopFs::new(), LoopFs::new());
    let snap = files(&from);
    let bytes = send(&snap, None, &[]);
    let end = bytes.len() - 100_000;
    interrupt(&bytes, end, to.path());
    spoil(to.path());
    let resumed = complete(&bytes, to.path());
    let again = end as u64 - resumed;
    // A command of 48 KiB does not fit before the limit here.
    assert!(again <= EVERY + 50_000, "{again} bytes");
    identical(&snap, &to.path().join("snap"));
}

#[test]
fn what_pauses_stays_a_snapshot_of_its_parent() {
    require_btrfs!();
    let (from, to) = (LoopFs::new(), LoopFs::new());
    let snap = files(&from);
    complete(&send(&snap, None, &[]), to.path());
    let (origin, next) = (from.path().join("origin"), from.path().join("next"));
    fs::write(origin.join("more"), vec![1; 300_000]).unwrap();
    btrfs::snapshot_ro(&origin, &next);
    let bytes = send(&next, Some(&snap), &[]);
    interrupt(&bytes, bytes.len() / 2, to.path());
    assert!(complete(&bytes, to.path()) > 0);
    let shown = |name: &str| btrfs::show(&to.path().join(name));
    assert_eq!(shown("next").get("Parent UUID"), shown("snap").get("UUID"));
    identical(&next, &to.path().join("next"));
}

#[test]
fn another_version_of_the_stream_starts_over() {
    require_btrfs!();
    let (from, to) = (LoopFs::new(), LoopFs::new());
    let snap = files(&from);
    let [one, two, _] = FORMS.map(|form| send(&snap, None, form));
    interrupt(&one, one.len() / 2, to.path());
    assert_eq!(complete(&two, to.path()), 0);
    identical(&snap, &to.path().join("snap"));
    assert_eq!(names(to.path()), ["snap"]);
}

/// The same stream with other data in a file.
fn altered(bytes: &[u8]) -> Vec<u8> {
    let mut frames = FrameReader::new(bytes);
    let mut other = Vec::new();
    while let Some(frame) = frames.next_frame().unwrap() {
        frame.header().into_iter().for_each(|header| other.extend(header.encode()));
        match Command::decode(&frame).unwrap() {
            Command::Write { path, offset, data } if data.len() > 1000 => {
                let data = &vec![77; data.len()];
                let write = Command::Write { path, offset, data };
                write.encode(frame.version(), &mut other).unwrap();
            }
            _ => other.extend(frame.raw()),
        }
    }
    other
}

#[test]
fn a_stream_with_another_beginning_is_refused_and_then_starts_over() {
    require_btrfs!();
    let (from, to) = (LoopFs::new(), LoopFs::new());
    let snap = files(&from);
    let bytes = send(&snap, None, &[]);
    interrupt(&altered(&bytes), bytes.len() / 2, to.path());
    let refused = received(&bytes, to.path(), often()).unwrap_err();
    assert!(matches!(refused, ReceiveError::OtherPrefix), "{refused}");
    assert_eq!(names(to.path()), [] as [&OsStr; 0]);
    assert_eq!(complete(&bytes, to.path()), 0);
    identical(&snap, &to.path().join("snap"));
}

#[test]
fn nothing_is_kept_where_that_is_not_wanted() {
    require_btrfs!();
    let (from, to) = (LoopFs::new(), LoopFs::new());
    let snap = files(&from);
    let bytes = send(&snap, None, &[]);
    let without = ReceiveOptions { checkpoints: Checkpoints::NONE, ..ReceiveOptions::default() };
    let part = &bytes[..bytes.len() / 2];
    received(part, to.path(), without).expect_err("a part of a stream");
    assert_eq!(names(to.path()), [] as [&OsStr; 0]);
    interrupt(&bytes, bytes.len() / 2, to.path());
    let anew = received(&bytes, to.path(), without).unwrap();
    assert_eq!((anew[0].resumed, names(to.path())), (0, vec!["snap".into()]));
}
