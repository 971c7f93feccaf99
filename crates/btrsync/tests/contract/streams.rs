//! What the roots of streams can do of the contract: a stream file sends, a dump receives.

use std::fs;
use std::path::Path;

use btrsync::sync::default_root;
use btrsync::sync::root::{BtrfsRoot, DumpRoot, DumpTarget, RootError, RootOptions, StreamMeta};
use btrsync_testutil::{LoopFs, assert_identical, btrfs, mutate_zoo, require_btrfs};

use crate::plug::local;
use crate::support::{Root, entries, flow_of, listed, receive, stream, zoo};

/// Two snapshots, and a file with the streams of both.
fn recorded() -> (LoopFs, tempfile::NamedTempFile, [Vec<u8>; 2]) {
    let fs = LoopFs::new();
    zoo(fs.path(), "origin", "one");
    mutate_zoo(&fs.path().join("origin"), 1);
    let [one, two] = ["one", "two"].map(|name| fs.path().join(name));
    btrfs::snapshot_ro(&fs.path().join("origin"), &two);
    let streams = [btrfs::send(&one, None), btrfs::send(&two, Some(&one))];
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), streams.concat()).unwrap();
    (fs, file, streams)
}

async fn file_root(path: &Path) -> Root {
    default_root("file").unwrap().get_root(path, &RootOptions::default()).await.unwrap().0
}

#[tokio::test]
async fn a_stream_file_lists_shows_and_sends_what_it_holds() {
    require_btrfs!();
    let (fs, file, streams) = recorded();
    let root = file_root(file.path()).await;
    let forest = root.list().await.unwrap();
    let (one, two) = (listed(&root, "one").await, listed(&root, "two").await);
    assert_eq!(forest.parent(&two), Some(&one));
    for vol in [&one, &two] {
        let oracle = btrfs::show(&fs.path().join(&vol.path));
        assert_eq!(vol.uuid.unwrap().to_string(), oracle.get("UUID"));
        assert!(vol.read_only);
        assert_eq!(root.show(&vol.path).await.unwrap().uuid, vol.uuid);
    }
    assert!(root.show("none".as_ref()).await.is_err());
    assert!(stream(&root, &one, None).await == streams[0], "the streams differ");
    assert!(stream(&root, &two, Some(&one)).await == streams[1], "the streams differ");
    let to = LoopFs::new();
    let dst = local().await.root(to.path()).await;
    for vol in [&one, &two] {
        let bytes = stream(&root, vol, forest.parent(vol)).await;
        receive(&dst, bytes, "", StreamMeta { uuids: vec![vol.uuid], ..StreamMeta::default() })
            .await
            .unwrap();
        assert_identical(&fs.path().join(&vol.path), &to.path().join(&vol.path));
    }
}

#[tokio::test]
async fn a_stream_file_receives_nothing() {
    require_btrfs!();
    let (_fs, file, streams) = recorded();
    let root = file_root(file.path()).await;
    let before = fs::read(file.path()).unwrap();
    let received = root.receive(flow_of(streams[0].clone()), "".as_ref(), StreamMeta::default());
    let error = received.await.err().expect("it cannot");
    assert!(matches!(error, RootError::Unsupported { .. }), "{error}");
    assert!(fs::read(file.path()).unwrap() == before);
}

#[tokio::test]
async fn a_dump_is_the_stream_and_what_it_lists_is_that_of_the_other_root() {
    require_btrfs!();
    let (from, _file, streams) = recorded();
    let to = LoopFs::new();
    let compared = local().await.root(to.path()).await;
    receive(&compared, streams[0].clone(), "", StreamMeta::default()).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let target = DumpTarget::Directory {
        path: dir.path().to_path_buf(),
        extension: "".into(),
        create: false,
        checkpoints: Default::default(),
    };
    let root = DumpRoot::new(Some(compared.clone()), target, None);
    let names = |forest: &btrsync::btrfs::Forest| {
        forest.iter().map(|vol| vol.path.clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(&root.list().await.unwrap()), names(&compared.list().await.unwrap()));
    let uuid = btrfs::show(&from.path().join("two")).get("UUID").parse().ok();
    let meta = StreamMeta { uuids: vec![uuid], ..StreamMeta::default() };
    let received = root.receive(flow_of(streams[1].clone()), "".as_ref(), meta).await.unwrap();
    received.await.unwrap();
    assert_eq!(entries(dir.path()), ["two.btrfs_stream"]);
    assert!(fs::read(dir.path().join("two.btrfs_stream")).unwrap() == streams[1]);
    // Half a stream is no dump.
    let half = streams[0][..streams[0].len() / 2].to_vec();
    let received = root.receive(flow_of(half), "".as_ref(), StreamMeta::default()).await.unwrap();
    received.await.unwrap_err();
    assert_eq!(entries(dir.path()), ["two.btrfs_stream"]);
    assert_eq!(entries(to.path()), ["one"]);
}
