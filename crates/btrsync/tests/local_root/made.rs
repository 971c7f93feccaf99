//! Full streams that are made from the tree of the source, of what that makes hard: shared extents, directories that are
//! younger than what is in them, more of them than are kept in mind, files without names.

use std::fs::{self, File};
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileExt, PermissionsExt, chown};
use std::path::Path;

use btrsync::Cancel;
use btrsync::sync::root::SendRequest;
use btrsync::sync::{BtrSync, SyncOptions, Transfer};
use btrsync_kernel::clone_range;
use btrsync_testutil::command::{output, program};
use btrsync_testutil::{LoopFs, Random, assert_identical, btrfs, require_btrfs};
use rustix::fs::{Mode, OFlags, XattrFlags, mkdirat, openat, setxattr};

use crate::support::{listed, root, zoo};

const BLOCK: u64 = 4096;

/// Two filesystems, and what is to be sent.
struct Scene {
    from: LoopFs,
    to: LoopFs,
}

impl Scene {
    fn new() -> Self {
        Self::with(LoopFs::new())
    }

    fn with(to: LoopFs) -> Self {
        let from = LoopFs::new();
        btrfs::create_subvolume(&from.path().join("origin"));
        Self { from, to }
    }

    fn origin(&self) -> std::path::PathBuf {
        self.from.path().join("origin")
    }

    /// Takes a snapshot, sends it, and compares.
    async fn arrives(&self) {
        btrfs::snapshot_ro(&self.origin(), &self.from.path().join("one"));
        self.is_sent().await;
    }

    /// Sends the snapshot, and compares.
    async fn is_sent(&self) {
        let sync = BtrSync::new(root(self.from.path()).await, root(self.to.path()).await);
        let outcome = sync.sync(&Transfer::new(""), &SyncOptions::default()).await;
        assert!(outcome.is_success(), "{outcome:?}");
        assert_identical(&self.from.path().join("one"), &self.to.path().join("one"));
    }
}

/// How many bytes the files of a subvolume have in common, and take.
fn shared(vol: &Path) -> Vec<u64> {
    btrfs::sync(vol);
    let told = output(program("btrfs").args(["filesystem", "du", "-s", "--raw"]).arg(vol)).unwrap();
    let told = String::from_utf8(told).unwrap();
    told.lines().last().unwrap().split_whitespace().filter_map(|word| word.parse().ok()).collect()
}

/// A file of so many blocks of noise and some bytes more.
fn noise(path: &Path, blocks: u64, more: u64, seed: u64) -> File {
    fs::write(path, Random::new(seed).bytes((blocks * BLOCK + more) as usize)).unwrap();
    File::options().read(true).write(true).open(path).unwrap()
}

#[tokio::test]
async fn what_is_shared_within_a_subvolume_is_shared_again() {
    require_btrfs!();
    let scene = Scene::new();
    let dir = scene.origin();
    let open = |name: &str| {
        let path = dir.join(name);
        File::options().read(true).write(true).create(true).truncate(false).open(path).unwrap()
    };
    let source = noise(&dir.join("source"), 100, 77, 1);
    source.sync_all().unwrap();
    // Whole, with its end; from its middle to another place; twice within a file; behind a hole.
    clone_range(open("whole"), 0, &source, 0, 0).unwrap();
    clone_range(open("part"), 7 * BLOCK, &source, 10 * BLOCK, 50 * BLOCK).unwrap();
    for at in [0, 60] {
        clone_range(open("twice"), at * BLOCK, &source, 40 * BLOCK, 30 * BLOCK).unwrap();
    }
    // Of one extent each end in a file, and what is between them in a third that comes later.
    let ends = noise(&dir.join("ends"), 90, 0, 2);
    ends.sync_all().unwrap();
    clone_range(open("between"), 0, &ends, 30 * BLOCK, 30 * BLOCK).unwrap();
    ends.write_all_at(&Random::new(3).bytes(30 * BLOCK as usize), 30 * BLOCK).unwrap();
    clone_range(open("again"), 0, open("between"), 0, 0).unwrap();
    // What was cut later shares all but its end.
    let cut = open("cut");
    clone_range(&cut, 0, &source, 0, 0).unwrap();
    cut.set_len(20 * BLOCK + 5).unwrap();
    btrfs::sync(&dir);
    scene.arrives().await;
    btrfs::delete(&dir);
    let [before, after] = [&scene.from, &scene.to].map(|fs| shared(&fs.path().join("one")));
    // The origin, which is not gone yet, shares all at the source. The last block of what was cut has become two.
    assert_eq!((before[0], before[1] + before[2] + BLOCK), (after[0], after[1] + after[2]));
}

