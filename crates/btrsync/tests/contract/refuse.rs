//! What is refused: an error that says what it is about, and nothing under any name.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use btrsync::Cancel;
use btrsync::sync::root::{SendRequest, StreamMeta};
use btrsync_stream::{FrameReader, HEADER_LEN, rewrite_subvolume_name};
use btrsync_testutil::{LoopFs, btrfs};
use uuid::Uuid;

use crate::plug::Plug;
use crate::support::{Root, bulk, entries, listed, receive};

/// A destination, and the good stream of a small snapshot.
async fn target(plug: &Plug) -> (Root, LoopFs, LoopFs, Vec<u8>) {
    let (from, to) = (LoopFs::new(), LoopFs::new());
    bulk(from.path(), "origin", "one", 100);
    fs::create_dir(to.path().join("in")).unwrap();
    let root = plug.root(to.path()).await;
    let stream = btrfs::send(&from.path().join("one"), None);
    (root, from, to, stream)
}

/// Demands that a flow is refused with an error that has these words, and leaves nothing.
async fn refuses(root: &Root, to: &LoopFs, bytes: &[u8], uuids: &[Option<Uuid>], words: &str) {
    let meta = StreamMeta { uuids: uuids.to_vec(), ..StreamMeta::default() };
    let error = receive(root, bytes.to_vec(), "in", meta).await.unwrap_err().to_string();
    assert!(error.contains(words), "no {words:?} in {error:?}");
    assert_eq!(entries(to.path()), ["in"]);
    // The one that was begun is deleted by a script that may still be at it.
    let empty = || entries(&to.path().join("in")).is_empty();
    crate::support::eventually("nothing is left", empty);
}

pub(crate) async fn another_subvolume_than_was_announced(plug: &Plug) {
    let (root, _from, to, stream) = target(plug).await;
    refuses(&root, &to, &stream, &[Some(Uuid::from_u128(7))], "not of").await;
}

pub(crate) async fn streams_that_are_cut_or_damaged(plug: &Plug) {
    let (root, from, to, stream) = target(plug).await;
    let uuid = Some(btrfs::show(&from.path().join("one")).get("UUID").parse().unwrap());
    for cut in [0, 5, HEADER_LEN, HEADER_LEN + 40, stream.len() / 2, stream.len() - 1] {
        refuses(&root, &to, &stream[..cut], &[uuid], "cut off").await;
    }
    refuses(&root, &to, &[7; 10_000], &[uuid], "btrfs").await;
    let mut damaged = stream.clone();
    damaged[stream.len() / 2] ^= 1;
    refuses(&root, &to, &damaged, &[uuid], "crc32c").await;
    let meta = StreamMeta { uuids: vec![uuid], ..StreamMeta::default() };
    assert_eq!(receive(&root, stream, "in", meta).await.unwrap(), ["one"]);
}

/// The stream with another name for its subvolume.
fn renamed(stream: &[u8], name: &[u8]) -> Vec<u8> {
    let mut reader = FrameReader::new(stream);
    let first = reader.next_frame().unwrap().unwrap();
    let rest = &stream[HEADER_LEN + first.raw().len()..];
    let first = rewrite_subvolume_name(&first, name).unwrap();
    [&stream[..HEADER_LEN], &first, rest].concat()
}

pub(crate) async fn names_that_cannot_be(plug: &Plug) {
    let (root, _from, to, stream) = target(plug).await;
    let staging = format!(".btrsync-{}.partial", "0a".repeat(16));
    for name in [&b"../x"[..], b"..", b".", b"", b"/etc/x", b"a/b", staging.as_bytes()] {
        refuses(&root, &to, &renamed(&stream, name), &[], "cannot be a name").await;
    }
    assert!(!to.path().join(OsStr::from_bytes(b"x")).exists());
}

pub(crate) async fn an_incremental_stream_without_its_parent(plug: &Plug) {
    let (root, from, to, _) = target(plug).await;
    let [one, two] = ["one", "two"].map(|name| from.path().join(name));
    btrfs::snapshot_ro(&from.path().join("origin"), &two);
    refuses(&root, &to, &btrfs::send(&two, Some(&one)), &[], "parent").await;
}

/// Whether the start of the send fails or the send itself: it is told which subvolume it was.
pub(crate) async fn what_has_gone_since_the_listing(plug: &Plug) {
    let (root, from, ..) = {
        let fs = LoopFs::new();
        bulk(fs.path(), "origin", "one", 100);
        (plug.root(fs.path()).await, fs)
    };
    let one = listed(&root, "one").await;
    btrfs::delete(&from.path().join("one"));
    let cancel = Cancel::new().unwrap();
    let vols = std::slice::from_ref(&one);
    let request = SendRequest::full(vols, &cancel);
    let error = match root.send(request).await {
        Err(error) => error,
        Ok((mut flow, sent)) => {
            std::io::copy(&mut flow, &mut std::io::sink()).unwrap();
            sent.await.unwrap_err()
        }
    };
    let error = error.to_string();
    assert!(error.contains(from.path().join("one").to_str().unwrap()), "{error}");
}
