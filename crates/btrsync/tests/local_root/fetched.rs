//! Full transfers within one process, where the receiver copies the data of files by itself.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use btrsync::btrfs::Subvolume;
use btrsync::sync::root::{SendRequest, StreamForm, StreamMeta};
use btrsync::sync::{BtrSync, Done, Job, Observer, SyncOptions, Transfer};
use btrsync::{Cancel, Flow};
use btrsync_kernel::in_memory;
use btrsync_testutil::command::{output, program};
use btrsync_testutil::{LoopFs, Random, assert_identical, btrfs, require_btrfs};
use rustix::fs::{Advice, XattrFlags, fadvise, fsetxattr};

use crate::support::{Root, bulk, entries, listed, root, zoo};

/// Sends a volume in full to a receiver that has it at hand, and waits until all of the stream is made.
async fn sent(src: &Root, vol: &Subvolume) -> Flow {
    let (cancel, vols) = (Cancel::new().unwrap(), std::slice::from_ref(vol));
    let request = SendRequest {
        form: StreamForm::Compressed,
        at_hand: true,
        ..SendRequest::full(vols, &cancel)
    };
    let (flow, sent) = src.send(request).await.unwrap();
    sent.await.unwrap();
    flow
}

/// Receives a flow; returns the error.
async fn received(dst: &Root, flow: Flow) -> Result<(), String> {
    let ended = dst.receive(flow, Path::new(""), StreamMeta::default()).await.unwrap().await;
    ended.map(drop).map_err(|error| error.to_string())
}

#[tokio::test]
async fn the_data_does_not_go_through_the_stream_and_arrives() {
    require_btrfs!();
    let (from, to) = (LoopFs::new(), LoopFs::new());
    bulk(from.path(), "origin", "one", 5 << 20);
    let (src, dst) = (root(from.path()).await, root(to.path()).await);
    let one = listed(&src, "one").await;
    let (mut flow, mut bytes) = (sent(&src, &one).await, Vec::new());
    flow.read_to_end(&mut bytes).unwrap();
    assert!(bytes.len() < 10_000, "{} bytes: the data was sent", bytes.len());
    let flow = sent(&src, &one).await;
    let counter = flow.counter();
    received(&dst, flow).await.unwrap();
    assert_identical(&from.path().join("one"), &to.path().join("one"));
    let counted = counter.bytes();
    assert!(counted > 5 << 20 && counted < 11 << 19, "{counted} bytes were counted");
}

/// What is told to an observer at the end.
#[derive(Default)]
struct Ends(Mutex<Vec<(u64, u64)>>);

impl Observer for Ends {
    fn report_done(&self, _: &Job<'_>, _: &Path, done: Done) {
        self.0.lock().unwrap().push((done.bytes, done.resumed));
    }
}

#[tokio::test]
async fn a_zoo_arrives_and_counts_for_what_was_estimated() {
    require_btrfs!();
    let (from, to) = (LoopFs::new(), LoopFs::new());
    zoo(from.path(), "origin", "one");
    // The sender names what comes to stand in a younger directory by the temporary name of that.
    let origin = from.path().join("origin");
    fs::write(origin.join("early"), "early").unwrap();
    fs::create_dir(origin.join("late")).unwrap();
    fs::rename(origin.join("early"), origin.join("late/early")).unwrap();
    let inode = fs::metadata(origin.join("late")).unwrap().ino();
    for generation in 1..30 {
        // One of these is that name, and there is another file at the same path.
        let decoy = origin.join(format!("o{inode}-{generation}-0"));
        fs::create_dir(&decoy).unwrap();
        fs::write(decoy.join("early"), "decoy").unwrap();
    }
    btrfs::snapshot_ro(&origin, &from.path().join("two"));
    btrfs::delete(&from.path().join("one"));
    let sync = BtrSync::new(root(from.path()).await, root(to.path()).await);
    let (ends, options) = (Arc::new(Ends::default()), SyncOptions::default());
    let plan = sync.plan(&options).await.unwrap();
    let transfer = Transfer::new("").observer(ends.clone());
    assert!(sync.run(&plan, &transfer, &options).await.is_success());
    assert_identical(&from.path().join("two"), &to.path().join("two"));
    let (bytes, _) = ends.0.lock().unwrap()[0];
    let within = Duration::from_secs(60);
    let estimates = sync.estimate(&plan, within, &Cancel::new().unwrap()).await;
    assert_eq!(bytes, estimates.total(&plan).unwrap().bytes);
}