/// A file that refers to one block more often than is kept in mind: the kernel makes the stream.
#[tokio::test]
async fn what_is_shared_too_often_arrives_too() {
    require_btrfs!();
    // The kernel clones nothing that is shared so often.
    let scene = Scene::with(LoopFs::builder().size_mib(1024).build());
    let block = noise(&scene.origin().join("block"), 1, 0, 1);
    block.sync_all().unwrap();
    let many = File::create(scene.origin().join("many")).unwrap();
    (1..=66_000).for_each(|at| clone_range(&many, at * BLOCK, &block, 0, BLOCK).unwrap());
    scene.arrives().await;
}

/// Moved into directories that were made later, which have what is handed on to new entries, and owners and times.
#[tokio::test]
async fn directories_can_be_younger_than_what_is_in_them() {
    require_btrfs!();
    let scene = Scene::new();
    let dir = scene.origin();
    for name in ["file", "other", "third"] {
        fs::write(dir.join(name), name).unwrap();
    }
    fs::create_dir(dir.join("old")).unwrap();
    fs::write(dir.join("old/in-it"), "in it").unwrap();
    let deep = dir.join("a/b/c");
    fs::create_dir_all(&deep).unwrap();
    for part in ["a", "a/b", "a/b/c"] {
        let path = dir.join(part);
        chown(&path, Some(1000), Some(2000)).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o2755)).unwrap();
    }
    // user::rwx, user:1000:rwx, group::r-x, mask::rwx, other::---
    let acl: Vec<u8> =
        [(1, 7, u32::MAX), (2, 7, 1000), (4, 5, u32::MAX), (16, 7, u32::MAX), (32, 0, u32::MAX)]
            .iter()
            .flat_map(|(tag, perm, id): &(u16, u16, u32)| {
                [&tag.to_le_bytes()[..], &perm.to_le_bytes(), &id.to_le_bytes()].concat()
            })
            .collect();
    let acl = [&2u32.to_le_bytes()[..], &acl].concat();
    setxattr(dir.join("a/b"), "system.posix_acl_default", &acl, XattrFlags::empty()).unwrap();
    fs::rename(dir.join("file"), deep.join("file")).unwrap();
    fs::rename(dir.join("old"), dir.join("a/b/old")).unwrap();
    fs::hard_link(dir.join("third"), dir.join("a/third")).unwrap();
    // Into what was in it before.
    fs::create_dir(dir.join("outer")).unwrap();
    fs::rename(dir.join("a"), dir.join("outer/a")).unwrap();
    scene.arrives().await;
}

/// The directories are visited in turn, so that each was forgotten before it gets its next file.
#[tokio::test]
async fn each_of_very_many_directories_keeps_its_times() {
    require_btrfs!();
    let scene = Scene::new();
    let dir = scene.origin();
    for number in 0..1500 {
        fs::create_dir_all(dir.join(format!("{}/{number}", number % 7))).unwrap();
    }
    for file in 0..3 {
        for number in 0..1500 {
            let path = dir.join(format!("{}/{number}/{file}", number % 7));
            fs::write(path, format!("{file} in {number}")).unwrap();
        }
    }
    scene.arrives().await;
}

#[tokio::test]
async fn a_file_without_a_name_is_not_sent() {
    require_btrfs!();
    let scene = Scene::new();
    let dir = scene.origin();
    let removed = ["small", "large"].map(|name| {
        let file = noise(&dir.join(name), if name == "large" { 20 } else { 0 }, 100, 1);
        fs::remove_file(dir.join(name)).unwrap();
        file
    });
    fs::write(dir.join("kept"), "kept").unwrap();
    btrfs::sync(&dir);
    scene.arrives().await;
    drop(removed);
}

