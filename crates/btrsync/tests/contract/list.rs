//! `list` in each scope, `show` and `occupied`.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use btrsync::btrfs::Forest;
use btrsync::sync::root::local::Local;
use btrsync::sync::root::{RootFactory, RootOptions, Scope};
use btrsync::sync::{BtrSync, SyncOptions};
use btrsync_testutil::{LoopFs, btrfs};

use crate::plug::Plug;

/// Two subvolumes with snapshots inside and outside of the first, which is the root.
fn filesystem() -> LoopFs {
    let fs = LoopFs::new();
    let at = |path: &str| fs.path().join(path);
    btrfs::create_subvolume(&at("vol"));
    fs::create_dir(at("vol/dir")).unwrap();
    btrfs::snapshot_ro(&at("vol"), &at("outside"));
    btrfs::snapshot_ro(&at("vol"), &at("vol/snap"));
    btrfs::snapshot_rw(&at("vol"), &at("vol/rw"));
    btrfs::snapshot_ro(&at("vol"), &at("vol/dir/snap2"));
    btrfs::create_subvolume(&at("vol/nested"));
    btrfs::snapshot_ro(&at("vol"), &at("vol/nested/deep"));
    btrfs::create_subvolume(&at("A"));
    btrfs::snapshot_ro(&at("A"), &at("A-out"));
    btrfs::snapshot_ro(&at("A"), &at("vol/A-in"));
    btrfs::snapshot_rw(&at("vol/snap"), &at("B"));
    btrfs::snapshot_ro(&at("B"), &at("vol/b-in"));
    fs
}

fn shown(path: &Path) -> String {
    btrsync::text::escaped(path).to_string()
}

/// Each volume with its COW parent, in order of their ids.
fn relations(forest: &Forest) -> String {
    let shown = forest.iter().map(|vol| match forest.parent(vol) {
        Some(parent) => format!("{}<{}", shown(&vol.path), shown(&parent.path)),
        None => shown(&vol.path),
    });
    shown.collect::<Vec<_>>().join(" ")
}

/// The same as the Python btrsync lists on the same filesystem, but that what was changed since is no COW
/// parent. Where a listing does not tell, a survey asks.
pub(crate) async fn scopes(plug: &Plug) {
    let (fs, empty) = (filesystem(), LoopFs::new());
    let dest = Local.get_root(empty.path(), &RootOptions::default()).await.unwrap().0;
    for (scope, readonly, expected) in [
        (Scope::All, true, "snap dir/snap2<snap nested/deep<dir/snap2 A-in b-in<snap"),
        (
            Scope::All,
            false,
            ". snap rw<snap dir/snap2<rw nested nested/deep<dir/snap2 A-in b-in<snap",
        ),
        (Scope::Strict, true, "snap dir/snap2<snap A-in b-in<snap"),
        (Scope::Strict, false, "snap rw<snap dir/snap2<rw nested A-in b-in<snap"),
        (Scope::Isolated, true, "snap dir/snap2<snap A-in b-in"),
        (Scope::Isolated, false, "snap rw<snap dir/snap2<rw nested A-in b-in"),
    ] {
        let options = RootOptions { scope, readonly, ..RootOptions::default() };
        let root = plug.root_with(&fs.path().join("vol/dir"), options).await;
        let sync = BtrSync::new(root, dest.clone());
        let forest = sync.survey(&SyncOptions::default()).await.unwrap().src;
        assert_eq!(relations(&forest), expected, "{scope:?}, readonly {readonly}");
    }
}

pub(crate) async fn a_mount_of_a_subvolume_lists_the_same(plug: &Plug) {
    let fs = filesystem();
    let mount = fs.mount_subvol("vol");
    let [direct, mounted] = [&fs.path().join("vol"), mount.path()];
    let (direct, mounted) = (plug.root(direct).await, plug.root(mounted).await);
    let lists = [direct.list().await.unwrap(), mounted.list().await.unwrap()];
    assert_eq!(relations(&lists[0]), relations(&lists[1]));
    assert_eq!(lists[0].len(), 5);
}

pub(crate) async fn names_are_bytes_and_staging_names_are_not_listed(plug: &Plug) {
    let fs = LoopFs::new();
    btrfs::create_subvolume(&fs.path().join("origin"));
    let names: [&[u8]; 4] = [b"a b\n\t", b"latin-\xe4", b".btrsync-x.partial", b"-"];
    for name in names {
        let path = fs.path().join(OsStr::from_bytes(name));
        btrfs::snapshot_ro(&fs.path().join("origin"), &path);
    }
    let staging = format!(".btrsync-{}.partial", "0a".repeat(16));
    btrfs::snapshot_ro(&fs.path().join("origin"), &fs.path().join(staging));
    let forest = plug.root(fs.path()).await.list().await.unwrap();
    let listed: Vec<&[u8]> = forest.iter().map(|vol| vol.name.as_bytes()).collect();
    assert_eq!(listed, names);
}

pub(crate) async fn show_tells_of_the_subvolume_that_holds_a_path(plug: &Plug) {
    let fs = filesystem();
    let root = plug.root(&fs.path().join("vol")).await;
    for (path, expected) in [
        ("", ""),
        ("dir", ""),
        ("snap", "snap"),
        ("dir/snap2", "dir/snap2"),
        ("dir/snap2/dir", "dir/snap2"),
    ] {
        let vol = root.show(path.as_ref()).await.unwrap();
        assert_eq!(vol.path, Path::new(expected), "{path}");
        let oracle = btrfs::show(&fs.path().join("vol").join(expected));
        assert_eq!(vol.uuid.unwrap().to_string(), oracle.get("UUID"));
        assert_eq!(vol.id.to_string(), oracle.get("Subvolume ID"));
        assert_eq!(vol.read_only, oracle.is_read_only());
    }
    assert!(root.show("none".as_ref()).await.is_err());
    assert!(root.show("../outside".as_ref()).await.is_err(), "it never leaves the root");
}

pub(crate) async fn occupied_tells_where_something_stands(plug: &Plug) {
    let fs = filesystem();
    let vol = fs.path().join("vol");
    fs::write(vol.join("file"), b"").unwrap();
    std::os::unix::fs::symlink("nowhere", vol.join("dangling")).unwrap();
    let paths = ["snap", "dir", "file", "dangling", "none", "dir/none", "none/none", "dir/snap2"];
    let paths: Vec<PathBuf> = paths.iter().map(PathBuf::from).collect();
    let occupied = plug.root(&vol).await.occupied(&paths).await.unwrap();
    let expected = ["snap", "dir", "file", "dangling", "dir/snap2"].map(PathBuf::from);
    assert_eq!(occupied, expected);
}