#[tokio::test]
async fn a_source_that_was_changed_after_its_stream_was_made_is_refused() {
    require_btrfs!();
    let (from, to) = (LoopFs::new(), LoopFs::new());
    bulk(from.path(), "origin", "one", 100_000);
    let (src, dst) = (root(from.path()).await, root(to.path()).await);
    let (one, at) = (listed(&src, "one").await, from.path().join("one"));
    let flow = sent(&src, &one).await;
    btrfs::set_ro(&at, false);
    let writable = received(&dst, flow).await.unwrap_err();
    btrfs::set_ro(&at, true);
    // Only made writable and not written to, it is what it was.
    let flow = sent(&src, &one).await;
    btrfs::set_ro(&at, false);
    let file = File::options().write(true).open(at.join("file-000000")).unwrap();
    file.write_all_at(b"changed", 0).unwrap();
    file.sync_all().unwrap();
    btrfs::set_ro(&at, true);
    let changed = received(&dst, flow).await.unwrap_err();
    for error in [writable, changed] {
        assert!(error.ends_with("was changed, or made writable, while it was sent"), "{error}");
    }
    assert!(entries(to.path()).is_empty());
    let flow = sent(&src, &listed(&src, "one").await).await;
    received(&dst, flow).await.unwrap();
    assert_identical(&at, &to.path().join("one"));
}

/// The loop device of a filesystem has a bad place, which the checksums tell.
#[tokio::test]
async fn a_file_that_cannot_be_read_is_named() {
    require_btrfs!();
    let (from, to) = (LoopFs::builder().size_mib(256).build(), LoopFs::new());
    btrfs::create_subvolume(&from.path().join("origin"));
    let mark = b"here is where the disk is bad.".repeat(4000);
    fs::write(from.path().join("origin/bad"), &mark).unwrap();
    btrfs::snapshot_ro(&from.path().join("origin"), &from.path().join("one"));
    btrfs::sync(from.path());
    let image = fs::read(from.image()).unwrap();
    let at = image.chunks(4096).position(|block| block.starts_with(&mark[..4000])).unwrap() * 4096;
    let file = File::options().write(true).open(from.image()).unwrap();
    file.write_all_at(b"not what was written", at as u64 + 50_000).unwrap();
    file.sync_all().unwrap();
    drop(image);
    from.remount("");
    let (src, dst) = (root(from.path()).await, root(to.path()).await);
    let flow = sent(&src, &listed(&src, "one").await).await;
    let error = received(&dst, flow).await.unwrap_err();
    let named = format!("cannot read {}", from.path().join("one/bad").display());
    assert!(error.contains(&named) && error.contains("Input/output error"), "{error}");
    assert!(entries(to.path()).is_empty());
}

/// What another file is mounted over cannot be opened in the subvolume, which shows whether it is.
#[tokio::test]
async fn small_files_are_not_opened_and_all_others_are() {
    require_btrfs!();
    let (from, to) = (LoopFs::new(), LoopFs::new());
    bulk(from.path(), "origin", "zero", 100_000);
    let origin = from.path().join("origin");
    fs::write(origin.join("small"), [b'a'; 1000]).unwrap();
    let compressed = File::create_new(origin.join("compressed")).unwrap();
    fsetxattr(&compressed, "btrfs.compression", b"zstd", XattrFlags::empty()).unwrap();
    compressed.write_all_at(&[b'a'; 1000], 0).unwrap();
    btrfs::snapshot_ro(&origin, &from.path().join("one"));
    let (src, dst) = (root(from.path()).await, root(to.path()).await);
    let one = listed(&src, "one").await;
    for (name, is_opened) in [("small", false), ("compressed", true), ("file-000000", true)] {
        let over = from.path().join("one").join(name);
        output(program("mount").args(["--bind", "/proc/version"]).arg(&over)).unwrap();
        let ended = received(&dst, sent(&src, &one).await).await;
        output(program("umount").arg(&over)).unwrap();
        match (is_opened, ended) {
            (false, Ok(())) => {
                assert_identical(&from.path().join("one"), &to.path().join("one"));
                btrfs::delete(&to.path().join("one"));
            }
            (true, Err(error)) => assert!(error.contains("without file data"), "{error}"),
            (_, ended) => panic!("{name}: {ended:?}"),
        }
    }
}

