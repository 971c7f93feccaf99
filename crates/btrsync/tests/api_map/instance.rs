//! `BtrSync`: its arguments, and its methods to override.

use btrsync::btrfs::{Key, KeyFn};
use btrsync::sync::{Hooks, SyncOptions};
use std::os::unix::ffi::OsStrExt;

use crate::notation::{is, name};
use crate::setup::{one_by_one, sync, transfers};

const CHAIN: &str = "A; a1<A ro; a2<A ro; a3<A ro";

fn by_name() -> Vec<KeyFn> {
    vec![KeyFn::new(|vol| Some(Key::Bytes(vol.name.as_bytes().to_vec())))]
}

fn by_origin_name() -> Vec<KeyFn> {
    let origin = |name: &[u8]| name.strip_prefix(b"old-").map(<[u8]>::to_vec);
    vec![KeyFn::new(move |vol| origin(vol.name.as_bytes()).map(Key::Bytes))]
}

#[tokio::test]
async fn btrsync_src_dst() {
    // The source is what is sent, the destination what it is compared with.
    let options = SyncOptions::default();
    assert_eq!(transfers(&sync(CHAIN, "+a1"), &options).await, "a2<a1; a3<a2");
    assert_eq!(transfers(&sync("", CHAIN), &options).await, "");
}

#[tokio::test]
async fn btrsync_srckeys() {
    // Of old-x the source's function says x; the destination's default keys are UUIDs.
    let sync = sync("old-x ro; y ro", "x ro").with_src_keys(by_origin_name());
    assert_eq!(transfers(&sync, &SyncOptions::default()).await, "old-x; y");
    let sync = sync.with_dst_keys(by_name());
    assert_eq!(transfers(&sync, &SyncOptions::default()).await, "y");
}

#[tokio::test]
async fn btrsync_dstkeys() {
    let sync = sync("x ro; y ro", "old-x ro").with_src_keys(by_name());
    assert_eq!(transfers(&sync, &SyncOptions::default()).await, "x; y");
    let sync = sync.with_dst_keys(by_origin_name());
    assert_eq!(transfers(&sync, &SyncOptions::default()).await, "y");
}

#[tokio::test]
async fn btrsync_default_keys() {
    for (source, dest) in
        [("a ro", "a ro"), ("a ro", "x =a ro"), ("a =x ro", "x ro"), ("a =o ro", "x =o ro")]
    {
        assert_eq!(transfers(&sync(source, dest), &SyncOptions::default()).await, "", "{source}");
    }
    // No UUID is no key: two that were never received are not equal for that.
    assert_eq!(transfers(&sync("a ro", "b ro"), &SyncOptions::default()).await, "a");
    let keys = btrsync::btrfs::default_keys();
    assert_eq!(keys.len(), 2);
}

/// What a sync with hooks of its own transfers, from a destination that has nothing.
async fn with_hooks(hooks: Hooks) -> String {
    transfers(&sync(CHAIN, "").with_hooks(hooks), &SyncOptions::default()).await
}

#[tokio::test]
async fn btrsync_check_vol_parent() {
    assert_eq!(with_hooks(Hooks::default()).await, "a1; a2<a1; a3<a2");
    let parents = crate::doubles::Log::default();
    let log = parents.clone();
    let hooks = Hooks::default().check(move |vol, parent| {
        log.add(crate::doubles::pack(std::slice::from_ref(vol), parent));
        !is(vol, "a2")
    });
    assert_eq!(with_hooks(hooks).await, "a1; a3<a1");
    assert_eq!(parents.take(), "a1; a2<a1; a3<a1");
}

#[tokio::test]
async fn btrsync_parent_vol() {
    let own = Hooks::default().parent(|view, vol| view.parent(vol).filter(|up| !is(up, "a2")));
    assert_eq!(with_hooks(own).await, "a1; a2<a1; a3");
}

#[tokio::test]
async fn btrsync_stop_vols() {
    let hooks = Hooks::default().stop(|vols| vols.iter().any(|vol| name(vol) == "a2"));
    assert_eq!(with_hooks(hooks).await, "a1; a2<a1");
}

#[tokio::test]
async fn btrsync_target_vol() {
    let hooks = Hooks::default().target(|vol| !is(vol, "a1"));
    assert_eq!(with_hooks(hooks).await, "a2; a3<a2");
}

#[tokio::test]
async fn btrsync_volgroups_roots() {
    // A hook may start from the forest's roots, as the Python one does, or from the levels.
    let from_roots = Hooks::default().volgroups(|forest| {
        let descendants = |root| forest.depth_first(root).map(|vol| vec![vol]);
        forest.roots().flat_map(descendants).collect()
    });
    let two = "a ro; x ro; b<a ro; y<x ro";
    let sync = sync(two, "");
    assert_eq!(transfers(&sync, &SyncOptions::default()).await, "a; x; b<a; y<x");
    let sync = sync.with_hooks(from_roots);
    assert_eq!(transfers(&sync, &SyncOptions::default()).await, "a; b<a; x; y<x");
    let sync = sync.with_hooks(Hooks::default().volgroups(one_by_one));
    assert_eq!(transfers(&sync, &SyncOptions::default()).await, "a; x; b<a; y<x");
}
