//! Trees changed at random, a few things at a time: the paths that are found are those of the oracle.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::{FileExt, PermissionsExt, chown, lchown, symlink};
use std::path::{Path, PathBuf};

use btrsync_testutil::{Compare, LoopFs, Random, btrfs, populate_zoo, require_btrfs, snapshot_of};
use rustix::fs::{
    AtFlags, CWD, Timespec, Timestamps, UTIME_OMIT, XattrFlags, lsetxattr, utimensat,
};

use crate::support::{different_paths, oracle_paths};

const TREES: u64 = 40;

/// All paths below a directory, in an order that is always the same.
fn paths(dir: &Path) -> Vec<PathBuf> {
    let (mut all, mut todo) = (Vec::new(), vec![dir.to_path_buf()]);
    while let Some(dir) = todo.pop() {
        let mut entries: Vec<_> = fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).collect();
        entries.sort();
        todo.extend(
            entries.iter().filter(|path| path.symlink_metadata().unwrap().is_dir()).cloned(),
        );
        all.extend(entries);
    }
    all
}

/// Changes one thing, if what stands there has it. Fails only where nothing was changed.
fn change(path: &Path, random: &mut Random) -> std::io::Result<()> {
    let found = path.symlink_metadata()?;
    let number = random.below(1 << 20);
    match random.below(9) {
        0 if found.is_file() => {
            let file = OpenOptions::new().write(true).open(path)?;
            file.write_all_at(&[1 + number as u8 % 255], number % found.len().max(1))
        }
        1 if found.is_file() => {
            let file = OpenOptions::new().write(true).open(path)?;
            file.set_len(found.len() / 2 + number % 5000)
        }
        2 if !found.is_symlink() => {
            fs::set_permissions(path, PermissionsExt::from_mode(number as u32 & 0o7777))
        }
        3 => lchown(path, Some(number as u32), None),
        4 if !found.is_symlink() => chown(path, None, Some(number as u32)),
        5 => {
            let value = number.to_le_bytes();
            Ok(lsetxattr(path, c"trusted.changed", &value, XattrFlags::empty())?)
        }
        6 => {
            let last_access = Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT };
            let last_modification = Timespec { tv_sec: number as i64, tv_nsec: 1 };
            let times = Timestamps { last_access, last_modification };
            Ok(utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW)?)
        }
        7 if found.is_dir() => symlink("new", path.join(number.to_string())),
        8 if found.is_dir() => fs::remove_dir_all(path),
        8 => fs::remove_file(path),
        _ => fs::hard_link(path, path.with_file_name(number.to_string())),
    }
}

#[tokio::test]
async fn what_is_changed_at_random_is_found_where_the_oracle_finds_it() {
    require_btrfs!();
    let fs = LoopFs::new();
    let (origin, changed) = (fs.path().join("origin"), fs.path().join("changed"));
    btrfs::create_subvolume(&origin);
    populate_zoo(&origin);
    let (all, before) = (paths(&origin), snapshot_of(&origin));
    let mut differed = 0;
    for seed in 0..TREES {
        btrfs::snapshot_rw(&origin, &changed);
        let mut random = Random::new(seed);
        for _ in 0..=seed % 3 {
            let path = &all[random.below(all.len() as u64) as usize];
            // What an earlier change has removed, or a directory cannot have, stays as it is.
            let _ = change(&changed.join(path.strip_prefix(&origin).unwrap()), &mut random);
        }
        let lines = Compare::default().limit(usize::MAX).trees(&before, &snapshot_of(&changed));
        let found = different_paths(&origin, &changed).await;
        assert_eq!(found, oracle_paths(&lines), "seed {seed}: {lines:?}");
        differed += usize::from(!lines.is_empty());
        btrfs::delete(&changed);
    }
    assert!(differed > TREES as usize / 2, "only {differed} trees were changed");
}
