//! Compressed data travels as it is between two filesystems of this machine.
//!
//! The hazard is a part of an extent: the stream names where in the decompressed data it begins, and what
//! was cut, overwritten or shared is not what was compressed. So the files here are all of that.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use btrsync::sync::root::{RootOptions, StreamForm};
use btrsync::sync::{BtrSync, SyncOptions, Transfer};
use btrsync_kernel::clone_range;
use btrsync_testutil::{LoopFs, assert_identical, btrfs, require_btrfs};
use rustix::fs::{IFlags, ioctl_setflags};

use crate::support::{is_compressed, root_with};

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
