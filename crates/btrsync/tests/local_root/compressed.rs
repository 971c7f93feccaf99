//! Compressed data travels as it is between two filesystems of this machine.
//!
//! The hazard is a part of an extent: the stream names where in the decompressed data it begins, and what
//! was cut, overwritten or shared is not what was compressed. So the files here are all of that.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use btrsync::sync::root::{Checkpoints, RootOptions, SendRequest, StreamForm, StreamMeta};
use btrsync::sync::{BtrSync, SyncOptions, Transfer};
use btrsync::{Cancel, Limit};
use btrsync_kernel::clone_range;
use btrsync_testutil::{LoopFs, Random, assert_identical, btrfs, require_btrfs};
use rustix::fs::{IFlags, ioctl_setflags};

use crate::support::{digits, entries, eventually, is_compressed, listed, root, root_with};

const ALGORITHMS: [&str; 3] = ["zstd", "lzo", "zlib"];
const BLOCK: u64 = 4096;

/// Text of so many blocks, no two of which are equal.
fn text(blocks: u64, seed: u64) -> Vec<u8> {
    let line = |at: u64| format!("{:0>62}\n\n", at * 31 + seed).into_bytes();
    (0..blocks * BLOCK / 64).flat_map(line).collect()
}

/// Makes files with compressed extents of one algorithm, whole ones and parts.
///
/// The mount says which: a property of the files would travel with them.
fn populate(fs: &LoopFs, dir: &Path, algorithm: &str) {
    fs.remount(&format!("compress-force={algorithm}"));
    std::fs::create_dir(dir).unwrap();
    for name in ["whole", "cut", "overwritten", "shared", "plain-later"] {
        std::fs::write(dir.join(name), text(100, name.len() as u64)).unwrap();
    }
    std::fs::write(dir.join("inline"), "x".repeat(1500)).unwrap();
    std::fs::write(dir.join("odd"), &text(40, 5)[..150_001]).unwrap();
    let plain = File::create(beside(dir)).unwrap();
    ioctl_setflags(&plain, IFlags::NOCOW).unwrap();
    plain.write_all_at(&text(30, 9), 0).unwrap();
    btrfs::sync(dir);
}

/// A file that cannot be compressed, of a directory whose files are.
fn beside(dir: &Path) -> PathBuf {
    dir.with_extension("cannot")
}

fn opened(path: PathBuf) -> File {
    OpenOptions::new().read(true).write(true).open(path).unwrap()
}

/// Leaves only parts of some extents, and has others shared from their middle.
fn take_parts(dir: &Path) {
    opened(dir.join("cut")).set_len(70 * BLOCK + 77).unwrap();
    let overwritten = opened(dir.join("overwritten"));
    for block in [3, 40, 41, 90] {
        overwritten.write_all_at(&[block as u8; 100], block * BLOCK + 9).unwrap();
    }
    let new = File::create(dir.join("middle")).unwrap();
    clone_range(&new, 5 * BLOCK, opened(dir.join("shared")), 11 * BLOCK, 50 * BLOCK).unwrap();
    let later = opened(dir.join("plain-later"));
    later.write_all_at(&text(20, 3), 30 * BLOCK).unwrap();
    btrfs::sync(dir);
}

/// A filesystem with two snapshots of such files.
fn source() -> LoopFs {
    let from = LoopFs::new();
    let origin = from.path().join("origin");
    btrfs::create_subvolume(&origin);
    ALGORITHMS.iter().for_each(|algorithm| populate(&from, &origin.join(algorithm), algorithm));
    btrfs::snapshot_ro(&origin, &from.path().join("one"));
    from.remount("compress=no");
    ALGORITHMS.iter().for_each(|algorithm| take_parts(&origin.join(algorithm)));
    btrfs::snapshot_ro(&origin, &from.path().join("two"));
    from
}

async fn transfer(from: &Path, to: &Path, form: StreamForm) {
    let options = RootOptions { form, ..RootOptions::default() };
    let (src, dst) = (root_with(from, options.clone()).await, root_with(to, options).await);
    let sync = BtrSync::new(src, dst);
    assert!(sync.sync(&Transfer::new(""), &SyncOptions::default()).await.is_success());
    for name in ["one", "two"] {
        assert_identical(&from.join(name), &to.join(name));
    }
}

#[tokio::test]
async fn what_is_compressed_stays_so_wherever_it_can_and_is_the_same_everywhere() {
    require_btrfs!();
    let from = source();
    for options in ["", "nodatacow", "compress-force=zlib"] {
        let to = LoopFs::builder().mount_options(options).build();
        transfer(from.path(), to.path(), StreamForm::Compressed).await;
        for algorithm in ALGORITHMS {
            let dir = to.path().join("two").join(algorithm);
            let stays = options != "nodatacow";
            assert_eq!(is_compressed(&dir.join("whole")), stays, "{algorithm} with '{options}'");
        }
    }
}

#[tokio::test]
async fn what_is_not_wanted_compressed_is_not() {
    require_btrfs!();
    let from = source();
    let to = LoopFs::new();
    transfer(from.path(), to.path(), StreamForm::Two).await;
    for algorithm in ALGORITHMS {
        assert!(is_compressed(&from.path().join("two").join(algorithm).join("whole")));
        assert!(!is_compressed(&to.path().join("two").join(algorithm).join("whole")));
    }
}

/// What the files of a subvolume store, and how long they are.
fn stored(vol: &Path) -> btrsync_kernel::FileData {
    btrfs::sync(vol);
    btrsync_kernel::file_data(File::open(vol).unwrap(), 0, || false).unwrap()
}

