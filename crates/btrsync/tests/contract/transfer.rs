//! `send` and `receive`: what is sent arrives whole under its name, and what fails leaves nothing.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;

use btrsync::btrfs::Subvolume;
use btrsync::sync::root::{RootOptions, SendRequest, StreamForm, StreamMeta};
use btrsync::sync::{BtrSync, SyncOptions, Transfer};
use btrsync::{Cancel, Flow};
use btrsync_testutil::command::{output_with_input, program};
use btrsync_testutil::{Compare, LoopFs, assert_identical, btrfs, mutate_zoo};

use crate::plug::Plug;
use crate::support::{
    Root, bulk, entries, eventually, flow_of, is_compressed, listed, receive, stream, zoo,
};

pub(crate) async fn full_and_incremental_by_hand_are_identical(plug: &Plug) {
    let (from, to) = (LoopFs::new(), LoopFs::new());
    zoo(from.path(), "origin", "one");
    mutate_zoo(&from.path().join("origin"), 1);
    btrfs::snapshot_ro(&from.path().join("origin"), &from.path().join("two"));
    let (src, dst) = (plug.root(from.path()).await, plug.root(to.path()).await);
    let (one, two) = (listed(&src, "one").await, listed(&src, "two").await);
    let meta = |vol: &Subvolume| StreamMeta { uuids: vec![vol.uuid], ..StreamMeta::default() };
    let full = stream(&src, &one, None).await;
    assert_eq!(receive(&dst, full, "", meta(&one)).await.unwrap(), ["one"]);
    let incremental = stream(&src, &two, Some(&one)).await;
    assert_eq!(receive(&dst, incremental, "", meta(&two)).await.unwrap(), ["two"]);
    for name in ["one", "two"] {
        // The times of the root have a test of their own.
        let compare = Compare::default().root_mtime(false);
        compare.assert_identical(&from.path().join(name), &to.path().join(name));
        let (here, there) = (known(&src, name).await, known(&dst, name).await);
        assert_eq!((there.received_uuid, there.stransid), (here.uuid, here.ctransid));
        assert!(there.read_only);
    }
    assert_eq!(entries(to.path()), ["one", "two"]);
}

/// A volume with all that its root can find out about it.
async fn known(root: &Root, name: &str) -> Subvolume {
    root.complete(vec![listed(root, name).await]).await.unwrap().remove(0)
}

/// The stream carries them only where the root itself was changed since the parent; a receiver changes
/// them all the same, for a new file is made in the root and then moved.
pub(crate) async fn the_times_of_the_root_are_those_of_the_source(plug: &Plug) {
    let (from, to) = (LoopFs::new(), LoopFs::new());
    let origin = from.path().join("origin");
    btrfs::create_subvolume(&origin);
    fs::create_dir(origin.join("below")).unwrap();
    btrfs::snapshot_ro(&origin, &from.path().join("one"));
    fs::write(origin.join("below/new"), b"").unwrap();
    btrfs::snapshot_ro(&origin, &from.path().join("two"));
    let sync = BtrSync::new(plug.root(from.path()).await, plug.root(to.path()).await);
    assert!(sync.sync(&Transfer::new(""), &SyncOptions::default()).await.is_success());
    for name in ["one", "two"] {
        assert_identical(&from.path().join(name), &to.path().join(name));
    }
}

pub(crate) async fn several_streams_in_one_flow(plug: &Plug) {
    let (from, to) = (LoopFs::new(), LoopFs::new());
    bulk(from.path(), "origin", "one", 1000);
    bulk(from.path(), "other", "two", 2000);
    let (src, dst) = (plug.root(from.path()).await, plug.root(to.path()).await);
    let vols = [listed(&src, "one").await, listed(&src, "two").await];
    let cancel = Cancel::new().unwrap();
    let request = SendRequest::full(&vols, &cancel);
    let (flow, sent) = src.send(request).await.unwrap();
    let meta =
        StreamMeta { uuids: vols.iter().map(|vol| vol.uuid).collect(), ..StreamMeta::default() };
    let received = dst.receive(flow, "".as_ref(), meta).await.unwrap();
    let (sent, received) = tokio::join!(sent, received);
    sent.unwrap();
    let names: Vec<_> = received.unwrap().into_iter().map(|one| one.name).collect();
    assert_eq!(names, ["one", "two"]);
    assert_identical(&from.path().join("two"), &to.path().join("two"));
}

pub(crate) async fn the_stream_is_that_of_btrfs_send(plug: &Plug) {
    let from = LoopFs::new();
    zoo(from.path(), "origin", "one");
    let src = plug.root(from.path()).await;
    let ours = stream(&src, &listed(&src, "one").await, None).await;
    assert!(ours == btrfs::send(&from.path().join("one"), None), "the streams differ");
    let mut dump = program("btrfs");
    output_with_input(dump.args(["receive", "--dump"]), &ours).unwrap();
}

