//! Sending and receiving by hand, through the trait.

use std::fs;
use std::io::Write;

use btrsync::btrfs::Subvolume;
use btrsync::sync::root::{RootError, RootOptions, SendRequest, StreamMeta};
use btrsync::sync::{BtrSync, SyncOptions, Transfer};
use btrsync::{Cancel, Flow};
use btrsync_testutil::command::{output_with_input, program};
use btrsync_testutil::{Compare, LoopFs, assert_identical, btrfs, mutate_zoo, require_btrfs};

use crate::support::{
    Root, bulk, entries, eventually, flow_of, listed, receive, root, root_with, stream, zoo,
};

#[tokio::test]
async fn full_and_incremental_by_hand_are_identical() {
    require_btrfs!();
    let (from, to) = (LoopFs::new(), LoopFs::new());
    zoo(from.path(), "origin", "one");
    mutate_zoo(&from.path().join("origin"), 1);
    btrfs::snapshot_ro(&from.path().join("origin"), &from.path().join("two"));
    let (src, dst) = (root(from.path()).await, root(to.path()).await);
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
        let (here, there) = (listed(&src, name).await, listed(&dst, name).await);
        assert_eq!((there.received_uuid, there.stransid), (here.uuid, here.ctransid));
        assert!(there.read_only);
    }
    assert_eq!(entries(to.path()), ["one", "two"]);
}

/// The stream carries them only where the root itself was changed since the parent; a receiver changes
/// them all the same, for a new file is made in the root and then moved.
#[tokio::test]
async fn the_times_of_the_root_are_those_of_the_source() {
    require_btrfs!();
    let (from, to) = (LoopFs::new(), LoopFs::new());
    let origin = from.path().join("origin");
    btrfs::create_subvolume(&origin);
    fs::create_dir(origin.join("below")).unwrap();
    btrfs::snapshot_ro(&origin, &from.path().join("one"));
    fs::write(origin.join("below/new"), b"").unwrap();
    btrfs::snapshot_ro(&origin, &from.path().join("two"));
    let sync = BtrSync::new(root(from.path()).await, root(to.path()).await);
    assert!(sync.sync(&Transfer::new(""), &SyncOptions::default()).await.is_success());
    for name in ["one", "two"] {
        assert_identical(&from.path().join(name), &to.path().join(name));
    }
}

#[tokio::test]
async fn a_clone_source_is_cloned_from() {
    require_btrfs!();
    let from = LoopFs::new();
    bulk(from.path(), "origin", "one", 4 << 20);
    // A subvolume of its own that shares its data with the other.
    btrfs::create_subvolume(&from.path().join("other"));
    let (file, copy) = ("one/file-000000", "other/copy");
    let mut cp = program("cp");
    let paths = [file, copy].map(|path| from.path().join(path));
    btrsync_testutil::command::output(cp.arg("--reflink=always").args(paths)).unwrap();
    btrfs::snapshot_ro(&from.path().join("other"), &from.path().join("cloning"));
    let src = root(from.path()).await;
    let (one, cloning) = (listed(&src, "one").await, listed(&src, "cloning").await);
    let cancel = Cancel::new().unwrap();
    let (vols, clones) = (std::slice::from_ref(&cloning), std::slice::from_ref(&one));
    let request = SendRequest { vols, parent: None, clones, cancel: &cancel };
    let (mut flow, sent) = src.send(request).await.unwrap();
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut flow, &mut bytes).unwrap();
    sent.await.unwrap();
    assert!(bytes.len() < 10_000, "{} bytes: the data itself was sent", bytes.len());
    let to = LoopFs::new();
    let dst = root(to.path()).await;
    let full = stream(&src, &one, None).await;
    receive(&dst, full, "", StreamMeta::default()).await.unwrap();
    receive(&dst, bytes, "", StreamMeta::default()).await.unwrap();
    assert_identical(&from.path().join("cloning"), &to.path().join("cloning"));
}