#[tokio::test]
async fn in_full_it_goes_past_the_stream_with_all_parts_and_counts_as_it_is_stored() {
    require_btrfs!();
    let (from, to) = (source(), LoopFs::new());
    let two = from.path().join("two");
    // Among them one that does not shrink, and is longer than what is read at once.
    let origin = from.path().join("origin");
    std::fs::write(origin.join("noise"), Random::new(7).bytes(1 << 20)).unwrap();
    btrfs::snapshot_ro(&origin, &from.path().join("three"));
    let (src, dst) = (root(from.path()).await, root(to.path()).await);
    for name in ["two", "three"] {
        let (vol, cancel) = (listed(&src, name).await, Cancel::new().unwrap());
        let vols = std::slice::from_ref(&vol);
        let request = SendRequest { at_hand: true, ..SendRequest::full(vols, &cancel) };
        let request = SendRequest { form: StreamForm::Compressed, ..request };
        let (flow, sent) = src.send(request).await.unwrap();
        // All of the stream is in the pipe, so there is no data in it.
        sent.await.unwrap();
        let counter = flow.counter();
        let received = dst.receive(flow, "".as_ref(), StreamMeta::default()).await.unwrap();
        received.await.unwrap();
        assert_identical(&from.path().join(name), &to.path().join(name));
        let (here, there) = (stored(&from.path().join(name)), stored(&to.path().join(name)));
        assert_eq!(there.length, here.length);
        assert!(there.stored <= here.stored, "{here:?} became {there:?}");
        let counted = counter.bytes();
        let within = here.stored * 9 / 10..here.stored + (64 << 10);
        assert!(within.contains(&counted), "{counted} of {here:?} in {name}");
    }
    for algorithm in ALGORITHMS {
        for name in ["whole", "overwritten", "shared"] {
            assert!(is_compressed(&to.path().join("two").join(algorithm).join(name)), "{name}");
        }
    }
    assert!(two.exists());
}

#[tokio::test]
async fn what_was_cut_off_goes_on_and_stays_compressed() {
    require_btrfs!();
    let from = LoopFs::builder().mount_options("compress-force=zstd").build();
    btrfs::create_subvolume(&from.path().join("origin"));
    std::fs::write(from.path().join("origin/file"), digits(24 << 20)).unwrap();
    btrfs::snapshot_ro(&from.path().join("origin"), &from.path().join("one"));
    let whole = stored(&from.path().join("one")).stored;
    let to = LoopFs::new();
    let checkpoints = Checkpoints { every: 4 << 20, resume: true };
    let options = RootOptions { checkpoints, ..RootOptions::default() };
    let (src, dst) = (root(from.path()).await, root_with(to.path(), options).await);
    let one = listed(&src, "one").await;
    let mut amounts = Vec::new();
    for is_last in [false, true] {
        let (cancel, vols) = (Cancel::new().unwrap(), std::slice::from_ref(&one));
        let request = SendRequest { at_hand: true, ..SendRequest::full(vols, &cancel) };
        let request = SendRequest { form: StreamForm::Compressed, ..request };
        let (flow, sent) = src.send(request).await.unwrap();
        let limit = (!is_last).then(|| Limit::new(8 << 20));
        let flow = flow.through(0, limit.as_ref()).unwrap();
        let counter = flow.counter();
        let received = dst.receive(flow, "".as_ref(), StreamMeta::default()).await.unwrap();
        let received = tokio::spawn(received);
        if !is_last {
            eventually("half of it is there", || counter.bytes() > whole / 2);
            cancel.cancel();
        }
        let (sent, received) = (sent.await, received.await.unwrap());
        assert_eq!(sent.is_ok() && received.is_ok(), is_last, "{sent:?} {received:?}");
        amounts.push((counter.bytes(), received.map_or(0, |all| all[0].resumed)));
    }
    assert_identical(&from.path().join("one"), &to.path().join("one"));
    assert_eq!(entries(to.path()), ["one"]);
    assert!(is_compressed(&to.path().join("one/file")));
    assert!(stored(&to.path().join("one")).stored <= whole + (256 << 10));
    // What was passed over counts too, about as it is stored.
    let (_, resumed) = amounts[1];
    assert!(resumed > whole / 4 && resumed < whole, "{amounts:?} of {whole}");
    assert!(amounts[1].0.abs_diff(whole) < whole / 8, "{amounts:?} of {whole}");
}

/// Where a stream comes in small pieces, what makes a file can be taken before it was looked ahead at; its data is
/// not that of the file before it.
#[tokio::test]
async fn each_file_has_its_own_data_however_slowly_its_stream_comes() {
    require_btrfs!();
    let from = LoopFs::builder().mount_options("compress-force=zstd").build();
    let to = LoopFs::new();
    btrfs::create_subvolume(&from.path().join("origin"));
    for number in 0..100 {
        let path = from.path().join(format!("origin/{number:03}"));
        std::fs::write(path, format!("{number:03}").repeat(700)).unwrap();
    }
    btrfs::snapshot_ro(&from.path().join("origin"), &from.path().join("one"));
    let sync = BtrSync::new(root(from.path()).await, root(to.path()).await);
    let slowly = Transfer::new("").bwlimit(10_000);
    assert!(sync.sync(&slowly, &SyncOptions::default()).await.is_success());
    assert_identical(&from.path().join("one"), &to.path().join("one"));
}
