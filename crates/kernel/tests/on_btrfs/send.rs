//! Streams are those of `btrfs send`, byte for byte, and a reader that goes away ends them.

use std::fs::{self, File};
use std::io::{PipeReader, Read, Seek, pipe};
use std::path::Path;
use std::thread;

use btrsync_kernel::{SendOptions, info, is_read_only, max_send_version, send, set_read_only};
use btrsync_testutil::{
    LoopFs, btrfs, mutate_zoo, populate_zoo, require_btrfs, write_files, write_files_seeded,
};
use rustix::fs::{MemfdFlags, ioctl_ficlone, memfd_create};
use rustix::io::Errno;

use crate::support::{assert_fails, open, run_btrfs};

const CALL: &str = "BTRFS_IOC_SEND";

/// The subvolumes `origin`, its snapshots `first` and `second`, and `other`, which shares a file.
fn filesystem() -> LoopFs {
    let fs = LoopFs::builder().mount_options("compress=zstd").build();
    let path = |name: &str| fs.path().join(name);
    ["origin", "shared"].iter().for_each(|name| btrfs::create_subvolume(&path(name)));
    populate_zoo(&path("origin"));
    write_files(&path("shared"), 4, 100_000);
    fs::write(path("origin/compressible"), vec![b'x'; 1 << 20]).unwrap();
    btrfs::snapshot_ro(&path("origin"), &path("first"));
    btrfs::snapshot_ro(&path("shared"), &path("other"));
    mutate_zoo(&path("origin"), 1);
    let clone = File::create(path("origin/clone")).unwrap();
    ioctl_ficlone(clone, open(&path("shared/file-000000"))).unwrap();
    btrfs::snapshot_ro(&path("origin"), &path("second"));
    fs
}

fn id(fs: &LoopFs, name: &str) -> u64 {
    info(open(&fs.path().join(name))).unwrap().id
}

/// The stream that the crate makes.
fn ours(fs: &LoopFs, name: &str, options: &SendOptions) -> Vec<u8> {
    let mut output = File::from(memfd_create("stream", MemfdFlags::CLOEXEC).unwrap());
    send(open(&fs.path().join(name)), &output, options).unwrap();
    let mut stream = Vec::new();
    output.rewind().unwrap();
    output.read_to_end(&mut stream).unwrap();
    stream
}

/// The stream of `btrfs send`; words with a slash are names in the filesystem.
fn theirs(fs: &LoopFs, name: &str, words: &[&str]) -> Vec<u8> {
    let full = |word: &&str| match word.strip_prefix('/') {
        Some(name) => fs.path().join(name).into_os_string().into_string().unwrap(),
        None => (*word).to_owned(),
    };
    let words: Vec<String> = ["send", "-q"].iter().chain(words).map(full).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    run_btrfs(&words, &fs.path().join(name))
}

#[test]
fn streams_are_those_of_btrfs_send() {
    require_btrfs!();
    let fs = filesystem();
    let (first, other) = (id(&fs, "first"), id(&fs, "other"));
    let plain = SendOptions::default();
    let parent =
        SendOptions { parent: Some(first), clone_sources: vec![first], ..SendOptions::default() };
    let mut clones = parent.clone();
    clones.clone_sources.push(other);
    let v2 = SendOptions { version: Some(2), ..parent.clone() };
    let compressed = SendOptions { compressed: true, ..v2.clone() };
    let no_data = SendOptions { no_file_data: true, ..parent.clone() };
    for (options, words) in [
        (&plain, &[][..]),
        (&parent, &["-p", "/first"]),
        (&clones, &["-p", "/first", "-c", "/other"]),
        (&v2, &["-p", "/first", "--proto", "2"]),
        (&compressed, &["-p", "/first", "--proto", "2", "--compressed-data"]),
        (&no_data, &["-p", "/first", "--no-data"]),
        (&SendOptions { version: Some(2), ..plain.clone() }, &["--proto", "2"]),
        (&SendOptions { no_file_data: true, ..plain.clone() }, &["--no-data"]),
    ] {
        let (ours, theirs) = (ours(&fs, "second", options), theirs(&fs, "second", words));
        assert!(ours == theirs, "{words:?}: {} and {} bytes", ours.len(), theirs.len());
    }
}

