//! Flows into dumps that are not what was announced. Streams made by hand: nothing here needs btrfs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panic")]

use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use btrsync::stream::{Command, Header, Version};
use btrsync::sync::root::{
    BtrfsRoot, DumpError, DumpRoot, DumpTarget, Received, RootError, StreamMeta,
};
use btrsync::{Cancel, Flow, ReceiveError};
use uuid::Uuid;

const ONE: Uuid = Uuid::from_u128(1);
const TWO: Uuid = Uuid::from_u128(2);

/// A whole stream of an empty subvolume.
fn stream(name: &[u8], uuid: Uuid) -> Vec<u8> {
    let mut stream = Header { version: Version::V1 }.encode().to_vec();
    for command in [Command::Subvol { path: name, uuid, ctransid: 7 }, Command::End] {
        command.encode(Version::V1, &mut stream).unwrap();
    }
    stream
}

/// Dumps what it is given, as the subvolumes that were announced.
async fn dump(
    into: &Path,
    bytes: Vec<u8>,
    announced: &[Uuid],
    extension: &str,
) -> Result<Vec<Received>, RootError> {
    let (writer, flow) = Flow::pipe(&Cancel::new().unwrap()).unwrap();
    fs::File::from(writer).write_all(&bytes).unwrap();
    let target = DumpTarget::Directory {
        path: into.to_path_buf(),
        extension: extension.into(),
        create: false,
        checkpoints: Default::default(),
    };
    let root: Arc<dyn BtrfsRoot> = Arc::new(DumpRoot::new(None, target, None));
    let uuids = announced.iter().copied().map(Some).collect();
    let meta = StreamMeta { uuids, ..StreamMeta::default() };
    root.receive(flow, Path::new(""), meta).await?.await
}

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn what_was_announced_is_dumped() {
    let home = tempfile::tempdir().unwrap();
    let both = [stream(b"one", ONE), stream(b"two", TWO)].concat();
    let received = dump(home.path(), both.clone(), &[ONE, TWO], "").await.unwrap();
    assert_eq!(received.len(), 2);
    assert_eq!(names(home.path()), ["one_et-al.btrfs_stream"]);
    assert_eq!(fs::read(home.path().join("one_et-al.btrfs_stream")).unwrap(), both);
    // Nothing was announced: whatever comes is right.
    dump(home.path(), stream(b"two", TWO), &[], ".x").await.unwrap();
    assert_eq!(names(home.path()), ["one_et-al.btrfs_stream", "two.btrfs_stream.x"]);
}

/// The sender of a batch can die between two subvolumes, and what it has sent by then looks whole.
#[tokio::test]
async fn a_batch_that_breaks_off_between_two_subvolumes_is_no_dump() {
    let home = tempfile::tempdir().unwrap();
    let error = dump(home.path(), stream(b"one", ONE), &[ONE, TWO], "").await.unwrap_err();
    let told = matches!(
        error,
        RootError::Dump(DumpError::Announced(ReceiveError::TooFew { received: 1, announced: 2 }))
    );
    assert!(told, "{error}");
    assert!(names(home.path()).is_empty());
}

#[tokio::test]
async fn another_subvolume_than_was_announced_is_no_dump() {
    let home = tempfile::tempdir().unwrap();
    let both = [stream(b"one", ONE), stream(b"two", TWO)].concat();
    for (bytes, announced) in
        [(stream(b"one", ONE), [TWO].as_slice()), (both.clone(), &[ONE]), (both, &[TWO, ONE])]
    {
        let error = dump(home.path(), bytes, announced, "").await.unwrap_err();
        assert!(matches!(error, RootError::Dump(DumpError::Announced(_))), "{error}");
        assert!(names(home.path()).is_empty());
    }
}

#[tokio::test]
async fn names_that_no_file_can_have_are_refused() {
    let home = tempfile::tempdir().unwrap();
    for name in [&b""[..], b"a/b", b"../x", b"a\0"] {
        let error = dump(home.path(), stream(name, ONE), &[ONE], "").await.unwrap_err();
        assert!(matches!(error, RootError::Dump(DumpError::BadName { .. })), "{error}");
    }
    for extension in ["/x", &"x".repeat(200)] {
        let error = dump(home.path(), stream(b"a", ONE), &[ONE], extension).await.unwrap_err();
        assert!(matches!(error, RootError::Dump(DumpError::BadExtension { .. })), "{error}");
    }
    assert!(names(home.path()).is_empty());
}