/// What was written and is in memory alone when the transfer begins.
#[tokio::test]
async fn what_is_not_on_the_disk_yet_is_sent() {
    require_btrfs!();
    let scene = Scene::new();
    let one = scene.from.path().join("one");
    for (number, size) in [0, 10, 2000, 5000, 300_000].into_iter().enumerate() {
        fs::write(scene.origin().join(number.to_string()), vec![b'x'; size]).unwrap();
    }
    btrfs::snapshot_rw(&scene.origin(), &one);
    fs::write(one.join("late"), "late").unwrap();
    fs::write(one.join("0"), "no longer empty").unwrap();
    fs::write(one.join("large"), vec![b'y'; 1 << 20]).unwrap();
    btrfs::set_ro(&one, true);
    scene.is_sent().await;
}

/// As long as the stream is being made, the kernel lets nobody make the subvolume writable.
#[tokio::test]
async fn a_subvolume_is_held_while_its_stream_is_made() {
    require_btrfs!();
    let scene = Scene::new();
    let one = scene.from.path().join("one");
    (0..12_000).for_each(|number| drop(File::create(scene.origin().join(number.to_string()))));
    btrfs::snapshot_ro(&scene.origin(), &one);
    let src = root(scene.from.path()).await;
    let (vols, cancel) = ([listed(&src, "one").await], Cancel::new().unwrap());
    let request = SendRequest { at_hand: true, ..SendRequest::full(&vols, &cancel) };
    let (mut flow, sent) = src.send(request).await.unwrap();
    flow.read_exact(&mut [0; 1000]).unwrap();
    let writable = || {
        let mut set = program("btrfs");
        output(set.args(["property", "set", "-ts"]).arg(&one).args(["ro", "false"]))
    };
    let refused = writable().unwrap_err();
    assert!(refused.contains("Operation not permitted"), "{refused}");
    drop(flow);
    assert!(sent.await.is_err(), "nobody has read it to its end");
    writable().unwrap();
}

/// A stream is the same each time, or nothing could be continued.
#[tokio::test]
async fn a_stream_is_made_the_same_each_time() {
    require_btrfs!();
    let scene = Scene::new();
    zoo(scene.from.path(), "zoo", "one");
    let src = root(scene.from.path()).await;
    let (vols, cancel) = ([listed(&src, "one").await], Cancel::new().unwrap());
    let mut streams = Vec::new();
    for _ in 0..2 {
        let request = SendRequest { at_hand: true, ..SendRequest::full(&vols, &cancel) };
        let (mut flow, sent) = src.send(request).await.unwrap();
        let mut bytes = Vec::new();
        flow.read_to_end(&mut bytes).unwrap();
        sent.await.unwrap();
        streams.push(bytes);
    }
    assert!(streams[0] == streams[1] && streams[0].len() > 10_000);
}

/// No path leads that far, so nobody can send it.
#[tokio::test]
async fn a_path_that_is_too_long_is_told() {
    require_btrfs!();
    let scene = Scene::new();
    let (name, mut dir) = ("d".repeat(250), OwnedFd::from(File::open(scene.origin()).unwrap()));
    for _ in 0..20 {
        mkdirat(&dir, &name, Mode::RWXU).unwrap();
        dir = openat(&dir, &name, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()).unwrap();
    }
    let one = scene.from.path().join("one");
    btrfs::snapshot_ro(&scene.origin(), &one);
    let src = root(scene.from.path()).await;
    let (vols, cancel) = ([listed(&src, "one").await], Cancel::new().unwrap());
    for at_hand in [true, false] {
        let request = SendRequest { at_hand, ..SendRequest::full(&vols, &cancel) };
        let (flow, sent) = src.send(request).await.unwrap();
        let error = sent.await.unwrap_err().to_string();
        assert!(error.contains("cannot send") && error.contains("name too long"), "{error}");
        drop(flow);
    }
}
