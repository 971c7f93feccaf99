//! What a sync has received is equal, each round and no other; what is changed then is found.

use std::fs;
use std::path::Path;

use btrsync::sync::{BtrSync, SyncOptions, Transfer};
use btrsync::verify::{Verdict, What};
use btrsync_testutil::{LoopFs, btrfs, mutate_zoo, populate_zoo, require_btrfs};

use crate::support::{listed, verified};

const ROUNDS: u32 = 4;

/// A zoo, a snapshot of each of its rounds, and all of them synced to another filesystem.
async fn synced() -> (LoopFs, LoopFs) {
    let (src, dst) = (LoopFs::new(), LoopFs::new());
    let origin = src.path().join("origin");
    btrfs::create_subvolume(&origin);
    populate_zoo(&origin);
    btrfs::create_subvolume(&origin.join("nested"));
    fs::write(origin.join("nested/inside"), "not part of it").unwrap();
    for round in 0..ROUNDS {
        if round > 0 {
            mutate_zoo(&origin, round);
        }
        btrfs::snapshot_ro(&origin, &src.path().join(format!("round-{round}")));
    }
    let read_only = |path: &Path| {
        let path = path.to_path_buf();
        async move {
            let local = btrsync::sync::default_root("local").unwrap();
            local.get_root(&path, &Default::default()).await.unwrap().0
        }
    };
    let sync = BtrSync::new(read_only(src.path()).await, read_only(dst.path()).await);
    let outcome = sync.sync(&Transfer::new(""), &SyncOptions::default()).await;
    assert!(outcome.is_success());
    (src, dst)
}

#[tokio::test]
async fn every_round_equals_itself_and_no_other() {
    require_btrfs!();
    let (src, dst) = synced().await;
    for from in 0..ROUNDS {
        for to in 0..ROUNDS {
            let names = [from, to].map(|round| format!("round-{round}"));
            let verdict = verified((src.path(), &names[0]), (dst.path(), &names[1])).await.unwrap();
            assert_eq!(verdict == Verdict::Equal, from == to, "{names:?}: {verdict:?}");
        }
    }
}

#[tokio::test]
async fn what_is_changed_after_the_sync_is_named() {
    require_btrfs!();
    let (src, dst) = synced().await;
    let copy = dst.path().join("round-1");
    btrfs::set_ro(&copy, false);
    let error = verified((src.path(), "round-1"), (dst.path(), "round-1")).await.unwrap_err();
    assert!(error.to_string().ends_with("is no longer read-only"), "{error}");
    let file = copy.join("names/x");
    let times = fs::metadata(&file).unwrap();
    let times = fs::FileTimes::new().set_modified(times.modified().unwrap());
    fs::write(&file, "y").unwrap();
    fs::File::options().write(true).open(&file).unwrap().set_times(times).unwrap();
    btrfs::set_ro(&copy, true);
    let verdict = verified((src.path(), "round-1"), (dst.path(), "round-1")).await.unwrap();
    let found = listed(verdict);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].path.as_path(), &found[0].what), (Path::new("names/x"), &What::Content));
    let others = verified((src.path(), "round-2"), (dst.path(), "round-2")).await.unwrap();
    assert_eq!(others, Verdict::Equal);
}
