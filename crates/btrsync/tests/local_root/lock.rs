//! One run at a time in a directory, and the leftovers of dead ones.

use std::fs;
use std::time::Duration;

use btrsync::sync::root::RootError;
use btrsync_testutil::{LoopFs, require_btrfs};

use crate::support::{entries, root};

#[tokio::test]
async fn a_second_root_is_kept_out_and_told_by_whom() {
    require_btrfs!();
    let fs = LoopFs::new();
    // The kernel's table tells inodes alone: this one must be no other test's.
    let dirs = (0..100).map(|number| number.to_string());
    dirs.for_each(|name| fs::create_dir(fs.path().join(name)).unwrap());
    let (first, second) = (root(fs.path()).await, root(fs.path()).await);
    first.lock("99".as_ref()).await.unwrap();
    first.lock("99".as_ref()).await.unwrap();
    let error = second.lock("99".as_ref()).await.unwrap_err();
    let RootError::Locked { path, pid, .. } = error else { panic!("{error}") };
    assert_eq!(path, fs.path().join("99"));
    assert_eq!(pid, Some(std::process::id().cast_signed()));
    // Another directory is another matter, also the one above.
    second.lock("98".as_ref()).await.unwrap();
    second.lock("".as_ref()).await.unwrap();
    // It ends with the root; but a program that another test is just starting may have a copy of it
    // for a moment.
    drop(first);
    let freed = async { while second.lock("99".as_ref()).await.is_err() {} };
    tokio::time::timeout(Duration::from_secs(10), freed).await.unwrap();
}

#[tokio::test]
async fn a_file_under_a_staging_name_is_told_and_kept() {
    require_btrfs!();
    let fs = LoopFs::new();
    let staging = format!(".btrsync-{}.partial", "a".repeat(32));
    fs::create_dir(fs.path().join(&staging)).unwrap();
    let error = root(fs.path()).await.lock("".as_ref()).await.unwrap_err();
    assert!(error.to_string().contains("already exists"), "{error}");
    assert_eq!(entries(fs.path()), [staging.as_str()]);
}
