//! `lock`: one run at a time in a directory, and the leftovers of dead ones.

use std::fs::{self, File};
use std::time::Duration;

use btrsync::sync::root::RootError;
use btrsync_testutil::{LoopFs, btrfs};
use rustix::fs::{FlockOperation, flock};

use crate::plug::Plug;
use crate::support::entries;

pub(crate) async fn what_cannot_be_locked(plug: &Plug) {
    let fs = LoopFs::new();
    fs::write(fs.path().join("file"), b"").unwrap();
    let root = plug.root(fs.path()).await;
    for path in ["none", "file", "../..", "/etc"] {
        assert!(root.lock(path.as_ref()).await.is_err(), "{path}");
    }
    btrfs::snapshot_ro(fs.path(), &fs.path().join("snapshot"));
    let error = root.lock("snapshot".as_ref()).await.unwrap_err();
    assert!(matches!(error, RootError::ReadOnly { .. }), "{error}");
    fs.remount("ro");
    let error = root.lock("".as_ref()).await.unwrap_err();
    assert!(matches!(error, RootError::ReadOnly { .. }), "{error}");
}

pub(crate) async fn a_lock_removes_the_leftovers_of_dead_runs_and_nothing_else(plug: &Plug) {
    let fs = LoopFs::new();
    let staging = |hex: &str| format!(".btrsync-{}.partial", hex.repeat(32));
    btrfs::create_subvolume(&fs.path().join(staging("a")));
    btrfs::create_subvolume(&fs.path().join(staging("b")));
    btrfs::set_ro(&fs.path().join(staging("b")), true);
    btrfs::create_subvolume(&fs.path().join("kept"));
    btrfs::create_subvolume(&fs.path().join(".btrsync-kept.partial"));
    plug.root(fs.path()).await.lock("".as_ref()).await.unwrap();
    assert_eq!(entries(fs.path()), [".btrsync-kept.partial", "kept"]);
}

pub(crate) async fn one_root_at_a_time(plug: &Plug) {
    let fs = LoopFs::new();
    ["a", "b"].iter().for_each(|name| fs::create_dir(fs.path().join(name)).unwrap());
    let (first, second) = (plug.root(fs.path()).await, plug.root(fs.path()).await);
    first.lock("a".as_ref()).await.unwrap();
    first.lock("a".as_ref()).await.unwrap();
    let error = second.lock("a".as_ref()).await.unwrap_err();
    let RootError::Locked { path, .. } = &error else { panic!("{error}") };
    assert_eq!(plug.path(path.to_str().unwrap()), fs.path().join("a").to_str().unwrap());
    // Another directory is another matter, also the one above.
    second.lock("b".as_ref()).await.unwrap();
    second.lock("".as_ref()).await.unwrap();
    // It is the one that everybody takes.
    let lock = File::open(fs.path().join("a")).unwrap();
    assert!(flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err());
    // It ends with the root.
    drop(first);
    let freed = async { while second.lock("a".as_ref()).await.is_err() {} };
    tokio::time::timeout(Duration::from_secs(10), freed).await.unwrap();
    assert!(flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err());
}
