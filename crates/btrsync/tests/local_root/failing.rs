//! A disk that refuses data and takes everything else.
//!
//! The kernel drops extents that it could not write, and commits: who does not ask has empty files under a name that
//! says that they are complete.

use std::fs;
use std::path::Path;

use btrsync::sync::root::{RootError, StreamMeta};
use btrsync::sync::{BtrSync, SyncOptions, Transfer};
use btrsync_testutil::{LoopFs, assert_identical, btrfs, require_btrfs};

use crate::support::{bulk, digits, entries, flow_of, listed, root, stream};

#[tokio::test]
async fn what_could_not_be_written_is_not_published() {
    require_btrfs!();
    let (from, mut to) = (LoopFs::new(), LoopFs::builder().size_mib(400).build());
    bulk(from.path(), "origin", "one", 100 << 20);
    let (src, dst) = (root(from.path()).await, root(to.path()).await);
    // Its metadata lies before that.
    to.set_device_size(70);
    let full = stream(&src, &listed(&src, "one").await, None).await;
    let receiving = dst.receive(flow_of(full), Path::new(""), StreamMeta::default()).await.unwrap();
    let refused = match receiving.await {
        Err(RootError::Receive(error)) => error.to_string(),
        other => panic!("{other:?}"),
    };
    let is_told = refused.starts_with("cannot write to disk") && refused.ends_with("(os error 5)");
    assert!(is_told, "{refused}");
    let (sync, options) = (BtrSync::new(src, dst), SyncOptions::default());
    assert_eq!(sync.sync(&Transfer::new(""), &options).await.failed, 1);
    assert!(entries(to.path()).is_empty());
    to.set_device_size(400);
    assert!(sync.sync(&Transfer::new(""), &options).await.is_success());
    drop(sync);
    to.reopen();
    assert_identical(&from.path().join("one"), &to.path().join("one"));
}

#[tokio::test]
async fn what_could_not_be_written_as_it_was_compressed_is_not_published() {
    require_btrfs!();
    let from = LoopFs::builder().size_mib(400).mount_options("compress-force=zstd:1").build();
    let to = LoopFs::builder().size_mib(400).build();
    btrfs::create_subvolume(&from.path().join("origin"));
    fs::write(from.path().join("origin/file"), digits(150 << 20)).unwrap();
    btrfs::snapshot_ro(&from.path().join("origin"), &from.path().join("one"));
    let (src, dst) = (root(from.path()).await, root(to.path()).await);
    to.set_device_size(70);
    let (sync, options) = (BtrSync::new(src, dst), SyncOptions::default());
    assert_eq!(sync.sync(&Transfer::new(""), &options).await.failed, 1);
    assert!(entries(to.path()).is_empty());
}
