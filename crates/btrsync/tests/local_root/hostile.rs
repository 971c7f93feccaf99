//! Flows that are damaged or lie: an error, and nothing left.

use std::ffi::OsString;

use btrsync::sync::root::StreamMeta;
use btrsync_stream::{FrameReader, HEADER_LEN, rewrite_subvolume_name};
use btrsync_testutil::{LoopFs, Random, assert_identical, btrfs, require_btrfs};
use uuid::Uuid;

use crate::support::{Root, bulk, entries, receive, root};

struct Target {
    // First: nothing can be unmounted that a root still has open.
    root: Root,
    from: LoopFs,
    to: LoopFs,
    stream: Vec<u8>,
}

/// A destination, and the good stream of a small snapshot.
async fn target() -> Target {
    let (from, to) = (LoopFs::new(), LoopFs::new());
    bulk(from.path(), "origin", "one", 100);
    // The directory of the subvolumes is not that of the filesystem, so that `..` leads somewhere.
    std::fs::create_dir(to.path().join("in")).unwrap();
    let root = root(to.path()).await;
    let stream = btrfs::send(&from.path().join("one"), None);
    Target { root, from, to, stream }
}

impl Target {
    fn left(&self) -> Vec<OsString> {
        assert_eq!(entries(self.to.path()), ["in"], "something is outside of the directory");
        entries(&self.to.path().join("in"))
    }

    /// Demands that a flow is refused with an error, and leaves nothing.
    async fn refuses(&self, what: &str, bytes: &[u8], announced: &[Option<Uuid>], error: &str) {
        let meta = StreamMeta { uuids: announced.to_vec(), ..StreamMeta::default() };
        match receive(&self.root, bytes.to_vec(), "in", meta).await {
            Ok(names) => panic!("{what}: received {names:?}"),
            Err(told) => assert!(told.to_string().contains(error), "{what}: {told}"),
        }
        assert!(self.left().is_empty(), "{what}: left {:?}", self.left());
    }

    async fn accepts(&self, bytes: &[u8], announced: &[Option<Uuid>]) {
        let meta = StreamMeta { uuids: announced.to_vec(), ..StreamMeta::default() };
        assert_eq!(receive(&self.root, bytes.to_vec(), "in", meta).await.unwrap(), ["one"]);
        self.is_whole();
        btrfs::delete(&self.to.path().join("in/one"));
    }

    fn is_whole(&self) {
        assert_eq!(self.left(), ["one"]);
        assert_identical(&self.from.path().join("one"), &self.to.path().join("in/one"));
    }

    fn uuid(&self) -> Option<Uuid> {
        let show = btrfs::show(&self.from.path().join("one"));
        Some(show.get("UUID").parse().unwrap())
    }
}

/// The frames of a stream, each with its bytes.
fn frames(stream: &[u8]) -> Vec<Vec<u8>> {
    let mut reader = FrameReader::new(stream);
    let mut frames = Vec::new();
    while let Some(frame) = reader.next_frame().unwrap() {
        frames.push(frame.raw().to_vec());
    }
    frames
}

/// The stream with another name for its subvolume.
fn renamed(stream: &[u8], name: &[u8]) -> Vec<u8> {
    let mut reader = FrameReader::new(stream);
    let first = rewrite_subvolume_name(&reader.next_frame().unwrap().unwrap(), name).unwrap();
    let mut frames = frames(stream);
    frames[0] = first;
    [&stream[..HEADER_LEN], &frames.concat()].concat()
}

#[tokio::test]
async fn the_good_stream_is_received() {
    require_btrfs!();
    let target = target().await;
    target.accepts(&target.stream, &[]).await;
    target.accepts(&target.stream, &[target.uuid()]).await;
    target.accepts(&target.stream, &[None]).await;
}

#[tokio::test]
async fn a_stream_that_is_cut_anywhere() {
    require_btrfs!();
    let target = target().await;
    let mut end = HEADER_LEN;
    for cut in [0, 5, HEADER_LEN] {
        target.refuses("cut early", &target.stream[..cut], &[], "cut off").await;
    }
    for frame in frames(&target.stream) {
        // In the middle of a command, and between two.
        for cut in [end + frame.len() / 2, end + frame.len()] {
            if cut < target.stream.len() {
                let what = format!("cut at {cut} of {}", target.stream.len());
                target.refuses(&what, &target.stream[..cut], &[], "cut off").await;
            }
        }
        end += frame.len();
    }
    assert_eq!(end, target.stream.len());
    target.accepts(&target.stream, &[]).await;
}

