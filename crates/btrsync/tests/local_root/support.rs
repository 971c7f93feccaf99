//! Roots on loop filesystems, and what is left in a directory.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use btrsync::btrfs::Subvolume;
use btrsync::sync::default_root;
use btrsync::sync::root::{BtrfsRoot, RootError, RootOptions, SendRequest, StreamMeta};
use btrsync::{Cancel, Flow};
use btrsync_testutil::command::{output, program};
use btrsync_testutil::{btrfs, populate_zoo};

pub(crate) type Root = Arc<dyn BtrfsRoot>;

pub(crate) async fn get_root(path: &Path) -> Result<(Root, PathBuf), RootError> {
    default_root("local").unwrap().get_root(path, &RootOptions::default()).await
}

pub(crate) async fn root(path: &Path) -> Root {
    get_root(path).await.unwrap().0
}

pub(crate) async fn root_with(path: &Path, options: RootOptions) -> Root {
    default_root("local").unwrap().get_root(path, &options).await.unwrap().0
}

/// Makes a subvolume with one of everything, and a read-only snapshot of it.
pub(crate) fn zoo(dir: &Path, origin: &str, snapshot: &str) {
    btrfs::create_subvolume(&dir.join(origin));
    populate_zoo(&dir.join(origin));
    btrfs::snapshot_ro(&dir.join(origin), &dir.join(snapshot));
}

/// Makes a subvolume with one file of `size` bytes, and a read-only snapshot of it.
pub(crate) fn bulk(dir: &Path, origin: &str, snapshot: &str, size: usize) {
    btrfs::create_subvolume(&dir.join(origin));
    btrsync_testutil::write_files(&dir.join(origin), 1, size);
    btrfs::snapshot_ro(&dir.join(origin), &dir.join(snapshot));
}

pub(crate) async fn listed(root: &Root, path: &str) -> Subvolume {
    let forest = root.list().await.unwrap();
    forest.iter().find(|vol| vol.path == Path::new(path)).unwrap().clone()
}

/// The whole send stream of a volume.
pub(crate) async fn stream(root: &Root, vol: &Subvolume, parent: Option<&Subvolume>) -> Vec<u8> {
    let cancel = Cancel::new().unwrap();
    let vols = std::slice::from_ref(vol);
    let request = SendRequest { parent, ..SendRequest::full(vols, &cancel) };
    let (mut flow, sent) = root.send(request).await.unwrap();
    let reader = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut flow, &mut bytes).map(|_| bytes)
    });
    sent.await.unwrap();
    reader.join().unwrap().unwrap()
}

/// A flow of bytes that were made before.
pub(crate) fn flow_of(bytes: Vec<u8>) -> Flow {
    let (writer, flow) = Flow::pipe(&Cancel::new().unwrap()).unwrap();
    // Ends by itself: with the last byte, or when the flow is dropped.
    std::thread::spawn(move || {
        let _ = std::io::Write::write_all(&mut std::fs::File::from(writer), &bytes);
    });
    flow
}

/// Receives bytes that were made before; nothing is told of them unless `meta` does.
pub(crate) async fn receive(
    root: &Root,
    bytes: Vec<u8>,
    path: &str,
    meta: StreamMeta,
) -> Result<Vec<OsString>, RootError> {
    let received = root.receive(flow_of(bytes), path.as_ref(), meta).await?.await?;
    Ok(received.into_iter().map(|one| one.name).collect())
}

/// Whether a file has compressed extents.
pub(crate) fn is_compressed(file: &Path) -> bool {
    let told = output(program("filefrag").arg("-v").arg(file)).unwrap();
    String::from_utf8(told).unwrap().contains("encoded")
}

/// Hexadecimal digits of noise: every second half of a byte can be spared.
pub(crate) fn digits(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(length + 16);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend((0..16).map(|at| b"0123456789abcdef"[(state >> (4 * at)) as usize % 16]));
    }
    bytes
}

/// The names in a directory, in order.
pub(crate) fn entries(dir: &Path) -> Vec<OsString> {
    let entries = std::fs::read_dir(dir).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    names
}

/// Waits until a condition holds; fails after ten seconds.
#[track_caller]
pub(crate) fn eventually(what: &str, condition: impl Fn() -> bool) {
    let begin = Instant::now();
    while !condition() {
        assert!(begin.elapsed() < Duration::from_secs(10), "never: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