/// Files whose data is in the tree, at all lengths about the limits of that, and cut or made longer since.
#[tokio::test]
async fn small_files_of_every_kind_arrive() {
    require_btrfs!();
    let (from, to) = (LoopFs::builder().mount_options("max_inline=4095").build(), LoopFs::new());
    let origin = from.path().join("origin");
    btrfs::create_subvolume(&origin);
    let write = |name: &str, size: usize| {
        let path = origin.join(name);
        fs::write(&path, Random::new(size as u64).bytes(size)).unwrap();
        File::options().write(true).open(&path).unwrap()
    };
    for size in [0, 1, 2, 100, 2047, 2048, 2049, 3000, 4000, 4094, 4095, 4096, 4097, 5000] {
        write(&format!("{size}"), size);
        for synced in [false, true] {
            let names = ["cut", "longer", "much-longer", "written-behind"];
            let [cut, longer, much, behind] =
                names.map(|name| write(&format!("{size}-{name}-{synced}"), size));
            if synced {
                btrfs::sync(&origin);
            }
            cut.set_len(size as u64 / 2).unwrap();
            longer.set_len(size as u64 + 50).unwrap();
            much.set_len(size as u64 + (1 << 20)).unwrap();
            behind.write_all_at(b"behind", size as u64 + 10_000).unwrap();
        }
    }
    btrfs::snapshot_ro(&origin, &from.path().join("one"));
    let (src, dst) = (root(from.path()).await, root(to.path()).await);
    let flow = sent(&src, &listed(&src, "one").await).await;
    received(&dst, flow).await.unwrap();
    assert_identical(&from.path().join("one"), &to.path().join("one"));
}

#[tokio::test]
async fn a_limit_holds_for_what_is_copied() {
    require_btrfs!();
    let (from, to) = (LoopFs::new(), LoopFs::new());
    bulk(from.path(), "origin", "one", 2 << 20);
    let sync = BtrSync::new(root(from.path()).await, root(to.path()).await);
    let (transfer, begin) = (Transfer::new("").bwlimit(2 << 20), std::time::Instant::now());
    assert!(sync.sync(&transfer, &SyncOptions::default()).await.is_success());
    let elapsed = begin.elapsed().as_secs_f64();
    assert!(elapsed > 0.8, "2 MiB took {elapsed} s at 2 MiB/s");
}

/// A large file that is not in memory leaves that to others, and one that is there is taken from there; with a hole,
/// something small beside it, and an end within a block.
#[tokio::test]
async fn large_data_is_read_past_the_memory_where_it_is_not_there() {
    require_btrfs!();
    let large = || LoopFs::builder().size_mib(1024).build();
    let (from, to) = (large(), large());
    let (origin, one) = (from.path().join("origin"), from.path().join("one"));
    btrfs::create_subvolume(&origin);
    let noise = Random::new(7).bytes((20 << 20) + 777);
    for name in ["cold", "warm"] {
        let file = File::create(origin.join(name)).unwrap();
        file.write_all_at(&noise, 0).unwrap();
        file.write_all_at(&noise[1..], 64 << 20).unwrap();
        fs::write(origin.join(format!("{name}-small")), name).unwrap();
    }
    btrfs::snapshot_ro(&origin, &one);
    btrfs::sync(&one);
    let [cold, warm] = ["cold", "warm"].map(|name| File::open(one.join(name)).unwrap());
    fadvise(&cold, 0, None, Advice::DontNeed).unwrap();
    fs::read(one.join("warm")).unwrap();
    let sync = BtrSync::new(root(from.path()).await, root(to.path()).await);
    assert!(sync.sync(&Transfer::new(""), &SyncOptions::default()).await.is_success());
    let [cold, warm] = [cold, warm].map(|file| in_memory(&file, 0, 96 << 20).unwrap());
    assert!(cold == 0 && warm >= 2 * noise.len() as u64, "{cold} {warm}");
    assert_identical(&one, &to.path().join("one"));
}