/// What a stream builds on may stand elsewhere below the root, if the caller knows of it.
#[tokio::test]
async fn a_parent_elsewhere_must_be_announced() {
    require_btrfs!();
    let (from, to) = (LoopFs::new(), LoopFs::new());
    bulk(from.path(), "origin", "one", 1000);
    fs::write(from.path().join("origin/new"), b"new").unwrap();
    btrfs::snapshot_ro(&from.path().join("origin"), &from.path().join("two"));
    fs::create_dir_all(to.path().join("elsewhere")).unwrap();
    fs::create_dir_all(to.path().join("in")).unwrap();
    let (src, dst) = (root(from.path()).await, root(to.path()).await);
    let (one, two) = (listed(&src, "one").await, listed(&src, "two").await);
    let full = stream(&src, &one, None).await;
    receive(&dst, full, "elsewhere", StreamMeta::default()).await.unwrap();
    let incremental = stream(&src, &two, Some(&one)).await;
    let refused = receive(&dst, incremental.clone(), "in", StreamMeta::default()).await;
    let error = refused.unwrap_err().to_string();
    assert!(
        error.ends_with("elsewhere/one is not below the directory that is received into"),
        "{error}"
    );
    assert!(entries(&to.path().join("in")).is_empty());
    let announced = StreamMeta { sources: vec![one], ..StreamMeta::default() };
    receive(&dst, incremental, "in", announced).await.unwrap();
    assert_identical(&from.path().join("two"), &to.path().join("in/two"));
}