#[test]
fn each_option_makes_a_difference() {
    require_btrfs!();
    let fs = filesystem();
    let (first, other) = (id(&fs, "first"), id(&fs, "other"));
    let length = |options: &SendOptions| ours(&fs, "second", options).len();
    let full = SendOptions::default();
    let parent =
        SendOptions { parent: Some(first), clone_sources: vec![first], ..SendOptions::default() };
    assert!(length(&parent) < length(&full));
    let mut clones = parent.clone();
    clones.clone_sources.push(other);
    assert!(length(&clones) + 90_000 < length(&parent), "the file is not cloned");
    let v2 = SendOptions { version: Some(2), ..full.clone() };
    let compressed = SendOptions { compressed: true, ..v2.clone() };
    assert!(length(&compressed) + 900_000 < length(&v2));
    assert!(length(&SendOptions { no_file_data: true, ..full.clone() }) < length(&full));
}

#[test]
fn streams_without_head_or_end_make_one_with_both() {
    require_btrfs!();
    let fs = filesystem();
    let begin = SendOptions { omit_end_command: true, ..SendOptions::default() };
    let rest = SendOptions { omit_stream_header: true, ..SendOptions::default() };
    let joined = [ours(&fs, "first", &begin), ours(&fs, "other", &rest)].concat();
    assert!(joined == theirs(&fs, "other", &["-e", "/first"]));
}

#[test]
fn what_cannot_be_sent_says_why() {
    require_btrfs!();
    let fs = filesystem();
    let sink = || memfd_create("stream", MemfdFlags::CLOEXEC).unwrap();
    let fails = |name: &str, options: SendOptions, errno| {
        assert_fails(send(open(&fs.path().join(name)), sink(), &options), CALL, errno);
    };
    let parent = |parent| SendOptions { parent: Some(parent), ..SendOptions::default() };
    let clone = |id| SendOptions { clone_sources: vec![id], ..SendOptions::default() };
    fails("origin", SendOptions::default(), Errno::PERM);
    fails("second", parent(id(&fs, "origin")), Errno::PERM);
    fails("second", parent(1 << 40), Errno::NOENT);
    fails("second", clone(id(&fs, "origin")), Errno::PERM);
    fails("second", clone(1 << 40), Errno::NOENT);
    let version = Some(max_send_version() + 1);
    fails("second", SendOptions { version, ..SendOptions::default() }, Errno::PROTO);
    fails("second", SendOptions { compressed: true, ..SendOptions::default() }, Errno::INVAL);
}

/// Waits until a stream has begun: the reader is left in the middle of it.
fn read_some(reader: &mut PipeReader) {
    let mut head = [0; 17];
    reader.read_exact(&mut head).unwrap();
    assert!(head.starts_with(b"btrfs-stream\0"));
}

#[test]
fn a_reader_that_goes_away_ends_the_send() {
    require_btrfs!();
    let fs = LoopFs::new();
    let path = fs.path().join("subvolume");
    btrfs::create_subvolume(&path);
    // More than a pipe holds, so that the kernel waits for the reader.
    write_files_seeded(&path, 8, 1 << 20, 1);
    btrfs::set_ro(&path, true);
    let (mut reader, writer) = pipe().unwrap();
    let root = open(&path);
    let sender = thread::spawn(move || send(root, writer, &SendOptions::default()));
    read_some(&mut reader);
    assert_not_to_be_changed(&path);
    drop(reader);
    assert_fails(sender.join().unwrap(), CALL, Errno::PIPE);
    set_read_only(open(&path), false).unwrap();
}

fn assert_not_to_be_changed(path: &Path) {
    let set = set_read_only(open(path), false);
    assert_fails(set, "BTRFS_IOC_SUBVOL_SETFLAGS", Errno::PERM);
    assert!(is_read_only(open(path)).unwrap());
}

#[test]
fn the_newest_version_is_that_of_the_kernel() {
    require_btrfs!();
    let fs = filesystem();
    let newest = max_send_version();
    let stream =
        ours(&fs, "other", &SendOptions { version: Some(newest), ..SendOptions::default() });
    assert_eq!(stream[13..17], newest.to_le_bytes());
}
