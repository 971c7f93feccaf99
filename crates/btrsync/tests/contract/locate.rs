//! `get_root` and `is_root`.

use std::fs;
use std::path::Path;

use btrsync::sync::root::{Kind, RootError};
use btrsync_testutil::command::{output, program};
use btrsync_testutil::{LoopFs, btrfs};

use crate::plug::Plug;

/// The root and the rest of `path` below a filesystem's mount point.
async fn found(plug: &Plug, fs: &LoopFs, path: &str) -> (String, String) {
    let (root, below) = plug.get_root(&fs.path().join(path)).await.unwrap();
    let name = plug.path(&root.name());
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

pub(crate) async fn the_root_is_the_nearest_subvolume_and_the_rest_is_relative(plug: &Plug) {
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
        assert_eq!(found(plug, &fs, path).await, (root.to_owned(), below.to_owned()), "{path}");
    }
}

pub(crate) async fn a_mount_of_a_subvolume_is_its_root(plug: &Plug) {
    let fs = filesystem();
    let mount = fs.mount_subvol("vol");
    let (root, below) = plug.get_root(&mount.path().join("d/e")).await.unwrap();
    assert_eq!(Path::new(&plug.path(&root.name())), mount.path());
    assert_eq!(below, Path::new("d/e"));
}

pub(crate) async fn paths_that_have_no_root(plug: &Plug) {
    let fs = filesystem();
    fs::write(fs.path().join("file"), b"").unwrap();
    let error = plug.get_root("/proc/sys".as_ref()).await.unwrap_err();
    assert!(matches!(error, RootError::NotBtrfs { .. }), "{error}");
    let error = plug.get_root(&fs.path().join("file")).await.unwrap_err();
    assert!(matches!(error, RootError::NotADirectory { .. }), "{error}");
    let error = plug.get_root(&fs.path().join("file/x")).await.unwrap_err();
    assert!(error.to_string().contains("file"), "{error}");
    // Where it does not exist, nobody knows what is above it.
    let error = plug.get_root(&fs.path().join("none/../vol")).await.unwrap_err();
    assert!(matches!(error, RootError::Open { .. }), "{error}");
}

pub(crate) async fn a_mount_that_hides_the_subvolume_has_no_root(plug: &Plug) {
    let fs = filesystem();
    // It lies in the filesystem's own mount and goes with that.
    let (from, to) = (fs.path().join("vol/d/e"), fs.path().join("plain"));
    output(program("mount").arg("--bind").args([&from, &to])).unwrap();
    let error = plug.get_root(&to).await.unwrap_err();
    output(program("umount").arg(&to)).unwrap();
    assert!(matches!(error, RootError::NoSubvolume { .. }), "{error}");
}

pub(crate) async fn is_root(plug: &Plug) {
    let fs = filesystem();
    fs::write(fs.path().join("file"), b"").unwrap();
    let factory = plug.factory();
    for (path, expected) in
        [("", true), ("vol", true), ("vol/d/inner", true), ("vol/d", false), ("file", false)]
    {
        assert_eq!(factory.is_root(&fs.path().join(path)).await.unwrap(), expected, "{path}");
    }
    assert!(!factory.is_root("/proc".as_ref()).await.unwrap());
    assert!(factory.is_root(&fs.path().join("none")).await.is_err());
}

pub(crate) async fn look_tells_what_stands_there(plug: &Plug) {
    let fs = filesystem();
    fs::write(fs.path().join("file"), b"").unwrap();
    std::os::unix::fs::symlink("vol/d", fs.path().join("link")).unwrap();
    for (path, kind, real) in [
        ("", Kind::Subvolume, ""),
        ("vol", Kind::Subvolume, "vol"),
        ("vol/d", Kind::Directory, "vol/d"),
        ("link", Kind::Directory, "vol/d"),
        ("link/inner", Kind::Subvolume, "vol/d/inner"),
        ("file", Kind::File, "file"),
        ("none", Kind::Missing, "none"),
        ("vol/none/none", Kind::Missing, "vol/none/none"),
    ] {
        let look = plug.factory().look(&fs.path().join(path)).await.unwrap();
        assert_eq!((look.kind, look.mounted), (kind, path.is_empty()), "{path}");
        // Compared as bytes: a path is equal to itself with a slash behind it.
        let expected = fs.path().join(real);
        assert_eq!(look.path.components().as_path(), expected.components().as_path(), "{path}");
    }
    let look = plug.factory().look("/dev/null".as_ref()).await.unwrap();
    assert_eq!((look.kind, look.mounted), (Kind::Other, false));
}
