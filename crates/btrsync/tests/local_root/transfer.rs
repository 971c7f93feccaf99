//! Sending and receiving by hand, through the trait.

use std::fs;

use btrsync::Cancel;
use btrsync::btrfs::Subvolume;
use btrsync::sync::root::{RootError, SendRequest, StreamMeta};
use btrsync::sync::{BtrSync, SyncOptions, Transfer};
use btrsync_testutil::command::program;
use btrsync_testutil::{LoopFs, assert_identical, btrfs, require_btrfs};

use crate::support::{Root, bulk, entries, listed, receive, root, stream};

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
    let request = SendRequest { clones, ..SendRequest::full(vols, &cancel) };
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

/// Tries to send a volume, and to use it as the parent and as a clone source of another.
async fn refusals(src: &Root, vol: &Subvolume, other: &Subvolume) -> [String; 3] {
    let cancel = Cancel::new().unwrap();
    let [vols, others] = [vol, other].map(std::slice::from_ref);
    let itself = SendRequest::full(vols, &cancel);
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