#[tokio::test]
async fn several_streams_in_one_flow() {
    require_btrfs!();
    let (from, to) = (LoopFs::new(), LoopFs::new());
    bulk(from.path(), "origin", "one", 1000);
    bulk(from.path(), "other", "two", 2000);
    let (src, dst) = (root(from.path()).await, root(to.path()).await);
    let vols = [listed(&src, "one").await, listed(&src, "two").await];
    let cancel = Cancel::new().unwrap();
    let request = SendRequest { vols: &vols, parent: None, clones: &[], cancel: &cancel };
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

#[tokio::test]
async fn the_stream_is_that_of_btrfs_send() {
    require_btrfs!();
    let from = LoopFs::new();
    zoo(from.path(), "origin", "one");
    let src = root(from.path()).await;
    let ours = stream(&src, &listed(&src, "one").await, None).await;
    assert!(ours == btrfs::send(&from.path().join("one"), None), "the streams differ");
    let mut dump = program("btrfs");
    output_with_input(dump.args(["receive", "--dump"]), &ours).unwrap();
}

#[tokio::test]
async fn the_directory_is_created_only_where_that_is_wanted() {
    require_btrfs!();
    let (from, to) = (LoopFs::new(), LoopFs::new());
    bulk(from.path(), "origin", "one", 1000);
    let src = root(from.path()).await;
    let bytes = stream(&src, &listed(&src, "one").await, None).await;
    let plain = root(to.path()).await;
    let error = receive(&plain, bytes.clone(), "a/b", StreamMeta::default()).await.unwrap_err();
    assert!(error.to_string().contains("a/b: No such file"), "{error}");
    assert!(entries(to.path()).is_empty());
    let options = RootOptions { create_recvpath: true, ..RootOptions::default() };
    let creating = root_with(to.path(), options).await;
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

/// Tries to send a volume, and to use it as the parent and as a clone source of another.
async fn refusals(src: &Root, vol: &Subvolume, other: &Subvolume) -> [String; 3] {
    let cancel = Cancel::new().unwrap();
    let [vols, others] = [vol, other].map(std::slice::from_ref);
    let itself = SendRequest { vols, parent: None, clones: &[], cancel: &cancel };
    let as_parent = SendRequest { vols: others, parent: Some(vol), ..itself };
    let as_clone = SendRequest { vols: others, clones: vols, ..itself };
    let mut told = [itself, as_parent, as_clone].map(|_| String::new());
    for (told, request) in told.iter_mut().zip([itself, as_parent, as_clone]) {
        *told = src.send(request).await.err().map(|error| error.to_string()).unwrap_or_default();
    }
    told
}

#[tokio::test]
async fn what_changed_since_the_listing_is_not_sent() {
    require_btrfs!();
    let from = LoopFs::new();
    let at = |name: &str| from.path().join(name);
    btrfs::create_subvolume(&at("origin"));
    let names = ["kept", "deleted", "replaced", "writable"];
    names.iter().for_each(|name| btrfs::snapshot_ro(&at("origin"), &at(name)));
    let src = root(from.path()).await;
    let mut vols = Vec::new();
    for name in names {
        vols.push(listed(&src, name).await);
    }
    btrfs::delete(&at("deleted"));
    btrfs::delete(&at("replaced"));
    btrfs::snapshot_ro(&at("origin"), &at("replaced"));
    btrfs::set_ro(&at("writable"), false);
    let gone = "was deleted or moved since it was listed";
    for (vol, expected) in vols[1..].iter().zip([
        [gone, gone, gone],
        // By its id, which is how the kernel is told of parents, it is only gone.
        ["is not the subvolume that was listed there", gone, gone],
        ["is no longer read-only"; 3],
    ]) {
        let told = refusals(&src, vol, &vols[0]).await;
        assert!(told.iter().zip(expected).all(|(told, end)| told.ends_with(end)), "{told:#?}");
    }
    assert_eq!(refusals(&src, &vols[0], &vols[0]).await, ["", "", ""]);
}

#[tokio::test]
async fn a_name_that_is_taken_is_left_alone_and_refused_before_the_data() {
    require_btrfs!();
    let (from, to) = (LoopFs::new(), LoopFs::new());
    bulk(from.path(), "origin", "one", 8 << 20);
    let (src, dst) = (root(from.path()).await, root(to.path()).await);
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

#[tokio::test]
async fn a_name_that_is_taken_meanwhile_is_left_alone() {
    require_btrfs!();
    let (from, to) = (LoopFs::new(), LoopFs::new());
    bulk(from.path(), "origin", "one", 8 << 20);
    let (src, dst) = (root(from.path()).await, root(to.path()).await);
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

#[tokio::test]
async fn a_destination_that_is_full_is_told_and_left_clean_and_a_rerun_succeeds() {
    require_btrfs!();
    // Mixed: else the ballast would leave no room for metadata, long after it is gone.
    let to = LoopFs::builder().size_mib(128).mkfs_args(["--mixed"]).build();
    let from = LoopFs::new();
    bulk(from.path(), "origin", "one", 40 << 20);
    fs::write(to.path().join("ballast"), vec![7; 90 << 20]).unwrap();
    btrfs::sync(to.path());
    let (src, dst) = (root(from.path()).await, root(to.path()).await);
    let told = std::sync::Arc::new(Told::default());
    let transfer = Transfer::new("").observer(told.clone());
    let sync = BtrSync::new(src, dst);
    assert!(!sync.sync(&transfer, &SyncOptions::default()).await.is_success());
    let errors = told.0.lock().unwrap().join("; ");
    assert!(errors.contains("No space left"), "{errors}");
    assert_eq!(entries(to.path()), ["ballast"]);
    fs::remove_file(to.path().join("ballast")).unwrap();
    btrfs::sync(to.path());
    let outcome = sync.sync(&transfer, &SyncOptions::default()).await;
    assert!(outcome.is_success(), "{:?}", told.0.lock().unwrap());
    assert_identical(&from.path().join("one"), &to.path().join("one"));
}

/// Keeps the errors that it is told.
#[derive(Default)]
struct Told(std::sync::Mutex<Vec<String>>);

impl btrsync::sync::Observer for Told {
    fn err(&self, error: &RootError, _: Option<&btrsync::sync::Job<'_>>) {
        self.0.lock().unwrap().push(error.to_string());
    }
}
