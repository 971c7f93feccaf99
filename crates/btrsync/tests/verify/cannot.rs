//! What cannot be checked is an error, and never equality.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use btrsync::Cancel;
use btrsync::sync::root::RootError;
use btrsync::verify::{DigestOptions, VerifyError};
use btrsync_testutil::command::{output, program};
use btrsync_testutil::{LoopFs, Random, btrfs, require_btrfs};

use crate::support::{read_with, root, verified, vol};

#[tokio::test]
async fn what_a_mount_hides_is_an_error() {
    require_btrfs!();
    let fs = LoopFs::new();
    let (dir, file) = (fs.path().join("tree/dir"), fs.path().join("tree/file"));
    fs::create_dir_all(&dir).unwrap();
    fs::write(&file, "hidden").unwrap();
    for (over, with) in [(&dir, Path::new("/proc")), (&file, Path::new("/proc/version"))] {
        output(program("mount").arg("--bind").arg(with).arg(over)).unwrap();
        let ended = read_with(&fs.path().join("tree"), DigestOptions::default());
        output(program("umount").arg(over)).unwrap();
        match ended.unwrap_err() {
            VerifyError::Mounted { path } => assert_eq!(&path, over),
            other => panic!("{other}"),
        }
    }
    read_with(&fs.path().join("tree"), DigestOptions::default()).unwrap();
}

/// Damages a file on the disk, not in the cache: a verdict that came from the cache would be equal.
#[tokio::test]
async fn what_has_rotted_on_the_disk_is_an_error() {
    require_btrfs!();
    let (src, dst) = (LoopFs::new(), LoopFs::new());
    let content = Random::new(1).bytes(300_000);
    for fs in [&src, &dst] {
        btrfs::create_subvolume(&fs.path().join("vol"));
        fs::write(fs.path().join("vol/file"), &content).unwrap();
        let made = fs::File::options().write(true).open(fs.path().join("vol/file")).unwrap();
        made.set_times(fs::FileTimes::new().set_modified(std::time::UNIX_EPOCH)).unwrap();
        let above = fs::File::open(fs.path().join("vol")).unwrap();
        above.set_times(fs::FileTimes::new().set_modified(std::time::UNIX_EPOCH)).unwrap();
        btrfs::set_ro(&fs.path().join("vol"), true);
        btrfs::sync(fs.path());
    }
    let check = || verified((src.path(), "vol"), (dst.path(), "vol"));
    assert_eq!(check().await.unwrap(), btrsync::verify::Verdict::Equal);
    fs::read(dst.path().join("vol/file")).unwrap();
    rot(&dst.image(), &content[..64]);
    let error = check().await.unwrap_err();
    let file = dst.path().join("vol/file");
    assert!(error.to_string().starts_with(&format!("cannot read {}", file.display())), "{error}");
    assert_eq!(error.raw_os_error(), Some(rustix::io::Errno::IO.raw_os_error()));
}

/// Changes a byte behind where these bytes stand in an image.
fn rot(image: &Path, bytes: &[u8]) {
    let image = fs::File::options().read(true).write(true).open(image).unwrap();
    let (mut at, mut buffer) = (0, vec![0; 1 << 20]);
    loop {
        let length = image.read_at(&mut buffer, at).unwrap();
        assert!(length > 0, "not in the image");
        let found = buffer[..length].chunks(4096).position(|block| block.starts_with(bytes));
        if let Some(block) = found {
            let place = at + 4096 * block as u64 + 100;
            return image.write_all_at(&[!buffer[4096 * block + 100]], place).unwrap();
        }
        at += length as u64;
    }
}

#[tokio::test]
async fn a_cancelled_comparison_has_no_verdict() {
    require_btrfs!();
    let fs = LoopFs::new();
    btrfs::create_subvolume(&fs.path().join("vol"));
    btrfs::set_ro(&fs.path().join("vol"), true);
    let root = root(fs.path()).await.0;
    let (vol, cancel) = (vol(&root, "vol").await, Cancel::new().unwrap());
    cancel.cancel();
    let error = root.digest(&vol, DigestOptions::default(), &cancel).await.unwrap_err();
    assert!(error.is_cancelled(), "{error}");
}

/// Somebody makes it writable, writes and makes it read-only again, and does not stop.
#[test]
fn what_changes_while_it_is_read_is_an_error() {
    require_btrfs!();
    let fs = LoopFs::new();
    let path = fs.path().join("vol");
    btrfs::create_subvolume(&path);
    fs::write(path.join("large"), Random::new(2).bytes(64 << 20)).unwrap();
    btrfs::set_ro(&path, true);
    btrfs::sync(fs.path());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let root = runtime.block_on(root(fs.path())).0;
    let (vol, cancel) = (runtime.block_on(vol(&root, "vol")), Cancel::new().unwrap());
    let digest = || runtime.block_on(root.digest(&vol, DigestOptions::default(), &cancel));
    digest().unwrap();
    let stop = AtomicBool::new(false);
    let changed = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                btrfs::set_ro(&path, false);
                fs::write(path.join("new"), "new").unwrap();
                btrfs::set_ro(&path, true);
            }
        });
        // Only what is seen before and after can tell it, so one such answer shows that both are looked at.
        let changed = (0..100).any(|_| matches!(digest(), Err(RootError::Changed { .. })));
        stop.store(true, Ordering::Relaxed);
        changed
    });
    assert!(changed);
}
