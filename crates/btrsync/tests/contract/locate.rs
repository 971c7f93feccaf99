//! `get_root` and `is_root`.

use std::fs;
use std::path::Path;

use btrsync::sync::default_root;
use btrsync::sync::root::RootError;
use btrsync_testutil::command::{output, program};
use btrsync_testutil::{LoopFs, btrfs, require_btrfs};

use crate::support::get_root;

/// The root and the rest of `path` below a filesystem's mount point.
async fn found(fs: &LoopFs, path: &str) -> (String, String) {
    let (root, below) = get_root(&fs.path().join(path)).await.unwrap();
    let name = root.name();
    let name = Path::new(&name).strip_prefix(fs.path()).unwrap();
    (name.display().to_string(), below.display().to_string())
}

fn filesystem() -> LoopFs {
    let fs = LoopFs::new();
    btrfs::create_subvolume(&fs.path().join("vol"));
    fs::create_dir_all(fs.path().join("vol/d/e")).unwrap();
    btrfs::create_subvolume(&fs.path().join("vol/d/inner"));
    fs::create_dir(fs.path().join("plain")).unwrap();
    fs
}

#[tokio::test]
async fn the_root_is_the_nearest_subvolume_and_the_rest_is_relative() {
    require_btrfs!();
    let fs = filesystem();
    std::os::unix::fs::symlink("vol/d/e", fs.path().join("link")).unwrap();
    for (path, root, below) in [
        ("", "", ""),
        ("plain", "", "plain"),
        ("vol", "vol", ""),
        ("vol/", "vol", ""),
        ("vol/d/e", "vol", "d/e"),
        ("vol/d/inner", "vol/d/inner", ""),
        ("vol/d/../d/./e", "vol", "d/e"),
        ("vol/d/inner/..", "vol", "d"),
        ("link", "vol", "d/e"),
        // What does not exist yet.
        ("vol/x/y z", "vol", "x/y z"),
        ("link/x", "vol", "d/e/x"),
        ("x", "", "x"),
    ] {
        assert_eq!(found(&fs, path).await, (root.to_owned(), below.to_owned()), "{path}");
    }
}

#[tokio::test]
async fn a_mount_of_a_subvolume_is_its_root() {
    require_btrfs!();
    let fs = filesystem();
    let mount = fs.mount_subvol("vol");
    let (root, below) = get_root(&mount.path().join("d/e")).await.unwrap();
    assert_eq!(Path::new(&root.name()), mount.path());
    assert_eq!(below, Path::new("d/e"));
}

#[tokio::test]
async fn paths_that_have_no_root() {
    require_btrfs!();
    let fs = filesystem();
    fs::write(fs.path().join("file"), b"").unwrap();
    let error = get_root("/proc/self".as_ref()).await.unwrap_err();
    assert!(matches!(error, RootError::NotBtrfs { .. }), "{error}");
    let error = get_root(&fs.path().join("file")).await.unwrap_err();
    assert!(matches!(error, RootError::NotADirectory { .. }), "{error}");
    let error = get_root(&fs.path().join("file/x")).await.unwrap_err();
    assert!(error.to_string().contains("file"), "{error}");
    // Where it does not exist, nobody knows what is above it.
    let error = get_root(&fs.path().join("none/../vol")).await.unwrap_err();
    assert!(matches!(error, RootError::Open { .. }), "{error}");
}

#[tokio::test]
async fn a_mount_that_hides_the_subvolume_has_no_root() {
    require_btrfs!();
    let fs = filesystem();
    // It lies in the filesystem's own mount and goes with that.
    let (from, to) = (fs.path().join("vol/d/e"), fs.path().join("plain"));
    output(program("mount").arg("--bind").args([&from, &to])).unwrap();
    let error = get_root(&to).await.unwrap_err();
    output(program("umount").arg(&to)).unwrap();
    assert!(matches!(error, RootError::NoSubvolume { .. }), "{error}");
}

#[tokio::test]
async fn is_root() {
    require_btrfs!();
    let fs = filesystem();
    fs::write(fs.path().join("file"), b"").unwrap();
    let local = default_root("local").unwrap();
    for (path, expected) in
        [("", true), ("vol", true), ("vol/d/inner", true), ("vol/d", false), ("file", false)]
    {
        assert_eq!(local.is_root(&fs.path().join(path)).await.unwrap(), expected, "{path}");
    }
    assert!(!local.is_root("/proc".as_ref()).await.unwrap());
    assert!(local.is_root(&fs.path().join("none")).await.is_err());
}