#[tokio::test]
async fn garbage_and_damage() {
    require_btrfs!();
    let target = target().await;
    target.refuses("garbage", &Random::new(1).bytes(10_000), &[], "btrfs").await;
    target.refuses("zeros", &[0; 10_000], &[], "btrfs").await;
    let mut random = Random::new(2);
    for _ in 0..20 {
        let at = HEADER_LEN + random.below((target.stream.len() - HEADER_LEN) as u64) as usize;
        let mut damaged = target.stream.clone();
        damaged[at] ^= 1 << random.below(8);
        target.refuses(&format!("damaged at {at}"), &damaged, &[], "").await;
    }
    target.accepts(&target.stream, &[]).await;
}

#[tokio::test]
async fn another_subvolume_than_was_announced() {
    require_btrfs!();
    let target = target().await;
    let (right, other) = (target.uuid(), Some(Uuid::from_u128(7)));
    target.refuses("another", &target.stream, &[other], "not of").await;
    let twice = [target.stream.clone(), renamed(&target.stream, b"two")].concat();
    target.refuses("the first of two is another", &twice, &[other, right], "not of").await;
    target.accepts(&target.stream, &[right]).await;
}

#[tokio::test]
async fn names_that_cannot_be() {
    require_btrfs!();
    let target = target().await;
    let staging = format!(".btrsync-{}.partial", "0a".repeat(16));
    let long = "x".repeat(256);
    let names: [&[u8]; 11] = [
        b"../x",
        b"..",
        b".",
        b"",
        b"/",
        b"/etc/x",
        b"a/b",
        b"a/../../x",
        b"a\0b",
        staging.as_bytes(),
        long.as_bytes(),
    ];
    for name in names {
        let what = String::from_utf8_lossy(name).into_owned();
        target.refuses(&what, &renamed(&target.stream, name), &[], "cannot be a name").await;
    }
    target.accepts(&target.stream, &[]).await;
}

/// As `btrfs send -e` makes them: one header, one END, and a SUBVOL between.
#[tokio::test]
async fn several_subvolumes_in_one_stream_are_no_damage() {
    require_btrfs!();
    let target = target().await;
    let second = renamed(&target.stream, b"two");
    let end = frames(&target.stream).pop().unwrap();
    let first = &target.stream[..target.stream.len() - end.len()];
    let both = [first, &second[HEADER_LEN..]].concat();
    let meta = StreamMeta { uuids: vec![target.uuid(); 2], ..StreamMeta::default() };
    assert_eq!(receive(&target.root, both, "in", meta).await.unwrap(), ["one", "two"]);
    for name in ["one", "two"] {
        let received = target.to.path().join("in").join(name);
        assert_identical(&target.from.path().join("one"), &received);
    }
}

/// What the announced number of subvolumes does not fit: those that came are whole, or not there.
#[tokio::test]
async fn more_and_fewer_than_announced() {
    require_btrfs!();
    let target = target().await;
    let uuid = target.uuid();
    target.refuses("none came", b"", &[uuid], "").await;
    let twice = [target.stream.clone(), renamed(&target.stream, b"two")].concat();
    for (bytes, announced, error) in [
        (&twice, vec![uuid], "was not announced"),
        (&target.stream, vec![uuid, uuid], "after 1 of 2"),
        (&twice[..twice.len() - 1].to_vec(), vec![uuid, uuid], "cut off"),
    ] {
        let meta = StreamMeta { uuids: announced, ..StreamMeta::default() };
        let told = receive(&target.root, bytes.clone(), "in", meta).await.unwrap_err();
        assert!(told.to_string().contains(error), "{told}");
        target.is_whole();
        btrfs::delete(&target.to.path().join("in/one"));
    }
}

/// A complete subvolume counts from its END on; what comes after does not undo it, but is told.
#[tokio::test]
async fn garbage_after_the_end() {
    require_btrfs!();
    let target = target().await;
    let last = frames(&target.stream).pop().unwrap();
    for garbage in [vec![0], vec![0xff; 5000], last] {
        let bytes = [target.stream.clone(), garbage].concat();
        let meta = StreamMeta { uuids: vec![target.uuid()], ..StreamMeta::default() };
        receive(&target.root, bytes, "in", meta).await.unwrap_err();
        target.is_whole();
        btrfs::delete(&target.to.path().join("in/one"));
    }
}

#[tokio::test]
async fn a_stream_that_cannot_be_applied() {
    require_btrfs!();
    let target = target().await;
    // Without its second command the file is never made that the others work on.
    let frames = frames(&target.stream);
    let mut without = target.stream[..HEADER_LEN].to_vec();
    for (_, frame) in frames.iter().enumerate().filter(|(index, _)| !(2..=3).contains(index)) {
        without.extend(frame);
    }
    target.refuses("without a file", &without, &[], "No such file").await;
    // Without its parent an incremental stream has nothing to start from.
    btrfs::snapshot_ro(&target.from.path().join("origin"), &target.from.path().join("two"));
    let [one, two] = ["one", "two"].map(|name| target.from.path().join(name));
    let incremental = btrfs::send(&two, Some(&one));
    target.refuses("without its parent", &incremental, &[], "").await;
}