pub(crate) async fn the_directory_is_created_only_where_that_is_wanted(plug: &Plug) {
    let (from, to) = (LoopFs::new(), LoopFs::new());
    bulk(from.path(), "origin", "one", 1000);
    let src = plug.root(from.path()).await;
    let bytes = stream(&src, &listed(&src, "one").await, None).await;
    let plain = plug.root(to.path()).await;
    let error = receive(&plain, bytes.clone(), "a/b", StreamMeta::default()).await.unwrap_err();
    assert!(error.to_string().contains("a/b: No such file"), "{error}");
    assert!(entries(to.path()).is_empty());
    let options = RootOptions { create_recvpath: true, ..RootOptions::default() };
    let creating = plug.root_with(to.path(), options).await;
    receive(&creating, bytes.clone(), "a/b", StreamMeta::default()).await.unwrap();
    assert_eq!(entries(&to.path().join("a/b")), ["one"]);
    // Never through a link, and never above the root.
    std::os::unix::fs::symlink("a", to.path().join("link")).unwrap();
    for path in ["link/x", "../x", "a/../../x"] {
        let result = receive(&creating, bytes.clone(), path, StreamMeta::default()).await;
        assert!(result.is_err(), "{path}");
    }
    assert_eq!(entries(&to.path().join("a")), ["b"]);
}

pub(crate) async fn a_name_that_is_taken_is_left_alone_and_refused_before_the_data(plug: &Plug) {
    let (from, to) = (LoopFs::new(), LoopFs::new());
    bulk(from.path(), "origin", "one", 8 << 20);
    let (src, dst) = (plug.root(from.path()).await, plug.root(to.path()).await);
    fs::write(to.path().join("one"), b"mine").unwrap();
    let flow = flow_of(stream(&src, &listed(&src, "one").await, None).await);
    let counter = flow.counter();
    let received = dst.receive(flow, "".as_ref(), StreamMeta::default()).await.unwrap();
    let error = received.await.unwrap_err();
    assert!(error.to_string().ends_with("one already exists"), "{error}");
    assert!(counter.bytes() <= 2 << 20, "{} bytes were read", counter.bytes());
    assert_eq!(fs::read(to.path().join("one")).unwrap(), b"mine");
    assert_eq!(entries(to.path()), ["one"]);
}

pub(crate) async fn a_name_that_is_taken_meanwhile_is_left_alone(plug: &Plug) {
    let (from, to) = (LoopFs::new(), LoopFs::new());
    bulk(from.path(), "origin", "one", 8 << 20);
    let (src, dst) = (plug.root(from.path()).await, plug.root(to.path()).await);
    let bytes = stream(&src, &listed(&src, "one").await, None).await;
    let (writer, flow) = Flow::pipe(&Cancel::new().unwrap()).unwrap();
    let received = dst.receive(flow, "".as_ref(), StreamMeta::default()).await.unwrap();
    let mut writer = fs::File::from(writer);
    let (begin, rest) = bytes.split_at(bytes.len() / 2);
    writer.write_all(begin).unwrap();
    eventually("the receive has begun", || !entries(to.path()).is_empty());
    // A rename would replace an empty directory.
    fs::create_dir(to.path().join("one")).unwrap();
    writer.write_all(rest).unwrap();
    drop(writer);
    let error = received.await.unwrap_err();
    assert!(error.to_string().ends_with("one already exists"), "{error}");
    assert_eq!(entries(to.path()), ["one"]);
    assert!(entries(&to.path().join("one")).is_empty());
}

pub(crate) async fn names_of_any_bytes(plug: &Plug) {
    let names: [&[u8]; 6] =
        [b"a b\n\t", b"caf\xe9\xff", b"$(x)`x`'\"\\", b"-", b"%s\\0101", &[b'n'; 255]];
    let (from, to) = (LoopFs::new(), LoopFs::new());
    btrfs::create_subvolume(&from.path().join("origin"));
    let into = OsStr::from_bytes(b"in \n\xfe'\\$x");
    fs::create_dir(to.path().join(into)).unwrap();
    for name in names {
        btrfs::snapshot_ro(&from.path().join("origin"), &from.path().join(OsStr::from_bytes(name)));
    }
    let sync = BtrSync::new(plug.root(from.path()).await, plug.root(to.path()).await);
    assert!(sync.sync(&Transfer::new(into), &SyncOptions::default()).await.is_success());
    for name in names.map(OsStr::from_bytes) {
        assert_identical(&from.path().join(name), &to.path().join(into).join(name));
    }
    assert_eq!(entries(&to.path().join(into)).len(), names.len());
}

pub(crate) async fn what_is_compressed_stays_so_where_both_sides_say_so(plug: &Plug) {
    let from = LoopFs::builder().mount_options("compress-force=zstd").build();
    btrfs::create_subvolume(&from.path().join("origin"));
    fs::write(from.path().join("origin/text"), "text ".repeat(1 << 18)).unwrap();
    btrfs::snapshot_ro(&from.path().join("origin"), &from.path().join("one"));
    for form in [StreamForm::Compressed, StreamForm::One] {
        let (to, options) = (LoopFs::new(), RootOptions { form, ..RootOptions::default() });
        let src = plug.root_with(from.path(), RootOptions::default()).await;
        let dst = plug.root_with(to.path(), options).await;
        let agreed = src.sends().min(dst.takes());
        assert!(agreed <= form && agreed != StreamForm::Two);
        let sync = BtrSync::new(src, dst);
        assert!(sync.sync(&Transfer::new(""), &SyncOptions::default()).await.is_success());
        Compare::default()
            .root_mtime(false)
            .assert_identical(&from.path().join("one"), &to.path().join("one"));
        let stays = is_compressed(&to.path().join("one/text"));
        assert_eq!(stays, agreed == StreamForm::Compressed);
        assert_eq!(stays, plug.has_btrsync() && form == StreamForm::Compressed);
    }
}
